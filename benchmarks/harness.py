"""One form for all benchmarks: alternating timings, one table, one JSON file."""

import dataclasses
import importlib.metadata
import importlib.util
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np

from jaxdl.train import provenance

ROOT = Path(__file__).resolve().parents[1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchmarkConfig:
    """The flags that every benchmark shares."""

    json: Path | None = None
    """Write device, versions and rows to this file."""
    repeats: int = 15
    """Timings of each side, taken in turns; rows hold their medians."""
    seconds: float = 0.3
    """About how long one timing lasts."""


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

    Each side is called until a call of unchanged length has lasted `seconds`, which
    compiles and warms it up outside the measurement. The sides then take turns, every
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
        for name in sorted(sides, reverse=bool(i % 2)):
            found[name].append(_seconds(sides[name], lengths[name]) / lengths[name])
    return {name: np.array(times) for name, times in found.items()}, lengths


def _seconds(side: Callable[[int], Any], steps: int) -> float:
    begin = time.perf_counter()
    jax.block_until_ready(side(steps))
    return time.perf_counter() - begin


def _length(side: Callable[[int], Any], seconds: float) -> int:
    """How many steps last about `seconds`: 1, 2 or 5 times a power of ten."""
    length, ladder = 1, (2.0, 2.5, 2.0)
    for i in range(30):
        _seconds(side, length)  # compiles this length
        if _seconds(side, length) >= seconds:
            break
        length = round(length * ladder[i % 3])
    return length


def compare(case: str, ours: np.ndarray, peer: str, theirs: np.ndarray, **extras):
    """The row of one comparison: medians, their ratio, and the timings' quartiles."""
    ours_seconds, peer_seconds = float(np.median(ours)), float(np.median(theirs))
    return {
        "case": case,
        "ours_seconds": ours_seconds,
        "peer": peer,
        "peer_seconds": peer_seconds,
        "speedup": peer_seconds / ours_seconds,
        "ours_quartiles": np.quantile(ours, (0.25, 0.75)).tolist(),
        "peer_quartiles": np.quantile(theirs, (0.25, 0.75)).tolist(),
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
    versions = provenance.versions()
    try:
        versions["torch"] = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        pass  # a benchmark without that peer
    document = {"device": provenance.device_name(), "versions": versions, "rows": rows}
    print(f"{document['device']}; jax {versions['jax']}, ", end="")
    print(f"torch {versions.get('torch', 'not installed')}; median seconds")
    _print_table(rows, columns)
    if config.json is not None:
        config.json.parent.mkdir(parents=True, exist_ok=True)
        config.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


def _print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    names = ["case", "ours_seconds", "peer", "peer_seconds", "speedup", *columns]
    table = [names] + [[_text(row.get(name)) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
