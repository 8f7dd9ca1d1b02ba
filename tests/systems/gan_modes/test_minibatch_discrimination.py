"""Closeness of rows, against loops."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.nn.linen import from_linen
from jaxdl.systems.gan_modes.minibatch_discrimination import (
    MinibatchDiscrimination,
    closeness,
)


def test_equals_loops():
    projected = np.random.default_rng(0).normal(size=(5, 3, 2)).astype(np.float32)
    expected = np.zeros((5, 3))
    for i in range(5):
        for j in range(5):
            for b in range(3):
                if i != j:
                    distance = np.abs(projected[i, b] - projected[j, b]).sum()
                    expected[i, b] += np.exp(-distance) / 4
    got = jax.jit(closeness)(jnp.asarray(projected))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)


def test_edges():
    np.testing.assert_array_equal(closeness(jnp.ones((1, 2, 3))), np.zeros((1, 2)))
    np.testing.assert_array_equal(closeness(jnp.ones((4, 2, 3))), np.ones((4, 2)))
    far = 1e4 * jnp.arange(4.0)[:, None, None]
    np.testing.assert_array_equal(closeness(far), np.zeros((4, 1)))
    grads = jax.jit(jax.grad(lambda x: closeness(x).sum()))(jnp.ones((3, 2, 2)))
    np.testing.assert_array_equal(grads, np.zeros((3, 2, 2)))


def test_the_layer_keeps_the_features_and_appends_its_own():
    layer = MinibatchDiscrimination(num_kernels=4, kernel_size=3)
    model = from_linen(layer, example=jnp.zeros((1, 6)))
    params = jax.jit(model.init)(jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (5, 6))
    got = jax.jit(model.apply)(params, x)
    np.testing.assert_array_equal(got[:, :6], x)
    projected = (x @ params["Dense_0"]["kernel"]).reshape(5, 4, 3)
    np.testing.assert_allclose(got[:, 6:], closeness(projected), rtol=1e-4)
