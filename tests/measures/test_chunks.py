"""Functions of many rows equal their chunks put together."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.measures.chunks import chunks, in_chunks
from jaxdl.ops.images import unit_pixels


@pytest.mark.parametrize("num", [1, 999, 1001])
def test_chunks_are_put_together(num):
    image = np.random.default_rng(0).integers(0, 256, (num, 2, 2, 1), np.uint8)

    @jax.jit
    def sums(image):
        return 3.0 * unit_pixels(image).sum(1)

    found = in_chunks(sums, jnp.asarray(image))
    expected = 3 * image.reshape(num, -1).sum(axis=1) / 255
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
@pytest.mark.parametrize("num", [1, 500, 501])
def test_padded_chunks_have_one_length(num, kind):
    x = np.random.default_rng(0).normal(size=(num, 2)).astype(np.float32)
    sizes = []

    def fn(part):
        sizes.append(len(part))
        return part[:, :1] * 2

    found = in_chunks(fn, kind(x), size=500, pad=True)
    np.testing.assert_array_equal(found, 2 * x[:, :1])
    assert set(sizes) == {500}


def test_trees_of_rows():
    rows = {"a": jnp.arange(5), "b": np.arange(10.0, dtype=np.float32).reshape(5, 2)}

    def fn(part):
        assert len(part["a"]) == len(part["b"]) <= 2
        return part["a"] + part["b"].sum(axis=1), part["b"]

    total, b = in_chunks(fn, rows, size=2)
    np.testing.assert_array_equal(total, np.arange(5) + rows["b"].sum(axis=1))
    np.testing.assert_array_equal(b, rows["b"])


@pytest.mark.parametrize(("pad", "size"), [(False, 0), (True, 4)])
def test_no_rows(pad, size):
    def fn(part):
        assert part.shape == (size, 3)
        return part.sum(axis=1)

    assert in_chunks(fn, jnp.zeros((0, 3)), size=4, pad=pad).shape == (0,)


def test_parts_of_an_array():
    parts = list(chunks(np.arange(7), 3))
    assert [part.tolist() for part in parts] == [[0, 1, 2], [3, 4, 5], [6]]
