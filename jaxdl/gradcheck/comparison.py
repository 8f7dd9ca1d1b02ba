"""The gradient check: one function, each of its leaves, every method that applies.

Everything is compared with reverse mode, in float64 on the CPU, at the given point and
at further ones (`points`):

- forward: forward mode, entry by entry; of a function with a custom VJP, which has
  none, that of its plain definition;
- central: differences, entry by entry;
- complex: the complex step, entry by entry, where the function is analytic;
- hand: the derivation by hand, where there is one, for all entries;
- plain: value and whole gradient of the plain definition of a custom VJP;
- at order 2, differences of the gradient along a random direction against reverse mode
  over reverse mode.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from jaxdl.errors import InputError
from jaxdl.gradcheck.branches import Branch, find_branches
from jaxdl.gradcheck.finite_difference import STEP
from jaxdl.gradcheck.judge import (
    FAILS,
    SECOND_TOLERANCE,
    TOLERANCE,
    Leaf,
    LeafReport,
    first_errors,
    judge_leaf,
    over_all_points,
    unchecked_leaf,
)
from jaxdl.gradcheck.methods import (
    Derivatives,
    FirstOrder,
    Rows,
    Whole,
    choose_rows,
    make_first_order,
    make_second_order,
    make_whole_gradients,
)
from jaxdl.gradcheck.points import further_points
from jaxdl.gradcheck.precision import why_narrow
from jaxdl.gradcheck.problem import Case, Problem, make_problem
from jaxdl.types import PRNGKey


def check(
    function: str,
    case: Case,
    key: PRNGKey,
    *,
    step: float = STEP,
    branches_wanted: bool = False,
) -> list[LeafReport]:
    """Check every derivative of a function, leaf by leaf.

    The function is checked as <c, fn(*args)>, with a fixed random cotangent c for what
    is no scalar. An error is |a - b| / max(|a|, |b|, 1e-3 x the leaf's largest entry).
    It is checked at the case's point and at further ones, drawn around zero five times
    as wide (`points`); a further point where the function is not finite is left out,
    with a note. A leaf is reported with its worst error over all points.

    A leaf of up to 64 entries is checked at each; a larger one at 64 of them and along
    two random directions u, which show a wrong entry wherever it is: u_j is of random
    sign and size, over max(|g_j|, 1e-2 max |g|), so that every entry of the gradient g
    weighs about the same in <g, u>, a small one too, and one that is wrong by a share
    r of itself moves the sum of n by a share of about r / sqrt(n).

    Differences are taken with the step times max(1, |entry|), then with a tenth, ten
    times, a hundredth and a thousandth of it, until those of order 8 and 6, from the
    left and from the right agree to a twentieth of the tolerance. Where the leaf's root
    mean square s is below 0.1 or above 10, the step times max(s, |entry|) comes first.
    An entry where they never agree lies on a kink, or below rounding: it is left out
    and listed. Values of `fn` decide that, so a wrong gradient cannot excuse itself;
    one that is not finite is an error there too.

    Differences need float64. Where the function passes a leaf through narrower floats,
    as its jaxpr shows, that leaf is unchecked, which is a failure.

    Args:
      function: its name in the report.
      case: the function and its point.
      key: decides cotangent, further points, entries and directions.
      step: of the differences.
      branches_wanted: report the function's branches too (`branches`).

    Raises:
      InputError: if the function takes or gives anything but floats.
    """
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        keys = [jax.random.fold_in(key, i) for i in range(4)]
        try:
            problem = make_problem(case, keys[0])
        except InputError as error:
            raise InputError(f"{function}: {error}") from error
        narrow = why_narrow(problem)
        if all(narrow):
            return [
                unchecked_leaf(function, name, leaf.shape, why)
                for name, leaf, why in zip(
                    problem.names, problem.leaves, narrow, strict=True
                )
            ]
        points = [problem.leaves, *further_points(problem, keys[3])]
        methods = _Methods(
            make_first_order(problem, step=step, tolerance=TOLERANCE),
            make_whole_gradients(problem),
            make_second_order(problem, keys[2], step=step, tolerance=SECOND_TOLERANCE),
        )
        found: list[_Found] = []
        for number, leaves in enumerate(points):
            rows_key = jax.random.fold_in(keys[1], number)
            rows = choose_rows([leaf.size for leaf in leaves], rows_key)
            given = found[0] if found else None
            at = _at_point(function, problem, methods, leaves, rows, narrow, given)
            if at.first.finite or not found:
                found.append(at)
        branches = find_branches(problem, points) if branches_wanted else ()
    missing = len(points) - len(found)
    return [
        _whole_report(reports, why, missing, branches)
        for *reports, why in zip(*(at.reports for at in found), narrow, strict=True)
    ]


class _Methods(NamedTuple):
    """Compiled for all points."""

    first: Callable[..., FirstOrder]
    whole: Callable[[list[jax.Array]], Whole]
    second: Callable[..., list[Derivatives]]


class _Found(NamedTuple):
    """Findings at one point."""

    reports: list[LeafReport]
    first: FirstOrder
    whole: Whole | None
    second: list[Derivatives] | None
    why_no_second: str = ""


def _at_point(
    function: str,
    problem: Problem,
    methods: _Methods,
    leaves: list[jax.Array],
    rows: list[Rows],
    narrow: list[str],
    given: _Found | None,
) -> _Found:
    """Findings at one point; `given` are those at the given one, if it is another."""
    first = methods.first(leaves, rows, given and given.first)
    if given and not first.finite:
        return _Found([], first, None, None)
    whole = methods.whole(leaves)
    parts = [
        Leaf(name, np.asarray(leaf), *found)
        for name, leaf, *found in zip(
            problem.names,
            leaves,
            rows,
            first.found,
            first.gradients,
            whole.hand,
            whole.plain,
            strict=True,
        )
    ]
    given_values = (given and given.whole or whole).values
    errors = [first_errors(leaf, whole.values, given_values) for leaf in parts]
    wrong = [
        leaf.name
        for leaf, found, why in zip(parts, errors, narrow, strict=True)
        if not why and max((e for e, _ in found.values()), default=0.0) > TOLERANCE
    ]
    second, said = None, ""
    if given and given.why_no_second:
        said = given.why_no_second
    elif wrong:  # a wrong gradient of one leaf makes mixed derivatives of others wrong
        said = f"order 2 is not checked: {wrong[0]} is wrong at order 1"
    else:
        moving = [not why for why in narrow]
        try:
            second = methods.second(leaves, rows, first, moving, given and given.second)
        except Exception as error:  # a backward pass can do anything
            said = f"{FAILS}: {first_line(error)}"
    reports = [
        judge_leaf(function, leaf, found, seconds)
        for leaf, found, seconds in zip(
            parts, errors, second or [said] * len(parts), strict=True
        )
    ]
    return _Found(reports, first, whole, second, said)


def _whole_report(
    reports: list[LeafReport], narrow: str, missing: int, branches: tuple[Branch, ...]
) -> LeafReport:
    """The report of a leaf over all points."""
    whole = over_all_points(reports)
    if narrow:
        whole = unchecked_leaf(whole.function, whole.leaf, whole.shape, narrow)
    if missing:
        said = f"not finite at {missing} of {missing + len(reports)} points: left out"
        whole = whole._replace(notes=(*whole.notes, said))
    return whole._replace(branches=branches)


def first_line(error: BaseException) -> str:
    """The name of an exception and the first line of what it says."""
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
