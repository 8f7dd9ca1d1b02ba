"""Mixtures of Gaussians."""

import jax
import numpy as np
import pytest
import scipy.stats

from jaxdl.errors import InputError
from jaxdl.systems.gan_modes.data import grid, mixture, ring


def test_centres_are_the_papers():
    angles = [k * np.pi / 4 for k in range(8)]
    expected = {(round(np.cos(a), 5), round(np.sin(a), 5)) for a in angles}
    found = {tuple(np.round(row, 5) + 0.0) for row in np.asarray(ring().centres, float)}
    assert {tuple(np.float32(p)) for p in found} == {
        tuple(np.float32(p) + np.float32(0)) for p in expected
    }
    assert ring().sd == 0.01 and grid().sd == 0.05
    ticks = (-4, -2, 0, 2, 4)
    points = {tuple(map(int, row)) for row in np.asarray(grid().centres)}
    assert points == {(a, b) for a in ticks for b in ticks}


@pytest.mark.parametrize("make", [ring, grid])
def test_draws_follow_the_law(make):
    target, num = make(), 20_000
    points = np.asarray(target.draw(jax.random.key(0), num))
    centres = np.asarray(target.centres)
    nearest = ((points[:, None] - centres[None]) ** 2).sum(-1).argmin(1)
    counts = np.bincount(nearest, minlength=len(centres))
    assert scipy.stats.chisquare(counts).pvalue > 1e-3
    offsets = (points - centres[nearest]) / target.sd
    for axis in (0, 1):
        assert scipy.stats.kstest(offsets[:, axis], "norm").pvalue > 1e-3
    assert abs(np.corrcoef(offsets.T)[0, 1]) < 0.03


def test_draws_follow_the_key_and_the_checksum_the_law():
    draw = ring().draw
    first, again, other = (draw(jax.random.key(i), 5) for i in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({ring().checksum, grid().checksum}) == 2
    assert len(jax.tree.leaves(ring())) == 1
    with jax.enable_x64(True):
        assert (
            mixture(np.eye(2), 0.1, "a").checksum
            == mixture(np.eye(2), 0.1, "b").checksum
        )


@pytest.mark.parametrize("sd", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_spreads(sd):
    with pytest.raises(InputError, match=f"sd is {sd}: expected a finite number above"):
        mixture(np.eye(2), sd, "bad")


def test_no_modes():
    with pytest.raises(InputError, match="at least one mode"):
        mixture(np.zeros((0, 2)), 0.1, "empty")
