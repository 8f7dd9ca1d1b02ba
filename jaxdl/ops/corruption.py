"""Corruptions of inputs, for a denoising autoencoder to undo.

References:
  Vincent et al., "Stacked denoising autoencoders: learning useful representations in a
    deep network with a local denoising criterion", 2010.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.ops.arguments import array_like
from jaxdl.types import PRNGKey


@array_like
def masking_noise(
    key: PRNGKey, x: Float[Array, "*batch in"], share: float
) -> Float[Array, "*batch in"]:
    """Some values set to 0: each with probability `share`, on its own.

    Raises:
      InputError: if the share is not in [0, 1).
    """
    _check_share(share)
    masked = jax.random.bernoulli(key, share, x.shape)
    return jnp.where(masked, jnp.zeros_like(x), x)


@array_like
def gaussian_noise(
    key: PRNGKey, x: Float[Array, "*batch in"], deviation: float
) -> Float[Array, "*batch in"]:
    """Normal noise added to each value: x + deviation z. It leaves [0, 1].

    Raises:
      InputError: if the standard deviation is not finite, or below 0.
    """
    if not (math.isfinite(deviation) and deviation >= 0):
        raise InputError(
            f"the noise's deviation is {deviation}: expected a finite number, 0 or more"
        )
    return x + deviation * jax.random.normal(key, x.shape, x.dtype)


@array_like
def salt_and_pepper(
    key: PRNGKey, x: Float[Array, "*batch in"], share: float
) -> Float[Array, "*batch in"]:
    """Some values set to 0 or 1: each with probability `share`, then by a fair coin.

    Raises:
      InputError: if the share is not in [0, 1).
    """
    _check_share(share)
    chosen_key, coin_key = jax.random.split(key)
    chosen = jax.random.bernoulli(chosen_key, share, x.shape)
    coin = jax.random.bernoulli(coin_key, 0.5, x.shape).astype(x.dtype)
    return jnp.where(chosen, coin, x)


def _check_share(share: float) -> None:
    if not 0 <= share < 1:
        raise InputError(
            f"the share of corrupted values is {share}: expected 0 or more, below 1"
        )
