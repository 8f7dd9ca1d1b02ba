"""Precision, recall and class coverage, against loops and by hand."""

import math

import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.systems.dcgan import precision_recall as module
from jaxdl.systems.dcgan.precision_recall import class_coverage, precision_recall


def share_inside(points, manifold, k):
    """Share of points within a k-nearest-neighbour ball of the manifold's points."""
    radii = []
    for i, centre in enumerate(manifold):
        others = [math.dist(centre, x) for j, x in enumerate(manifold) if j != i]
        radii.append(sorted(others)[k - 1])
    inside = [
        any(math.dist(x, c) <= r for c, r in zip(manifold, radii, strict=True))
        for x in points
    ]
    return np.mean(inside)


@pytest.mark.parametrize("k", [1, 3, 4])
def test_equals_loops(k, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)
    rng = np.random.default_rng(k)
    real, fake = rng.normal(5, 1, (30, 3)), rng.normal(5.5, 1.3, (26, 3))
    got = precision_recall(real, fake, k=k)
    expected = share_inside(fake, real, k), share_inside(real, fake, k)
    assert 0.1 < expected[0] != expected[1] and got == pytest.approx(expected)


@pytest.mark.parametrize("far", [0, 1e7])
def test_offsets_cost_no_digits(far):
    """Far from 0, and with images of each set in two heaps far from each other."""
    rng = np.random.default_rng(0)
    steps = rng.integers(-512, 512, (2, 40, 3)) / 1024  # exact beside 1e7
    real, fake = steps + np.where(np.arange(40) < 20, far, -far)[None, :, None]
    got = precision_recall(real + 3 * far, fake + 3 * far)
    expected = share_inside(fake, real, 3), share_inside(real, fake, 3)
    assert 0.3 < expected[0] < 1 and got == pytest.approx(expected)


def test_by_hand():
    # Balls around 0, 1 and 3 with radii 1, 1 and 2 cover [-1, 5].
    real = np.array([[0.0], [1.0], [3.0]])
    fake = np.array([[-2.0], [5.0], [5.5], [6.0]])  # with radii 7, .5, .5, .5
    assert precision_recall(real, fake, k=1) == (0.25, 1.0)


def test_extremes():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(50, 2))
    assert precision_recall(real, real) == (1.0, 1.0)
    assert precision_recall(real, real + 100) == (0.0, 0.0)
    one_image = np.tile(real[:1], (50, 1))  # a generator that gives one good image
    assert precision_recall(real, one_image) == (1.0, 1 / 50)


def test_bad_neighbours_are_refused():
    with pytest.raises(InputError, match="at least 4 rows"):
        precision_recall(np.ones((9, 2)), np.ones((3, 2)))
    with pytest.raises(InputError, match="k is 0"):
        precision_recall(np.ones((9, 2)), np.ones((9, 2)), k=0)


def test_coverage_by_hand():
    # Of 8 images 5, 2, 1 and 0 are of the four classes.
    logits = 3 * np.eye(4)[[0, 0, 0, 0, 0, 1, 1, 2]]
    got = class_coverage(logits)
    np.testing.assert_array_equal(got.shares, [5 / 8, 2 / 8, 1 / 8, 0])
    assert got.covered == 3 and got.total_variation == 3 / 8
    expected = -sum(p * math.log(p) for p in (5 / 8, 2 / 8, 1 / 8))
    assert got.entropy == pytest.approx(expected)
    # A quarter of 0.5 is exactly the third class's share.
    assert class_coverage(logits, [0.1, 0.2, 0.5, 0.2]).covered == 3
    assert class_coverage(logits, [0.1, 0.19, 0.52, 0.19]).covered == 2
    assert class_coverage(logits, [0.5, 0.5, 0.0, 0.0]).covered == 2


def test_coverage_extremes():
    even = class_coverage(np.eye(10))
    assert (even.covered, even.total_variation) == (10, 0)
    assert even.entropy == pytest.approx(math.log(10))
    one = class_coverage(np.eye(10)[[3, 3]])
    assert (one.covered, one.entropy) == (1, 0)
    assert one.total_variation == pytest.approx(0.9)


@pytest.mark.parametrize("shares", [[1.0], [0.5, 0.6], [-0.5, 1.5], [math.nan, 1.0]])
def test_bad_shares_are_refused(shares):
    with pytest.raises(InputError, match="expected 2 numbers from 0 to 1 with sum 1"):
        class_coverage(np.eye(2), shares)
