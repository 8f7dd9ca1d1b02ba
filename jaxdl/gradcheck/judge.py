"""The verdict on each leaf: errors of all methods, at a point and over all points."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxdl.gradcheck.branches import Branch
from jaxdl.gradcheck.methods import Derivatives, Rows
from jaxdl.gradcheck.settle import FLOOR

TOLERANCE = 1e-6
"""Largest relative error at order 1."""
SECOND_TOLERANCE = 1e-6
"""Largest relative error at order 2: differences of a gradient are as exact."""
METHODS = ("forward", "central", "complex", "hand", "plain")
"""What reverse mode is compared with at order 1, in the order of the report."""

FAILS = "order 2 fails"
"""How the note begins where reverse over reverse raises an error."""
_SECOND_LEFT_OUT = "order 2 is not checked: all entries are left out"
_NOT_HELD = "no entry could be held against differences"


class LeafReport(NamedTuple):
    """Findings of the check for one leaf of one function.

    Attributes:
      function, leaf, shape: what was checked.
      entries, directions: at how many entries, along how many random directions,
        those left out included.
      errors: worst relative error at order 1 of each method that covered the leaf.
      worst_at: the method and the place of the worst of them.
      second: worst relative error at order 2; inf if reverse over reverse failed, None
        if it was not checked: a leaf is wrong at order 1, or all entries are left out.
      left_out: entries (or directions) left out of order 1 at the first point, with the
        reason.
      second_left_out: number of entries left out of order 2, at all points.
      notes: what else there is to say.
      status: "ok"; "over", an error above its tolerance; "zero", the gradient is zero
        at every entry, as it should be: right, but little was shown; "unchecked", no
        entry could be held against differences at one of the two orders.
      why: the reason why it is unchecked.
      points: number of points at which it was checked.
      elsewhere: how many entries were left out of order 1 at further points.
      branches: ways through the function, where they were looked for.
    """

    function: str
    leaf: str
    shape: tuple[int, ...]
    entries: int
    directions: int
    errors: dict[str, float]
    worst_at: str
    second: float | None
    left_out: tuple[str, ...]
    second_left_out: int
    notes: tuple[str, ...]
    status: str
    why: str = ""
    points: int = 1
    elsewhere: tuple[str, ...] = ()
    branches: tuple[Branch, ...] = ()

    @property
    def worst(self) -> float:
        """Worst relative error at order 1."""
        return max(self.errors.values(), default=0.0)

    @property
    def failed(self) -> bool:
        """Whether the check of this leaf failed."""
        return self.status in ("over", "unchecked")


def relative_error(a: Any, b: Any, largest: Any) -> np.ndarray:
    """|a - b| / max(|a|, |b|, 1e-3 largest); 0 where a = b, inf if not finite."""
    a, b = np.asarray(a), np.asarray(b)
    with np.errstate(all="ignore"):
        scale = np.maximum(np.maximum(np.abs(a), np.abs(b)), FLOOR * largest)
        error = np.where(a == b, 0.0, np.abs(a - b) / scale)
    return np.where(np.isfinite(a) & np.isfinite(b), error, np.inf)


class Leaf(NamedTuple):
    """All that the methods found about one leaf at a point."""

    name: str
    value: np.ndarray
    rows: Rows
    first: Derivatives
    gradient: np.ndarray
    hand: np.ndarray | None
    plain: np.ndarray | None

    def entry(self, place: int) -> str:
        """An entry with its value, as in "params.0.kernel[2, 1] = 0.5"."""
        number = f"{self.value.ravel()[place]:.6g}"
        if not self.value.shape:
            return f"{self.name} = {number}"
        where = ", ".join(map(str, np.unravel_index(place, self.value.shape)))
        return f"{self.name}[{where}] = {number}"

    def row(self, number: int) -> str:
        """The entry or the direction of a row."""
        entries = self.rows.entries
        if number < len(entries):
            return self.entry(int(entries[number]))
        return f"{self.name} along random direction {number - len(entries) + 1}"


def judge_leaf(
    function: str,
    leaf: Leaf,
    found: dict[str, tuple[float, str]],
    seconds: Derivatives | str,
) -> LeafReport:
    """The verdict on a leaf at a point.

    Args:
      function: its name.
      leaf: what was found at order 1.
      found: the worst error of each method, and where it is.
      seconds: what was found at order 2, or why nothing was.
    """
    central = leaf.first.central
    errors = {name: error for name, (error, _) in found.items()}
    worst = max(errors, key=lambda name: errors[name], default=None)
    second, second_left_out, notes = _second_error(seconds)
    if "forward" not in leaf.first.exact:
        notes.append("no forward mode: a custom VJP without a plain definition")
    over = max(errors.values(), default=0.0) > TOLERANCE
    why = ""
    if over or (second is not None and second > SECOND_TOLERANCE):
        status = "over"
    elif not central.ok.any():
        status, why = "unchecked", _NOT_HELD
    else:
        status = "zero" if central.all_zero else "ok"
    return LeafReport(
        function,
        leaf.name,
        leaf.value.shape,
        len(leaf.rows.entries),
        len(leaf.rows.factors),
        errors,
        f"{worst}, {found[worst][1]}" if worst else "",
        second,
        tuple(
            leaf.row(int(i)) + (" (kink)" if central.on_kink[i] else " (rounding)")
            for i in np.flatnonzero(~central.ok)
        ),
        second_left_out,
        tuple(notes),
        status,
        why,
    )


def unchecked_leaf(
    function: str, name: str, shape: tuple[int, ...], why: str
) -> LeafReport:
    """The report of a leaf that cannot be checked."""
    return LeafReport(
        function, name, shape, 0, 0, {}, "", None, (), 0, (), "unchecked", why
    )


def over_all_points(reports: Sequence[LeafReport]) -> LeafReport:
    """One report of a leaf from those at each point, of which the first is the given.

    An error anywhere is an error. A leaf is fine if it is at one point, and nothing is
    wrong at the others; and zero only if it is at every point.
    """
    first, several = reports[0], len(reports) > 1
    worst = max(range(len(reports)), key=lambda i: reports[i].worst)
    at = f" at point {worst + 1}" if several and worst else ""
    errors: dict[str, float] = {}
    for report in reports:
        for name, error in report.errors.items():
            errors[name] = max(error, errors.get(name, 0.0))
    seconds = [report.second for report in reports if report.second is not None]
    notes = dict.fromkeys(note for report in reports for note in report.notes)
    if seconds:
        notes.pop(_SECOND_LEFT_OUT, None)
    statuses = {report.status for report in reports}
    status = next(s for s in ("over", "ok", "unchecked", "zero") if s in statuses)
    why = next((report.why for report in reports if report.why), "")
    if status == "ok" and _SECOND_LEFT_OUT in notes:
        status, why = "unchecked", f"{_NOT_HELD} at order 2"
    return first._replace(
        errors={name: errors[name] for name in METHODS if name in errors},
        worst_at=reports[worst].worst_at + at,
        second=max(seconds, default=None),
        second_left_out=sum(report.second_left_out for report in reports),
        notes=tuple(notes),
        status=status,
        why=why if status == "unchecked" else "",
        points=len(reports),
        elsewhere=tuple(
            f"{len(report.left_out)} of {report.entries + report.directions} of "
            f"{report.leaf} at point {number}"
            for number, report in enumerate(reports[1:], 2)
            if report.left_out
        ),
    )


def _second_error(
    found: Derivatives | str,
) -> tuple[float | None, int, list[str]]:
    """Worst error at order 2, number of entries left out, and notes."""
    if isinstance(found, str):
        return (np.inf if found.startswith(FAILS) else None), 0, [found]
    errors = _row_errors(found, SECOND_TOLERANCE)["central"]
    left_out = int(np.sum(errors < 0))
    if left_out == len(errors):
        return None, left_out, [_SECOND_LEFT_OUT]
    return float(np.max(errors)), left_out, []


def _row_errors(found: Derivatives, tolerance: float) -> dict[str, np.ndarray]:
    """Error of each row by each method; -1 for a row that is left out.

    Where all is zero but for rounding, errors are such that rounding passes, if it is
    more than a share of the largest entry that would pass elsewhere.
    """
    central = found.central
    judged = central.ok | ~np.isfinite(found.reverse)
    rounding = central.noise / (FLOOR * tolerance)
    rounding = np.where(central.zero, rounding, 0)
    largest = np.maximum(found.largest, rounding)
    return {
        name: np.where(judged, relative_error(found.reverse, values, largest), -1)
        for name, values in {**found.exact, "central": central.value}.items()
    }


def first_errors(
    leaf: Leaf,
    values: tuple[list[Any], list[Any]],
    given_values: tuple[list[Any], list[Any]],
) -> dict[str, tuple[float, str]]:
    """Worst error of each method at order 1, and where it is.

    Args:
      leaf: what was found.
      values: outputs of the function and of its plain definition.
      given_values: the same at the given point, to whose size errors are relative too.
    """
    central = leaf.first.central
    found = {}
    for name, row_errors in _row_errors(leaf.first, TOLERANCE).items():
        number = int(np.argmax(row_errors))
        if row_errors[number] >= 0:
            found[name] = float(row_errors[number]), leaf.row(number)
    largest = leaf.first.largest[: len(leaf.rows.entries)].max(initial=0)
    if central.all_zero:
        rounding = np.max(central.noise[central.ok]) / (FLOOR * TOLERANCE)
        largest = max(largest, rounding)
    left_out = leaf.rows.entries[~central.ok[: len(leaf.rows.entries)]]
    for name, other in (("hand", leaf.hand), ("plain", leaf.plain)):
        if other is not None:
            error = relative_error(leaf.gradient, other.ravel(), largest)
            error[left_out] = 0
            place = int(np.argmax(error))
            found[name] = float(error[place]), leaf.entry(place)
    if "plain" in found:
        for a, b, given in zip(*values, given_values[0], strict=True):
            largest = np.maximum(np.max(np.abs(a)), np.max(np.abs(given)))
            error = float(np.max(relative_error(a, b, largest)))
            found["plain"] = max(found["plain"], (error, "the value"))
    return {name: found[name] for name in METHODS if name in found}
