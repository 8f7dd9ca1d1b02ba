"""The same images at another size."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt8

from jaxdl.data.load import Images, Split, images_checksum
from jaxdl.errors import InputError


def resized(data: Images, side: int) -> Images:
    """A data set whose images are squares of `side` pixels: bilinear, to bytes again.

    Smaller images are means over what a new pixel covers (antialiased).

    Args:
      data: any images; those that have this side already are given back as they are.
      side: pixels, 1 or more.

    Returns:
      Images named after the data and the side, such as `digits_16`, with a checksum of
      their own.

    Raises:
      InputError: if the side is below 1.
    """
    if side < 1:
        raise InputError(f"side is {side}: expected 1 or more pixels")
    if data.image_shape[:2] == (side, side):
        return data
    splits = [
        Split(_resize(split.image, side), split.label)
        for split in (data.train, data.validation, data.test)
    ]
    checksum = images_checksum(jax.tree.map(np.asarray, splits))
    return Images(*splits, name=f"{data.name}_{side}", checksum=checksum)


@functools.partial(jax.jit, static_argnums=1)
def _resize(
    image: UInt8[Array, "n height width channels"], side: int
) -> UInt8[Array, "n {side} {side} channels"]:
    def one(pixels):
        shape = side, side, pixels.shape[-1]
        found = jax.image.resize(pixels.astype(jnp.float32), shape, "linear")
        return jnp.clip(jnp.round(found), 0, 255).astype(jnp.uint8)

    return jax.lax.map(one, image, batch_size=1000)
