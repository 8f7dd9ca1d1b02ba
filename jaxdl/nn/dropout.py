"""Dropout whose masks cost half the random numbers."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxdl.types import PRNGKey


def keep_mask(
    key: PRNGKey, shape: tuple[int, ...], keep: float
) -> Bool[Array, "*shape"]:
    """Independent Bernoulli draws, True with probability `keep`.

    Two draws share one 32-bit word, for drawing words is what a small network's dropout
    costs on CPU. A draw is 16 bits against a threshold, so the probability is `keep`
    rounded to a multiple of 2^-16.

    Args:
      key: decides the draws.
      shape: of the mask.
      keep: probability of True, 0 to 1.
    """
    size = 1
    for length in shape:
        size *= length
    words = jax.random.bits(key, (-(-size // 2),), jnp.uint32)
    halves = jax.lax.bitcast_convert_type(words, jnp.uint16).reshape(-1)[:size]
    return halves.astype(jnp.uint32).reshape(shape) < round(keep * 2**16)


class Dropout(nn.Module):
    """Drops each number with probability `rate`, and divides the others by 1 - rate.

    The mean stays what it was. Without a "dropout" stream of random numbers
    (`jaxdl.nn.linen.from_linen`: without a key) nothing is dropped.

    Attributes:
      rate: 0 to below 1.

    References:
      Srivastava et al., "Dropout: a simple way to prevent neural networks from
      overfitting", 2014.
    """

    rate: float

    @nn.compact
    def __call__(self, x: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        if self.rate == 0 or not self.has_rng("dropout"):
            return x
        keep = 1 - self.rate
        mask = keep_mask(self.make_rng("dropout"), x.shape, keep)
        return jnp.where(mask, x / keep, 0)
