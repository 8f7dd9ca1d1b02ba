"""Views of an image, against copies made by NumPy."""

import jax
import numpy as np
import pytest

from jaxdl.systems.transfer.augmentation import randomly_mirrored, randomly_shifted


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (300, 5, 6, 3), np.uint8)


def test_half_of_the_images_are_mirrored(images):
    found = np.asarray(jax.jit(randomly_mirrored)(jax.random.key(0), images))
    same = np.all(found == images, axis=(1, 2, 3))
    mirrored = np.all(found == np.flip(images, axis=2), axis=(1, 2, 3))
    assert found.dtype == np.uint8 and np.all(same ^ mirrored)
    assert abs(mirrored.mean() - 0.5) < 4 * 0.5 / 300**0.5


def test_every_shift_is_a_part_of_the_reflected_image(images):
    shift = jax.jit(randomly_shifted, static_argnames="most")
    found = np.asarray(shift(jax.random.key(0), images, most=2))
    seen = np.zeros((5, 5), int)
    for image, moved in zip(images, found, strict=True):
        padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="reflect")
        places = [
            (i, j)
            for i in range(5)
            for j in range(5)
            if np.array_equal(padded[i : i + 5, j : j + 6], moved)
        ]
        assert places
        seen[places[0]] += 1
    assert np.all(np.abs(seen - 12) < 4 * 3.4)  # 300 over 25 places
    np.testing.assert_array_equal(shift(jax.random.key(0), images, most=0), images)
