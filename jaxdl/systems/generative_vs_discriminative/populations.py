"""Computed populations whose distribution is known: a loaded die, synthetic people."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.types import PRNGKey

LOADED_DIE: tuple[float, ...] = (0.1, 0.1, 0.1, 0.1, 0.2, 0.4)
"""Probabilities of the faces 1 to 6 of a loaded die."""

PEOPLE = "synthetic: height normal(170, 9) cm, body mass index 23 exp(normal(0, 0.15))"
"""How `people` draws; the numbers are invented, not measured."""


def people(key: PRNGKey, num: int) -> Float[Array, "num 2"]:
    """Height (cm) and weight (kg) of synthetic people.

    Height is normal with mean 170 and deviation 9; weight is 23 (height / 100)^2
    exp(e), with e normal of deviation 0.15. The numbers are invented. Given the height
    the weight is log-normal, so a Gaussian fits the pairs well and not exactly.
    """
    height_key, mass_key = jax.random.split(key)
    height = 170 + 9 * jax.random.normal(height_key, (num,), float)
    index = 23 * jnp.exp(0.15 * jax.random.normal(mass_key, (num,), float))
    return jnp.stack([height, index * (height / 100) ** 2], axis=1)
