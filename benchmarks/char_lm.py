"""Does the character model learn what the same model in PyTorch learns?

    python benchmarks/char_lm.py --result runs/char_lm/FOLDER/result.json --json FILE

Claim: from the same initial weights, on the same windows in the same order, with the
same Adam, bound on the gradient and schedule, PyTorch's `nn.LSTM` ends at the same
validation loss: the mean difference over seeds lies inside its 95 % interval. Ours is
read from the result of a finished run. The twin takes about as long as the run did; it
saves after each seed, and the same command goes on after the last one.

PyTorch has two biases where we have one. The second stays at zero, untrained: both
together would learn at twice the rate.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import functools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from harness import load_script, training_loop

from jaxdl.cli import start
from jaxdl.errors import InputError
from jaxdl.files import require_writable
from jaxdl.ledger.schema import read_result
from jaxdl.measures.statistics import mean_ci95
from jaxdl.systems.char_lm.data import Text, load_text
from jaxdl.train import provenance
from jaxdl.train.config import require_at_least
from jaxdl.train.runner import Experiment
from jaxdl.train.seeds import seed_keys
from jaxdl.types import Params

try:
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy, one_hot
except ImportError as error:
    raise SystemExit("this benchmark needs PyTorch: pip install torch==2.13.0") from (
        error
    )

experiment_script = functools.cache(lambda: load_script("experiments/char_lm.py"))
EVALUATED_AT_ONCE = 1000  # characters; decides memory, not results


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The character model beside its twin in PyTorch."""

    result: Path
    """The result.json of a finished run of experiments/char_lm.py."""
    json: Path | None = None
    """Write the comparison to this file, after each seed."""
    text: Path | None = None
    """The text of that run, if it was given one."""
    data_dir: Path | None = None
    """Where prepared data lives; by default the usual tensorflow-datasets folder."""
    source_dir: Path | None = None
    """Folder with the original input.txt; it is downloaded without it."""
    log_every: int = 100
    """Steps of the twin between lines on the terminal."""

    def __post_init__(self):
        require_at_least(1, log_every=self.log_every)
        require_writable(json=self.json)


class Twin(nn.Module):
    """The model of `jaxdl.systems.char_lm.networks` in PyTorch, with our weights."""

    def __init__(self, params: Params):
        super().__init__()
        layers = [layer for (layer,) in params["recurrent"]]
        self.num_characters, width = layers[0]["input_kernel"].shape
        self.lstm = nn.LSTM(
            self.num_characters, width // 4, len(layers), batch_first=True
        )
        self.readout = nn.Linear(width // 4, self.num_characters)
        with torch.no_grad():
            for i, layer in enumerate(layers):
                _copy(layer["input_kernel"].T, getattr(self.lstm, f"weight_ih_l{i}"))
                _copy(
                    layer["recurrent_kernel"].T, getattr(self.lstm, f"weight_hh_l{i}")
                )
                _copy(layer["bias"], getattr(self.lstm, f"bias_ih_l{i}"))
                getattr(self.lstm, f"bias_hh_l{i}").zero_().requires_grad_(False)
            _copy(params["readout"]["kernel"].T, self.readout.weight)
            _copy(params["readout"]["bias"], self.readout.bias)

    def forward(self, codes, carry=None):
        hidden, carry = self.lstm(one_hot(codes, self.num_characters).float(), carry)
        return self.readout(hidden), carry


def _copy(ours, theirs) -> None:
    theirs.copy_(torch.tensor(np.asarray(ours)))


def torch_loop(
    cfg: Any, data: Text, params: Params, *, fused: bool | None = None
) -> tuple[Callable[[int], list[float]], Twin]:
    """Training in PyTorch from our weights.

    Args:
      cfg: a configuration of experiments/char_lm.py, without gaps.
      data: its text.
      params: initial weights.
      fused: PyTorch's faster kernel for Adam.

    Returns:
      `side(steps)`, which trains on so many more windows and gives their losses; the
      model.
    """
    twin = Twin(params)
    weights = [weight for weight in twin.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(weights, cfg.learning_rate, fused=fused)
    codes = torch.tensor(np.asarray(data.train).astype(np.int64))
    length = (len(codes) - 1) // cfg.batch_size
    streams = torch.arange(cfg.batch_size)[:, None] * length
    places = streams + torch.arange(cfg.window + 1)
    num_windows = length // cfg.window
    step, carry = 0, None

    def side(steps: int) -> list[float]:
        nonlocal step, carry
        losses = []
        for _ in range(steps):
            fresh = (step + torch.arange(cfg.batch_size)) % cfg.restart_every == 0
            kept = ~(fresh | (step % num_windows == 0))[:, None]
            carry = carry and [kept * part.detach() for part in carry]
            window = codes[places + step % num_windows * cfg.window]
            optimizer.zero_grad()
            logits, carry = twin(window[:, :-1], carry)
            loss = cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(weights, cfg.max_norm)
            done = min(step / max(cfg.steps, 1), 1)
            rate = cfg.learning_rate * (1 + np.cos(np.pi * done)) / 2
            optimizer.param_groups[0]["lr"] = rate
            optimizer.step()
            losses.append(loss.item())
            step += 1
        return losses

    return side, twin


@torch.no_grad()
def validation_nats(twin: Twin, data: Text) -> float:
    """Mean over all validation characters after the first, with one carry."""
    codes = torch.tensor(np.asarray(data.validation).astype(np.int64))
    total, carry = 0.0, None
    for begin in range(0, len(codes) - 1, EVALUATED_AT_ONCE):
        part = codes[begin : begin + EVALUATED_AT_ONCE + 1]
        logits, carry = twin(part[None, :-1], carry)
        total += cross_entropy(logits[0], part[1:], reduction="sum").item()
    return total / (len(codes) - 1)


def make_step_sides(cfg: Any, data: Text) -> dict[str, Callable[[int], Any]]:
    """Both sides' whole training step, for `harness.time_in_turns`.

    Args:
      cfg: a configuration of experiments/char_lm.py, without gaps.
      data: its text.
    """
    experiment = experiment_script().make_experiment(cfg, data)
    params = initial_params(experiment, data, 0)
    return {
        "ours": training_loop("sequential", experiment, data),
        "PyTorch": torch_loop(cfg, data, params)[0],
        "PyTorch, fused optimizer": torch_loop(cfg, data, params, fused=True)[0],
    }


def initial_params(experiment: Experiment, data: Text, seed: int) -> Params:
    """What our run of that seed began with."""
    return jax.jit(experiment.init)(seed_keys(seed).init, data, None).params


def train_twin(config: Config, cfg: Any, data: Text, seed: int) -> dict[str, float]:
    """Train the twin of one seed."""
    params = initial_params(experiment_script().make_experiment(cfg, data), data, seed)
    side, twin = torch_loop(cfg, data, params, fused=True)
    begin, done = time.monotonic(), 0
    while done < cfg.steps:
        losses = side(min(config.log_every, cfg.steps - done))
        done += len(losses)
        seconds = time.monotonic() - begin
        print(
            f"seed {seed}, step {done}: {losses[-1]:.4f}, {seconds:.0f} s", flush=True
        )
    return {"nats": validation_nats(twin, data), "seconds": time.monotonic() - begin}


def compare(ours: list[float], twins: list[float]) -> dict[str, Any]:
    """Both sides over seeds, and their difference seed by seed."""
    differences = [mine - its for mine, its in zip(ours, twins, strict=True)]
    table = {"ours": ours, "twin": twins, "difference": differences}
    rows = {}
    for name, values in table.items():
        mean, low, high = mean_ci95(values)
        ci95 = None if low is None else [low, high]
        rows[name] = {"mean": mean, "ci95": ci95, "per_seed": values}
    interval = rows["difference"]["ci95"]
    inside = interval and interval[0] <= 0 <= interval[1]
    return {**rows, "zero_inside_interval_of_difference": inside}


def benchmark(config: Config) -> int:
    """Train the twin of every seed of the run, and set both sides side by side.

    Raises:
      InputError: if the result is not one of char_lm with LSTMs, or the text another.
    """
    result = read_result(config.result)
    if result["experiment"] != "char_lm" or result["config"]["cell"] != "lstm":
        raise InputError(f"{config.result} is no result of char_lm with --cell lstm")
    cfg = experiment_script().Config(**result["config"])
    data = load_text(
        cfg.data,
        path=config.text,
        data_dir=config.data_dir,
        source_dir=config.source_dir,
    )
    if data.checksum != result["data"]["checksum"]:
        raise InputError(
            f"{config.result} learned {result['data']['name']} with checksum "
            f"{result['data']['checksum'][:12]}..., this text has "
            f"{data.checksum[:12]}...: give the same with --text"
        )
    document = {
        "device": provenance.device_name(),
        "versions": provenance.versions() | {"torch": torch.__version__},
        "torch_threads": torch.get_num_threads(),
        "config": result["config"],
        "data": result["data"],
        "metric": "validation_nats",
        "seeds": [],
        "twin_seconds": [],
    }
    nats = result["metrics"]["validation_nats"]["per_seed"]
    ours = dict(zip(result["seeds"], nats, strict=True))
    found = _read_partial(config.json, document)
    for seed in ours:
        if seed not in found:
            found[seed] = train_twin(config, cfg, data, seed)
        document["seeds"] = [each for each in ours if each in found]
        rows = [found[each] for each in document["seeds"]]
        document["twin_seconds"] = [row["seconds"] for row in rows]
        mine = [ours[each] for each in document["seeds"]]
        document |= compare(mine, [row["nats"] for row in rows])
        if config.json is not None:
            config.json.parent.mkdir(parents=True, exist_ok=True)
            config.json.write_text(json.dumps(document, indent=1) + "\n")
    for name in ("ours", "twin", "difference"):
        row = document[name]
        print(f"{name:>10}  {row['mean']:.5f}  95 % {row['ci95']}  {row['per_seed']}")
    return 0


def _read_partial(path: Path | None, document: dict) -> dict[int, dict[str, float]]:
    """The seeds that an earlier call with the same configuration has trained."""
    if path is None or not path.exists():
        return {}
    earlier = json.loads(path.read_text())
    for name in ("config", "data", "metric"):
        if earlier.get(name) != document[name]:
            raise InputError(f"{path} is of another run ({name} differs): name another")
    rows = zip(
        earlier["seeds"],
        earlier["twin"]["per_seed"],
        earlier["twin_seconds"],
        strict=True,
    )
    return {seed: {"nats": nats, "seconds": seconds} for seed, nats, seconds in rows}


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, benchmark, argv)


if __name__ == "__main__":
    sys.exit(main())
