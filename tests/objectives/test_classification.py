"""The classifier's loss against SciPy, and what its batch must be."""

import jax
import numpy as np
import pytest
from scipy.special import log_softmax

from jaxdl.data.load import Split
from jaxdl.objectives import make_classification_loss
from jaxdl.ops import unit_images

LOSS = make_classification_loss(lambda params, x: x @ params)


def make_batch(num=6):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (num, 2, 3, 1)).astype(np.uint8)
    return Split(*jax.device_put((image, rng.integers(0, 4, num).astype(np.int32))))


def make_params(seed):
    rng = np.random.default_rng(seed)
    return jax.device_put(rng.normal(size=(6, 4)).astype(np.float32))


def test_loss_and_accuracy(variant):
    batch = make_batch()
    params = make_params(0)
    loss, metrics = variant(lambda p, b: LOSS(p, b, None))(params, batch)
    x = np.asarray(batch.image, np.float64).reshape(6, 6) / 255
    log_p = log_softmax(x @ np.asarray(params, np.float64), axis=1)
    labels = np.asarray(batch.label)
    expected = -log_p[np.arange(6), labels].mean()
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert float(metrics["loss"]) == float(loss)
    accuracy = np.mean(log_p.argmax(axis=1) == labels)
    assert float(metrics["accuracy"]) == pytest.approx(accuracy)


def test_gradient_is_softmax_minus_one_hot():
    batch = make_batch()
    params = make_params(1)
    grad = jax.jit(jax.grad(lambda p: LOSS(p, batch, None)[0]))(params)
    x = np.asarray(batch.image, np.float64).reshape(6, 6) / 255
    p = np.exp(log_softmax(x @ np.asarray(params, np.float64), axis=1))
    expected = x.T @ (p - np.eye(4)[np.asarray(batch.label)]) / 6
    np.testing.assert_allclose(grad, expected, rtol=1e-4, atol=1e-6)


def test_scaled_images_are_refused():
    batch = make_batch()._replace(image=np.ones((6, 2, 3, 1), np.float32))
    with pytest.raises((ValueError, TypeError)):
        LOSS(make_params(0), jax.device_put(batch), None)


def test_inputs_are_made_distorted_and_met_with_noise():
    """In this order, each with a key of its own; images keep their shape here."""
    seen = {}

    def distort(key, x):
        seen["distort"] = jax.random.key_data(key)
        return x + 1

    def apply(params, x, *, key):
        seen["apply"] = jax.random.key_data(key)
        return x.reshape(len(x), -1) @ params

    loss_fn = make_classification_loss(
        apply, inputs_of=unit_images, distort=distort, stochastic=True
    )
    batch, params = make_batch(), make_params(0)
    loss, _ = loss_fn(params, batch, jax.random.key(3))
    x = np.asarray(batch.image, np.float64).reshape(6, 6) / 255 + 1
    log_p = log_softmax(x @ np.asarray(params, np.float64), axis=1)
    expected = -log_p[np.arange(6), np.asarray(batch.label)].mean()
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert not np.array_equal(seen["distort"], seen["apply"])
