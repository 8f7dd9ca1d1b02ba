"""The same images at another size."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt8

from jaxdl.data.load import Images, Split, images_checksum
from jaxdl.errors import InputError
from jaxdl.measures.chunks import in_chunks


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
    resize = functools.partial(_resize, side=side)
    splits = [
        Split(in_chunks(resize, split.image), split.label)
        for split in (data.train, data.validation, data.test)
    ]
    checksum = images_checksum(jax.tree.map(np.asarray, splits))
    return Images(*splits, name=f"{data.name}_{side}", checksum=checksum)


@functools.partial(jax.jit, static_argnames="side")
def _resize(
    image: UInt8[Array, "n height width channels"], *, side: int
) -> UInt8[Array, "n {side} {side} channels"]:
    shape = *image.shape[:1], side, side, image.shape[-1]
    found = jax.image.resize(image.astype(jnp.float32), shape, "linear")
    return jnp.clip(jnp.round(found), 0, 255).astype(jnp.uint8)
