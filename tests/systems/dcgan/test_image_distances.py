"""Frechet and kernel distance, against closed forms, SciPy and loops."""

import numpy as np
import pytest
import scipy.linalg

from jaxdl.errors import InputError
from jaxdl.systems.dcgan import image_distances
from jaxdl.systems.dcgan.image_distances import frechet_distance, kernel_distance


def with_moments(rng, num, mean, covariance):
    """Rows with exactly this mean and (diagonal) covariance."""
    rows = rng.normal(size=(num, len(mean)))
    rows -= rows.mean(axis=0)
    rows = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows, rowvar=False))).T
    return rows @ np.sqrt(covariance) + mean


def test_frechet_of_diagonal_normals_is_the_closed_form():
    rng = np.random.default_rng(0)
    sds, others = np.array([1.0, 2.0, 0.5]), np.array([3.0, 2.0, 0.0])
    a = with_moments(rng, 50, np.zeros(3), np.diag(sds**2))
    b = with_moments(rng, 70, np.array([1.0, -2.0, 0.0]), np.diag(others**2))
    expected = 1 + 4 + np.sum((sds - others) ** 2)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-7)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-7)


def test_frechet_equals_sqrtm():
    rng = np.random.default_rng(1)
    a = rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5))
    b = rng.normal(1, 2, size=(60, 5)) @ rng.normal(size=(5, 5))
    root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    difference = a.mean(0) - b.mean(0)
    expected = difference @ difference + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root)
    got = frechet_distance(a.astype(np.float32), b.astype(np.float32))
    assert got == pytest.approx(expected, rel=1e-5)


def test_frechet_of_singular_covariances():
    rng = np.random.default_rng(2)
    few = rng.normal(size=(4, 30))  # of rank 3
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(few, few + 1) == pytest.approx(30)
    # All alike against standard deviation 1 along each axis.
    one = with_moments(rng, 50, np.zeros(3), np.eye(3))
    assert frechet_distance(np.ones((5, 3)), one) == pytest.approx(3 + 3)
    assert frechet_distance(np.array([[0.0], [2.0]]), np.array([[3.0], [3.0]])) == (
        pytest.approx(4 + 2)
    )


def kernel(x, y):
    return (float(np.dot(x, y)) / len(x) + 1) ** 3


def brute_force(a, b):
    n, m = len(a), len(b)
    in_a = sum(kernel(a[i], a[j]) for i in range(n) for j in range(n) if i != j)
    in_b = sum(kernel(b[i], b[j]) for i in range(m) for j in range(m) if i != j)
    across = sum(kernel(x, y) for x in a for y in b)
    return in_a / (n * (n - 1)) + in_b / (m * (m - 1)) - 2 * across / (n * m)


def jackknife(a, b):
    """Standard error from distances without each image, one by one."""
    without_a = [brute_force(np.delete(a, i, 0), b) for i in range(len(a))]
    without_b = [brute_force(a, np.delete(b, i, 0)) for i in range(len(b))]
    return sum(
        (len(each) - 1) / len(each) * np.sum((each - np.mean(each)) ** 2)
        for each in (without_a, without_b)
    ) ** (1 / 2)


def test_kernel_distance_equals_loops(monkeypatch):
    monkeypatch.setattr(image_distances, "CHUNK", 4)
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(9, 3)), rng.normal(0.5, 2, size=(7, 3))
    got = kernel_distance(a, b)
    assert got.value == pytest.approx(brute_force(a, b))
    assert got.standard_error == pytest.approx(jackknife(a, b))
    least = kernel_distance(a[:3], b[:3])
    assert least.value == pytest.approx(brute_force(a[:3], b[:3]))


def test_kernel_distance_is_unbiased_and_knows_its_error():
    rng = np.random.default_rng(4)
    equal, apart = [], []
    for _ in range(200):
        a, b = rng.normal(size=(2, 40, 4))
        equal.append(kernel_distance(a, b))
        apart.append(kernel_distance(a, b + 0.7))
    values, errors = np.array(equal).T
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(200)
    assert (values < 0).any() and errors.mean() > 0.9 * values.std()
    values, errors = np.array(apart).T
    assert values.mean() > 0.3
    assert errors.mean() == pytest.approx(values.std(), rel=0.2)


@pytest.mark.parametrize(
    "a, b, message",
    [
        ((5, 3), (5, 4), "same features"),
        ((5,), (5,), "one row for each image"),
        ((1, 3), (5, 3), "at least 2 rows"),
        ((5, 0), (5, 0), "at least one feature"),
    ],
)
def test_sets_that_do_not_fit_are_refused(a, b, message):
    with pytest.raises(InputError, match=message):
        frechet_distance(np.ones(a), np.ones(b))


def test_other_bad_sets_are_refused():
    with pytest.raises(InputError, match="at least 3 rows"):
        kernel_distance(np.ones((2, 3)), np.ones((5, 3)))
    bad = np.ones((5, 3))
    bad[1, 1] = np.nan
    for distance in (frechet_distance, kernel_distance):
        with pytest.raises(InputError, match="not finite"):
            distance(bad, np.ones((5, 3)))
