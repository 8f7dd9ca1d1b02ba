"""PacGAN's networks, and closeness of rows against loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.nn.linen import from_linen
from jaxdl.systems.gan_modes.networks import MinibatchDiscrimination, closeness, pacgan


def shapes(model):
    return jax.eval_shape(model.init, jax.random.key(0))


@pytest.mark.parametrize("pack", [1, 2, 4])
def test_sizes_are_the_papers(pack):
    gan = pacgan(pack)
    generator, discriminator = shapes(gan.generator), shapes(gan.discriminator)
    assert [generator[f"Dense_{i}"]["kernel"].shape for i in range(4)] == [
        (2, 400),
        *[(400, 400)] * 3,
    ]
    assert all(generator[f"Dense_{i}"].keys() == {"kernel"} for i in range(4))
    assert generator["out"]["kernel"].shape == (400, 2)
    assert [discriminator[f"Dense_{i}"]["kernel"].shape for i in range(3)] == [
        (2 * pack, 1000),
        *[(200, 1000)] * 2,
    ]
    assert gan.latent_size == 2


def test_equals_numpy():
    gan = pacgan(2, gen_size=3, disc_size=2)
    params = jax.jit(gan.generator.init)(jax.random.key(0))
    rng = np.random.default_rng(0)
    z = h = rng.normal(size=(5, 2))
    for i in range(4):
        h = h @ np.asarray(params[f"Dense_{i}"]["kernel"], float)
        h = np.maximum((h - h.mean(0)) / np.sqrt(h.var(0) + 1e-4), 0)
    expected = h @ np.asarray(params["out"]["kernel"], float)
    got = jax.jit(gan.generator.apply)(params, jnp.asarray(z, jnp.float32))
    np.testing.assert_allclose(got, expected, rtol=2e-3, atol=1e-5)

    params = jax.jit(gan.discriminator.init)(jax.random.key(1))
    params = jax.tree.map(lambda leaf: 30 * np.asarray(leaf) + 0.1, params)
    x = h = rng.normal(size=(5, 4))
    for i in range(3):
        layer = jax.tree.map(lambda leaf: np.asarray(leaf, float), params[f"Dense_{i}"])
        pieces = h @ layer["kernel"] + layer["bias"]
        h = pieces.reshape(5, 5, 2).max(axis=1)  # piece 0 of all units, then piece 1
    out = h @ np.asarray(params["out"]["kernel"], float) + np.asarray(
        params["out"]["bias"]
    )
    got = jax.jit(gan.discriminator.apply)(params, jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(got, out[:, 0], rtol=1e-4)


def test_weights_are_small_and_biases_zero():
    params = jax.jit(pacgan(1).discriminator.init)(jax.random.key(0))
    kernel = np.asarray(params["Dense_1"]["kernel"])
    assert abs(kernel.std() - 0.02) < 2e-4 and abs(kernel.mean()) < 2e-4
    assert not np.asarray(params["Dense_1"]["bias"]).any()


def test_minibatch_discrimination_is_before_the_logit():
    gan = pacgan(1, minibatch=True)
    assert shapes(gan.discriminator)["out"]["kernel"].shape == (250, 1)


def test_a_pack_below_one_is_refused():
    with pytest.raises(InputError, match="pack is 0: expected 1"):
        pacgan(0)


def test_closeness_equals_loops():
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


def test_edges_of_closeness():
    close = jax.jit(closeness)
    np.testing.assert_array_equal(close(np.ones((1, 2, 3))), np.zeros((1, 2)))
    np.testing.assert_array_equal(close(np.ones((4, 2, 3))), np.ones((4, 2)))
    far = 1e4 * np.arange(4.0)[:, None, None]
    np.testing.assert_array_equal(close(far), np.zeros((4, 1)))
    grads = jax.jit(jax.grad(lambda x: closeness(x).sum()))(np.ones((3, 2, 2)))
    np.testing.assert_array_equal(grads, np.zeros((3, 2, 2)))


def test_the_layer_keeps_the_features_and_appends_its_own():
    layer = MinibatchDiscrimination(num_kernels=4, kernel_size=3)
    model = from_linen(layer, example=jnp.zeros((1, 6)))
    params = jax.jit(model.init)(jax.random.key(0))
    x = np.random.default_rng(1).normal(size=(5, 6)).astype(np.float32)
    got = np.asarray(jax.jit(model.apply)(params, x))
    np.testing.assert_array_equal(got[:, :6], x)
    projected = (x @ np.asarray(params["Dense_0"]["kernel"])).reshape(5, 4, 3)
    np.testing.assert_allclose(got[:, 6:], jax.jit(closeness)(projected), rtol=1e-4)
