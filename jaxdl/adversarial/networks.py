"""Generative adversarial networks on flattened images (Goodfellow et al. 2014)."""

import operator
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.nn.dropout import Dropout
from jaxdl.nn.linen import from_linen
from jaxdl.types import Model, Network, Params


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


def gan_networks(gan: GAN) -> dict[str, Network]:
    """Both players for `Experiment.networks`, in a state of type `GanState`."""
    latents = f"standard normal latents [n {gan.latent_size}]"
    return {
        "generator": Network(
            gan.generator, f"{latents} to samples", operator.attrgetter("gen_params")
        ),
        "discriminator": Network(
            gan.discriminator,
            "samples or data to logits [n]",
            operator.attrgetter("disc_params"),
        ),
    }


def with_mean_image(gen_params: Params, means: Float[Array, " pixels"]) -> Params:
    """Parameters of a generator whose first samples have the data's mean.

    Its output biases become logit(mean), so that training does not begin with what any
    discriminator can tell: that most pixels of the data are black.

    Args:
      gen_params: of a generator whose output layer is called `out`.
      means: mean training image in [0, 1]; clipped to [1e-7, 1 - 1e-7].

    References:
      Goodfellow et al., "Generative adversarial nets", 2014, and its code, mnist.yaml.
    """
    bias = jax.scipy.special.logit(jnp.clip(means, 1e-7, 1 - 1e-7))
    return {**gen_params, "out": {**gen_params["out"], "bias": bias}}


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
