"""Pictures of a GAN, from a sampler that tells what it was asked for."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.adversarial.pictures import make_gan_pictures
from jaxdl.adversarial.sampler import Sampler, nearest_images


def test_samples_and_paths_are_drawn_by_keys_of_their_own():
    keys = {}

    def images(params, key, num):
        keys["samples"] = key
        found = jax.random.randint(key, (num, 2, 2, 1), 0, 256)
        return np.asarray(found, np.uint8)

    def interpolate(params, key, rows, columns):
        keys["paths"] = key
        return np.zeros((rows, columns, 2, 2, 1), np.uint8)

    sampler = Sampler(lambda *args: None, images, interpolate)
    rng = np.random.default_rng(0)
    train = jnp.asarray(rng.integers(0, 256, (30, 2, 2, 1), np.uint8))
    found = make_gan_pictures(sampler, None, train, jax.random.key(0))
    assert keys["samples"] != keys["paths"]
    np.testing.assert_array_equal(found.samples, images(None, keys["samples"], 100))
    nearest = nearest_images(found.samples[:24], train)
    np.testing.assert_array_equal(found.nearest, nearest)
    assert found.paths.shape == (8, 12, 2, 2, 1)
