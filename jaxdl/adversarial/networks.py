"""Generative adversarial networks on flattened images (Goodfellow et al. 2014)."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.models.mlp import mlp
from jaxdl.nn.dropout import Dropout
from jaxdl.nn.linen import from_linen
from jaxdl.ops.activations import maxout
from jaxdl.types import Model, Params


class GAN(NamedTuple):
    """A generator and its discriminator.

    Attributes:
      generator: `apply(params, z)` maps latents [batch latent] to images
        [batch pixels] in [0, 1].
      discriminator: `apply(params, x, *, key=None)` maps images [batch pixels] to
        logits [batch]; D(x) is their sigmoid. Without a key nothing is dropped.
      latent_size: how many standard normal numbers make one z.
    """

    generator: Model
    discriminator: Model
    latent_size: int


def uniform(bound: float) -> nn.initializers.Initializer:
    """Initialiser that draws evenly from [-bound, bound)."""

    def init(key, shape, dtype=jnp.float32, **kwargs):
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


def with_mean_image(gen_params: Params, means: Float[Array, " pixels"]) -> Params:
    """Parameters of a generator whose first samples have the data's mean.

    Its output biases become logit(mean), so that training does not begin with what any
    discriminator can tell: that most pixels of the data are black.

    Args:
      gen_params: of a generator of this file.
      means: mean training image in [0, 1]; clipped to [1e-7, 1 - 1e-7].

    References:
      Goodfellow et al., "Generative adversarial nets", 2014, and its code, mnist.yaml.
    """
    bias = jax.scipy.special.logit(jnp.clip(means, 1e-7, 1 - 1e-7))
    return {**gen_params, "out": {**gen_params["out"], "bias": bias}}


def paper_gan(pixels: int) -> GAN:
    """The networks of the first GAN paper, as in its authors' MNIST recipe.

    Generator: 100 -> 1200 -> 1200 rectified linear -> sigmoid pixels, weights uniform
    in [-0.05, 0.05). Discriminator: two layers of 240 maxout units of 5 pieces, then
    one logit, weights uniform in [-0.005, 0.005). With a key 20 % of its inputs and
    50 % of its hidden units are dropped, and the rest scaled by 1.25 and 2. Biases
    start at 0 (the authors' output biases: `with_mean_image`).

    Args:
      pixels: length of a flattened image.

    References:
      Goodfellow et al., "Generative adversarial nets", 2014, and its code, mnist.yaml.
    """
    latent_size, num_units, num_pieces = 100, 240, 5

    class Generator(nn.Module):
        @nn.compact
        def __call__(
            self, z: Float[Array, "batch latent"]
        ) -> Float[Array, "batch pixels"]:
            hidden = nn.relu(nn.Dense(1200, kernel_init=uniform(0.05))(z))
            hidden = nn.relu(nn.Dense(1200, kernel_init=uniform(0.05))(hidden))
            out = nn.Dense(pixels, kernel_init=uniform(0.05), name="out")
            return nn.sigmoid(out(hidden))

    class Discriminator(nn.Module):
        @nn.compact
        def __call__(self, x: Float[Array, "batch pixels"]) -> Float[Array, " batch"]:
            hidden = Dropout(0.2)(x)
            for _ in range(2):
                pieces = nn.Dense(num_units * num_pieces, kernel_init=uniform(0.005))
                hidden = maxout(pieces(hidden), num_pieces=num_pieces)
                hidden = Dropout(0.5)(hidden)
            return nn.Dense(1, kernel_init=uniform(0.005), name="out")(hidden)[:, 0]

    return GAN(
        from_linen(Generator(), example=jnp.zeros((1, latent_size))),
        from_linen(Discriminator(), example=jnp.zeros((1, pixels))),
        latent_size,
    )


def mlp_gan(
    pixels: int,
    *,
    latent_size: int = 64,
    hidden_size: int = 256,
    dropout: float = 0.3,
) -> GAN:
    """Two fully connected networks with two hidden layers each.

    Generator: latent -> hidden -> hidden -> sigmoid pixels. Discriminator: pixels ->
    hidden -> hidden -> one logit. Leaky rectifiers of slope 0.2 (Radford et al. 2016),
    Flax's default initialisation. With a key a share of the discriminator's hidden
    units is dropped; without dropout it learns 1,197 digits by heart, and on MNIST the
    generator collapses to one image.

    Args:
      pixels: length of a flattened image.
      latent_size: length of z.
      hidden_size: width of all hidden layers.
      dropout: the share that is dropped, 0 to below 1; the rest is scaled to match.
    """

    def hidden_layer(x):
        return nn.leaky_relu(nn.Dense(hidden_size)(x), 0.2)

    class Generator(nn.Module):
        @nn.compact
        def __call__(
            self, z: Float[Array, "batch latent"]
        ) -> Float[Array, "batch pixels"]:
            hidden = hidden_layer(hidden_layer(z))
            return nn.sigmoid(nn.Dense(pixels, name="out")(hidden))

    class Discriminator(nn.Module):
        @nn.compact
        def __call__(self, x: Float[Array, "batch pixels"]) -> Float[Array, " batch"]:
            for _ in range(2):
                x = Dropout(dropout)(hidden_layer(x))
            return nn.Dense(1, name="out")(x)[:, 0]

    return GAN(
        from_linen(Generator(), example=jnp.zeros((1, latent_size))),
        from_linen(Discriminator(), example=jnp.zeros((1, pixels))),
        latent_size,
    )


def small_gan(pixels: int) -> GAN:
    """The networks of `mlp_gan` for 8x8 images: 32 latents, 128 hidden units."""
    return mlp_gan(pixels, latent_size=32, hidden_size=128)


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
