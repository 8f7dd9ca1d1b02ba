"""The objective of autoencoders against NumPy, and its penalty at the edges."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from jaxdl.errors import InputError
from jaxdl.objectives import (
    make_reconstruction_loss,
    sigmoid_squared_error,
    sparsity_divergence,
)
from jaxdl.ops import bernoulli_cross_entropy

KEY = jax.random.key(0)
IMAGE = np.random.default_rng(0).integers(0, 256, (5, 2, 3, 1), np.uint8)
BATCH = SimpleNamespace(image=jax.device_put(IMAGE))
PIXELS = IMAGE.reshape(5, 6) / 255
PARAMS = jax.device_put(np.float32(np.random.default_rng(1).normal(size=(6, 6))))


def by_hand(inputs):
    """Cross-entropy and squared error of the linear model, image by image."""
    p = expit(inputs @ np.asarray(PARAMS, np.float64))
    entropies = -(PIXELS * np.log(p) + (1 - PIXELS) * np.log(1 - p)).sum(axis=1)
    return entropies.mean(), ((p - PIXELS) ** 2).sum(axis=1).mean()


def compiled(loss_fn):
    return jax.jit(lambda params: loss_fn(params, BATCH, KEY))


def test_values_by_hand():
    loss_fn = make_reconstruction_loss(lambda w, x: x @ w, bernoulli_cross_entropy)
    loss, metrics = compiled(loss_fn)(PARAMS)
    entropy, squared = by_hand(PIXELS)
    assert float(loss) == float(metrics["loss"]) == pytest.approx(entropy, rel=1e-5)
    assert float(metrics["squared_error"]) == pytest.approx(squared, rel=1e-5)
    assert set(metrics) == {"loss", "squared_error"}
    loss_fn = make_reconstruction_loss(lambda w, x: x @ w, sigmoid_squared_error)
    loss, metrics = compiled(loss_fn)(PARAMS)
    assert float(loss) == float(metrics["squared_error"]) == float(metrics["loss"])
    assert float(loss) == pytest.approx(squared, rel=1e-5)


def test_corrupted_in_and_clean_to_give_back():
    seen = []

    def penalty(params, x):
        seen.append(np.asarray(x))
        return jnp.float32(7)

    loss_fn = make_reconstruction_loss(
        lambda w, x: x @ w,
        bernoulli_cross_entropy,
        corrupt=lambda key, x: x * jax.random.uniform(key, x.shape),
        penalty=penalty,
    )
    loss, metrics = loss_fn(PARAMS, BATCH, KEY)
    corrupted = PIXELS * np.asarray(jax.random.uniform(KEY, (5, 6)), np.float64)
    entropy, squared = by_hand(corrupted)
    np.testing.assert_allclose(seen, [corrupted], rtol=1e-5)
    assert float(metrics["loss"]) == pytest.approx(entropy, rel=1e-5)
    assert float(metrics["squared_error"]) == pytest.approx(squared, rel=1e-5)
    assert float(metrics["penalty"]) == 7
    assert float(loss) == pytest.approx(entropy + 7, rel=1e-5)


def test_sparsity_by_the_means(variant):
    logits = np.float32(np.random.default_rng(2).normal(size=(8, 3)))
    got = variant(lambda z: sparsity_divergence(z, 0.1))(jax.device_put(logits))
    means = expit(logits.astype(np.float64)).mean(axis=0)
    kl = 0.1 * np.log(0.1 / means) + 0.9 * np.log(0.9 / (1 - means))
    assert float(got) == pytest.approx(kl.sum(), rel=1e-5)


def test_sparsity_is_zero_at_the_target_and_above_elsewhere():
    divergence = jax.jit(lambda logits: sparsity_divergence(logits, 0.2))

    def of(mean):
        return float(divergence(np.full((4, 2), np.log(mean / (1 - mean)))))

    assert of(0.2) == pytest.approx(0, abs=1e-6)
    assert of(0.1) > 1e-3 and of(0.3) > 1e-3


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_sparsity_is_finite_where_units_are_saturated(logit):
    fn = jax.jit(jax.value_and_grad(lambda z: sparsity_divergence(z, 0.05)))
    value, grads = map(np.asarray, fn(np.full((4, 2), logit, np.float32)))
    assert np.isfinite(value) and value > 100
    assert np.isfinite(grads).all()
    assert (np.sign(grads) == np.sign(logit)).all()  # descent leads back


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1, float("nan")])
def test_sparsity_refuses_other_targets(target):
    with pytest.raises(InputError, match=f"{target}: expected a number between"):
        sparsity_divergence(jax.device_put(np.zeros((2, 2), np.float32)), target)
