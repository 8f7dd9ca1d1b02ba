"""Measures of a GAN with batch normalisation: its game, and distances of its images."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdl.adversarial.losses import gan_value
from jaxdl.adversarial.population_statistics import (
    NUM_STATISTICS,
    model_with_population_statistics,
    params_with_population_statistics,
)
from jaxdl.adversarial.sampler import CHUNK, STRIP_IMAGES, Sampler
from jaxdl.errors import InputError
from jaxdl.measures.chunks import in_chunks
from jaxdl.ops.images import unit_pixels
from jaxdl.systems.dcgan.checkerboard import checkerboard_score
from jaxdl.systems.dcgan.image_distances import frechet_distance, kernel_distance
from jaxdl.systems.dcgan.precision_recall import class_coverage, precision_recall
from jaxdl.types import EvaluateFn, Model, PRNGKey

NUM_WATCHED = 1000  # samples and validation images of the game's value

MeasureFn = Callable[[Any, Any, PRNGKey], dict[str, float]]
"""`measure(state, data, key) -> {name: value}`."""


def make_dcgan_evaluate(
    discriminator: Model,
    sampler: Sampler,
    num_samples: int,
    *,
    classifier: Any = None,
    extras: tuple[MeasureFn, ...] = (),
) -> EvaluateFn:
    """`evaluate(state, data, key, final)` of a GAN with batch normalisation.

    Between blocks: `value`, V(D, G), `d_real` and `d_fake`, mean D(x) and D(G(z)), on
    the first 1,000 validation images and as many samples. Each kind is normalised by
    population statistics of its own, those of 1,000 training images or samples, as
    each is by its own batch in training. `samples` are the first 20 images, from the
    same latents each time.

    When `final`, on `num_samples` samples and all test images: `checkerboard_2` and
    `checkerboard_4` of the samples, and `real_checkerboard_...` of the images
    (`checkerboard_score`, decibels). With a classifier, in its features: `frechet`,
    `kernel` with its standard error `kernel_error`, `precision` and `recall`; by its
    verdicts, `classes_covered` and `class_distance`, the total variation from the
    shares that the same verdicts find among the test images.

    Args:
      discriminator: `apply(params, x, statistics=...)`, of flat images.
      sampler: of the generator (`make_sampler_with_population_statistics`).
      num_samples: to measure when final.
      classifier: with functions `features` and `logits` of images [n height width
        channels] in [0, 1].
      extras: more measures when final, each `measure(state, data, key) -> {name:
        value}`.
    """

    @jax.jit
    def validate(disc_params, images, samples):
        def logits(known, rows):
            pair = params_with_population_statistics(discriminator, disc_params, known)
            return model_with_population_statistics(discriminator).apply(pair, rows)

        train, validation = (unit_pixels(image) for image in images)
        real = logits(train, validation)
        fake = logits(samples[:NUM_STATISTICS], samples[NUM_STATISTICS:])
        return {
            "value": jnp.mean(gan_value(real, fake)),
            "d_real": jnp.mean(jax.nn.sigmoid(real)),
            "d_fake": jnp.mean(jax.nn.sigmoid(fake)),
        }

    def evaluate(state, data, key: PRNGKey, final: bool) -> dict[str, Any]:
        strip_key, watched_key, sample_key, extra_key = jax.random.split(key, 4)
        held_out = data.validation.image[:NUM_WATCHED]
        num = NUM_STATISTICS + len(held_out)
        watched = sampler.pixels(state.gen_params, watched_key, num)
        images = data.train.image[:NUM_STATISTICS], held_out
        values: dict[str, Any] = dict(validate(state.disc_params, images, watched))
        if final:
            fake = sampler.pixels(state.gen_params, sample_key, num_samples)
            real = unit_pixels(data.test.image)
            real, fake = (
                np.asarray(x).reshape(-1, *data.image_shape) for x in (real, fake)
            )
            values |= image_measures(real, fake, classifier)
            for measure in extras:
                values |= measure(state, data, extra_key)
        values["samples"] = sampler.images(state.gen_params, strip_key, STRIP_IMAGES)
        return values

    return evaluate


def image_measures(
    real: Float[np.ndarray, "n height width channels"],
    fake: Float[np.ndarray, "m height width channels"],
    classifier: Any = None,
) -> dict[str, float]:
    """Distances of samples from images, both in [0, 1]: see `make_dcgan_evaluate`."""
    found: dict[str, float] = {}
    for name, images in (("", fake), ("real_", real)):
        for period in (2, 4):
            score = checkerboard_score(images, period=period)
            found[f"{name}checkerboard_{period}"] = float(score)
    if classifier is None:
        return found

    def rows_of(fn, images):
        return np.asarray(in_chunks(fn, images, size=CHUNK, pad=True))

    features = [rows_of(classifier.features, x) for x in (real, fake)]
    kernel = kernel_distance(*features)
    sharp = precision_recall(*features)
    logits = [rows_of(classifier.logits, x) for x in (real, fake)]
    classes = class_coverage(logits[1], class_coverage(logits[0]).shares)
    return found | {
        "frechet": float(frechet_distance(*features)),
        "kernel": kernel.value,
        "kernel_error": kernel.standard_error,
        "precision": sharp.precision,
        "recall": sharp.recall,
        "classes_covered": float(classes.covered),
        "class_distance": float(classes.total_variation),
    }


def fitted_to(
    classifier_shape: tuple[int, int, int],
    images: Float[Array, "n height width channels"],
) -> Float[Array, "n side side seen"]:
    """Images as a classifier of such a shape takes them.

    Colours become grey, the largest of the channels, if it sees one channel; the size
    is changed bilinearly.

    Raises:
      InputError: if it sees colours and the images have none.
    """
    *size, channels = classifier_shape
    if channels == 1:
        images = jnp.max(images, axis=-1, keepdims=True)
    if images.shape[-1] != channels:
        raise InputError(
            f"the classifier sees {channels} channels and the images have "
            f"{images.shape[-1]}: give one that was trained on such images"
        )
    return jax.image.resize(images, (len(images), *size, channels), "linear")
