"""The perceptron (Rosenblatt 1958) on every Boolean function of up to four inputs.

    python experiments/perceptron.py
    python experiments/perceptron.py --seeds 5

Of all functions of 2, 3 and 4 inputs exactly 14, 104 and 1,882 are learned (OEIS
A000609), AND and OR among them; on XOR no weights are right more than 3 times in 4. A
linear program proves that no weights exist for the others, and none that is learned
takes more mistakes than Novikoff's bound: `certified` and `within_bound`, shares, are
1. Fifteen seconds on two CPU cores. A step is an epoch: every perceptron sees all its
examples once, in an order drawn anew for each epoch; all learn at once, from weights 0.
"""

import dataclasses
import functools
import sys
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.cli import start
from jaxdl.errors import InputError
from jaxdl.systems.perceptron import data as boolean
from jaxdl.systems.perceptron import networks as perceptron
from jaxdl.systems.perceptron.figures import perceptron_figures
from jaxdl.systems.perceptron.separability import separability
from jaxdl.train import config
from jaxdl.train.run import Experiment, run
from jaxdl.types import Metrics

AND, OR, XOR = (boolean.GATES[name] for name in ("AND", "OR", "XOR"))


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


class State(NamedTuple):
    """Epochs done, perceptrons by number of inputs, and the best of those of two."""

    epoch: jax.Array
    ensembles: dict[str, perceptron.Ensemble]
    best: jax.Array  # how many examples each function of two had right at once


def step(state: State, batch) -> tuple[State, Metrics]:
    """One epoch of all perceptrons."""
    number, best = state.epoch + 1, state.best
    ensembles, metrics = {}, {}
    for n, (inputs, labels) in batch.items():
        before = state.ensembles[n]
        after, path = perceptron.ensemble_epoch(before, inputs, labels, number)
        ensembles[n] = after
        metrics[f"converged_{n}"] = jnp.sum(after.last_mistake < number, dtype=float)
        if n == "2":
            num_right = jax.vmap(perceptron.num_right, (0, None, None))
            best = jnp.maximum(best, num_right(path, inputs, labels).max(axis=0))
    return State(number, ensembles, best), metrics


@functools.cache  # they depend on nothing that is learned
def proofs(n: str):
    """Which functions of n inputs are separable, and the bounds on their mistakes."""
    inputs, labels = boolean.boolean_functions(int(n))
    found = separability(inputs, labels)
    bounds = jax.jit(jax.vmap(perceptron.novikoff_bound, (1, None, 1)))
    return found, np.asarray(bounds(found.vectors.astype(np.int32), inputs, labels))


def evaluate(state: State, data, key, final: bool) -> dict[str, Any]:
    """What has converged, and how the gates do; at the end, what is proved."""
    del key
    values, certified, within_bound = {}, [], []
    for n, (_, mistakes, last_mistake) in state.ensembles.items():
        converged = np.asarray(last_mistake < state.epoch)
        values[f"converged_{n}"] = converged.sum(dtype=float)
        if final:
            found, bounds = proofs(n)
            certified.extend(found.unseparable[~converged])
            within = found.separable & (np.asarray(mistakes) <= bounds)
            within_bound.extend(within[converged])
    inputs, labels = data.tables["2"]
    right = perceptron.num_right(state.ensembles["2"].weights, inputs, labels)
    values |= {"and_accuracy": right[AND] / 4, "or_accuracy": right[OR] / 4}
    values["xor_best"] = state.best[XOR] / 4
    if final:
        learnable = labels[:, proofs("2")[0].separable]
        agree = learnable == labels[:, XOR : XOR + 1]
        values["xor_ceiling"] = agree.mean(axis=0).max()
        values["certified"] = np.mean(certified or 1.0)
        values["within_bound"] = np.mean(within_bound or 1.0)
    return values


@functools.lru_cache(maxsize=8)  # the same command compiles once a process
def make_experiment(max_inputs: int, epochs: int) -> Experiment:
    """The experiment on functions of 2 to `max_inputs` inputs."""
    counts = {str(n): 2**2**n for n in range(2, max_inputs + 1)}

    def init(key, data, previous) -> State:
        del key, data, previous
        new = perceptron.init_ensemble
        ensembles = {n: new(int(n) + 1, num) for n, num in counts.items()}
        return State(jnp.int32(0), ensembles, jnp.zeros(16, jnp.int32))

    protocols = {
        f"converged_{n}": {
            "published": f"boolean-separable-{n}",
            "functions": f"all {num} of {n} inputs",
            "inputs": "-1 and 1, and a bias",
            "found_by": f"perceptron, at most {epochs} epochs",
        }
        for n, num in counts.items()
    }
    figures = functools.partial(perceptron_figures, proofs=proofs)
    batch = boolean.shuffled_tables
    return Experiment(init, step, evaluate, figures, batch, protocols)


def train(cfg: Config) -> int:
    """Train, and prove what can and what cannot be learned."""
    data = boolean.load_boolean_functions(cfg.inputs)
    experiment = make_experiment(cfg.inputs, cfg.steps)
    return run("perceptron", experiment, data, cfg).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv)


if __name__ == "__main__":
    sys.exit(main())
