"""The perceptron (Rosenblatt 1958) on every Boolean function of up to four inputs.

    python experiments/perceptron.py
    python experiments/perceptron.py --seeds 5

Of all functions of 2, 3 and 4 inputs exactly 14, 104 and 1,882 are learned (OEIS
A000609), AND and OR among them; on XOR no weights are right more than 3 times in 4. A
linear program proves that no weights exist for the others, and none that is learned
takes more mistakes than Novikoff's bound: `certified` and `within_bound`, shares, are
1. A step is an epoch: every perceptron sees all its examples once, in an order drawn
anew for each epoch; all learn at once, from weights 0.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import sys
from typing import Any, Literal

import jax.numpy as jnp

from jaxdl.cli import start
from jaxdl.errors import InputError
from jaxdl.systems.perceptron import learning
from jaxdl.systems.perceptron.data import (
    BooleanFunctions,
    load_boolean_functions,
    shuffled_tables,
)
from jaxdl.systems.perceptron.figures import perceptron_figures
from jaxdl.systems.perceptron.networks import init_ensemble
from jaxdl.train import config
from jaxdl.train.experiment import Experiment, Plan, Record
from jaxdl.train.runner import run
from jaxdl.train.seeds import seed_keys

SHOWN_EPOCHS = 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
    """Perceptrons on all Boolean functions of 2 inputs, of 3 and of 4."""

    inputs: Literal[2, 3, 4] = 4
    """Largest number of inputs; functions of fewer, down to 2, are learned too."""
    steps: int = 1000
    """Epochs of each perceptron; 0 evaluates weights 0 only."""
    batch_size: int = 1
    """Examples between corrections: always 1, as the rule has it."""
    executor: Literal["auto", "sequential", "vmap"] = "sequential"
    """How seeds run; one seed fills the machine already."""

    def __post_init__(self):
        super().__post_init__()
        for name, highest in (("batch_size", 1), ("steps", 10_000_000)):
            if (value := getattr(self, name)) > highest:
                raise InputError(f"{name} is {value}: expected {highest} or less")


def make_experiment(cfg: Config, data: BooleanFunctions) -> Experiment:
    """The experiment on functions of 2 inputs and more."""
    counts = {n: len(labels[0]) for n, (_, labels) in data.tables.items()}

    def init(key, data, previous) -> learning.State:
        del key, data, previous
        ensembles = {n: init_ensemble(int(n) + 1, num) for n, num in counts.items()}
        return learning.State(jnp.int32(0), ensembles, jnp.zeros(16, jnp.int32))

    protocols = {
        f"converged_{n}": {
            "published": f"boolean-separable-{n}",
            "functions": f"all {num} of {n} inputs",
            "inputs": "-1 and 1, and a bias",
            "found_by": f"perceptron, at most {cfg.steps} epochs",
        }
        for n, num in counts.items()
    }
    return Experiment(
        init=init,
        step=learning.step,
        evaluate=learning.evaluate,
        figures=figures,
        batch=shuffled_tables,
        protocols=protocols,
    )


def figures(record: Record) -> dict[str, Any]:
    """Decision lines of the first epochs, functions learned, mistakes."""
    key = seed_keys(record.config.seed).batch
    num_epochs = min(record.config.steps, SHOWN_EPOCHS)
    paths = learning.gate_paths(record.data, key, num_epochs)
    assert record.states is not None
    learned = learning.learned_functions(record.states, record.data.tables)
    return perceptron_figures(record, paths, learned)


def plan(cfg: Config) -> Plan:
    """All functions of up to so many inputs, and the proofs of what can be learned."""
    return Plan("perceptron", make_experiment, load_boolean_functions(cfg.inputs), cfg)


def train(cfg: Config) -> int:
    """Train what is planned."""
    return run(*plan(cfg)).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv, script=__file__)


if __name__ == "__main__":
    sys.exit(main())
