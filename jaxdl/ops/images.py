"""Between stored bytes and the numbers that networks work on."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from jaxdl.types import Batch, PRNGKey


def unit_images(
    image: UInt8[Array, "batch height width channels"],
) -> Float[Array, "batch height width channels"]:
    """Images as float32 in [0, 1]: byte / 255.

    Raises:
      ValueError: if the images are not bytes; what is scaled already would shrink.
    """
    if image.dtype != jnp.uint8:
        raise ValueError(f"images must be uint8 in 0..255, got {image.dtype}")
    return image.astype(jnp.float32) / 255


def unit_pixels(
    image: UInt8[Array, "batch height width channels"],
) -> Float[Array, "batch pixels"]:
    """`unit_images` as flat rows, channels innermost."""
    return unit_images(image).reshape(len(image), -1)


def image_rows(batch: Batch) -> Float[Array, "batch pixels"]:
    """`unit_pixels` of a batch with a field `image`."""
    return unit_pixels(batch.image)


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
    rows = image.reshape(len(image), -1).astype(jnp.int32)
    bits = jax.random.bits(key, rows.shape, jnp.uint16).astype(jnp.int32)
    return (255 * bits < 65536 * rows).astype(jnp.float32)


def mean_image(
    image: UInt8[Array, "batch height width channels"],
) -> Float[Array, " pixels"]:
    """Mean of images as one flat row in [0, 1], channels innermost.

    Sums bytes as integers: exact up to 8 million images, and never a float copy of all.
    """
    total = jnp.sum(image.reshape(len(image), -1), axis=0, dtype=jnp.int32)
    return total / (255 * len(image))


def to_bytes(
    pixels: Float[Array, "batch pixels"], image_shape: tuple[int, int, int]
) -> UInt8[np.ndarray, "batch height width channels"]:
    """Flat rows in [0, 1] as images on the host: the nearest byte in 0..255."""
    scaled = np.clip(np.round(np.asarray(pixels) * 255), 0, 255)
    return scaled.astype(np.uint8).reshape(-1, *image_shape)
