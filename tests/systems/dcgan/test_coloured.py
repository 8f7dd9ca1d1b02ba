"""Coloured digits: every attribute is where the label says."""

import sys

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import Images, Split, load_images
from jaxdl.errors import InputError
from jaxdl.systems.dcgan.coloured import (
    COLOURS,
    colour_of,
    colour_of_image,
    coloured,
    digit_of,
    load_coloured_mnist,
)

NAMES = ("train", "validation", "test")


@pytest.fixture(scope="module")
def digits():
    return load_images("digits")


@pytest.fixture(scope="module")
def tinted(digits):
    return coloured(digits)


def test_each_image_is_its_grey_one_in_one_channel(digits, tinted):
    assert tinted.name == "coloured_digits" and tinted.image_shape == (8, 8, 3)
    for name in NAMES:
        grey, split = getattr(digits, name), getattr(tinted, name)
        assert split.image.dtype == jnp.uint8 and split.label.dtype == jnp.int32
        np.testing.assert_array_equal(digit_of(split.label), grey.label)
        for colour in range(3):
            here = np.asarray(colour_of(split.label)) == colour
            images = np.asarray(split.image)[here]
            np.testing.assert_array_equal(
                images[..., colour], np.asarray(grey.image)[here, ..., 0]
            )
            assert not np.delete(images, colour, axis=-1).any()


def test_colours_take_turns_within_each_digit(tinted):
    for name in NAMES:
        label = np.asarray(getattr(tinted, name).label)
        for digit in range(10):
            turns = colour_of(label[digit_of(label) == digit])
            np.testing.assert_array_equal(turns, np.arange(len(turns)) % 3)


def test_the_checksum_is_fixed(digits, tinted):
    assert coloured(digits).checksum == tinted.checksum != digits.checksum
    assert tinted.checksum.startswith("af1bb9dda3afbe3c")


def test_mnist_is_coloured(monkeypatch, digits):
    asked = []

    def load(name, **folders):
        asked.append((name, folders))
        return digits

    module = sys.modules[
        "jaxdl.systems.dcgan.coloured"
    ]  # the function has the same name
    monkeypatch.setattr(module, "load_images", load)
    assert load_coloured_mnist(data_dir="here").image_shape == (8, 8, 3)
    assert asked == [("mnist", {"data_dir": "here", "source_dir": None})]


def test_the_colour_of_every_image_is_seen(tinted):
    images = np.asarray(tinted.test.image, np.float32) / 255
    expected = colour_of(tinted.test.label)
    np.testing.assert_array_equal(colour_of_image(images), expected)
    # Under a grey background of a tenth of the largest intensity as well.
    np.testing.assert_array_equal(colour_of_image(0.1 + 0.9 * images), expected)


def test_what_does_not_stand_out_has_no_colour():
    # Sums of the channels, as shares of all: leads of 0, 0, 0, 0.2, 0.19, 1.
    sums = [[0, 0, 0], [1, 1, 1], [5, 5, 0], [2, 4, 4.0], [2.0, 5, 3], [0, 0, 1]]
    sums += [[0.2, 0.405, 0.395], [0.3, 0.31, 0.5]]
    images = jnp.asarray(sums, jnp.float32)[:, None, None] / 10
    got = colour_of_image(images, margin=0.19)
    np.testing.assert_array_equal(got, [-1, -1, -1, -1, 1, 2, -1, -1])
    assert COLOURS[int(got[5])] == "blue"
    loose = colour_of_image(images, margin=0.001)
    np.testing.assert_array_equal(loose, [-1, -1, -1, -1, 1, 2, 1, 2])


def one(image, label):
    split = Split(jnp.asarray(image, jnp.uint8), jnp.asarray(label, jnp.int32))
    return Images(split, split, split, name="toy", checksum="0" * 64)


def test_bad_images_are_refused(tinted):
    with pytest.raises(InputError, match="coloured_digits has 3 channels"):
        coloured(tinted)
    with pytest.raises(InputError, match="toy has an image of class 10"):
        coloured(one(np.zeros((2, 4, 4, 1)), [3, 10]))


@pytest.mark.parametrize("margin", [0.0, 1.5, float("nan")])
def test_bad_margins_are_refused(margin):
    with pytest.raises(InputError, match="expected a share above 0, at most 1"):
        colour_of_image(jnp.zeros((1, 2, 2, 3)), margin=margin)
