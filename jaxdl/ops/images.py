"""Between stored bytes and the numbers that networks work on."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from jaxdl.errors import InputError
from jaxdl.ops.arguments import array_like
from jaxdl.types import Batch, PRNGKey


@array_like
def unit_images(
    image: UInt8[Array, "batch height width channels"],
) -> Float[Array, "batch height width channels"]:
    """Images as float32 in [0, 1]: byte / 255.

    Raises:
      InputError: if the images are not bytes; what is scaled already would shrink.
    """
    return image.astype(jnp.float32) / 255


@array_like
def unit_pixels(
    image: UInt8[Array, "batch height width channels"],
) -> Float[Array, "batch pixels"]:
    """`unit_images` as flat rows, channels innermost."""
    return _rows(unit_images(image))


def image_rows(batch: Batch) -> Float[Array, "batch pixels"]:
    """`unit_pixels` of a batch with a field `image`."""
    return unit_pixels(batch.image)


@array_like
def sample_pixels(
    key: PRNGKey, image: UInt8[Array, "batch height width channels"]
) -> Float[Array, "batch pixels"]:
    """Images as flat rows of 0 and 1, each pixel 1 with probability byte / 255.

    A pixel is 1 where 255 r < 65,536 byte, r being 16 random bits: its probability is
    right to 2^-16, and exact for bytes 0 and 255. Sixteen bits cost half of what the 32
    of a uniform float do.

    References:
      Burda et al., "Importance weighted autoencoders", 2016, section 5.1.
    """
    rows = _rows(image).astype(jnp.int32)
    bits = jax.random.bits(key, rows.shape, jnp.uint16).astype(jnp.int32)
    return (255 * bits < 65536 * rows).astype(jnp.float32)


def _rows(image: Array) -> Array:
    return image.reshape(len(image), math.prod(image.shape[1:]))


@array_like
def mean_image(
    image: UInt8[Array, "batch height width channels"],
) -> Float[Array, " pixels"]:
    """Mean of images as one flat row in [0, 1], channels innermost.

    Sums bytes as integers: exact up to 8 million images, and never a float copy of all.

    Raises:
      InputError: if there are no images.
    """
    if not len(image):
        raise InputError(
            "there are no images: expected one or more, to take their mean"
        )
    total = jnp.sum(_rows(image), axis=0, dtype=jnp.int32)
    return total / (255 * len(image))


@array_like
def to_bytes(
    pixels: Float[Array, "batch pixels"], image_shape: tuple[int, int, int]
) -> UInt8[np.ndarray, "batch height width channels"]:
    """Flat rows in [0, 1] as images on the host: the nearest byte in 0..255.

    Raises:
      InputError: if rows are not as long as images.
    """
    rows = np.asarray(pixels)
    if rows.ndim != 2 or rows.shape[1] != math.prod(image_shape):
        raise InputError(
            f"rows have {rows.shape[-1] if rows.ndim else 1} pixels: expected "
            f"{math.prod(image_shape)}, those of an image of shape {image_shape}"
        )
    scaled = np.clip(np.round(rows * 255), 0, 255)
    return scaled.astype(np.uint8).reshape(len(rows), *image_shape)
