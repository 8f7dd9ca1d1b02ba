"""A small experiment that carries everything a run can lose: weights, momentum, a key.

`main` runs it in a process that tests can kill.
"""

import dataclasses
import functools
import os
import sys
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.cli import start
from jaxdl.train.config import RunConfig
from jaxdl.train.runner import Experiment, run
from jaxdl.train.step import make_uniform_batch

SIZE = 16


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["train"],
    meta_fields=["name", "checksum"],
)
@dataclasses.dataclass(frozen=True)
class Examples:
    """Training pairs of a linear map, as the runner wants its data."""

    train: dict
    name: str = "toy"
    checksum: str = "0" * 64


class State(NamedTuple):
    """Everything a step changes."""

    key: jax.Array
    weights: jax.Array
    opt_state: optax.OptState
    count: jax.Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The toy."""

    steps: int = 60
    batch_size: int = 8
    learning_rate: float = 1e-2


def examples() -> Examples:
    """64 pairs (x, x A)."""

    @jax.jit  # one program, for each process compiles it
    def draw():
        x = jax.random.normal(jax.random.key(1), (64, SIZE))
        a = jax.random.normal(jax.random.key(2), (SIZE, SIZE))
        return {"x": x, "y": x @ a}

    return Examples(draw())


def make_experiment(cfg: Config, **changes) -> Experiment:
    """Noisy regression with Adam; `changes` replace parts of the experiment.

    Equal configurations give the same functions, which one process compiles once.
    """
    return _experiment(cfg.learning_rate, cfg.batch_size)._replace(**changes)


@functools.cache
def _experiment(learning_rate: float, batch_size: int) -> Experiment:
    optimizer = optax.adam(learning_rate)

    @jax.jit
    def init(key, data, previous):
        del data, previous
        key, weights_key = jax.random.split(key)
        weights = jax.random.normal(weights_key, (SIZE, SIZE))
        return State(key, weights, optimizer.init(weights), jnp.int32(0))

    def loss_fn(weights, batch, key):
        noise = 0.1 * jax.random.normal(key, batch["x"].shape)
        return jnp.mean(((batch["x"] + noise) @ weights - batch["y"]) ** 2)

    def step(state, batch):
        key, noise_key = jax.random.split(state.key)
        loss, grads = jax.value_and_grad(loss_fn)(state.weights, batch, noise_key)
        updates, opt_state = optimizer.update(grads, state.opt_state)
        weights = optax.apply_updates(state.weights, updates)
        return State(key, weights, opt_state, state.count + 1), {"loss": loss}

    @functools.partial(jax.jit, static_argnums=3)
    def evaluate(state, data, key, final):
        error = jnp.mean((data.train["x"] @ state.weights - data.train["y"]) ** 2)
        values = {"error": error, "draw": jax.random.uniform(key)}
        if final:
            values["final_error"] = error
        return values | {"weights": state.weights[:2]}

    return Experiment(
        init=init,
        step=step,
        evaluate=evaluate,
        figures=lambda record: {},
        batch=make_uniform_batch(batch_size),
    )


def train(cfg: Config) -> int:
    """Run it."""
    return run("toy", make_experiment(cfg), examples(), cfg).exit_code


def main(argv: list[str], ready: Path, said: Path):
    """End the process with the exit code of a command, its output in a file."""
    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream.fileno())
    ready.touch()  # killing may begin
    sys.exit(start(Config, train, argv))
