"""Networks for mixtures of Gaussians: PacGAN's, and minibatch discrimination."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.adversarial.networks import GAN
from jaxdl.errors import InputError
from jaxdl.nn.batch_norm import BatchNorm
from jaxdl.nn.linen import from_linen
from jaxdl.ops.activations import maxout


def closeness(
    projected: Float[Array, "batch kernels size"],
) -> Float[Array, "batch kernels"]:
    """Closeness of a row to the other rows of the batch, in each of several views.

    o_ib = mean over j != i of exp(-||M_ib - M_jb||_1).

    The paper has the sum over all j, which is batch - 1 times this, plus 1: a number
    that grows with the batch, and drowns small features.

    Args:
      projected: M, a vector of each row in each view.

    Returns:
      Numbers between 0 and 1, 1 where all rows are the same; a batch of one has 0.

    References:
      Salimans et al., "Improved techniques for training GANs", 2016, section 3.2.
    """
    # An entry of the vectors at a time: no array [batch batch kernels size].
    columns = jnp.moveaxis(projected, -1, 0)
    distances = sum(jnp.abs(column[:, None] - column[None]) for column in columns)
    return (jnp.exp(-distances).sum(axis=1) - 1) / max(1, len(projected) - 1)


class MinibatchDiscrimination(nn.Module):
    """Appends `closeness` of a learned projection to each row's features.

    Data and samples are to be judged in passes of their own, for rows are compared
    with all others of the pass.

    Attributes:
      num_kernels: features that are appended.
      kernel_size: length of the vectors that are compared for one of them.
    """

    num_kernels: int = 50
    kernel_size: int = 5

    @nn.compact
    def __call__(self, x: Float[Array, "batch features"]) -> Float[Array, "batch more"]:
        size = self.num_kernels * self.kernel_size
        projected = nn.Dense(size, use_bias=False)(x)
        projected = projected.reshape(len(x), self.num_kernels, self.kernel_size)
        return jnp.concatenate([x, closeness(projected)], axis=-1)


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
