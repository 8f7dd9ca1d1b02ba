"""The networks of PacGAN's experiments on mixtures of Gaussians (Lin et al. 2018)."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.adversarial.networks import GAN
from jaxdl.errors import InputError
from jaxdl.nn.batch_norm import BatchNorm
from jaxdl.nn.linen import from_linen
from jaxdl.ops.activations import maxout
from jaxdl.systems.gan_modes.minibatch_discrimination import MinibatchDiscrimination


def pacgan(
    pack: int,
    *,
    point_size: int = 2,
    latent_size: int = 2,
    gen_size: int = 400,
    disc_size: int = 200,
    minibatch: bool = False,
) -> GAN:
    """A generator of points and a discriminator that sees several side by side.

    Generator: latent -> four hidden layers with batch normalisation and rectifiers ->
    a linear point. Discriminator: a pack -> three layers of maxout units of 5 pieces ->
    one logit. Weights N(0, 0.02^2), biases 0; the hidden layers of the generator have
    no bias but that of the normalisation, whose epsilon is 1e-4.

    Args:
      pack: m, points that the discriminator sees side by side, 1 or more; 1 is a GAN.
      point_size: numbers in a point.
      latent_size: length of z.
      gen_size, disc_size: widths of the hidden layers.
      minibatch: whether the last hidden layer of the discriminator goes through
        minibatch discrimination (Salimans et al. 2016), which is not PacGAN's.

    Returns:
      A `GAN` whose generator maps [batch latent] to [batch point], and whose
      discriminator maps packs [batch m*point] to logits [batch].

    Raises:
      InputError: if the pack is below 1.

    References:
      Lin et al., "PacGAN: the power of two samples in generative adversarial networks",
      2018, section 4.1, and its code.
    """
    if pack < 1:
        raise InputError(
            f"pack is {pack}: expected 1 (a GAN) or more points for the discriminator "
            "to see side by side"
        )
    weights = nn.initializers.normal(0.02)

    class Generator(nn.Module):
        @nn.compact
        def __call__(
            self, z: Float[Array, "batch latent"]
        ) -> Float[Array, "batch point"]:
            for _ in range(4):
                z = nn.Dense(gen_size, use_bias=False, kernel_init=weights)(z)
                z = nn.relu(BatchNorm(epsilon=1e-4)(z))
            return nn.Dense(point_size, kernel_init=weights, name="out")(z)

    class Discriminator(nn.Module):
        @nn.compact
        def __call__(self, x: Float[Array, "batch packed"]) -> Float[Array, " batch"]:
            for _ in range(3):
                pieces = nn.Dense(disc_size * 5, kernel_init=weights)(x)
                x = maxout(pieces, num_pieces=5)
            if minibatch:
                x = MinibatchDiscrimination()(x)
            return nn.Dense(1, kernel_init=weights, name="out")(x)[:, 0]

    return GAN(
        from_linen(Generator(), example=jnp.zeros((1, latent_size))),
        from_linen(Discriminator(), example=jnp.zeros((1, pack * point_size))),
        latent_size,
    )
