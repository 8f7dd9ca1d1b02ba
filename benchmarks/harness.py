"""One form for all benchmarks: alternating timings, one table, one JSON file."""

import dataclasses
import importlib.metadata
import importlib.util
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.adversarial.networks import GAN, mlp_gan
from jaxdl.adversarial.objectives import make_gan_losses
from jaxdl.adversarial.step import make_gan_init, make_gan_step
from jaxdl.data.load import Split, load_images
from jaxdl.errors import InputError
from jaxdl.files import require_writable
from jaxdl.systems.gan.networks import paper_gan, small_gan
from jaxdl.train import provenance
from jaxdl.train.config import (
    require_at_least,
    require_at_most,
    require_numbers,
    require_positive,
)
from jaxdl.train.runner import Experiment
from jaxdl.train.seeds import ExecutorName, make_executor, seed_keys
from jaxdl.train.step import make_uniform_batch

ROOT = Path(__file__).resolve().parents[1]
GAN_BATCH_SIZE = 64


class GanCase(NamedTuple):
    """A pair of networks for images of a size, and how it is trained."""

    title: str
    gan: GAN
    image_size: int
    optimizer: str
    learning_rate: float
    momentum: float


ADAM = "adam", 2e-4, 0.5  # the recipe of experiments/gan.py
GAN_CASES = {
    "digits": GanCase("digits pair", small_gan(64), 8, *ADAM),
    "mlp": GanCase("784-256-256 pair", mlp_gan(784), 28, *ADAM),
    "paper": GanCase("paper's networks", paper_gan(784), 28, *ADAM),
    "paper-sgd": GanCase("paper's networks, SGD", paper_gan(784), 28, "sgd", 0.1, 0.5),
}
OPTIMIZERS = {"adam": optax.adam, "sgd": optax.sgd}


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchmarkConfig:
    """The flags that every benchmark shares."""

    least_repeats: ClassVar[int] = 1
    json: Path | None = None
    """Write device, versions and rows to this file."""
    repeats: int = 15
    """Timings of each side, taken in turns; rows hold their medians."""
    seconds: float = 0.3
    """About how long one timing lasts, in seconds."""

    def __post_init__(self):
        require_numbers(self)
        require_at_least(self.least_repeats, repeats=self.repeats)
        require_at_most(10_000, "each is a timing", repeats=self.repeats)
        require_positive(seconds=self.seconds)
        if self.seconds > 3600:
            raise InputError(f"seconds is {self.seconds}: expected 3600 or less")
        require_writable(json=self.json)


def load_script(path: str) -> ModuleType:
    """A script of this repository as a module, by its path from the root."""
    name = Path(path).stem
    spec = importlib.util.spec_from_file_location(name, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def time_in_turns(
    sides: Mapping[str, Callable[[int], Any]], *, repeats: int, seconds: float
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Seconds per step of several ways to do one thing, measured in turns.

    Each side is called first until a call lasts about `seconds`, which compiles it and
    warms it up outside the measurement. The sides then take turns, every
    other round in reverse order, so that a slow spell of the machine meets all of them.

    Args:
      sides: each `side(steps)` does that many steps; arrays that it returns are waited
        for.
      repeats: how many timings of each.
      seconds: how long one should last.

    Returns:
      For each side its seconds per step, one for each timing, and the steps of one.
    """
    lengths = {name: _length(side, seconds) for name, side in sides.items()}
    found = {name: [] for name in sides}
    for i in range(repeats):
        for name in list(sides)[:: -1 if i % 2 else 1]:
            found[name].append(_seconds(sides[name], lengths[name]) / lengths[name])
    return {name: np.array(times) for name, times in found.items()}, lengths


def _seconds(side: Callable[[int], Any], steps: int) -> float:
    begin = time.perf_counter()
    jax.block_until_ready(side(steps))
    return time.perf_counter() - begin


def _length(side: Callable[[int], Any], seconds: float) -> int:
    """How many steps last about `seconds`."""
    length = 1
    while True:
        _seconds(side, length)  # compiles this length
        elapsed = _seconds(side, length)
        if elapsed >= 0.8 * seconds:
            return length
        length = math.ceil(length * min(100.0, 1.1 * seconds / elapsed))


def training_loop(
    executor_name: ExecutorName, experiment: Experiment, data: Any, *, seeds: int = 1
) -> Callable[[int], Any]:
    """Training as the runner does it, and nothing else: `side(steps)` of each seed.

    One compiled block a call, from where the last one ended: minibatches are drawn and
    gathered inside, buffers donated, metrics of every step returned.
    """
    executor = make_executor(
        executor_name, experiment.init, experiment.batch, experiment.step
    )
    keys = [seed_keys(i) for i in range(seeds)]
    batch_keys = [key.batch for key in keys]
    states, step = executor.init([key.init for key in keys], data, None), 0

    def side(steps: int) -> Any:
        nonlocal states, step
        states, metrics = executor.advance(states, data, batch_keys, step, steps)
        step += steps
        return metrics

    return side


class Data(NamedTuple):
    """What a training step needs of a data set."""

    train: Any


def enlarged_digits(num: int) -> jax.Array:
    """So many bytes [num 28 28 1]: scikit-learn's digits, enlarged and repeated."""
    image = load_images("digits").train.image
    image = image.repeat(3, axis=1).repeat(3, axis=2)
    image = jnp.pad(image, ((0, 0), (2, 2), (2, 2), (0, 0)))
    return jnp.tile(image, (-(-num // len(image)), 1, 1, 1))[:num]


def make_gan(name: str) -> tuple[Experiment, Data]:
    """A case of `GAN_CASES` as the runner takes it, and images to train on.

    The images are scikit-learn's digits; for 28x28 networks they are enlarged, and
    repeated until there are as many as MNIST has.
    """
    case = GAN_CASES[name]
    generator, discriminator, latent_size = case.gan
    losses = make_gan_losses(generator.apply, discriminator.apply, latent_size)
    optimizer = OPTIMIZERS[case.optimizer](case.learning_rate, case.momentum)
    if case.image_size == 28:
        image = enlarged_digits(50_000)
    else:
        image = load_images("digits").train.image
    experiment = Experiment(
        init=make_gan_init(generator, discriminator, optimizer, optimizer),
        step=make_gan_step(*losses, optimizer, optimizer),
        evaluate=None,
        figures=None,
        batch=make_uniform_batch(GAN_BATCH_SIZE, num_batches=1),
    )
    return experiment, Data(Split(image, jnp.zeros(len(image), jnp.int32)))


def compare(
    case: str, ours: np.ndarray, peer: str, peers: np.ndarray, **extras: Any
) -> dict[str, Any]:
    """The row of one comparison.

    Medians and their ratio, and of each side's timings the spread: fastest, first
    quartile, median, third quartile, slowest.
    """
    ours_seconds, peer_seconds = float(np.median(ours)), float(np.median(peers))
    return {
        "case": case,
        "ours_seconds": ours_seconds,
        "peer": peer,
        "peer_seconds": peer_seconds,
        "speedup": peer_seconds / ours_seconds,
        "ours_spread": np.quantile(ours, (0, 0.25, 0.5, 0.75, 1)).tolist(),
        "peer_spread": np.quantile(peers, (0, 0.25, 0.5, 0.75, 1)).tolist(),
        "repeats": len(ours),
        **extras,
    }


def report(
    rows: Sequence[Mapping[str, Any]],
    config: BenchmarkConfig,
    *,
    columns: Sequence[str] = (),
) -> int:
    """Print the rows as a table, write them where `--json` says; exit code 0.

    Args:
      rows: made by `compare`.
      config: the flags.
      columns: further keys of the rows to print.
    """
    device, versions = machine().values()
    print(f"{device}; jax {versions['jax']}, ", end="")
    print(f"torch {versions.get('torch', 'not installed')}; median seconds a step")
    _print_table(rows, columns)
    save(rows, config)
    return 0


def machine() -> dict[str, Any]:
    """The device and the versions, as a file begins with them."""
    versions = provenance.versions()
    try:
        versions["torch"] = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        pass  # a benchmark without that peer
    return {"device": provenance.device_name(), "versions": versions}


def save(rows: Sequence[Mapping[str, Any]], config: BenchmarkConfig) -> None:
    """Write the rows where `--json` says."""
    if config.json is not None:
        config.json.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(machine() | {"rows": rows}, indent=1)
        config.json.write_text(text + "\n")


def _print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    names = ["case", "ours_seconds", "peer", "peer_seconds", "speedup", *columns]
    table = [names] + [[_text(row.get(name)) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
