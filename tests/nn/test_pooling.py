"""Pooling against the lecture's example and PyTorch."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.nn import average_pool, ceil_padding, max_pool

LECTURE = np.float32([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
LECTURE = LECTURE[None, :, :, None]


@functools.partial(jax.jit, static_argnames="padding")
def largest_and_means(x, **options):
    return max_pool(x, **options), average_pool(x, **options)


def test_the_lectures_example():
    largest, means = map(np.squeeze, largest_and_means(LECTURE))
    np.testing.assert_array_equal(largest, [[6, 8], [3, 4]])
    np.testing.assert_array_equal(means, [[3.25, 5.25], [2, 2]])


def _images():
    """With many equal pixels, as after a ReLU."""
    x = np.random.default_rng(0).normal(size=(2, 13, 12, 3)).astype(np.float32)
    return np.maximum(x, 0)


@pytest.mark.parametrize(
    ("window", "strides", "padding"),
    [
        ((2, 2), None, "VALID"),
        ((3, 3), (2, 2), "VALID"),
        ((3, 3), (2, 2), "ceil"),
        ((2, 3), (1, 2), ((1, 1), (1, 1))),
    ],
    ids=str,
)
def test_values_and_gradients_equal_torch(window, strides, padding):
    """Also of ties: the first of several largest pixels gets the gradient."""
    torch = pytest.importorskip("torch")
    x = _images()
    pads = padding
    if padding == "ceil":
        pads = ceil_padding(x.shape[1:3], window, strides)

    def mine(x):
        return max_pool(x, window, strides, pads), average_pool(x, window, strides)

    (y, means), pull = jax.vjp(jax.jit(mine), jax.device_put(x))
    there = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    theirs = torch.nn.functional.max_pool2d(
        there,
        window,
        strides,
        padding=0 if isinstance(padding, str) else 1,
        ceil_mode=padding == "ceil",
    )
    their_means = torch.nn.functional.avg_pool2d(there, window, strides)
    weights = [np.random.default_rng(1).normal(size=a.shape) for a in (y, means)]
    weights = [w.astype(np.float32) for w in weights]
    for theirs_, w in ((theirs, weights[0]), (their_means, weights[1])):
        theirs_.backward(torch.tensor(w.transpose(0, 3, 1, 2)), retain_graph=True)
    np.testing.assert_array_equal(y, theirs.detach().permute(0, 2, 3, 1))
    np.testing.assert_allclose(means, their_means.detach().permute(0, 2, 3, 1), 1e-5)
    (gradient,) = pull(jax.device_put(tuple(weights)))
    expected = there.grad.permute(0, 2, 3, 1)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)


def test_ceil_padding_begins_no_window_outside():
    assert ceil_padding((4, 5), (1, 2), (4, 2)) == [(0, 0), (0, 1)]


def test_same_padding_never_wins_a_maximum():
    x = -np.ones((1, 3, 3, 1), np.float32)
    largest, means = map(np.asarray, largest_and_means(x, padding="SAME"))
    np.testing.assert_array_equal(largest, -np.ones((1, 2, 2, 1)))
    np.testing.assert_array_equal(means[0, :, :, 0], [[-1, -0.5], [-0.5, -0.25]])


@pytest.mark.parametrize("place", range(4))
def test_a_window_with_nan_gives_nan(place):
    x = np.float32([np.nan if i == place else i for i in range(4)])
    largest, _ = largest_and_means(x.reshape(1, 2, 2, 1))
    assert np.isnan(largest).all()


def test_integers_far_from_zero_and_one_pixel():
    x = jnp.full((1, 1, 1, 1), -1e30)
    assert max_pool(x, (1, 1)) == average_pool(x, (1, 1)) == x


def test_bad_input_is_named():
    two_by_two = jax.device_put(np.zeros((1, 2, 2, 1), np.float32))
    with pytest.raises(InputError, match="window of 3x2 pixels does not fit .* 2x2"):
        max_pool(two_by_two, (3, 2))
    with pytest.raises(InputError, match="less padding than a window"):
        average_pool(two_by_two, padding=[(2, 0), (0, 0)])
