"""The networks of the first GAN paper, and a smaller pair for 8x8 images."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.adversarial.networks import GAN, mlp_gan
from jaxdl.nn.dropout import Dropout
from jaxdl.nn.linen import from_linen
from jaxdl.ops.activations import maxout


def uniform(bound: float) -> nn.initializers.Initializer:
    """Initialiser that draws evenly from [-bound, bound)."""

    def init(key, shape, dtype=jnp.float32, **kwargs):
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


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


def small_gan(pixels: int) -> GAN:
    """The networks of `mlp_gan` for 8x8 images: 32 latents, 128 hidden units."""
    return mlp_gan(pixels, latent_size=32, hidden_size=128)
