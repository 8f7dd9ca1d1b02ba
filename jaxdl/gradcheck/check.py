"""The gradient check: one function, each of its leaves, every method that applies.

Everything is compared with reverse mode, in float64 on the CPU:

- forward: forward mode, entry by entry; of a function with a custom VJP, which has
  none, that of its plain definition;
- central: differences, entry by entry;
- complex: the complex step, entry by entry, where the function is analytic;
- hand: the derivation by hand, where there is one, for all entries;
- plain: value and whole gradient of the plain definition of a custom VJP;
- at order 2, differences of the gradient along a random direction against reverse mode
  over reverse mode.
"""

from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.errors import InputError
from jaxdl.gradcheck.finite_difference import STEP
from jaxdl.gradcheck.methods import (
    FLOOR,
    Derivatives,
    Rows,
    Settled,
    choose_rows,
    first_order,
    second_order,
    whole_gradients,
)
from jaxdl.gradcheck.problem import Case, Problem, make_problem
from jaxdl.types import PRNGKey

TOLERANCE = 1e-6
"""Largest relative error at order 1."""
SECOND_TOLERANCE = 1e-6
"""Largest relative error at order 2: differences of a gradient are as exact."""
METHODS = ("forward", "central", "complex", "hand", "plain")
"""What reverse mode is compared with at order 1, in the order of the report."""

_FAILS = "order 2 fails"


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
      left_out: entries (or directions) left out of order 1, with the reason.
      second_left_out: number of entries left out of order 2.
      notes: what else there is to say.
      status: "ok"; "over", an error above its tolerance; "zero", the gradient is zero
        at every entry, as it should be: right, but little was shown; "unchecked", no
        entry could be held against differences.
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

    @property
    def worst(self) -> float:
        """Worst relative error at order 1."""
        return max(self.errors.values(), default=0.0)

    @property
    def failed(self) -> bool:
        """Whether the check of this leaf failed."""
        return self.status in ("over", "unchecked")


def check(
    function: str, case: Case, key: PRNGKey, *, step: float = STEP
) -> list[LeafReport]:
    """Check every derivative of a function at a point, leaf by leaf.

    The function is checked as <c, fn(*args)>, with a fixed random cotangent c for what
    is no scalar. An error is |a - b| / max(|a|, |b|, 1e-3 x the leaf's largest entry).

    A leaf of up to 64 entries is checked at each; a larger one at 64 of them and along
    two random directions u, which show a wrong entry wherever it is: u_j is of random
    sign and size, over max(|g_j|, 1e-2 max |g|), so that every entry of the gradient g
    weighs about the same in <g, u>, a small one too, and one that is wrong by a share
    r of itself moves the sum of n by a share of about r / sqrt(n).

    Differences are taken with the step times max(1, |entry|), then with a tenth, ten
    times, a hundredth and a thousandth of it, until those of order 8 and 6, from the
    left and from the right agree to a twentieth of the tolerance. An entry where they
    never do lies on a kink, or below rounding: it is left out and listed. Values of
    `fn` decide that, so a wrong gradient cannot excuse itself; one that is not finite
    is an error there too.

    Args:
      function: its name in the report.
      case: the function and its point.
      key: decides cotangent, entries and directions.
      step: of the differences.

    Raises:
      InputError: if the function takes or gives anything but floats.
    """
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        keys = [jax.random.fold_in(key, i) for i in range(3)]
        try:
            problem = make_problem(case, keys[0])
        except InputError as error:
            raise InputError(f"{function}: {error}") from error
        rows = choose_rows([leaf.size for leaf in problem.leaves], keys[1])
        first, gradients = first_order(problem, rows, step=step, tolerance=TOLERANCE)
        whole = whole_gradients(problem)
        leaves = [
            _Leaf(name, np.asarray(leaf), *found)
            for name, leaf, *found in zip(
                problem.names,
                problem.leaves,
                rows,
                first,
                gradients,
                whole.hand,
                whole.plain,
                strict=True,
            )
        ]
        errors = [_first_errors(leaf, whole.values) for leaf in leaves]
        wrong = [
            leaf.name
            for leaf, found in zip(leaves, errors, strict=True)
            if max((error for error, _ in found.values()), default=0.0) > TOLERANCE
        ]
        second = _try_second_order(problem, rows, gradients, keys[2], step, wrong)
    return [
        _leaf_report(function, leaf, found, seconds)
        for leaf, found, seconds in zip(leaves, errors, second, strict=True)
    ]


def _try_second_order(
    problem: Problem,
    rows: list[Rows],
    gradients: list[np.ndarray],
    key: PRNGKey,
    step: float,
    wrong: list[str],
) -> list[Derivatives] | list[str]:
    """Second derivatives of each leaf, or why there are none."""
    if wrong:  # a wrong gradient of one leaf makes mixed derivatives of others wrong
        return [f"order 2 is not checked: {wrong[0]} is wrong at order 1"] * len(rows)
    try:
        return second_order(
            problem, rows, gradients, key, step=step, tolerance=SECOND_TOLERANCE
        )
    except Exception as error:  # a backward pass can do anything
        return [f"{_FAILS}: {first_line(error)}"] * len(rows)


def relative_error(a: Any, b: Any, largest: Any) -> np.ndarray:
    """|a - b| / max(|a|, |b|, 1e-3 largest); 0 where a = b, inf if not finite."""
    a, b = np.asarray(a), np.asarray(b)
    with np.errstate(all="ignore"):
        scale = np.maximum(np.maximum(np.abs(a), np.abs(b)), FLOOR * largest)
        error = np.where(a == b, 0.0, np.abs(a - b) / scale)
    return np.where(np.isfinite(a) & np.isfinite(b), error, np.inf)


def first_line(error: BaseException) -> str:
    """The name of an exception and the first line of what it says."""
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class _Leaf(NamedTuple):
    """All that the methods found about one leaf."""

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


def _leaf_report(
    function: str,
    leaf: _Leaf,
    found: dict[str, tuple[float, str]],
    seconds: Derivatives | str,
) -> LeafReport:
    central = leaf.first.central
    errors = {name: error for name, (error, _) in found.items()}
    worst = max(errors, key=lambda name: errors[name], default=None)
    second, second_left_out, notes = _second_error(seconds)
    if "forward" not in leaf.first.exact:
        notes.append("no forward mode: a custom VJP without a plain definition")
    over = max(errors.values(), default=0.0) > TOLERANCE
    if over or (second is not None and second > SECOND_TOLERANCE):
        status = "over"
    elif not central.ok.any():
        status = "unchecked"
    else:
        status = "zero" if _is_zero(central) else "ok"
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
    )


def _second_error(
    found: Derivatives | str,
) -> tuple[float | None, int, list[str]]:
    """Worst error at order 2, number of entries left out, and notes."""
    if isinstance(found, str):
        return (np.inf if found.startswith(_FAILS) else None), 0, [found]
    errors = _row_errors(found, SECOND_TOLERANCE)["central"]
    left_out = int(np.sum(errors < 0))
    if left_out == len(errors):
        return None, left_out, ["order 2 is not checked: all entries are left out"]
    return float(np.max(errors)), left_out, []


def _is_zero(central: Settled) -> bool:
    return bool(central.ok.any() and central.zero[central.ok].all())


def _row_errors(found: Derivatives, tolerance: float) -> dict[str, np.ndarray]:
    """Error of each row by each method; -1 for a row that is left out.

    Where all is zero but for rounding, errors are such that rounding passes.
    """
    central = found.central
    judged = central.ok | ~np.isfinite(found.reverse)
    rounding = central.noise / (FLOOR * tolerance)
    largest = np.where(central.zero, rounding, found.largest)
    return {
        name: np.where(judged, relative_error(found.reverse, values, largest), -1)
        for name, values in {**found.exact, "central": central.value}.items()
    }


def _first_errors(
    leaf: _Leaf, values: tuple[list[Any], list[Any]]
) -> dict[str, tuple[float, str]]:
    """Worst error of each method at order 1, and where it is."""
    central = leaf.first.central
    found = {}
    for name, row_errors in _row_errors(leaf.first, TOLERANCE).items():
        number = int(np.argmax(row_errors))
        if row_errors[number] >= 0:
            found[name] = float(row_errors[number]), leaf.row(number)
    largest = np.max(np.abs(leaf.gradient), where=np.isfinite(leaf.gradient), initial=0)
    if _is_zero(central):
        largest = central.noise / (FLOOR * TOLERANCE)
    left_out = leaf.rows.entries[~central.ok[: len(leaf.rows.entries)]]
    for name, other in (("hand", leaf.hand), ("plain", leaf.plain)):
        if other is not None:
            error = relative_error(leaf.gradient, other.ravel(), largest)
            error[left_out] = 0
            place = int(np.argmax(error))
            found[name] = float(error[place]), leaf.entry(place)
    if "plain" in found:
        for a, b in zip(*values, strict=True):
            error = float(np.max(relative_error(a, b, np.max(np.abs(a)))))
            found["plain"] = max(found["plain"], (error, "the value"))
    return {name: found[name] for name in METHODS if name in found}
