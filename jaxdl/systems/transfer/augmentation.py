"""Other views of an image that show the same thing."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Shaped

from jaxdl.types import PRNGKey


def randomly_mirrored(
    key: PRNGKey, images: Shaped[Array, "batch height width channels"]
) -> Shaped[Array, "batch height width channels"]:
    """Each image as it is, or left and right exchanged, with equal probability."""
    mirrored = jax.random.bernoulli(key, 0.5, (len(images), 1, 1, 1))
    return jnp.where(mirrored, images[:, :, ::-1], images)


def randomly_shifted(
    key: PRNGKey, images: Shaped[Array, "batch height width channels"], *, most: int
) -> Shaped[Array, "batch height width channels"]:
    """Each image moved by up to `most` pixels along each axis, uniformly.

    What comes in at an edge is the image reflected there, without its outermost row.

    Args:
      key: decides the shifts.
      images: sides of more than `most` pixels.
      most: pixels; 0 moves nothing.
    """
    if most == 0:
        return images
    border = ((0, 0), (most, most), (most, most), (0, 0))
    padded = jnp.pad(images, border, mode="reflect")
    shifts = jax.random.randint(key, (len(images), 2), 0, 2 * most + 1)

    def one(image, shift):
        start = (shift[0], shift[1], jnp.zeros_like(shift[0]))
        return jax.lax.dynamic_slice(image, start, images.shape[1:])

    return jax.vmap(one)(padded, shifts)
