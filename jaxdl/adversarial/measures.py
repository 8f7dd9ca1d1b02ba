"""What a GAN has learned: held-out likelihood, the value of the game, its samples."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from jaxdl.adversarial.losses import gan_value
from jaxdl.adversarial.parzen import parzen_log_likelihood, select_sigma
from jaxdl.measures.statistics import standard_error
from jaxdl.ops.images import to_bytes, unit_pixels
from jaxdl.types import Model, Params, PRNGKey

SIGMAS = np.logspace(-1, 0, 10)  # as in the authors' script
SELECTION_IMAGES = 1000
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


def make_gan_evaluate(
    discriminator: Model, sampler: Sampler, num_samples: int
) -> Callable:
    """`evaluate(state, data, key, final)` of a GAN on images.

    On the validation split: `parzen_validation`, the mean Parzen log-likelihood (nats)
    of its first 1,000 images under `num_samples` samples and the best of ten windows,
    `parzen_sigma`; `value`, V(D, G); `d_real` and `d_fake`, mean D(x) and D(G(z)),
    without dropout. On the test split, when `final`: `parzen_log_likelihood`, the mean
    over its images with that window, and `parzen_standard_error` over them. `samples`
    are the first 20 images, from the same latents each time.
    """

    @jax.jit
    def validate(disc_params, images, samples):
        real = unit_pixels(images)
        selection = real[:SELECTION_IMAGES]
        sigma, log_likelihoods = select_sigma(selection, samples, SIGMAS)
        logits = functools.partial(discriminator.apply, disc_params)
        real_logits, fake_logits = _in_chunks(logits, real), _in_chunks(logits, samples)
        return {
            "parzen_validation": jnp.max(log_likelihoods),
            "parzen_sigma": sigma,
            "value": gan_value(real_logits, fake_logits),
            "d_real": jnp.mean(jax.nn.sigmoid(real_logits)),
            "d_fake": jnp.mean(jax.nn.sigmoid(fake_logits)),
        }

    @jax.jit
    def test(images, samples, sigma):
        return parzen_log_likelihood(unit_pixels(images), samples, sigma)

    def evaluate(state, data, key: PRNGKey, final: bool) -> dict:
        samples = sampler.pixels(state.gen_params, key, num_samples)
        values = dict(validate(state.disc_params, data.validation.image, samples))
        if final:
            each = np.asarray(test(data.test.image, samples, values["parzen_sigma"]))
            values["parzen_log_likelihood"] = each.mean()
            values["parzen_standard_error"] = standard_error(each)
        values["samples"] = to_bytes(samples[:STRIP_IMAGES], data.image_shape)
        return values

    return evaluate


def gan_protocols(data, num_samples: int, networks: str) -> dict[str, dict[str, Any]]:
    """How `make_gan_evaluate` measures what the ledger prints, and beside what."""
    shared = {"data": data.name, "networks": networks}
    selection = min(SELECTION_IMAGES, len(data.validation.image))
    published = {"published": "gan-mnist-parzen"} if data.name == "mnist" else {}
    return {
        "parzen_log_likelihood": shared
        | published
        | {
            "train_images": len(data.train.image),
            "pixels": "[0, 1]",
            "samples": num_samples,
            "sigma_grid": "logspace(-1, 0, 10)",
            "sigma_chosen_on": f"first {selection} validation images",
            "step_chosen_on": "none, the last one",
            "test_images": len(data.test.image),
        },
        "value": shared
        | {
            "published": "gan-value-minimum",
            "discriminator": "trained, on validation images",
        },
    }


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
