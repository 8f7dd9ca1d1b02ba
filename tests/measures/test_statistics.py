import inspect
import json
import math

import numpy as np
import pytest
import scipy.stats

from jaxdl.measures.statistics import (
    bounded_ci95,
    far_off,
    mean_ci95,
    standard_error,
    welch_ci95,
    wilson_ci95,
)


@pytest.mark.parametrize("num", [2, 3, 10, 200])
def test_equals_scipy(num):
    values = np.random.default_rng(num).normal(225, 2, num)
    mean, low, high = mean_ci95(values)
    error = scipy.stats.sem(values)
    expected = scipy.stats.t.interval(0.95, num - 1, loc=values.mean(), scale=error)
    np.testing.assert_allclose(standard_error(values), error, rtol=1e-12)
    np.testing.assert_allclose(mean, values.mean(), rtol=1e-12)
    np.testing.assert_allclose((low, high), expected, rtol=1e-9)


def test_by_hand():
    # s = 1, n = 3; the table of t has 4.303 for two degrees of freedom.
    mean, low, high = mean_ci95([1, 2, 3])
    assert mean == 2
    np.testing.assert_allclose(high - 2, 4.303 / np.sqrt(3), atol=1e-3)
    np.testing.assert_allclose(2 - low, 4.303 / np.sqrt(3), atol=1e-3)
    np.testing.assert_allclose(standard_error([1, 2, 3]), 1 / np.sqrt(3))


def test_one_value_has_no_interval():
    assert mean_ci95([0.25]) == (0.25, None, None)
    assert standard_error([0.25]) is None


@pytest.mark.parametrize("value", [0.1, 0.0, -1e30, 1 / 3])
@pytest.mark.parametrize("num", [2, 3, 7])
def test_equal_values_have_an_interval_of_length_zero(value, num):
    assert mean_ci95([value] * num) == (value, value, value)


@pytest.mark.parametrize("values", [[0.25], [1, 2], np.float32([1, 2, 4])])
def test_result_is_fit_for_json(values):
    assert json.loads(json.dumps(mean_ci95(values))) == list(mean_ci95(values))


@pytest.mark.parametrize("f", [mean_ci95, standard_error])
@pytest.mark.parametrize(
    "values",
    [[], [1.0, np.nan], [np.nan], [np.inf, 1.0], np.ones((2, 2))],
    ids=["empty", "nan", "one_nan", "infinite", "matrix"],
)
def test_refuses(f, values):
    with pytest.raises(ValueError):
        f(values)


def test_interval_covers_the_mean_in_95_percent():
    rng = np.random.default_rng(0)
    intervals = [mean_ci95(rng.normal(3, 2, 4))[1:] for _ in range(4000)]
    covered = np.mean([low < 3 < high for low, high in intervals])
    # Standard error 0.0034; with n instead of n - 1, or 1.96 for t, it is far below.
    np.testing.assert_allclose(covered, 0.95, atol=0.012)


WILSON = [(0, 1), (1, 1), (0, 7), (7, 7), (1, 7), (3, 10), (50, 99), (7031, 10_000)]
WILSON += [(0, 10_000), (1, 10_000), (10_000, 10_000)]


@pytest.mark.parametrize(("successes", "trials"), WILSON)
def test_wilson_equals_scipy(successes, trials):
    share, low, high = wilson_ci95(successes, trials)
    test = scipy.stats.binomtest(successes, trials)
    expected = test.proportion_ci(0.95, method="wilson")
    assert share == successes / trials
    np.testing.assert_allclose((low, high), expected, rtol=1e-12, atol=1e-15)


def test_wilson_at_the_ends():
    """Exactly 0 and 1 on one side; on the other z^2 / (n + z^2) away, z^2 = 3.8415."""
    for trials in range(1, 200):
        share, low, high = wilson_ci95(0, trials)
        assert share == low == 0 < high < 1
        np.testing.assert_allclose(high, 3.8415 / (trials + 3.8415), rtol=1e-4)
        assert wilson_ci95(trials, trials) == (1, pytest.approx(1 - high, abs=1e-12), 1)


@pytest.mark.parametrize("trials", [1, 2, 9, 40])
def test_wilson_solves_the_score_equation(trials):
    """(p - q)^2 = z^2 q (1 - q) / n at both ends q, and p lies between."""
    for successes in range(trials + 1):
        share, *ends = wilson_ci95(successes, trials)
        assert ends[0] <= share <= ends[1]
        for q in ends:
            np.testing.assert_allclose(
                (share - q) ** 2, 3.841458820694124 * q * (1 - q) / trials, atol=1e-14
            )


def test_wilson_is_fit_for_json():
    found = wilson_ci95(np.int64(3), np.int32(10))
    assert json.loads(json.dumps(found)) == list(found)


@pytest.mark.parametrize(
    ("successes", "trials"),
    [(-1, 5), (6, 5), (0, 0), (1, 0), (-2, -1), (0, -3), (2.5, 10), (2, 9.5)]
    + [(math.nan, 5), (0, math.inf), (0, math.nan)],
)
def test_wilson_refuses(successes, trials):
    said = f"{successes} successes in {trials} trials are not counts"
    with pytest.raises(ValueError, match=said):
        inspect.unwrap(wilson_ci95)(successes, trials)  # without the type checker


def test_wilson_takes_whole_numbers_of_any_type():
    expected = wilson_ci95(3, 10)
    assert inspect.unwrap(wilson_ci95)(3.0, np.float32(10)) == expected


@pytest.mark.parametrize("nums", [(2, 2), (10, 10), (3, 40)])
def test_welch_equals_scipy(nums):
    rng = np.random.default_rng(0)
    x, y = rng.normal(24, 0.5, nums[0]), rng.normal(17, 3, nums[1])
    expected = scipy.stats.ttest_ind(x, y, equal_var=False)
    interval = expected.confidence_interval(0.95)
    got = welch_ci95(x, y)
    np.testing.assert_allclose(got[0], x.mean() - y.mean(), rtol=1e-12)
    np.testing.assert_allclose(got[1:], (interval.low, interval.high), rtol=1e-9)
    turned = welch_ci95(y, x)
    np.testing.assert_allclose(turned, (-got[0], -got[2], -got[1]), rtol=1e-12)


def test_welch_edges():
    assert welch_ci95([3.0, 3.0], [1.0, 1.0, 1.0]) == (2.0, 2.0, 2.0)
    assert welch_ci95([3.0], [1.0, 2.0]) == (1.5, None, None)
    # One side without spread: Student's t of the other.
    _, low, high = welch_ci95([1.0, 2.0, 3.0], [5.0, 5.0])
    np.testing.assert_allclose((low + 5, high + 5), mean_ci95([1, 2, 3])[1:])
    with pytest.raises(ValueError, match="finite"):
        welch_ci95([1.0, np.nan], [1.0, 2.0])


@pytest.mark.parametrize("bounds", [(0, 100), (-3, 5), (0, 1e9)], ids=str)
def test_bounded_solves_the_logit_equation(bounds):
    """The ends lie t standard errors away on the logit scale, slope at the mean."""
    least, largest = bounds
    values = least + (largest - least) * np.array([0.02, 0.3, 0.11, 0.0])
    mean, low, high = bounded_ci95(values, *bounds)

    def logit(x):
        return scipy.special.logit((x - least) / (largest - least))

    step = 1e-6 * (largest - least)
    slope = (logit(mean + step) - logit(mean - step)) / (2 * step)
    half = scipy.stats.t.ppf(0.975, 3) * scipy.stats.sem(values) * slope
    assert mean == pytest.approx(values.mean(), rel=1e-12)
    assert logit(low) == pytest.approx(logit(mean) - half, rel=1e-6)
    assert logit(high) == pytest.approx(logit(mean) + half, rel=1e-6)


def test_bounded_by_hand():
    # The mean 1/2 with s = 0.1 * sqrt(2), n = 2: se 0.1, t 12.706, slope 4.
    half = 12.706 * 0.1 * 4
    expected = 0.5, 1 / (1 + np.exp(half)), 1 / (1 + np.exp(-half))
    np.testing.assert_allclose(bounded_ci95([0.4, 0.6], 0, 1), expected, rtol=1e-3)


def test_one_bound_is_the_log_scale():
    values = np.array([2.0, 5.0, 3.0])
    half = scipy.stats.t.ppf(0.975, 2) * scipy.stats.sem(values) / values.mean()
    ends = values.mean() * np.exp([-half, half])
    mean, low, high = bounded_ci95(values, 0, None)
    np.testing.assert_allclose((mean, low, high), (values.mean(), *ends))
    turned = bounded_ci95(-values, None, 0)
    np.testing.assert_allclose(turned, (-mean, -high, -low))


def test_far_bounds_give_student_s_interval():
    values = np.random.default_rng(0).normal(3, 1, 5)
    assert bounded_ci95(values, None, None) == mean_ci95(values)
    far = bounded_ci95(values, -1e7, 1e7)
    np.testing.assert_allclose(far, mean_ci95(values), rtol=1e-5)


def test_bounded_stays_within_its_bounds_and_holds_the_mean():
    rng = np.random.default_rng(1)
    for _ in range(300):
        values = rng.choice([0.0, 1.0, rng.random(), 1e-12], rng.integers(2, 11))
        mean, low, high = bounded_ci95(values, 0, 1)
        assert 0 <= low <= mean <= high <= 1
        turned = bounded_ci95(1 - values, 0, 1)
        np.testing.assert_allclose(turned, (1 - mean, 1 - high, 1 - low), atol=1e-12)


@pytest.mark.parametrize(("value", "bounds"), [(0.0, (0, 1)), (8.0, (0, 8))])
def test_bounded_edges(value, bounds):
    assert bounded_ci95([value] * 3, *bounds) == (value, value, value)
    assert bounded_ci95([value], *bounds) == (value, None, None)
    json.dumps(bounded_ci95([value, 0.5], *bounds), allow_nan=False)


def test_bounded_refuses_values_outside():
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\].* to 1.5"):
        bounded_ci95([0.5, 1.5], 0, 1)
    with pytest.raises(ValueError, match="must lie in"):
        bounded_ci95([-0.5], 0, None)


@pytest.mark.parametrize("a", [2, 8], ids=["near the bound", "far from it"])
def test_bounded_covers_the_mean_in_95_percent(a):
    """Shares of five seeds from a beta distribution with mean a / (a + 8)."""
    values = np.random.default_rng(2).beta(a, 8, (4_000, 5))
    ends = np.array([bounded_ci95(row, 0, 1)[1:] for row in values])
    covered = np.mean((ends[:, 0] <= a / (a + 8)) & (a / (a + 8) <= ends[:, 1]))
    assert 0.94 < covered < 0.985


def test_the_value_far_off():
    assert far_off([19.0, 6.7, 6.4]) == 0
    assert far_off([6.4, 6.7, -3.0, 6.5]) == 2
    assert far_off([3.158, 3.158, 3.136]) is None  # far in ranges, but all agree
    assert far_off([1.0, 2.0, 9.0]) is None  # nine is seven ranges away
    assert far_off([5.0, 5.0, 1.0, 1.0]) is None
    assert far_off([1.0, 100.0]) is None
    assert far_off([0.0, 0.0, 0.0]) is None
    with pytest.raises(ValueError):
        far_off([1.0, np.nan, 2.0])
