"""Splits of arrays of one's own, and other splits of the same images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import (
    Arrays,
    Images,
    Split,
    balanced_order,
    from_arrays,
    load_images,
    mnist_basic,
    train_on_all,
)
from jaxdl.errors import InputError


def numbered(start, stop):
    """Images of one pixel-triple that tell their number."""
    number = np.arange(start, stop)
    image = np.stack([number >> 16, number >> 8 & 255, number & 255], axis=1)
    image = image.astype(np.uint8).reshape(-1, 1, 3, 1)
    return Split(jnp.asarray(image), jnp.asarray(number % 10, jnp.int32))


def numbers(split):
    high, middle, low = np.asarray(split.image).reshape(-1, 3).astype(int).T
    return high << 16 | middle << 8 | low


@pytest.fixture(scope="module")
def images():
    bounds = (0, 50_000, 60_000, 70_000)
    splits = [numbered(*pair) for pair in zip(bounds[:-1], bounds[1:], strict=True)]
    return Images(*splits, name="numbers", checksum="0" * 64)


def test_basic_splits(images):
    basic = mnist_basic(images)
    assert basic.name == "numbers_basic" and len(basic.checksum) == 64
    found = [numbers(s) for s in (basic.train, basic.validation, basic.test)]
    np.testing.assert_array_equal(found[0], np.arange(10_000))
    np.testing.assert_array_equal(found[1], np.arange(10_000, 12_000))
    np.testing.assert_array_equal(found[2], np.arange(20_000, 70_000))
    for split in (basic.train, basic.validation, basic.test):
        np.testing.assert_array_equal(split.label, numbers(split) % 10)


def test_train_on_all(images):
    joined = train_on_all(images)
    np.testing.assert_array_equal(numbers(joined.train), np.arange(60_000))
    np.testing.assert_array_equal(numbers(joined.test), np.arange(60_000, 70_000))
    assert joined.validation is images.validation
    assert joined.checksum == images.checksum  # the same data, otherwise used


def test_too_few_images_are_refused():
    with pytest.raises(InputError, match="digits has 1497 .* expected 60,000"):
        mnist_basic(load_images("digits"))


def test_every_start_of_a_balanced_order_has_as_many_of_each_class():
    labels = np.repeat([2, 0, 1], [5, 9, 4])
    orders = [
        np.asarray(
            balanced_order(jax.random.key(i), jnp.asarray(labels), num_classes=3)
        )
        for i in range(200)
    ]
    for order in orders:
        assert sorted(order) == list(range(18))
        for k in range(1, 5):
            assert np.bincount(labels[order[: 3 * k]]).tolist() == [k] * 3
        assert labels[order[15:]].tolist() == [0] * 3  # what is left
    firsts = np.array([order[0] for order in orders])
    # Each class leads a third of the orders, and any of its examples does.
    assert np.all(np.abs(np.bincount(labels[firsts]) - 200 / 3) < 4 * 6.7)
    assert len(set(firsts)) == 18


PAIRS = {"x": np.arange(6.0).reshape(3, 2), "label": np.array([0, 1, 2])}


def test_arrays_of_ones_own():
    data = from_arrays("pairs", PAIRS, test=[np.ones((2, 2), np.uint8)])
    leaves, structure = jax.tree.flatten(data)
    assert all(isinstance(leaf, jax.Array) for leaf in leaves) and len(leaves) == 3
    assert data.name == "pairs" and data.validation is None
    np.testing.assert_array_equal(data.train["x"], PAIRS["x"])
    np.testing.assert_array_equal(data.train["label"], PAIRS["label"])
    assert data.test[0].dtype == jnp.uint8 and len(data.checksum) == 64
    again = jax.tree.unflatten(structure, leaves)
    assert isinstance(again, Arrays) and again.checksum == data.checksum


def test_their_checksum_tells_them_apart():
    others = [
        (PAIRS | {"x": PAIRS["x"] + 1}, {}),
        (PAIRS | {"x": PAIRS["x"].astype(np.float32)}, {}),
        (PAIRS | {"x": PAIRS["x"].reshape(3, 2, 1)}, {}),
        ({"x": PAIRS["label"], "label": PAIRS["x"]}, {}),
        ({"y": PAIRS["x"], "label": PAIRS["label"]}, {}),
        (PAIRS, {"test": PAIRS}),
        (PAIRS, {"validation": PAIRS}),
    ]
    found = [from_arrays("a", train, **more).checksum for train, more in others]
    first = from_arrays("pairs", PAIRS).checksum
    assert first == from_arrays("other", dict(reversed(PAIRS.items()))).checksum
    assert len({first, *found}) == 1 + len(others)


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (None, "train of a holds no arrays: expected arrays of numbers"),
        ({}, "train of a holds no arrays"),
        ({"x": np.ones(3), "y": np.ones(2)}, r"float64\[3\], float64\[2\]: expected"),
        ({"x": np.ones(3), "y": 2.0}, r"float64\[3\], float64\[\]: expected"),
        (np.array(["a", "b"]), r"<U1\[2\]: expected arrays of numbers"),
        ([np.array([None])], r"object\[1\]: expected"),
    ],
)
def test_other_arrays_are_refused(train, said):
    with pytest.raises(InputError, match=said):
        from_arrays("a", train)
    if jax.tree.leaves(train):
        with pytest.raises(InputError, match=f"test of a holds .*{said}"):
            from_arrays("a", PAIRS, test=train)
