"""Functions that keep values and gradients finite at the edge of their domain."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def safe_sqrt(x: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Square root whose value and gradient are 0 at 0 and below.

    The square root has no finite slope at 0; a distance that ends in it gets gradient 0
    where it vanishes, and rounding below 0 is taken as 0.
    """
    positive = ~(x <= 0)  # NaN stays NaN
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1)), 0)


def within(
    x: Float[Array, "*batch"], low: float | int, high: float | int
) -> Float[Array, "*batch"]:
    """`x` held in a range that only rounding takes it out of; gradients are those of x.

    Where `jnp.clip` would stop the gradient, at the ends of the range, this does not.
    """
    # Near each other, x and its bound differ by a number that is exact.
    return (
        x
        + jax.lax.stop_gradient(jnp.where(x < low, low - x, 0))
        + (jax.lax.stop_gradient(jnp.where(x > high, high - x, 0)))
    )


def is_known(*arrays: Any) -> bool:
    """True if all values can be looked at, as outside of `jit` and `grad`."""
    return not any(isinstance(x, jax.core.Tracer) for x in arrays)
