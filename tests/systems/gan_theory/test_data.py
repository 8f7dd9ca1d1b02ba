"""Densities against integrals along their curves, and their own samples."""

import jax
import numpy as np
import pytest
from scipy.stats import chisquare

from jaxdl.errors import InputError
from jaxdl.systems.gan_theory.data import DENSITIES, annulus, two_moons
from jaxdl.systems.gan_theory.quadrature import grid_mass, make_grid

each = pytest.mark.parametrize("name", DENSITIES)


def curve(name, num=4000):
    """Points on the noiseless curve, and the noise's deviation."""
    t = (np.arange(num) + 0.5) / num
    if name == "annulus":
        return 2 * np.stack([np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)], 1), 0.2
    upper = np.stack([np.cos(np.pi * t) - 0.5, np.sin(np.pi * t) - 0.25], 1)
    lower = np.stack([0.5 - np.cos(np.pi * t), 0.25 - np.sin(np.pi * t)], 1)
    return np.concatenate([upper, lower]), 0.15


@each
def test_density_is_the_mean_of_gaussians_along_the_curve(name):
    centres, sd = curve(name)
    rng = np.random.default_rng(0)
    x = centres[rng.integers(len(centres), size=20)] + rng.normal(size=(20, 2)) * 2 * sd
    x = np.concatenate([x, np.zeros((1, 2))])
    squares = ((x[:, None] - centres[None]) ** 2).sum(-1)
    expected = np.exp(-squares / (2 * sd**2)).mean(axis=1) / (2 * np.pi * sd**2)
    with jax.enable_x64(True):
        got = jax.jit(DENSITIES[name]().log_density)(x)
    np.testing.assert_allclose(np.exp(got), expected, rtol=1e-5)
    single = jax.jit(DENSITIES[name]().log_density)(np.float32(x))
    np.testing.assert_allclose(single, got, rtol=1e-4, atol=1e-4)


@each
def test_the_square_holds_the_density(name):
    density = DENSITIES[name]()
    with jax.enable_x64(True):
        grid = make_grid(density.half_width, 160)
        log_density = jax.jit(density.log_density)(grid.points)
        mass = grid_mass(log_density, grid.area)
    assert abs(mass - 1) < 1e-6


@each
def test_samples_follow_the_density(name):
    density, num = DENSITIES[name](), 40_000
    points = jax.jit(density.draw, static_argnums=1)(jax.random.key(0), num)
    edges = np.linspace(-density.half_width, density.half_width, 11)
    counts = np.histogram2d(*np.asarray(points).T[::-1], bins=edges)[0].ravel()
    grid = make_grid(density.half_width, 200)
    log_density = jax.jit(density.log_density)(grid.points)
    cells = np.exp(np.asarray(log_density, float)) * grid.area
    expected = cells.reshape(10, 20, 10, 20).sum(axis=(1, 3)).ravel() * num
    kept = expected > 10
    observed = np.append(counts[kept], num - counts[kept].sum())
    expected = np.append(expected[kept], num - expected[kept].sum())
    assert chisquare(observed, expected).pvalue > 1e-3


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: two_moons(0.0), "sd is 0.0"),
        (lambda: annulus(sd=-1.0), "sd is -1.0"),
        (lambda: annulus(radius=0.0), "radius is 0.0"),
    ],
)
def test_refuses(make, said):
    with pytest.raises(InputError, match=said):
        make()
