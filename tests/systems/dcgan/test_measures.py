"""Measures of a GAN with batch normalisation."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.adversarial.sampler import Sampler
from jaxdl.data.load import Images, Split
from jaxdl.errors import InputError
from jaxdl.systems.dcgan import measures
from jaxdl.systems.dcgan.extras import (
    linear_accuracy,
    make_arithmetic_measure,
    make_feature_accuracy,
)
from jaxdl.systems.dcgan.latent_arithmetic import Outcome
from jaxdl.systems.dcgan.measures import (
    fitted_to,
    image_measures,
    make_dcgan_evaluate,
)
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


def test_classes_are_covered_by_the_samples():
    """A class of half the images has a tenth of the samples, less than a quarter."""
    rng = np.random.default_rng(0)

    def images(num_first):
        found = rng.uniform(0, 0.1, (20, 8, 8, 1))
        found[:num_first, 0] += 0.5
        found[num_first:, 1] += 0.5
        return found

    found = image_measures(images(10), images(18), stub(2))
    assert found["classes_covered"] == 1
    assert found["class_distance"] == pytest.approx(0.4)


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


def noise(num, seed):
    """Images of a split that differ in brightness from those of all others."""
    low = 40 * seed
    image = np.random.default_rng(seed).integers(low, low + 90, (num, 2, 2, 1))
    return Split(jnp.asarray(image, jnp.uint8), jnp.zeros(num, jnp.int32))


DATA = Images(noise(6, 0), noise(5, 2), noise(4, 4), name="toy", checksum="0")
STATE = types.SimpleNamespace(gen_params=jnp.float32(2.0), disc_params=jnp.float32(5.0))
SAMPLER = Sampler(
    pixels=lambda params, key, num: jax.random.uniform(key, (num, 4)) / params,
    images=lambda params, key, num: jax.random.uniform(key, (num, 2)) * params,
    interpolate=lambda *args: None,
)


def discriminator(params, x, *, statistics=None, with_statistics=False):
    """The first pixel, from its mean in the batch, or from a known one."""
    mean = x[:, 0].mean() if statistics is None else statistics
    y = params * (x[:, 0] - mean)
    return (y, mean) if with_statistics else y


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("final", [False, True])
def test_evaluate_equals_numpy(final):
    """With splits, keys and statistics of their own: none stands for another."""
    seen = []

    def extra(state, data, key):
        seen.append((state, data, key))
        return {"extra": 7.0}

    evaluate = make_dcgan_evaluate(
        Model(None, discriminator), SAMPLER, 30, classifier=stub(), extras=(extra,)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measures, "image_measures", lambda *args: {"measured": args})
        found = evaluate(STATE, DATA, KEY, final)
    strip_key, watched_key, sample_key, extra_key = jax.random.split(KEY, 4)
    strip = jax.random.uniform(strip_key, (20, 2)) * 2
    np.testing.assert_array_equal(found.pop("samples"), strip)
    watched = np.asarray(jax.random.uniform(watched_key, (1000 + 5, 4)) / 2)[:, 0]
    train, validation = (
        np.asarray(split.image).reshape(-1, 4)[:, 0] / 255
        for split in (DATA.train, DATA.validation)
    )
    real = 5 * (validation - train.mean())
    fake = 5 * (watched[1000:] - watched[:1000].mean())
    expected = {
        "value": np.log(sigmoid(real)).mean() + np.log(sigmoid(-fake)).mean(),
        "d_real": sigmoid(real).mean(),
        "d_fake": sigmoid(fake).mean(),
    }
    for name, value in expected.items():
        assert float(found.pop(name)) == pytest.approx(value, rel=1e-4), name
    if final:
        test, samples, classifier = found.pop("measured")
        np.testing.assert_allclose(test, np.asarray(DATA.test.image) / 255, rtol=1e-6)
        drawn = np.asarray(jax.random.uniform(sample_key, (30, 4)) / 2)
        np.testing.assert_array_equal(samples, drawn.reshape(-1, 2, 2, 1))
        assert classifier.logits(test).shape == (4, 2)
        assert found.pop("extra") == 7.0
        ((state, data, key),) = seen
        assert (state, data) == (STATE, DATA) and key == extra_key
    assert not found and len(seen) == final


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
