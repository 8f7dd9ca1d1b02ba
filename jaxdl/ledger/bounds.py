"""Bounds of measures: the least and largest value that each can take.

A share lies in [0, 1], a percentage in [0, 100], a count of modes between 0 and their
number. The ledger keeps intervals within the bounds. A system lists those of its
metrics in `bounds.json`, `{"metric": [low, high]}`, with null for an open side; a
published figure may state its own.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl.errors import InputError
from jaxdl.ledger.schema import NUMBER, read_json


class Bounds(NamedTuple):
    """The least and the largest possible value; None for an open side."""

    low: float | int | None = None
    high: float | int | None = None


UNBOUNDED = Bounds()


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


def read_bounds(path: Path) -> dict[str, Bounds]:
    """Bounds by metric from a system's `bounds.json`.

    Raises:
      InputError: naming the file and the entry that cannot be used.
    """
    entries = read_json(path)
    if not isinstance(entries, dict):
        raise InputError(
            f"{path}: expected a JSON object with [low, high] for each metric"
        )
    return {
        name: parse_bounds(pair, f"{path}, '{name}'") for name, pair in entries.items()
    }


def all_bounds(folders: Iterable[Path]) -> dict[str, dict[str, Bounds]]:
    """Bounds by system and metric; empty for a system without `bounds.json`.

    Raises:
      InputError: as `read_bounds`.
    """
    paths = {folder.name: folder / "bounds.json" for folder in folders}
    return {
        name: read_bounds(path) if path.exists() else {} for name, path in paths.items()
    }
