"""Networks for points in the plane."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.adversarial.networks import GAN
from jaxdl.models.mlps import mlp
from jaxdl.types import Model, Params


def plane_gan(
    half_width: float = 1.0, *, hidden_size: int = 64, num_frequencies: int = 2
) -> GAN:
    """Two fully connected networks for points in the plane.

    The generator has three hidden layers of 2 hidden_size leaky rectifiers; z has two
    numbers. The discriminator has three of hidden_size, over the point and its waves
    sin(2^j pi x / half_width) and cos(...), j = 0, 1, ...: so it learns in time what is
    new at a small scale (Tancik et al., "Fourier features let networks learn high
    frequency functions in low dimensional domains", 2020).

    Args:
      half_width: of the square around the origin in which the points lie.
      hidden_size: width of the discriminator's hidden layers.
      num_frequencies: waves of each coordinate; 0 leaves the points alone.
    """
    generator = mlp([2, *(2 * hidden_size,) * 3, 2], hidden="leaky_relu")
    inputs = 2 + 4 * num_frequencies
    scorer = mlp([inputs, *(hidden_size,) * 3, 1], hidden="leaky_relu")

    def apply(params: Params, x: Float[Array, "batch 2"], *, key=None):
        del key  # nothing is dropped
        waves = jnp.pi / half_width * 2.0 ** jnp.arange(num_frequencies, dtype=x.dtype)
        angles = (x[:, :, None] * waves[None, None]).reshape(len(x), -1)
        seen = jnp.concatenate([x, jnp.sin(angles), jnp.cos(angles)], axis=1)
        return scorer.apply(params, seen)[:, 0]

    return GAN(generator, Model(scorer.init, apply), 2)
