"""Differences at a ladder of steps, until they settle."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from jaxdl.gradcheck.finite_difference import Difference

FLOOR = 1e-3
"""Share of a leaf's largest entry below which errors are relative to that share."""
ROUNDING = 1e-13
"""Rounding of a central difference, relative to the values over the step: 450 eps."""
LEAST_ROUNDING = 1e-15
"""Rounding of the value itself, relative to it: 4.5 eps."""
SPREAD = 0.05
"""Largest spread of settled differences, relative to the tolerance: with kinks on both
sides the spread can miss a part of them."""

_LADDER = (1, 0.1, 10, 0.01, 0.001)  # of the step, until differences settle
_NUM_NEARBY = 8
_OWN_LADDER = (1, 0.1, 10)  # the same, where the step is in the leaf's own size


class Settled(NamedTuple):
    """Differences that may have settled, one for each row of a leaf.

    Attributes:
      value: the central differences.
      ok: whether they settled.
      on_kink: where they did not, whether by more than rounding makes.
      zero: whether value and spread are mere rounding of a difference, and the leaf's
        largest entry in reverse mode is as small beside the function's value.
      noise: what rounding makes of a difference at the step taken.
      own: whether they settled with a step in the leaf's own size, other than 1.
    """

    value: np.ndarray
    ok: np.ndarray
    on_kink: np.ndarray
    zero: np.ndarray
    noise: np.ndarray
    own: np.ndarray

    @property
    def all_zero(self) -> bool:
        """Whether every row that settled is zero."""
        return bool(self.ok.any() and self.zero[self.ok].all())

    def where(self, rows: np.ndarray, other: "Settled") -> "Settled":
        """These rows, and the others from another."""
        pairs = zip(self, other, strict=True)
        return Settled(*(np.where(rows, a, b) for a, b in pairs))

    def part(self, start: int, end: int) -> "Settled":
        """Some of the rows."""
        return Settled(*(values[start:end] for values in self))


def settle(
    differences: Callable[[float, np.ndarray], Difference],
    largest: np.ndarray,
    reference: np.ndarray | None,
    group: np.ndarray,
    rounding: np.ndarray,
    lengths: Sequence[np.ndarray],
    *,
    step: float,
    tolerance: float,
) -> Settled:
    """Differences, each at the first step of the ladder at which it settles.

    Stencils agree by chance where a step moves the value by less than it is rounded by,
    so they count only if rounding leaves room for the tolerance. They agree to a small
    share of a leaf's largest entry by chance too, where the step is far too long for
    the function: so that entry counts as no larger than the differences make it.

    Args:
      differences: at a step times one length a row.
      largest: of the leaf's entries in reverse mode, for each row.
      reference: the same at the given point, if this is another.
      group: a number for each row, the same for all entries of a leaf.
      rounding: of a difference, times step and length, for each row.
      lengths: of a step, for each row: those in the leaf's own size, if that is another
        than about 1, and those of size 1, for which a function that changes slowly
        leaves less rounding. In this order, for steps that are far too long can show
        the slow beat of a fast oscillation.
      step: where the ladder begins.
      tolerance: of the comparison to come.
    """
    value, zero = np.zeros_like(largest), np.zeros(largest.shape, bool)
    ok, own, on_kink, noise = zero, zero, ~zero, rounding
    least = rounding * LEAST_ROUNDING / ROUNDING
    longest = np.max(lengths, axis=0)
    # Stays true while every difference so far is within rounding.
    can_be_zero = largest * longest <= rounding
    for h, length, in_own_size in _steps(step, lengths):
        new_value, spread = differences(h, length)
        new_noise = rounding / (h * length)
        can_be_zero &= np.maximum(np.abs(new_value), spread) <= new_noise
        found = _largest_of_group(np.abs(new_value), group)
        floor = np.minimum(largest, found)
        floor = floor if reference is None else np.maximum(floor, reference)
        scale = np.maximum(np.abs(new_value), FLOOR * floor)
        settled = spread <= SPREAD * tolerance * scale
        settled &= least / (h * length) <= tolerance * scale
        take = ~ok & (settled | (can_be_zero & (length == longest)))
        value = np.where(take, new_value, value)
        zero = np.where(take, can_be_zero, zero)
        noise = np.where(ok, noise, new_noise)
        own = np.where(take, in_own_size, own)
        ok = ok | take
        if not in_own_size:
            on_kink &= (spread > new_noise) | (h < step)
        if ok.all():
            break
    return Settled(value, ok, ~ok & on_kink, zero, noise, own)


def without_claims(
    central: Settled,
    reverse: np.ndarray,
    nearby: Callable[[int], np.ndarray],
    leaf: np.ndarray,
    least: np.ndarray,
) -> Settled:
    """Differences without leaves whose gradient only looks like zero.

    A gradient of 1e-9 beside a value of 1e9 is lost in the value's rounding, right or
    wrong, as is the rounding of terms that cancel. But that rounding changes with the
    last digits of the point, as no gradient does: a leaf that keeps its numbers claims
    a gradient that differences cannot show, and none of its rows has settled.

    Args:
      central: what settled.
      reverse: derivatives in reverse mode, for each row.
      nearby: the same beside the point, somewhere else for each number.
      leaf: a number for each row, the same for all rows of a leaf.
      least: size up to which a claim does not matter, for each row.
    """
    claimed = _largest_of_group(np.abs(reverse), leaf)
    claims = central.zero & (claimed > least)
    for number in range(_NUM_NEARBY):
        if not claims.any():
            return central
        change = _largest_of_group(np.abs(nearby(number) - reverse), leaf)
        claims = claims & (change <= 0.1 * claimed)
    kept = ~claims
    return central._replace(
        ok=central.ok & kept, on_kink=central.on_kink & kept, zero=central.zero & kept
    )


def _steps(
    step: float, lengths: Sequence[np.ndarray]
) -> Iterator[tuple[float, np.ndarray, bool]]:
    """Steps and lengths, and whether these are in the leaf's own size."""
    *own, ones = lengths
    for length in own:
        yield from ((step * factor, length, True) for factor in _OWN_LADDER)
    yield from ((step * factor, ones, False) for factor in _LADDER)


def _largest_of_group(sizes: np.ndarray, group: np.ndarray) -> np.ndarray:
    """The largest finite size among the rows of each row's group."""
    names, place = np.unique(group, return_inverse=True)
    largest = np.zeros(len(names))
    np.maximum.at(largest, place, np.where(np.isfinite(sizes), sizes, 0))
    return largest[place]
