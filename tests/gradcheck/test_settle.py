"""Differences at a ladder of steps, here made up."""

import numpy as np
import pytest

from jaxdl.gradcheck.finite_difference import Difference
from jaxdl.gradcheck.settle import Settled, settle, without_claims


def settled(values, spreads, *, largest, group=(0, 0), rounding=0.0):
    """Value and spread of all rows at the steps 1, 0.1, 10, 0.01 and 0.001."""
    ladder = [1, 0.1, 10, 0.01, 0.001]
    taken = []

    def differences(h, lengths):
        taken.append(h)
        number = int(np.argmin(np.abs(np.log(h / np.array(ladder)))))
        ones = np.ones(len(group))
        return Difference(values[number] * ones, spreads[number] * ones)

    ones = np.ones(len(group))
    found = settle(
        differences,
        largest * ones,
        None,
        np.array(group),
        rounding * ones,
        [ones],
        step=1.0,
        tolerance=1e-6,
    )
    return found, taken


def test_the_first_step_that_settles_is_taken():
    found, taken = settled([5, 3, 0, 0, 0], [1, 1e-9, 0, 0, 0], largest=3.0)
    np.testing.assert_array_equal(found.value, 3)
    assert found.ok.all() and not found.zero.any()
    np.testing.assert_allclose(taken, [1, 0.1])


def test_agreement_by_chance_far_below_the_leafs_largest_entry_does_not_count():
    """A step far too long for the function, which shows next to nothing of it."""
    values, spreads = [1e-9, 3, 0, 0, 0], [1e-11, 1e-9, 0, 0, 0]
    found, _ = settled(values, spreads, largest=3.0)
    np.testing.assert_array_equal(found.value, 3)


@pytest.mark.parametrize(("spread", "on_kink"), [(1e-3, True), (1e-14, False)])
def test_what_never_settles_lies_on_a_kink_or_below_rounding(spread, on_kink):
    found, taken = settled([1e-9] * 5, [spread] * 5, largest=1e-9, rounding=1e-10)
    assert not found.ok.any() and found.on_kink.all() == on_kink and len(taken) == 5


@pytest.mark.parametrize(
    ("nearby", "least", "zero"),
    [
        ([2e-17, 0, 1e-17], 0, [True, True, True]),
        ([1.01e-17, 0, 1e-17], 0, [False, False, True]),
        ([1.01e-17, 0, 1e-17], 1e-16, [True, True, True]),
    ],
    ids=["rounding", "claim", "claim too small to matter"],
)
def test_a_gradient_that_stays_is_no_rounding(nearby, least, zero):
    """Two rows of one leaf, the second exactly 0, and one row of another, 0 here."""
    true, ones = np.ones(3, bool), np.ones(3)
    central = Settled(0 * ones, true, true, true, ones, ~true)
    found = without_claims(
        central,
        np.array([1e-17, 0, 0]),
        lambda number: np.array(nearby),
        np.array([0, 0, 1]),
        least * ones,
    )
    np.testing.assert_array_equal(found.zero, zero)
    np.testing.assert_array_equal(found.ok, zero)
    np.testing.assert_array_equal(found.on_kink, zero)
