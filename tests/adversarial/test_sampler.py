"""Drawing from a generator of a few pixels, and looking for copies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxdl.adversarial.population_statistics import NUM_STATISTICS
from jaxdl.adversarial.sampler import (
    latent_paths,
    make_sampler,
    make_sampler_with_population_statistics,
    nearest_images,
)
from jaxdl.systems.gan.networks import small_gan
from jaxdl.types import Model

SHAPE = (2, 3, 1)
LATENT = 6
KEY = jax.random.key(3)

# Pixel i is 1/2 + z_i / 20: a byte tells z to within 0.04, from -10 to 10.
RULER = Model(lambda key: {}, lambda params, z: 0.5 + z / 20)
RULER_STEP = 20 / 255


def read_latents(image: np.ndarray) -> np.ndarray:
    flat = image.reshape(*image.shape[:-3], -1).astype(float)
    return (flat / 255 - 0.5) * 20


GENERATOR = Model(lambda key: {}, lambda params, z: jax.nn.sigmoid(params["scale"] * z))


@pytest.fixture(scope="module")
def sampler():
    return make_sampler(RULER, LATENT, SHAPE)


@pytest.mark.parametrize("num", [1, 7, 1000])
def test_sampler_gives_so_many(sampler, num):
    pixels = sampler.pixels({}, KEY, num)
    assert pixels.shape == (num, 6) and pixels.dtype == jnp.float32
    image = sampler.images({}, KEY, num)
    assert isinstance(image, np.ndarray) and image.dtype == np.uint8
    assert image.shape == (num, *SHAPE)
    np.testing.assert_allclose(
        image.reshape(num, 6) / 255, pixels, atol=0.5 / 255 + 1e-6
    )


def test_same_key_same_images(sampler):
    first = sampler.images({}, KEY, 50)
    np.testing.assert_array_equal(first, sampler.images({}, KEY, 50))
    other = sampler.images({}, jax.random.key(4), 50)
    assert np.mean(first == other) < 0.1


def test_latents_are_standard_normal(sampler):
    latents = (np.asarray(sampler.pixels({}, KEY, 4000)) - 0.5) * 20
    assert scipy.stats.kstest(latents.ravel(), "norm").pvalue > 1e-3
    correlations = np.corrcoef(latents.T) - np.eye(LATENT)
    assert abs(correlations).max() < 0.08  # 5 standard errors


def test_sampler_uses_the_parameters():
    found = make_sampler(GENERATOR, LATENT, SHAPE)
    flat = found.pixels({"scale": jnp.float32(0.0)}, KEY, 3)
    np.testing.assert_array_equal(flat, np.full((3, 6), 0.5))
    assert np.std(found.pixels({"scale": jnp.float32(1.0)}, KEY, 3)) > 0.1


def test_interpolation_goes_between_its_ends(sampler):
    rows, columns = 30, 9
    paths = sampler.interpolate({}, KEY, rows, columns)
    assert paths.shape == (rows, columns, *SHAPE) and paths.dtype == np.uint8
    latents = read_latents(paths)
    start, stop = latents[:, :1], latents[:, -1:]
    t = np.linspace(0, 1, columns)[None, :, None]
    expected = ((1 - t) * start + t * stop) / np.sqrt((1 - t) ** 2 + t**2)
    # Each end is read to half a byte, and so is what lies between.
    np.testing.assert_allclose(latents, expected, atol=1.3 * RULER_STEP)
    # Every row goes its own way, and its ends have nothing to do with each other.
    assert abs(np.corrcoef(start.ravel(), stop.ravel())[0, 1]) < 0.4
    assert abs(np.corrcoef(start[1:].ravel(), start[:-1].ravel())[0, 1]) < 0.4


def test_interpolation_keeps_the_variance(sampler):
    latents = read_latents(sampler.interpolate({}, KEY, 3000, 7))
    variances = latents.var(axis=(0, 2))
    # 18,000 numbers: standard error 0.011; the plain chord has 0.5 in its middle.
    np.testing.assert_allclose(variances, np.ones(7), atol=0.06)


def test_interpolation_ends_are_the_generators_images():
    gan = small_gan(6)
    params = jax.jit(gan.generator.init)(jax.random.key(0))
    sampler = make_sampler(gan.generator, gan.latent_size, SHAPE)
    paths = sampler.interpolate(params, KEY, 3, 5)
    latents = latent_paths(KEY, 3, 5, gan.latent_size).reshape(3, 5, gan.latent_size)
    for column in (0, -1):
        flat = np.asarray(gan.generator.apply(params, latents[:, column]))
        nearest = np.floor(flat * 255 + 0.5).reshape(3, *SHAPE)
        np.testing.assert_array_equal(paths[:, column], nearest)
    assert not np.array_equal(paths[:, 0], paths[:, -1])


def linear(params, x, *, statistics=None, with_statistics=False):
    """A net that takes off the mean: that of its batch, or a known one."""
    mean = x.mean() if statistics is None else statistics
    y = (x - mean) * params
    return (y, mean) if with_statistics else y


def test_samples_have_population_statistics():
    sampler = make_sampler_with_population_statistics(Model(None, linear), 4, (2, 2, 1))
    latents = jax.random.normal(jax.random.key(0), (NUM_STATISTICS, 4))
    found = sampler.pixels(jnp.float32(3.0), KEY, 6)
    expected = 3 * (jax.random.normal(KEY, (6, 4)) - latents.mean())
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert sampler.interpolate(jnp.float32(3.0), KEY, 2, 3).shape == (2, 3, 2, 2, 1)


@pytest.mark.parametrize("num_images", [1, 5, 256, 300])
def test_nearest_images_equal_brute_force(num_images):
    rng = np.random.default_rng(num_images)
    stored = rng.integers(0, 256, (num_images, *SHAPE), np.uint8)
    samples = rng.integers(0, 256, (11, *SHAPE), np.uint8)
    found = nearest_images(samples, jnp.asarray(stored))
    assert isinstance(found, np.ndarray) and found.dtype == np.uint8
    for sample, image in zip(samples, found, strict=True):
        gaps = stored.astype(int) - sample.astype(int)[None]
        squares = (gaps**2).sum(axis=(1, 2, 3))
        assert ((image.astype(int) - sample.astype(int)) ** 2).sum() == squares.min()
        assert (stored == image).all(axis=(1, 2, 3)).any()  # one of the images


def test_a_copy_is_found():
    stored = np.random.default_rng(0).integers(0, 256, (300, 8, 8, 1), np.uint8)
    order = np.random.default_rng(1).permutation(300)[:24]
    found = nearest_images(stored[order], jnp.asarray(stored))
    np.testing.assert_array_equal(found, stored[order])


def test_distance_is_euclidean():
    """Not the sum of differences: one large gap counts more than two halves of it."""
    sample = np.full((1, 2, 1, 1), 100, np.uint8)
    one_gap, two_gaps = [100, 150], [128, 128]
    stored = np.uint8([one_gap, two_gaps]).reshape(2, 2, 1, 1)
    found = nearest_images(sample, jnp.asarray(stored))
    np.testing.assert_array_equal(found[0].ravel(), two_gaps)
