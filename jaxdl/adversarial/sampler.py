"""Images from a generator: samples, paths between two, the nearest stored ones."""

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from jaxdl.adversarial.population_statistics import (
    make_params_with_population_statistics,
    model_with_population_statistics,
)
from jaxdl.errors import InputError
from jaxdl.figures.grids import save_images
from jaxdl.measures.chunks import in_chunks
from jaxdl.memory import require_memory
from jaxdl.ops.images import to_bytes, unit_pixels
from jaxdl.printing import say
from jaxdl.types import ApplyFn, Model, Params, PRNGKey

STRIP_IMAGES = 20
CHUNK = 500


class Sampler(NamedTuple):
    """Ways to draw images from a generator. One program serves any number of them.

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
    """The sampler of a generator that maps each standard normal latent to its image."""
    return _sampler(lambda params: params, generator.apply, latent_size, image_shape)


def make_sampler_with_population_statistics(
    generator: Model, latent_size: int, image_shape: tuple[int, int, int]
) -> Sampler:
    """The sampler of a generator that normalises batches in training.

    Every sample is made with population statistics, so none depends on its neighbours.
    """
    fixed = make_params_with_population_statistics(generator, latent_size)
    apply = model_with_population_statistics(generator).apply
    return _sampler(fixed, apply, latent_size, image_shape)


def _sampler(
    fixed: Callable[[Params], Any],
    apply: ApplyFn,
    latent_size: int,
    image_shape: tuple[int, int, int],
) -> Sampler:
    """The sampler that maps latents by `apply(fixed(gen_params), z)`."""
    compiled = jax.jit(apply)

    def generate(gen_params: Params, z: Float[Array, "n latent"]):
        fn = functools.partial(compiled, fixed(gen_params))
        return in_chunks(fn, z, size=CHUNK, pad=True)

    def pixels(gen_params: Params, key: PRNGKey, num: int):
        require_memory(4 * num * (latent_size + math.prod(image_shape)))
        return generate(gen_params, jax.random.normal(key, (num, latent_size)))

    def images(gen_params: Params, key: PRNGKey, num: int):
        return to_bytes(pixels(gen_params, key, num), image_shape)

    def interpolate(gen_params: Params, key: PRNGKey, rows: int, columns: int):
        flat = generate(gen_params, latent_paths(key, rows, columns, latent_size))
        return to_bytes(flat, image_shape).reshape(rows, columns, *image_shape)

    return Sampler(pixels, images, interpolate)


@functools.partial(jax.jit, static_argnames=("rows", "columns", "latent_size"))
def latent_paths(
    key: PRNGKey, rows: int, columns: int, latent_size: int
) -> Float[Array, "points latent"]:
    """Latents of `Sampler.interpolate`, row by row."""
    start, stop = jax.random.normal(key, (2, rows, 1, latent_size))
    t = jnp.linspace(0, 1, columns)[None, :, None]
    z = ((1 - t) * start + t * stop) / jnp.sqrt((1 - t) ** 2 + t**2)
    return z.reshape(rows * columns, latent_size)


def nearest_images(
    samples: UInt8[np.ndarray, "n height width channels"],
    images: UInt8[Array, "m height width channels"],
) -> UInt8[np.ndarray, "n height width channels"]:
    """The image nearest to each sample in Euclidean distance of pixels."""
    return np.asarray(_nearest(samples, images))


@jax.jit
def _nearest(samples, images):
    def squared_distances(image):
        return jnp.sum((flat - unit_pixels(image[None])) ** 2, axis=1)

    flat = unit_pixels(samples)
    squares = jax.lax.map(squared_distances, images, batch_size=256)
    return images[jnp.argmin(squares, axis=0)]


def draw(
    restore: Callable[[Path], tuple[Params, Sampler]],
    out: Path | None,
    num: int,
    seed: int,
) -> int:
    """Write images of a finished run to its folder: a picture and a NumPy array.

    Args:
      restore: from the folder to the generator's parameters and its sampler.
      out: folder of the run, as `--out` names it.
      num: images to draw.
      seed: of their latents.

    Returns:
      The exit code.

    Raises:
      InputError: without a folder, and as `restore` does.
    """
    if out is None:
        raise InputError("--sample needs --out FOLDER: the folder of a finished run")
    gen_params, sampler = restore(out)
    key = jax.random.fold_in(jax.random.key(seed), 4)
    images = sampler.images(gen_params, key, num)
    say(str(save_images(images, out / "samples", f"{num}-seed-{seed}")))
    return 0
