"""Exclusive or: what one hidden layer learns, by activation and size.

    python experiments/xor.py
    python experiments/xor.py --activations all --hidden-sizes 1 2 3 4 8

10,000 nets at once, each from its own weights; one has solved it when all four outputs
are on the right side of 1/2. Linear units solve it never, two tanh units 69 times in
100, eight always; one GELU, SiLU or maxout unit can, since its output both falls and
rises: see experiments/results.

Inputs and targets are 0 and 1, weights and biases start normal with deviation 1/2, the
output is a sigmoid, E = 1/2 (target - out)^2, averaged over the step's examples.
Learning rate and deviation were chosen for tanh, with other nets, and serve all. The
derivatives of unit_step and sign are 0: only their output layer learns, and what they
solve was lucky from the start. Two softmax units are one sigmoid, and solve nothing.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import itertools
import sys
from typing import Literal

import jax
import optax

from jaxdl import models
from jaxdl.cli import start
from jaxdl.errors import InputError
from jaxdl.gradcheck.backprop import squared_error_and_grad
from jaxdl.ops import ACTIVATIONS, half_squared_error
from jaxdl.systems.xor import ensemble
from jaxdl.systems.xor.data import Table, all_examples, xor_table
from jaxdl.systems.xor.figures import xor_figures, xor_sweep_figures
from jaxdl.systems.xor.measures import make_table_evaluate
from jaxdl.train import config, make_uniform_batch
from jaxdl.train.experiment import Case, Experiment, Plan, Sweep
from jaxdl.train.protocol import fields
from jaxdl.train.runner import run

INITIAL_DEVIATION = 0.5
ActivationName = Literal["all", *ACTIVATIONS]  # pyrefly: ignore[invalid-literal]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
    """Exclusive or, by nets with one hidden layer."""

    activations: tuple[ActivationName, ...] = ("tanh",)
    """Activations of the hidden layer; several make a sweep."""
    hidden_sizes: tuple[int, ...] = (2,)
    """Numbers of hidden units; several make a sweep."""
    nets: int = 10_000
    """Nets of each combination, trained all at once."""
    update: Literal["batch", "online"] = "batch"
    """A step is on all four examples, or on one that each net draws for itself."""
    engine: Literal["grad", "hand"] = "grad"
    """Where gradients come from: jax.grad, or backprop written by hand."""
    learning_rate: float = 1.0
    """Size of the steps of gradient descent."""
    momentum: float | None = None
    """Momentum of gradient descent, if any."""
    steps: int = 5000
    """Training steps of each net."""
    batch_size: None = None  # pyrefly: ignore[bad-override]
    """Unused; --update decides how many examples a step is on."""
    eval_every: int | None = config.free(200)
    """Steps between evaluations; the curves have a point for each."""

    def __post_init__(self):
        super().__post_init__()
        config.require_at_least(1, nets=self.nets)
        config.require_at_most(1_000_000, "a step trains all of them", nets=self.nets)
        config.require_at_least(1, hidden_sizes=min(self.hidden_sizes, default=1))
        config.require_positive(learning_rate=self.learning_rate)
        if self.momentum is not None and not 0 <= self.momentum < 1:
            raise InputError(f"momentum is {self.momentum}: expected 0 to below 1")
        for name in ("activations", "hidden_sizes"):
            if not getattr(self, name):
                raise InputError(f"{name} is empty: expected one or more")


def make_experiment(cfg: Config, data: Table) -> Experiment:
    """The experiment of a configuration with one activation and one hidden size."""
    del data  # the truth table has one form
    (hidden,), (hidden_size,) = cfg.activations, cfg.hidden_sizes
    normal = jax.nn.initializers.normal(INITIAL_DEVIATION)
    sizes, names = (2, hidden_size, 1), dict(hidden=hidden, output="sigmoid")
    model = models.mlp(sizes, kernel_init=normal, bias_init=normal, **names)
    optimizer = optax.sgd(cfg.learning_rate, cfg.momentum)
    batch = cfg.update == "batch"

    def loss_fn(params, examples):
        outputs = model.apply(params, examples.input)
        return half_squared_error(outputs, examples.target).mean()

    def by_hand(params, examples):
        return squared_error_and_grad(params, *examples, **names)

    engine = {"grad": jax.value_and_grad(loss_fn), "hand": by_hand}[cfg.engine]
    protocol = {"activation": hidden, "hidden_size": hidden_size} | {
        **fields(cfg, "nets", "steps", "update", "learning_rate"),
        "momentum": cfg.momentum or 0,
        "inputs": "0, 1",
        "initial_weights": f"normal, deviation {INITIAL_DEVIATION}",
        "solved_if": "all four outputs on the right side of 1/2",
    }
    return Experiment(
        init=ensemble.make_ensemble_init(model, optimizer, cfg.nets),
        step=ensemble.make_ensemble_step(engine, optimizer, shared_batch=batch),
        evaluate=make_table_evaluate(model.apply),
        figures=lambda record: xor_figures(record, model.apply),
        batch=all_examples if batch else make_uniform_batch(1, num_batches=cfg.nets),
        protocols={"solved": protocol},
    )


def make_case(cfg: Config, data: Table) -> Experiment:
    """One combination of a sweep: it gets no row of the ledger."""
    return make_experiment(cfg, data)._replace(protocols={})


def plan(cfg: Config) -> Plan:
    """One combination of activation and hidden size, or several in turn."""
    names = ACTIVATIONS if "all" in cfg.activations else cfg.activations
    names, sizes = tuple(dict.fromkeys(names)), tuple(dict.fromkeys(cfg.hidden_sizes))
    cfg = dataclasses.replace(cfg, activations=names, hidden_sizes=sizes)
    if len(names) * len(sizes) == 1:
        return Plan("xor", make_experiment, xor_table(), cfg)
    cases = {}
    for name, size in itertools.product(names, sizes):
        case = dataclasses.replace(cfg, activations=(name,), hidden_sizes=(size,))
        cases[f"{name}-{size}"] = Case(case, make_case)
    return Plan("xor", Sweep(cases, xor_sweep_figures), xor_table(), cfg)


def train(cfg: Config) -> int:
    """Train what is planned."""
    return run(*plan(cfg)).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv, script=__file__)


if __name__ == "__main__":
    sys.exit(main())
