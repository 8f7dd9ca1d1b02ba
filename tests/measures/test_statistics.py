import json

import numpy as np
import pytest
import scipy.stats

from jaxdl.measures.statistics import mean_ci95, standard_error, welch_ci95, wilson_ci95


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
    ("successes", "trials"), [(-1, 5), (6, 5), (0, 0), (1, 0), (-2, -1), (0, -3)]
)
def test_wilson_refuses(successes, trials):
    with pytest.raises(ValueError, match=f"{successes} successes in {trials} trials"):
        wilson_ci95(successes, trials)


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
