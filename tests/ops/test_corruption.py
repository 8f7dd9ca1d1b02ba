import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.ops import gaussian_noise, masking_noise, salt_and_pepper

KEY = jax.random.key(0)
X = np.float32(np.random.default_rng(1).uniform(0.1, 0.9, (200, 300)))
X = jax.device_put(X)
ALL = [masking_noise, gaussian_noise, salt_and_pepper]


def within(share, expected, count):
    """Whether a share of so many is within four standard errors."""
    return abs(share - expected) < 4 * (expected * (1 - expected) / count) ** 0.5


def test_masking_sets_its_share_to_zero(variant):
    y = variant(lambda key, x: masking_noise(key, x, 0.3))(KEY, X)
    y, zero = np.asarray(y), np.asarray(y) == 0
    np.testing.assert_array_equal(y[~zero], np.asarray(X)[~zero])
    assert within(zero.mean(), 0.3, X.size)
    assert zero.mean(axis=0).std() > 0.01  # not the same pixels in each image


def test_salt_and_pepper_sets_its_share_to_zero_or_one(variant):
    y = np.asarray(variant(lambda key, x: salt_and_pepper(key, x, 0.4))(KEY, X))
    changed = y != np.asarray(X)
    assert set(np.unique(y[changed])) == {0.0, 1.0}
    assert within(changed.mean(), 0.4, X.size)
    assert within(y[changed].mean(), 0.5, changed.sum())


def test_gaussian_has_its_deviation(variant):
    y = np.asarray(variant(lambda key, x: gaussian_noise(key, x, 0.5))(KEY, X))
    noise = y - np.asarray(X)
    assert abs(noise.mean()) < 4 * 0.5 / X.size**0.5
    assert abs(noise.std() - 0.5) < 4 * 0.5 / (2 * X.size) ** 0.5
    assert float(y.max()) > 1 and float(y.min()) < 0


@pytest.mark.parametrize("fn", ALL)
def test_no_noise_changes_nothing_and_keys_draw_anew(fn):
    np.testing.assert_array_equal(fn(KEY, X, 0.0), X)
    half = jax.jit(lambda key, x: fn(key, x, 0.5))
    row = np.asarray(X)[0]
    a, b, c = (np.asarray(half(jax.random.key(i), row)) for i in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert np.any(a != c)
    assert half(KEY, np.ones((1, 1)).astype(jnp.bfloat16)).dtype == jnp.bfloat16


@pytest.mark.parametrize("fn", [masking_noise, salt_and_pepper])
@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_refuses_what_is_no_share(fn, share):
    with pytest.raises(InputError, match=rf"{share}: expected 0 or more, below 1"):
        fn(KEY, X, share)


@pytest.mark.parametrize("deviation", [-0.1, float("inf"), float("nan")])
def test_refuses_what_is_no_deviation(deviation):
    with pytest.raises(InputError, match=rf"{deviation}: expected a finite number, 0"):
        gaussian_noise(KEY, X, deviation)
