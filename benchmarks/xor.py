"""How fast do nets learn exclusive or, one alone and 10,000 at once?

    python benchmarks/xor.py --json benchmarks/results/xor-DEVICE.json

Claim: a step of one net (two inputs, two tanh units, one sigmoid; all four examples,
plain gradient descent) is at least 50 times faster than in eager PyTorch; 10,000 nets
take 5,000 steps in under 20 seconds. Two minutes.

Ours is the step of experiments/xor.py as the sequential executor runs it: a scanned
block, with the loss of every step returned. The peers start from the same weights and
descend by `torch.optim.SGD`. One net is an `nn.Sequential`; 10,000 are elementwise
products and sums over arrays with the nets last, in PyTorch 4 times faster than batched
matrix products. `all_steps_seconds` is the whole of our training, from drawing the
weights on, with compilation, in blocks of 100 steps.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import sys
import time
from collections.abc import Callable

import jax
import numpy as np
from harness import (
    BenchmarkConfig,
    compare,
    load_script,
    report,
    time_in_turns,
    training_loop,
)

from jaxdl.cli import start
from jaxdl.errors import InputError
from jaxdl.systems.xor.data import Table, xor_table
from jaxdl.train.config import require_at_least, require_at_most
from jaxdl.train.runner import Experiment
from jaxdl.train.seeds import seed_keys
from jaxdl.types import Params

try:
    import torch
    from torch import nn
except ImportError as error:
    raise SystemExit("this benchmark needs PyTorch: pip install torch==2.13.0") from (
        error
    )

BLOCK_STEPS = 100  # as the runner's


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(BenchmarkConfig):
    """Training steps of nets on exclusive or against PyTorch."""

    nets: int = 10_000
    """Nets of the ensemble."""
    steps: int = 5_000
    """Steps of the ensemble's whole training; a multiple of 100."""

    def __post_init__(self):
        super().__post_init__()
        require_at_least(1, nets=self.nets)
        require_at_most(1_000_000, "a step trains all of them", nets=self.nets)
        if self.steps < BLOCK_STEPS or self.steps % BLOCK_STEPS:
            raise InputError(
                f"steps is {self.steps}: expected a multiple of {BLOCK_STEPS}"
            )


class Ensemble(nn.Module):
    """Nets with one hidden layer, along the last axis of every parameter."""

    def __init__(self, num_nets: int):
        super().__init__()
        shapes = (2, 2), (2,), (2, 1), (1,)  # kernel and bias of each layer
        self.params = nn.ParameterList(torch.empty(*s, num_nets) for s in shapes)

    def forward(self, x):
        w1, b1, w2, b2 = self.params
        hidden = torch.tanh((x[:, :, None, None] * w1).sum(1) + b1)
        return torch.sigmoid((hidden[:, :, None] * w2).sum(1) + b2)


def torch_nets(params: Params) -> nn.Module:
    """Our nets in PyTorch: a module of layers for one, an `Ensemble` for more."""
    leaves = [
        torch.tensor(np.array(layer[name]))
        for layer in params
        for name in ("kernel", "bias")
    ]
    if len(leaves[0]) == 1:
        layers = nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1), nn.Sigmoid()
        module, leaves = nn.Sequential(*layers), [leaf[0].t() for leaf in leaves]
    else:
        module = Ensemble(len(leaves[0]))
        leaves = [leaf.movedim(0, -1) for leaf in leaves]
    with torch.no_grad():
        for parameter, leaf in zip(module.parameters(), leaves, strict=True):
            parameter.copy_(leaf)
    return module


def torch_loop(module: nn.Module, learning_rate: float) -> Callable[[int], float]:
    """Training in PyTorch: `side(steps)`, whose result is the last step's mean loss."""
    x, targets = (torch.tensor(np.array(part)) for part in xor_table().train)
    num_nets = 1
    if isinstance(module, Ensemble):
        num_nets, targets = module.params[0].shape[-1], targets[:, :, None]
    optimizer = torch.optim.SGD(module.parameters(), learning_rate)

    def side(steps: int) -> float:
        for _ in range(steps):
            optimizer.zero_grad()
            # Summed over nets, each of which descends on its own mean over examples.
            loss = (targets - module(x)).square().sum() / 8
            loss.backward()
            optimizer.step()
        return loss.item() / num_nets

    return side


def time_nets(num_nets: int, config: Config) -> dict:
    """The row of so many nets."""
    experiment, data, learning_rate = make_nets(num_nets)
    params = experiment.init(seed_keys(0).init, data, None).params
    begin = time.perf_counter()
    ours = training_loop("sequential", experiment, data)
    for _ in range(config.steps // BLOCK_STEPS):
        metrics = ours(BLOCK_STEPS)
    jax.block_until_ready(metrics)
    whole = time.perf_counter() - begin
    peer = torch_loop(torch_nets(params), learning_rate)
    sides = {"ours": ours, "PyTorch eager": peer}
    times, steps = time_in_turns(sides, repeats=config.repeats, seconds=config.seconds)
    return compare(
        f"{num_nets:,} net" + "s" * (num_nets > 1),
        times["ours"],
        "PyTorch eager",
        times["PyTorch eager"],
        all_steps_seconds=whole,
        all_steps=config.steps,
        dtype="float32",
        torch_threads=torch.get_num_threads(),
        ours_steps=steps["ours"],
        peer_steps=steps["PyTorch eager"],
    )


def make_nets(num_nets: int) -> tuple[Experiment, Table, float]:
    """The experiment, its data and learning rate."""
    xor = load_script("experiments/xor.py")
    cfg = xor.Config(nets=num_nets)
    data = xor_table()
    return xor.make_experiment(cfg, data), data, cfg.learning_rate


def benchmark(config: Config) -> int:
    """Time one net and the ensemble, and report.

    Raises:
      InputError: on an accelerator, where the peers would still run on the CPU.
    """
    if jax.default_backend() != "cpu":
        raise InputError(
            f"JAX runs on {jax.default_backend()}, but PyTorch's side is written for "
            "the CPU: set JAX_PLATFORMS=cpu"
        )
    rows = [time_nets(num_nets, config) for num_nets in (1, config.nets)]
    return report(rows, config, columns=("all_steps_seconds",))


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, benchmark, argv)


if __name__ == "__main__":
    sys.exit(main())
