"""Fully connected autoencoders: images to a few numbers, and back."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.models.mlps import forward, mlp
from jaxdl.nn.initializers import INITIALIZERS
from jaxdl.ops.activations import activation
from jaxdl.types import Params, PRNGKey


class Autoencoder(NamedTuple):
    """A map to codes and one back, as pure functions.

    Attributes:
      init: `init(key) -> params`.
      encode: `encode(params, x)`: codes [*batch latent] of images [*batch image].
      decode: `decode(params, codes)`: logits of each pixel, [*batch image]. Pixels in
        [0, 1] are their sigmoid.
      apply: `apply(params, x)`: decode of encode.
    """

    init: Callable[[PRNGKey], Params]
    encode: Callable[[Params, Float[Array, "*batch image"]], Float[Array, "*batch _"]]
    decode: Callable[[Params, Float[Array, "*batch _"]], Float[Array, "*batch image"]]
    apply: Callable[
        [Params, Float[Array, "*batch image"]], Float[Array, "*batch image"]
    ]


def autoencoder(
    image_size: int,
    hidden_sizes: Sequence[int],
    latent_size: int,
    *,
    hidden: str = "gelu",
    latent: str = "linear",
    tied: bool = False,
    overcomplete: bool = False,
    kernel_init: Initializer = INITIALIZERS["glorot"],
) -> Autoencoder:
    """Fully connected autoencoder of any depth; the decoder mirrors the encoder.

    code = f_L(W_L ... f_1(W_1 x + b_1) ... + b_L), then the same sizes backwards to one
    logit a pixel. The caller decides what the logits mean: of a Bernoulli variable, or
    a pixel after a sigmoid.

    Args:
      image_size: numbers in one image.
      hidden_sizes: of the layers between image and code, from the image on; none is
        one layer each way.
      latent_size: numbers in one code.
      hidden: name of the hidden layers' activation (`ops.activations`).
      latent: name of the code's.
      tied: the decoder's kernels are the encoder's transposed, last layer first; its
        biases are its own.
      overcomplete: the code may have more numbers than the image, which only noise or a
        penalty keeps from being copied.
      kernel_init: draws the kernels (`nn.initializers`); biases are zeros.

    Returns:
      The model; its params are {"encoder": layers, "decoder": layers}, each a list with
      {"kernel" [in out], "bias" [out]} a layer (`models.mlp`). Tied decoders have no
      "kernel".

    Raises:
      InputError: for a code size below 1 or above the image's, another size below 1, an
        unknown activation, or tied maxout units, whose kernels have no transpose that
        fits.

    References:
      Hinton & Salakhutdinov, "Reducing the dimensionality of data with neural
        networks", 2006.
    """
    if not overcomplete:
        check_code_size(latent_size, image_size)
    sizes = [image_size, *hidden_sizes, latent_size]
    encoder = mlp(sizes, hidden=hidden, output=latent, kernel_init=kernel_init)
    decoder = mlp(sizes[::-1], hidden=hidden, kernel_init=kernel_init)
    if tied and max(activation(hidden).pieces, activation(latent).pieces) > 1:
        raise InputError(
            "tied weights and maxout units do not go together: expected another "
            "activation, or weights that are not tied"
        )

    def init(key: PRNGKey) -> Params:
        encoder_key, decoder_key = jax.random.split(key)
        params = {
            "encoder": encoder.init(encoder_key),
            "decoder": decoder.init(decoder_key),
        }
        if tied:
            params["decoder"] = [{"bias": layer["bias"]} for layer in params["decoder"]]
        return params

    def encode(params: Params, x: Float[Array, "*batch image"]):
        return encoder.apply(params["encoder"], x)

    def decode(params: Params, codes: Float[Array, "*batch latent"]):
        layers = params["decoder"]
        if tied:
            kernels = [layer["kernel"].T for layer in reversed(params["encoder"])]
            layers = [
                {"kernel": kernel, "bias": layer["bias"]}
                for kernel, layer in zip(kernels, layers, strict=True)
            ]
        return decoder.apply(layers, codes)

    def apply(params: Params, x: Float[Array, "*batch image"]):
        return decode(params, encode(params, x))

    return Autoencoder(init, encode, decode, apply)


def squared_jacobian(
    layers: Params,
    x: Float[Array, "batch image"],
    *,
    hidden: str = "gelu",
    latent: str = "linear",
) -> Float[Array, " batch"]:
    """Squared Frobenius norm of the code's derivative by the image.

    |J|^2 = sum_ji (dcode_j / dx_i)^2, exactly. For one layer it is
    sum_j f'(z_j)^2 sum_i W_ij^2, which costs less than the code itself; for more, one
    backward pass for each number of the code.

    Args:
      layers: of an encoder, `params["encoder"]`.
      x: images.
      hidden, latent: names of the activations, as the encoder has them.

    References:
      Rifai et al., "Contractive auto-encoders: explicit invariance during feature
        extraction", 2011.
    """
    row = activation(latent)
    if len(layers) == 1 and row.elementwise:
        (z,) = forward(layers, x).preactivations
        return row.derivative(z) ** 2 @ jnp.sum(layers[0]["kernel"] ** 2, axis=0)

    def encode(x):
        return forward(layers, x, hidden=hidden, output=latent).activations[-1]

    codes, pull = jax.vjp(encode, x)  # examples do not mix: one pass serves all
    units = jnp.eye(codes.shape[-1], dtype=codes.dtype)[:, None]
    units = jnp.broadcast_to(units, (len(units), *codes.shape))
    (rows,) = jax.vmap(pull)(units)  # [latent batch image]
    return jnp.sum(rows**2, axis=(0, 2))


def check_code_size(latent_size: int, image_size: int) -> None:
    """Refuse a code of no numbers, or of more than the image has.

    Raises:
      InputError: saying which sizes there are.
    """
    if not 1 <= latent_size <= image_size:
        raise InputError(
            f"the code has {latent_size} numbers: expected 1 to {image_size}, as many "
            "as the image has"
        )
