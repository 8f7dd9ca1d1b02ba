"""Masses and divergences on grids against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.ops import gaussian_kl, gaussian_log_density, js_divergence, kl_divergence
from jaxdl.systems.gan_theory.quadrature import (
    grid_log_probabilities,
    grid_mass,
    make_grid,
)

MEANS = np.array([0.3, -0.2]), np.array([-0.5, 0.4])
log_density = jax.jit(gaussian_log_density)
COVS = np.array([[1.0, 0.3], [0.3, 0.8]]), np.array([[0.6, -0.1], [-0.1, 1.2]])


def densities(grid):
    return [log_density(grid.points, *pair) for pair in zip(MEANS, COVS, strict=True)]


def test_grid():
    grid = make_grid(2.0, 4)
    np.testing.assert_allclose(grid.points[0], [-1.5, -1.5])
    np.testing.assert_allclose(grid.points[1], [-0.5, -1.5])
    assert grid.area == 1.0 and grid.points.shape == (16, 2)
    with pytest.raises(InputError, match="half width 0"):
        make_grid(0.0, 4)


def test_kl_equals_closed_form_and_js_samples():
    with jax.enable_x64(True):
        grid = make_grid(9.0, 120)
        logs = densities(grid)
        np.testing.assert_allclose(
            [grid_mass(x, grid.area) for x in logs], 1, rtol=1e-12
        )
        cells = [grid_log_probabilities(x, grid.area) for x in logs]
        kl = jax.jit(kl_divergence)(*cells)
        js = float(jax.jit(js_divergence)(*cells))
        args = [x for pair in zip(MEANS, COVS, strict=True) for x in pair]
        np.testing.assert_allclose(kl, jax.jit(gaussian_kl)(*args), rtol=1e-12)
    rng = np.random.default_rng(0)
    x = rng.multivariate_normal(MEANS[0], COVS[0], size=100_000)
    y = rng.multivariate_normal(MEANS[1], COVS[1], size=100_000)
    total = 0.0
    for points, own in ((x, 0), (y, 1)):
        logs = [
            np.asarray(log_density(points, *pair))
            for pair in zip(MEANS, COVS, strict=True)
        ]
        total += float(np.mean(logs[own] - np.logaddexp(*logs)) + np.log(2)) / 2
    assert abs(total - js) < 4 * 0.5 / np.sqrt(100_000)


def test_refuses_a_density_that_is_not_on_the_grid():
    narrow = make_grid(1.0, 50)
    with pytest.raises(InputError, match=r"the grid misses 51.4 %"):
        grid_log_probabilities(densities(narrow)[0], narrow.area)
    coarse = make_grid(9.0, 2)
    sharp = jnp.zeros(4)
    with pytest.raises(InputError, match="take smaller cells"):
        grid_log_probabilities(sharp, coarse.area)
    any_mass = grid_log_probabilities(sharp, coarse.area, tolerance=None)
    np.testing.assert_allclose(any_mass, np.log(0.25), rtol=1e-6)
