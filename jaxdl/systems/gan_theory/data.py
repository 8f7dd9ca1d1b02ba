"""Distributions in the plane that are known exactly: to draw from, and as a density.

Both are curves with isotropic Gaussian noise added, so the density is the integral of a
Gaussian along the curve.
"""

import dataclasses
import functools
import hashlib
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.types import PRNGKey


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=[],
    meta_fields=["name", "checksum", "half_width", "draw", "log_density"],
)
@dataclasses.dataclass(frozen=True)
class Density:
    """A distribution in the plane; a pytree without leaves, fit as data of the runner.

    Attributes:
      name: of the distribution.
      checksum: sha256, in hex, over name and parameters.
      half_width: the square [-half_width, half_width]^2 holds all mass but 1e-6.
      draw: `draw(key, num)` gives independent points [num 2].
      log_density: maps points [*batch 2] to log-densities [*batch], in nats.
    """

    name: str
    checksum: str
    half_width: float
    draw: Callable[[PRNGKey, int], Float[Array, "num 2"]]
    log_density: Callable[[Float[Array, "*batch 2"]], Float[Array, "*batch"]]


@functools.cache
def two_moons(sd: float = 0.15) -> Density:
    """Two interleaved half circles of radius 1, with noise.

    The arcs are (cos t, sin t) and (1 - cos t, 1/2 - sin t), t uniform in [0, pi],
    shifted by (-1/2, -1/4) to the middle. p(x) = 1/2 sum_arcs 1/pi int N(x; arc(t),
    sd^2 I) dt, by Gauss-Legendre quadrature with spacing well below sd.

    Args:
      sd: standard deviation of the noise along each axis.

    Raises:
      InputError: if it is not above 0.
    """
    _check_sd(sd)
    nodes, weights = np.polynomial.legendre.leggauss(32 + math.ceil(10 / sd))
    t = (nodes + 1) * np.pi / 2
    centres = np.concatenate([_upper_arc(t), -_upper_arc(t)])
    log_weights = np.log(np.tile(weights, 2) / 4)

    def draw(key, num):
        side_key, angle_key, noise_key = jax.random.split(key, 3)
        angles = jax.random.uniform(angle_key, (num,), maxval=np.pi)
        upper = jax.random.bernoulli(side_key, shape=(num, 1))
        arc = jnp.stack([jnp.cos(angles) - 0.5, jnp.sin(angles) - 0.25], axis=1)
        points = jnp.where(upper, arc, -arc)
        return points + sd * jax.random.normal(noise_key, (num, 2))

    def log_density(x):
        at = jnp.asarray(centres, x.dtype).reshape((1,) * (x.ndim - 1) + (-1, 2))
        squares = jnp.sum((x[..., None, :] - at) ** 2, axis=-1)
        added = jnp.asarray(log_weights, x.dtype).reshape((1,) * (x.ndim - 1) + (-1,))
        log_normal = -squares / (2 * sd * sd) - math.log(2 * math.pi * sd * sd)
        return jax.nn.logsumexp(log_normal + added, axis=-1)

    return _density("two_moons", (sd,), 1.5 + 6 * sd, draw, log_density)


def _upper_arc(t: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(t) - 0.5, np.sin(t) - 0.25], axis=1)


@functools.cache
def annulus(radius: float = 2.0, sd: float = 0.2) -> Density:
    """A circle with noise.

    p(x) = exp(-(r^2 + R^2) / (2 sd^2)) I_0(r R / sd^2) / (2 pi sd^2), r = ||x||.

    Args:
      radius: R, of the circle around the origin.
      sd: standard deviation of the noise along each axis.

    Raises:
      InputError: if one of them is not above 0.
    """
    _check_sd(sd)
    if not (math.isfinite(radius) and radius > 0):
        raise InputError(f"radius is {radius}: expected a finite number above 0")

    def draw(key, num):
        angle_key, noise_key = jax.random.split(key)
        angles = jax.random.uniform(angle_key, (num,), maxval=2 * np.pi)
        points = radius * jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1)
        return points + sd * jax.random.normal(noise_key, (num, 2))

    def log_density(x):
        r = jnp.sqrt(jnp.sum(x**2, axis=-1))
        bessel = jnp.log(jax.scipy.special.i0e(r * radius / sd**2))  # times e^-argument
        centred = -((r - radius) ** 2) / (2 * sd**2)
        return centred + bessel - math.log(2 * math.pi * sd**2)

    return _density("annulus", (radius, sd), radius + 6 * sd, draw, log_density)


def together(densities: Sequence[Density]) -> Density:
    """The first of some densities, named after all: one stands for them in a sweep."""
    digest = hashlib.sha256("".join(d.checksum for d in densities).encode())
    return dataclasses.replace(
        densities[0],
        name="-".join(density.name for density in densities),
        checksum=digest.hexdigest(),
    )


def _check_sd(sd: float) -> None:
    if not (math.isfinite(sd) and sd > 0):
        raise InputError(f"sd is {sd}: expected a finite number above 0")


def _density(name: str, parameters: tuple[float, ...], half_width, draw, log_density):
    digest = hashlib.sha256(f"{name} {parameters}".encode()).hexdigest()
    return Density(name, digest, half_width, draw, log_density)


DENSITIES = {"two_moons": two_moons, "annulus": annulus}
