"""Images from a generator: samples, paths between two, the nearest stored ones."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from jaxdl.ops.images import to_bytes, unit_pixels
from jaxdl.types import Model, Params, PRNGKey

STRIP_IMAGES = 20


class Sampler(NamedTuple):
    """Ways to draw images from a generator, compiled once per number of images.

    Attributes:
      pixels: `pixels(gen_params, key, n)`: n flat images in [0, 1].
      images: `images(gen_params, key, n)`: the same as bytes [n height width channels].
      interpolate: `interpolate(gen_params, key, rows, columns)`: bytes [rows columns
        height width channels]; each row goes from one latent to another, on the
        sphere's side of the chord: z_t = ((1 - t) z_0 + t z_1) / sqrt((1 - t)^2 + t^2)
        is standard normal for every t.
    """

    pixels: Callable[..., Float[Array, "n pixels"]]
    images: Callable[..., np.ndarray]
    interpolate: Callable[..., np.ndarray]


def make_sampler(
    generator: Model, latent_size: int, image_shape: tuple[int, int, int]
) -> Sampler:
    """The sampler of a generator that maps standard normal latents to flat images."""

    @functools.partial(jax.jit, static_argnums=2)
    def pixels(gen_params: Params, key: PRNGKey, num: int):
        z = jax.random.normal(key, (num, latent_size))
        return _in_chunks(functools.partial(generator.apply, gen_params), z)

    def images(gen_params: Params, key: PRNGKey, num: int):
        return to_bytes(pixels(gen_params, key, num), image_shape)

    def interpolate(gen_params: Params, key: PRNGKey, rows: int, columns: int):
        z = latent_paths(key, rows, columns, latent_size)
        flat = generator.apply(gen_params, z)
        return to_bytes(flat, image_shape).reshape(rows, columns, *image_shape)

    return Sampler(pixels, images, interpolate)


def latent_paths(
    key: PRNGKey, rows: int, columns: int, latent_size: int
) -> Float[Array, "points latent"]:
    """Latents of `Sampler.interpolate`, row by row."""
    start, stop = jax.random.normal(key, (2, rows, 1, latent_size))
    t = jnp.linspace(0, 1, columns)[None, :, None]
    z = ((1 - t) * start + t * stop) / jnp.sqrt((1 - t) ** 2 + t**2)
    return z.reshape(rows * columns, latent_size)


def _in_chunks(apply: Callable, x: jax.Array) -> jax.Array:
    """`apply` over a leading axis, a thousand rows at a time to save memory."""
    return jax.lax.map(lambda row: apply(row[None])[0], x, batch_size=1000)


def nearest_images(
    samples: UInt8[np.ndarray, "n height width channels"],
    images: UInt8[Array, "m height width channels"],
) -> UInt8[np.ndarray, "n height width channels"]:
    """The image nearest to each sample in Euclidean distance of pixels."""

    def squared_distances(image):
        return jnp.sum((flat - unit_pixels(image[None])) ** 2, axis=1)

    flat = unit_pixels(jnp.asarray(samples))
    squares = jax.lax.map(squared_distances, images, batch_size=256)
    return np.asarray(images[jnp.argmin(squares, axis=0)])
