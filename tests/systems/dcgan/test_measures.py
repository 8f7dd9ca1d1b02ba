"""Measures of a GAN with batch normalisation."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data.load import Images, Split
from jaxdl.errors import InputError
from jaxdl.systems.dcgan.extras import (
    linear_accuracy,
    make_arithmetic_measure,
    make_feature_accuracy,
)
from jaxdl.systems.dcgan.latent_arithmetic import Outcome
from jaxdl.systems.dcgan.measures import fitted_to, image_measures
from jaxdl.types import Model

KEY = jax.random.key(0)


def linear(params, x, *, statistics=None, with_statistics=False):
    """A net that takes off the mean: that of its batch, or a known one."""
    mean = x.mean() if statistics is None else statistics
    y = (x - mean) * params
    return (y, mean) if with_statistics else y


def stub(num_classes=3):
    """Features are the means of rows; the class is that of the brightest third."""

    def features(x):
        return x.mean(axis=(2, 3))

    def logits(x):
        return features(x)[:, :num_classes]

    return types.SimpleNamespace(features=features, logits=logits)


def test_image_measures():
    rng = np.random.default_rng(0)
    real = rng.uniform(size=(120, 8, 8, 1))
    without = image_measures(real, real)
    assert without["checkerboard_2"] == without["real_checkerboard_2"]
    assert len(without) == 4
    same = image_measures(real, real, stub())
    assert abs(same["frechet"]) < 1e-6 and same["kernel"] < 3 * same["kernel_error"]
    assert same["precision"] == same["recall"] == 1
    assert same["classes_covered"] == 3 and same["class_distance"] == 0
    # A generator of one dim image in ten shades: of one class, and far off.
    fake = np.ones((50, 8, 8, 1)) * rng.uniform(0.1, 0.2, (10, 1, 1, 1)).repeat(5, 0)
    fake = np.clip(fake + 0.01 * rng.normal(size=fake.shape), 0, 1)
    fake[:, 0] += 0.1
    other = image_measures(real, fake, stub())
    assert other["frechet"] > 0.5 and other["kernel"] > 10 * other["kernel_error"]
    assert other["classes_covered"] == 1 and other["class_distance"] > 0.5
    assert other["recall"] == 0


def test_images_as_the_classifier_takes_them():
    images = jnp.zeros((2, 4, 4, 3)).at[0, 1, 2].set(jnp.array([0.2, 0.9, 0.1]))
    grey = fitted_to((4, 4, 1), images)
    assert grey.shape == (2, 4, 4, 1)
    np.testing.assert_allclose(grey[0, 1, 2, 0], 0.9)
    larger = fitted_to((8, 8, 3), images)
    assert larger.shape == (2, 8, 8, 3)
    np.testing.assert_allclose(larger.mean(), images.mean(), rtol=0.05)
    with pytest.raises(InputError, match="sees 3 channels and the images have 1"):
        fitted_to((4, 4, 3), grey)


def blobs(num, seed):
    """Two classes of noise, which differ in the first feature."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, num)
    features = rng.normal(size=(num, 5))
    features[:, 0] += 8 * labels
    return features, labels


def test_linear_accuracy():
    features, labels = zip(*(blobs(n, n) for n in (80, 40, 60)), strict=True)
    assert linear_accuracy(list(features), list(labels)) == 100
    wrong = [*labels[:2], 1 - labels[2]]
    assert linear_accuracy(list(features), wrong) == 0


def test_features_for_a_linear_machine():
    """The labels are in the pixels, and a net that only shifts keeps them."""

    def split(num):
        label = np.arange(num) % 2
        image = np.full((num, 2, 2, 1), 100, np.uint8)
        image[:, 0, 0, 0] += (50 * label).astype(np.uint8)
        return Split(jnp.asarray(image), jnp.asarray(label, jnp.int32))

    data = Images(split(30), split(10), split(20), name="toy", checksum="0")
    measure = make_feature_accuracy(Model(None, linear))
    state = types.SimpleNamespace(disc_params=jnp.float32(3.0))
    assert measure(state, data, KEY) == {"svm_accuracy": 100.0}


def test_percentages_of_trials():
    def outcome(success):
        return Outcome(200, success, 150, 160, 10, 4, 0.03)

    def arithmetic(gen_params, key, num_trials):
        assert (gen_params, num_trials) == ("generator", 200)
        return types.SimpleNamespace(named=outcome(140), random=outcome(90))

    state = types.SimpleNamespace(gen_params="generator")
    found = make_arithmetic_measure(arithmetic, 200)(state, None, KEY)
    assert found == pytest.approx(
        {
            "arithmetic": 70,
            "arithmetic_digit": 75,
            "arithmetic_colour": 80,
            "arithmetic_third_alone": 5,
            "arithmetic_chance": 3,
            "arithmetic_missing": 2,
            "arithmetic_random_missing": 2,
            "arithmetic_random": 45,
            "arithmetic_random_chance": 3,
        }
    )
