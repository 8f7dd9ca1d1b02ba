"""Bytes to numbers and back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.ops.images import (
    mean_image,
    sample_pixels,
    to_bytes,
    unit_images,
    unit_pixels,
)


def test_unit_pixels_equals_numpy(variant):
    image = np.random.default_rng(0).integers(0, 256, (5, 3, 2, 4), np.uint8)
    found = variant(unit_pixels)(jax.device_put(image))
    assert found.dtype == jnp.float32 and found.shape == (5, 24)
    expected = image.reshape(5, 24) / np.float32(255)
    # XLA may multiply by 1/255 under jit: one rounding more.
    np.testing.assert_allclose(found, expected, rtol=2e-7)


def test_unit_images_keep_their_shape():
    image = np.random.default_rng(0).integers(0, 256, (5, 3, 2, 4), np.uint8)
    found = unit_images(jax.device_put(image))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, image / np.float32(255), rtol=2e-7)


def test_channels_are_innermost():
    image = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    row = np.asarray(unit_pixels(jax.device_put(image)))[0] * 255
    np.testing.assert_allclose(row[:3], image[0, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(row[6:9], image[0, 1, 0], rtol=1e-6)


def test_ends_are_exact():
    image = jax.device_put(np.uint8([0, 255]).reshape(2, 1, 1, 1))
    assert np.asarray(unit_pixels(image)).ravel().tolist() == [0.0, 1.0]


def test_every_byte_comes_back(variant):
    image = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    pixels = variant(unit_pixels)(jax.device_put(image))
    back = to_bytes(pixels, (8, 8, 1))
    assert isinstance(back, np.ndarray) and back.dtype == np.uint8
    np.testing.assert_array_equal(back, image)


def test_color_images_come_back():
    image = np.random.default_rng(1).integers(0, 256, (3, 4, 5, 3), np.uint8)
    back = to_bytes(unit_pixels(jax.device_put(image)), (4, 5, 3))
    np.testing.assert_array_equal(back, image)


@pytest.mark.parametrize(
    ("pixel", "byte"),
    [
        (-0.5, 0),
        (-1e-9, 0),
        (0.49 / 255, 0),
        (0.51 / 255, 1),
        (254.51 / 255, 255),
        (1.0 + 1e-6, 255),
        (3.0, 255),
        (1e30, 255),
        (-np.inf, 0),
        (np.inf, 255),
    ],
)
def test_nearest_byte(pixel, byte):
    found = to_bytes(jax.device_put(np.full((1, 1), pixel, np.float32)), (1, 1, 1))
    assert found.tolist() == [[[[byte]]]]


def test_one_image():
    image = jax.device_put(np.zeros((1, 2, 3, 1), np.uint8))
    assert unit_pixels(image).shape == (1, 6)
    assert to_bytes(unit_pixels(image), (2, 3, 1)).shape == (1, 2, 3, 1)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.int32, jnp.int8, jnp.uint16, bool])
def test_refuses_what_is_not_bytes(dtype):
    with pytest.raises(InputError, match="expected bytes"):
        unit_pixels(jax.device_put(np.ones((1, 2, 2, 1), dtype)))


def test_what_is_not_bytes_is_named():
    with pytest.raises(InputError, match="image holds float32: expected bytes"):
        unit_images(jax.device_put(np.ones((1, 2, 2, 1), np.float32)))


def test_refuses_another_shape():
    with pytest.raises(InputError, match=r"5 pixels.*\(2, 3, 1\)"):
        to_bytes(jax.device_put(np.zeros((1, 5), np.float32)), (2, 3, 1))


def test_no_images():
    none = np.zeros((0, 2, 3, 1), np.uint8)
    assert unit_pixels(none).shape == (0, 6)
    assert sample_pixels(jax.random.key(0), none).shape == (0, 6)
    assert to_bytes(unit_pixels(none), (2, 3, 1)).shape == (0, 2, 3, 1)
    with pytest.raises(InputError, match="there are no images"):
        mean_image(none)


def test_sampled_pixels_have_their_intensity_as_probability():
    levels = np.array([0, 1, 64, 128, 254, 255], np.uint8)
    image = np.tile(levels, (40_000, 1)).reshape(-1, 2, 3, 1)
    pixels = jax.jit(sample_pixels)(jax.random.key(0), image)
    assert pixels.shape == (40_000, 6) and pixels.dtype == jnp.float32
    assert set(np.unique(pixels)) == {0, 1}
    share, p = np.asarray(pixels).mean(axis=0), levels / 255
    assert share[0] == 0 and share[-1] == 1
    error = np.sqrt(p * (1 - p) / 40_000)
    assert (np.abs(share - p) <= 4 * error).all()


def test_sampled_pixels_count_their_bits_rightly():
    """Over all 65,536 values of the bits: byte / 255 to 2^-16, exact at both ends."""
    bits = np.arange(65536)
    shares = np.array([np.mean(255 * bits < 65536 * byte) for byte in range(256)])
    np.testing.assert_allclose(shares, np.arange(256) / 255, atol=2**-16)
    assert shares[0] == 0 and shares[255] == 1
