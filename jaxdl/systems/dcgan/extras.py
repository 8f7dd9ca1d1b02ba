"""What the networks of a DCGAN know: sums of latents, the discriminator's features."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from jaxdl.adversarial.networks import GAN
from jaxdl.adversarial.population_statistics import (
    NUM_STATISTICS,
    make_params_with_population_statistics,
    model_with_population_statistics,
    params_with_population_statistics,
)
from jaxdl.adversarial.sampler import CHUNK
from jaxdl.measures.chunks import in_chunks
from jaxdl.ops.images import unit_pixels
from jaxdl.systems.dcgan.coloured import PREFIX, colour_of_image
from jaxdl.systems.dcgan.data import image_shape
from jaxdl.systems.dcgan.latent_arithmetic import (
    LatentArithmetic,
    latent_arithmetic,
    make_attributes,
)
from jaxdl.systems.dcgan.measures import MeasureFn
from jaxdl.systems.dcgan.networks import dcgan_features
from jaxdl.types import Model, Params, PRNGKey

ArithmeticFn = Callable[[Params, PRNGKey, int], LatentArithmetic]
"""`arithmetic(gen_params, key, num_trials)`."""


def make_extras(
    cfg: Any, gan: GAN, classifier: Any
) -> tuple[ArithmeticFn | None, tuple[MeasureFn, ...]]:
    """Latent arithmetic, if it can be judged, and the measures of a configuration.

    Args:
      cfg: with `data`, `networks`, `arithmetic_trials`, `base_channels`, and what
        `image_shape` needs. Coloured digits with a classifier have sums of latents; a
        convolutional discriminator of CIFAR-10 has its features judged.
      gan: the networks.
      classifier: with a function `logits` of grey images; None without one.
    """
    shape = image_shape(cfg)
    if classifier is not None and cfg.data.startswith(PREFIX):
        arithmetic = make_arithmetic(
            gan.generator, gan.latent_size, shape, classifier.logits
        )
        return arithmetic, (make_arithmetic_measure(arithmetic, cfg.arithmetic_trials),)
    if cfg.data == "cifar10_subset" and cfg.networks == "dcgan":
        features = dcgan_features(shape, base_channels=cfg.base_channels)
        return None, (make_feature_accuracy(features),)
    return None, ()


def make_arithmetic(
    generator: Model,
    latent_size: int,
    image_shape: tuple[int, int, int],
    logits: Callable[[jax.Array], jax.Array],
) -> ArithmeticFn:
    """`arithmetic(gen_params, key, num_trials)`: `latent_arithmetic` of a generator.

    Args:
      generator, latent_size, image_shape: of coloured digits.
      logits: of grey images [n height width 1] in [0, 1], of the ten digits.
    """
    fixed = make_params_with_population_statistics(generator, latent_size)
    apply = jax.jit(model_with_population_statistics(generator).apply)
    classify = make_attributes(logits, colour_of_image)

    def arithmetic(gen_params: Params, key: PRNGKey, num_trials: int):
        pair = fixed(gen_params)

        def generate(z):
            return apply(pair, z).reshape(-1, *image_shape)

        return latent_arithmetic(
            key, generate, classify, latent_size, num_trials=num_trials
        )

    return arithmetic


def make_arithmetic_measure(arithmetic: ArithmeticFn, num_trials: int) -> MeasureFn:
    """`measure(state, data, key)` of latent arithmetic, in percent of its trials.

    `arithmetic` is how often (red 3) - (red 7) + (blue 7) gives a blue 3, with
    `arithmetic_digit` and `arithmetic_colour`, how often that one is right,
    `arithmetic_third_alone`, how often the mean of the blue 7 is a blue 3 already, and
    `arithmetic_chance`, the share of blue 3 among plain samples; `arithmetic_random`
    and `arithmetic_random_chance` are over random digits and colours. Trials that found
    too few exemplars count as failed; `arithmetic_missing` is their share.
    """

    def measure(state, data, key) -> dict[str, float]:
        del data
        found = arithmetic(state.gen_params, key, num_trials)
        named, drawn = found.named, found.random
        return {
            "arithmetic": 100 * named.success / named.trials,
            "arithmetic_digit": 100 * named.digit / named.trials,
            "arithmetic_colour": 100 * named.colour / named.trials,
            "arithmetic_third_alone": 100 * named.third_alone / named.trials,
            "arithmetic_chance": 100 * named.chance,
            "arithmetic_missing": 100 * named.missing / named.trials,
            "arithmetic_random_missing": 100 * drawn.missing / drawn.trials,
            "arithmetic_random": 100 * drawn.success / drawn.trials,
            "arithmetic_random_chance": 100 * drawn.chance,
        }

    return measure


def make_feature_accuracy(features: Model) -> MeasureFn:
    """`measure(state, data, key)`: a linear machine on the discriminator's features.

    `svm_accuracy` is the share of test images that a linear support vector machine
    (squared hinge loss) on the training images' features gets right, in percent. Its
    penalty C, of 10^-4 ... 10^-1, is the best on the validation images. Features have
    the population statistics of 1,000 training images, and are divided by the root of
    their mean square.

    Args:
      features: of flat images, with the discriminator's parameters.

    References:
      Radford, Metz & Chintala, 2016, section 5.1.
    """

    fixed = jax.jit(functools.partial(params_with_population_statistics, features))
    apply = jax.jit(model_with_population_statistics(features).apply)

    def measure(state, data, key) -> dict[str, float]:
        del key
        splits = data.train, data.validation, data.test
        rows = [unit_pixels(split.image) for split in splits]
        pair = fixed(state.disc_params, rows[0][:NUM_STATISTICS])
        fn = functools.partial(apply, pair)
        found = [np.asarray(in_chunks(fn, x, size=CHUNK, pad=True)) for x in rows]
        scale = np.sqrt(np.mean(found[0] ** 2))
        labels = [np.asarray(split.label) for split in splits]
        return {"svm_accuracy": linear_accuracy([x / scale for x in found], labels)}

    return measure


def linear_accuracy(
    features: list[Float[np.ndarray, "_ features"]], labels: list[Int[np.ndarray, " _"]]
) -> float:
    """Test accuracy (%) of a linear support vector machine.

    Args:
      features, labels: of training, validation (it chooses C) and test.
    """
    from sklearn.svm import LinearSVC

    best, chosen = -1.0, None
    for penalty in (1e-4, 1e-3, 1e-2, 1e-1):
        model = LinearSVC(C=penalty, dual=False, tol=1e-3)
        model.fit(features[0], labels[0])
        score = model.score(features[1], labels[1])
        if chosen is None or score > best:
            best, chosen = score, model
    assert chosen is not None
    return 100 * float(chosen.score(features[2], labels[2]))
