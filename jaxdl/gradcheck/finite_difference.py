"""Derivatives without the chain rule: central differences and the complex step.

Both take a function of a pytree, a point and a direction, and give the derivative along
that direction; one entry of a gradient is the direction with a 1 there and 0 elsewhere.
They belong in float64 (`jax.enable_x64(True)`): in float32 rounding hides all but four
digits.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

STEP = 3e-3
"""The step of central differences, for entries of size 1 and below.

Of order 8 they leave out h^8 f''''''''' / 630, which is 1e-23 here; rounding makes
about eps |f| / h = 7e-14 |f| of it. The one-sided differences that stand guard, of
order 4, leave out h^4 f''''' / 5 = 2e-11 f'''''. So smooth functions of moderate size
agree to 1e-10, four digits beyond what the gradient check asks for.
"""

_EIGHTH = (1 / 280, -4 / 105, 1 / 5, -4 / 5, 0, 4 / 5, -1 / 5, 4 / 105, -1 / 280)
_SIXTH = (0, -1 / 60, 3 / 20, -3 / 4, 0, 3 / 4, -3 / 20, 1 / 60, 0)
_RIGHT = (0, 0, 0, 0, -25 / 12, 4, -3, 4 / 3, -1 / 4)
_LEFT = tuple(-weight for weight in reversed(_RIGHT))


class Difference(NamedTuple):
    """A derivative by differences.

    Attributes:
      value: the central difference of order 8.
      spread: largest difference between it, that of order 6 and the two one-sided ones
        of order 4. On a kink, or with a kink within four steps, it is large; where
        rounding hides the derivative it is as large as the rounding.
    """

    value: Any
    spread: Any


def displace(
    x: Any, direction: Any, distance: Inexact[Array, ""] | float | complex
) -> Any:
    """The point x + distance direction, for pytrees of one form."""
    return jax.tree.map(lambda a, u: a + distance * u, x, direction)


def central_difference(
    f: Callable[[Any], Any], x: Any, direction: Any, step: Float[Array, ""] | float
) -> Difference:
    """Derivative of f at x along a direction, by differences of order 8.

    f'(x) u = sum_k w_k f(x + k h u) / h, k = -4 to 4, with w_1 to w_4 = 4/5, -1/5,
    4/105, -1/280 and w_-k = -w_k. Takes nine values of f, the one at x included: the
    one-sided differences need it.

    Args:
      f: from a pytree to a pytree of arrays.
      x: the point.
      direction: u, in the form of x.
      step: h. The farthest point lies 4 h u away.

    Returns:
      Value and spread, each in the form of f(x).
    """
    distances = step * jnp.arange(-4.0, 5.0)
    values = jax.vmap(lambda distance: f(displace(x, direction, distance)))(distances)
    weights = jnp.asarray([_EIGHTH, _SIXTH, _LEFT, _RIGHT])
    # Subtracting f(x) first keeps what is constant in f out of the rounding.
    quotients = jax.tree.map(
        lambda y: jnp.tensordot(weights, y - y[4:5], axes=1) / step, values
    )
    return Difference(
        jax.tree.map(lambda q: q[0], quotients),
        jax.tree.map(lambda q: jnp.max(q, axis=0) - jnp.min(q, axis=0), quotients),
    )


def complex_step(
    f: Callable[[Any], Any], x: Any, direction: Any, step: float = 1e-20
) -> Any:
    """Derivative of an analytic f at x along a direction, exact but for rounding.

    f'(x) u = Im f(x + i h u) / h + O(h^2): no difference, so nothing cancels and h can
    be as small as it likes. Only where f continues to complex numbers: an `abs` or a
    comparison on the way makes it wrong.

    References:
      Squire & Trapp, "Using complex variables to estimate derivatives of real
      functions", 1998.
    """
    moved = f(displace(x, direction, step * 1j))
    return jax.tree.map(lambda y: jnp.imag(y) / step, moved)
