"""Densities in the plane as probabilities of the cells of a grid.

The midpoint rule: the integral of f is the sum of its values at the cells' centres
times their area. For smooth densities that vanish at the border its error falls faster
than any power of the cells' size. Once the values are renormalised, divergences of the
densities are those of `jaxdl.ops.divergences` between the cells' probabilities, since
the area leaves every ratio of densities as it is.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.ops.numerics import is_known


class Grid(NamedTuple):
    """Cells of a square in the plane.

    Attributes:
      points: centres of the cells, row by row, [cells 2].
      area: of one cell.
    """

    points: Float[Array, "cells 2"]
    area: float


def make_grid(half_width: float, num: int) -> Grid:
    """The square [-half_width, half_width]^2 in num x num cells.

    Raises:
      InputError: for a width that is not above 0, or no cell.
    """
    if not (half_width > 0 and num >= 1):
        raise InputError(
            f"a grid has half width {half_width} and {num} cells a side: expected a "
            "width above 0 and at least one cell"
        )
    side = 2 * half_width / num
    centres = -half_width + side * (np.arange(num) + 0.5)
    x, y = np.meshgrid(centres, centres)
    return Grid(jnp.asarray(np.stack([x.ravel(), y.ravel()], axis=1)), side * side)


def grid_mass(
    log_density: Float[Array, "*batch cells"], area: float
) -> Float[Array, "*batch"]:
    """The integral of a density over a grid, from its logarithm in the cells."""
    return jnp.exp(jax.nn.logsumexp(log_density, axis=-1)) * area


def grid_log_probabilities(
    log_density: Float[Array, "*batch cells"],
    area: float,
    *,
    tolerance: float | None = 1e-3,
) -> Float[Array, "*batch cells"]:
    """Log-probabilities of the cells, renormalised to sum 1.

    Args:
      log_density: at the cells' centres, [..., cells].
      area: of one cell.
      tolerance: how far the mass on the grid may be from 1, looked at where values are
        known; None takes any.

    Raises:
      InputError: if the grid does not hold the density, saying what is missing.
    """
    if tolerance is not None and is_known(log_density):
        masses = np.ravel(np.asarray(grid_mass(log_density, area)))
        worst = masses[np.argmax(np.abs(masses - 1))]
        if not abs(worst - 1) <= tolerance:
            raise InputError(_refusal(float(worst), tolerance))
    return jax.nn.log_softmax(log_density, axis=-1)


def _refusal(mass: float, tolerance: float) -> str:
    if mass < 1:
        return (
            f"the grid misses {100 * (1 - mass):.3g} % of a density's mass: expected "
            f"at most {100 * tolerance:g} %; take a wider grid, or smaller cells"
        )
    return (
        f"the mass of a density on the grid is {mass:.6g}: expected 1 within "
        f"{tolerance:g}; take smaller cells"
    )
