"""The metrics of a system in words: meaning, unit, better side and bounds.

A system describes all its metrics in `metrics.json`,

    {"test_error": {"means": "wrong among test images", "unit": "%",
                    "better": "lower", "bounds": [0, 100]}}

`better` is "lower", "higher", a number that the metric should be near, or null. `unit`
may be left out, and so may `bounds`, the least and the largest possible value, with
null for an open side; the ledger keeps intervals within them. A published figure may
state its own. `*` in a name stands for any text: `log10_gradient_*` is a family.
"""

import fnmatch
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NotRequired, TypedDict, TypeVar

from jaxdl.errors import InputError
from jaxdl.ledger.schema import NUMBER, check_form, read_json

T = TypeVar("T")


class Bounds(NamedTuple):
    """The least and the largest possible value; None for an open side."""

    low: float | int | None = None
    high: float | int | None = None


UNBOUNDED = Bounds()


class _Entry(TypedDict):
    """A metric in a file; its fields are those of `Metric`."""

    means: str
    unit: NotRequired[str]
    better: str | float | None
    bounds: NotRequired[Any]


class Metric(NamedTuple):
    """A metric in words.

    Attributes:
      means: what is counted or averaged, and over which data.
      unit: empty for a plain number.
      better: "lower", "higher", a number to be near, or None.
      bounds: of its values.
    """

    means: str
    unit: str = ""
    better: str | float | None = None
    bounds: Bounds = UNBOUNDED


def parse_bounds(pair: Any, where: str) -> Bounds:
    """Bounds from a JSON list of two.

    Raises:
      InputError: unless it holds two numbers or nulls in ascending order.
    """
    valid = (
        isinstance(pair, list)
        and len(pair) == 2
        and all(end is None or type(end) in NUMBER for end in pair)
    )
    if not valid or (None not in pair and pair[0] >= pair[1]):
        raise InputError(
            f"{where}: bounds must be [low, high] with low < high, or null for an open "
            f"side, not {pair!r}"
        )
    return Bounds(*pair)


def read_metrics(path: Path) -> dict[str, Metric]:
    """Metrics by name, or by pattern, from a system's `metrics.json`.

    Raises:
      InputError: naming the file and the entry that cannot be used.
    """
    entries = read_json(path)
    if not isinstance(entries, dict):
        raise InputError(f"{path}: expected a JSON object with an entry a metric")
    return {name: _read(entry, f"{path}, '{name}'") for name, entry in entries.items()}


def _read(entry: Any, where: str) -> Metric:
    check_form(entry, _Entry, where)
    better = entry["better"]
    if isinstance(better, str) and better not in ("lower", "higher"):
        raise InputError(
            f"{where}: field 'better' is {better!r}: expected lower, higher, a number "
            "to be near, or null"
        )
    if not entry["means"]:
        raise InputError(f"{where}: field 'means' is empty: say what is measured")
    bounds = UNBOUNDED
    if "bounds" in entry:
        bounds = parse_bounds(entry["bounds"], where)
    return Metric(entry["means"], entry.get("unit", ""), better, bounds)


def metrics_of(folder: Path) -> dict[str, Metric]:
    """A system's metrics; none without `metrics.json`.

    Raises:
      InputError: as `read_metrics`.
    """
    path = folder / "metrics.json"
    return read_metrics(path) if path.exists() else {}


def lookup(table: Mapping[str, T], name: str, default: T) -> T:
    """The entry of a metric: the one of its name, or the first whose pattern fits."""
    if name in table:
        return table[name]
    patterns = (key for key in table if "*" in key and fnmatch.fnmatchcase(name, key))
    return table.get(next(patterns, name), default)


def all_bounds(folders: Iterable[Path]) -> dict[str, dict[str, Bounds]]:
    """Bounds by system and metric; empty for a system without `metrics.json`.

    Raises:
      InputError: as `read_metrics`.
    """
    return {
        folder.name: {
            name: metric.bounds
            for name, metric in metrics_of(folder).items()
            if metric.bounds != UNBOUNDED
        }
        for folder in folders
    }
