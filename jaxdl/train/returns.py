"""What an experiment's `evaluate`, `figures` and `remarks` give, refused in a sentence.

They are called between blocks of steps or after the last: what was saved is kept.
"""

import difflib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdl.errors import RunError
from jaxdl.train.pieces import GIVES
from jaxdl.train.words import is_array, is_real, kind, named
from jaxdl.types import History

AGAIN = "correct it and give the same command again"


def evaluated(
    fn: Callable[..., Any], found: Sequence[Any], final: bool, kept: str
) -> dict[str, np.ndarray]:
    """Values of an evaluation by name, with axes [seed, ...].

    Args:
      fn: the function that found it.
      found: of each seed, numbers and arrays by name.
      final: after the last step, where at least one number must be among them.
      kept: what is left of the training, for the sentence.

    Raises:
      RunError: naming the value at fault.
    """
    giver, ending = named("evaluate", fn), f"{kept}; {AGAIN}"
    expected = f"expected {GIVES['evaluate']}; {ending}"
    rows = []
    for each in found:
        if not isinstance(each, Mapping):
            raise RunError(f"{giver} gives {kind(each)}: {expected}")
        row: dict[str, np.ndarray] = {}
        for name, value in each.items():
            array = _host_array(value)
            if not isinstance(name, str) or array is None:
                raise RunError(f"{giver} gives {kind(value)} as {name!r}: {expected}")
            row[name] = array
        rows.append(row)
    shapes = [{name: array.shape for name, array in row.items()} for row in rows]
    for other in shapes[1:]:
        for name in sorted(shapes[0].keys() | other.keys()):
            if shapes[0].get(name) != other.get(name):
                raise RunError(
                    f"{giver} gives {name} of shape {shapes[0].get(name, 'none')} for "
                    f"one seed and {other.get(name, 'none')} for another: expected the "
                    f"same names and shapes; {ending}"
                )
    if final and () not in shapes[0].values():
        raise RunError(f"{giver} gives no number after the last step: {expected}")
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def require_known_metrics(
    protocols: Mapping[str, Any], metrics: Collection[str], kept: str
) -> None:
    """Refuse protocols of which none is of a metric.

    Single ones may name what only some configurations measure.

    Args:
      protocols: of an experiment, by metric.
      metrics: names of those that the final evaluation measured.
      kept: what is left of the training, for the sentence.

    Raises:
      RunError: naming the first at fault.
    """
    unknown = [name for name in protocols if name not in metrics]
    without = [name for name in metrics if name not in protocols]
    if unknown and len(unknown) == len(protocols):
        near = difflib.get_close_matches(str(unknown[0]), without, n=1, cutoff=0.8)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise RunError(
            f"protocols names {unknown[0]}, which evaluate does not give: expected one "
            f"of {', '.join(metrics)}{meant}; {kept}; {AGAIN}"
        )


def drawn(fn: Callable[..., Any], record: Any, folder: Path) -> Mapping[str, Any]:
    """The figures of a record, whose training is saved.

    Args:
      fn: draws them.
      record: what they are drawn from.
      folder: of the run, for the sentence.

    Raises:
      RunError: naming the figure at fault.
    """
    figures = fn(record)
    giver, at_fault = named("figures", fn), None
    if not isinstance(figures, Mapping):
        at_fault = kind(figures)
    else:
        for name, figure in figures.items():
            fit = isinstance(name, str) and name and not {"/", "\0"} & {*name}
            if not fit or not callable(getattr(figure, "savefig", None)):
                at_fault = f"{kind(figure)} as {name!r}"
    if at_fault is not None:
        raise RunError(
            f"{giver} gives {at_fault}: expected {GIVES['figures']}; the training is "
            f"kept in {folder}; {AGAIN}, which only draws"
        )
    return figures


def remarked(
    fn: Callable[..., Any], histories: Sequence[History]
) -> dict[str, list[dict[str, Any]]]:
    """The remarks on each seed's history, by name.

    Args:
      fn: makes them.
      histories: of each seed.

    Raises:
      RunError: naming the remark at fault.
    """
    found = [fn(history) for history in histories]
    for each in found:
        at_fault = None
        if not isinstance(each, Mapping) or each.keys() != found[0].keys():
            at_fault = kind(each)
        else:
            for name, remark in each.items():
                if not isinstance(name, str) or not _is_remark(remark):
                    at_fault = f"{kind(remark)} as {name!r}"
        if at_fault is not None:
            raise RunError(
                f"{named('remarks', fn)} gives {at_fault}: expected {GIVES['remarks']} "
                f"of what JSON can hold, with the same names for each seed; the "
                f"training is kept; {AGAIN}"
            )
    return {name: [dict(each[name]) for each in found] for name in found[0]}


def _is_remark(remark: Any) -> bool:
    text = remark.get("text") if isinstance(remark, Mapping) else None
    if not isinstance(text, str) or "\n" in text:
        return False
    try:
        json.dumps(dict(remark), allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _host_array(value: Any) -> np.ndarray | None:
    """A number, or an array of anything that NumPy can save, on the host."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):  # a key, or rows of several lengths
        return None
    fit = is_array(array) if array.ndim else is_real(array)
    return array if fit else None
