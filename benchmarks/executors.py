"""Which executor is faster, and does `auto` choose it?

    python benchmarks/executors.py --json benchmarks/results/executors-DEVICE.json

Claim: the executor that `auto` chooses (`choose_executor` in jaxdl/train/seeds.py) is
never more than 5 % slower than the better of `sequential` and `vmap`. Ten minutes.

Both run the same training steps of the same seeds, in turns; seconds are those of one
step of all seeds. `flop` is what `step_flop` counts for one seed, `loss` how much
slower `auto` is than the better of the two. Ours is auto's choice, the peer the other.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import sys
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from harness import (
    GAN_BATCH_SIZE,
    BenchmarkConfig,
    Data,
    compare,
    make_gan,
    report,
    time_in_turns,
    training_loop,
)

from jaxdl.cli import start
from jaxdl.train.config import require_at_least, require_each_once
from jaxdl.train.runner import Experiment
from jaxdl.train.seeds import choose_executor, seed_keys, step_flop
from jaxdl.train.step import make_uniform_batch


class Case(NamedTuple):
    """A system to train, and with how many seeds.

    `sizes` are the layers' of a supervised network, or a GAN's name in `GAN_CASES`.
    """

    sizes: tuple[int, ...] | str
    batch_size: int
    seeds: tuple[int, ...]


CASES = {
    "xor-2-2-1": Case((2, 2, 1), 4, (2, 4, 16, 64)),
    "mlp-2-8-1": Case((2, 8, 1), 64, (2, 4, 16, 64)),
    "mlp-16-32-1": Case((16, 32, 1), 64, (2, 4, 16)),
    "mlp-64-64-10": Case((64, 64, 10), 64, (2, 4, 16)),
    "mlp-256-256-10": Case((256, 256, 10), 64, (2, 4, 16)),
    "mlp-784-256-10": Case((784, 256, 10), 64, (2, 4, 16)),
    "gan-digits": Case("digits", GAN_BATCH_SIZE, (2, 4, 16)),
    "gan-784-256-256": Case("mlp", GAN_BATCH_SIZE, (2, 4, 16)),
    "gan-paper": Case("paper", GAN_BATCH_SIZE, (3,)),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(BenchmarkConfig):
    """Executors for several seeds."""

    cases: tuple[Literal[*CASES], ...] = tuple(CASES)
    """Systems to time, by the names in the table."""
    max_seeds: int = 64
    """Leave out the cases with more seeds; 2 or more."""

    def __post_init__(self):
        super().__post_init__()
        require_each_once(cases=self.cases)
        least = min(min(CASES[name].seeds) for name in self.cases)
        require_at_least(least, max_seeds=self.max_seeds)


class MlpState(NamedTuple):
    """The state of a supervised network."""

    params: Any
    opt_state: optax.OptState


def make_mlp(sizes: tuple[int, ...], batch_size: int) -> tuple[Experiment, Data]:
    """A tanh network that regresses noise on noise with Adam."""
    optimizer = optax.adam(1e-3)

    def init(key, data, previous):
        del data, previous
        keys = jax.random.split(key, len(sizes) - 1)
        params = [
            {
                "kernel": jax.random.normal(key, (n, m)) / n**0.5,
                "bias": jnp.zeros((1, m)),
            }
            for key, n, m in zip(keys, sizes[:-1], sizes[1:], strict=True)
        ]
        return MlpState(params, optimizer.init(params))

    def loss_fn(params, batch):
        hidden = batch["x"]
        for layer in params[:-1]:
            hidden = jnp.tanh(hidden @ layer["kernel"] + layer["bias"])
        out = hidden @ params[-1]["kernel"] + params[-1]["bias"]
        return jnp.mean((out - batch["y"]) ** 2)

    def step(state, batch):
        loss, grads = jax.value_and_grad(loss_fn)(state.params, batch)
        updates, opt_state = optimizer.update(grads, state.opt_state)
        return MlpState(optax.apply_updates(state.params, updates), opt_state), {
            "loss": loss
        }

    x_key, y_key = jax.random.split(jax.random.key(0))
    x = jax.random.normal(x_key, (1000, sizes[0]))
    y = jax.random.normal(y_key, (1000, sizes[-1]))
    batch = make_uniform_batch(batch_size)
    return Experiment(init, step, None, None, batch), Data({"x": x, "y": y})


def make_case(case: Case) -> tuple[Experiment, Any]:
    """The experiment of a case and its data."""
    if isinstance(case.sizes, tuple):
        return make_mlp(case.sizes, case.batch_size)
    return make_gan(case.sizes)


def time_case(name: str, config: Config) -> list[dict]:
    """The rows of one system, one for each number of seeds."""
    experiment, data = make_case(CASES[name])
    functions = experiment.init, experiment.batch, experiment.step
    flop = step_flop(*functions, data, seed_keys(0).init)
    rows = []
    for seeds in CASES[name].seeds:
        if seeds > config.max_seeds:
            continue
        sides = {
            executor: training_loop(executor, experiment, data, seeds=seeds)
            for executor in ("sequential", "vmap")
        }
        times, _ = time_in_turns(sides, repeats=config.repeats, seconds=config.seconds)
        auto = choose_executor(seeds, flop, jax.default_backend())
        other = "vmap" if auto == "sequential" else "sequential"
        row = compare(f"{name}, {seeds} seeds", times[auto], other, times[other])
        better = min(row["ours_seconds"], row["peer_seconds"])
        loss = row["ours_seconds"] / better - 1
        rows.append(row | {"auto": auto, "loss": loss, "flop": flop, "seeds": seeds})
    return rows


def benchmark(config: Config) -> int:
    """Time all cases and report."""
    rows = [row for name in config.cases for row in time_case(name, config)]
    return report(rows, config, columns=("auto", "loss", "flop"))


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, benchmark, argv)


if __name__ == "__main__":
    sys.exit(main())
