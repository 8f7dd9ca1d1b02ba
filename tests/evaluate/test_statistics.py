import json

import numpy as np
import pytest
import scipy.stats

from jaxdl.evaluate.statistics import mean_ci95, standard_error


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
