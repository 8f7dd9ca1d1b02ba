"""Variational autoencoders: a code that is a distribution (Kingma & Welling 2014)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.models.autoencoders import check_code_size
from jaxdl.models.mlps import mlp
from jaxdl.types import Params, PRNGKey


class VariationalAutoencoder(NamedTuple):
    """A latent variable model and the posterior that is fitted to it.

    Attributes:
      init: `init(key) -> params`, {"encoder", "decoder"}, each as `mlp`'s.
      encode: `encode(params, x) -> (mean, log_variance)` of q(z | x), a Gaussian with
        independent numbers, each [*batch latent].
      decode: `decode(params, z)`: logits of each pixel's Bernoulli variable in
        p(x | z), [*batch pixels].
      latent_size: numbers in z, which is standard normal before an image is seen.
    """

    init: Callable[[PRNGKey], Params]
    encode: Callable[
        [Params, Float[Array, "*batch pixels"]],
        tuple[Float[Array, "*batch latent"], Float[Array, "*batch latent"]],
    ]
    decode: Callable[[Params, Float[Array, "*batch latent"]], Float[Array, "*batch _"]]
    latent_size: int


def variational_autoencoder(
    image_size: int,
    hidden_sizes: Sequence[int],
    latent_size: int,
    *,
    hidden: str = "gelu",
) -> VariationalAutoencoder:
    """Fully connected variational autoencoder of any depth.

    The encoder's layers are `image_size`, `hidden_sizes`, then mean and log-variance
    side by side; the decoder's go back in reverse order.

    Args:
      image_size: pixels of an image.
      hidden_sizes: widths of the encoder's hidden layers, first to last; may be empty.
      latent_size: numbers in the code.
      hidden: name of the hidden layers' activation (`ops.activations`).

    Raises:
      InputError: for a code size below 1 or above the image's, a hidden layer of no
        unit, or an unknown activation.
    """
    check_code_size(latent_size, image_size)
    encoder = mlp([image_size, *hidden_sizes, 2 * latent_size], hidden=hidden)
    decoder = mlp([latent_size, *reversed(hidden_sizes), image_size], hidden=hidden)

    def init(key: PRNGKey) -> Params:
        encoder_key, decoder_key = jax.random.split(key)
        return {
            "encoder": encoder.init(encoder_key),
            "decoder": decoder.init(decoder_key),
        }

    def encode(params: Params, x: Float[Array, "*batch pixels"]):
        mean, log_variance = jnp.split(encoder.apply(params["encoder"], x), 2, axis=-1)
        return mean, log_variance

    def decode(params: Params, z: Float[Array, "*batch latent"]):
        return decoder.apply(params["decoder"], z)

    return VariationalAutoencoder(init, encode, decode, latent_size)
