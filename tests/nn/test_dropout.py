import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxdl.nn.dropout import Dropout, keep_mask
from jaxdl.nn.linen import from_linen

ROW = jax.device_put(np.ones((1, 4), np.float32))


@pytest.mark.parametrize("keep", [0.0, 0.2, 0.5, 0.7, 0.8, 1.0])
def test_masks_are_bernoulli(keep):
    mask = np.asarray(keep_mask(jax.random.key(1), (400, 501), keep))
    error = 4 * np.sqrt(keep * (1 - keep) / mask.size) + 1e-9
    np.testing.assert_allclose(mask.mean(), keep, atol=error)
    # Draws that share a word, neighbours, and rows are independent.
    for left, right in [
        (mask[:, 0:-1:2], mask[:, 1::2]),
        (mask[:, 1:-1:2], mask[:, 2::2]),
        (mask[:-1], mask[1:]),
    ]:
        both = (left & right).mean()
        np.testing.assert_allclose(both, keep**2, atol=2 * error)


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 5), (7, 1, 3)])
def test_masks_of_any_shape(shape):
    mask = keep_mask(jax.random.key(0), shape, 0.5)
    assert mask.shape == shape and mask.dtype == jnp.bool_
    again = jax.jit(keep_mask, static_argnums=(1, 2))(jax.random.key(0), shape, 0.5)
    np.testing.assert_array_equal(mask, again)


def test_every_row_of_a_vmap_has_its_own_mask():
    keys = jax.random.split(jax.random.key(0), 3)
    one = jax.jit(lambda key: keep_mask(key, (50,), 0.5))
    masks = np.asarray(jax.jit(jax.vmap(one))(keys))
    for i in range(3):
        np.testing.assert_array_equal(masks[i], one(keys[i]))
    assert not np.array_equal(masks[0], masks[1])


def test_dropped_or_scaled():
    model = from_linen(Dropout(0.2), example=ROW)
    apply = jax.jit(model.apply)
    x = np.arange(1, 2001, dtype=np.float32).reshape(20, 100)
    np.testing.assert_array_equal(apply({}, x), x)
    y = np.asarray(apply({}, x, key=jax.random.key(3)))
    kept = y != 0
    np.testing.assert_allclose(y[kept], x[kept] / 0.8, rtol=1e-6)
    assert 0.75 < kept.mean() < 0.85
    other = np.asarray(apply({}, x, key=jax.random.key(4)))
    assert not np.array_equal(y, other)


def test_gradient_passes_where_it_was_kept():
    model = from_linen(Dropout(0.5), example=ROW)
    key = jax.random.key(0)
    with jax.enable_x64(True):
        x = np.linspace(-1, 1, 12).reshape(3, 4)
        apply = jax.jit(lambda x: model.apply({}, x, key=key))
        check_grads(apply, (x,), order=2)
        grad = jax.jit(jax.grad(lambda x: apply(x).sum()))(x)
        kept = np.asarray(apply(np.ones_like(x)))
        np.testing.assert_array_equal(grad, kept)
    assert set(np.unique(kept)) == {0.0, 2.0}


def test_no_rate_draws_nothing():
    model = from_linen(Dropout(0.0), example=ROW)
    x = jax.device_put(np.ones((2, 4), np.float32))
    np.testing.assert_array_equal(model.apply({}, x, key=jax.random.key(0)), x)


def test_neighbours_are_drawn_apart():
    mask = np.asarray(keep_mask(jax.random.key(0), (40_000,), 0.5), float)
    for distance in range(1, 9):
        correlation = np.corrcoef(mask[distance:], mask[:-distance])[0, 1]
        assert abs(correlation) < 0.03, distance
