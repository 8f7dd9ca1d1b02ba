"""Encoder and decoder of a variational autoencoder, layer by layer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.systems.autoencoder.networks import variational_autoencoder

MODEL = variational_autoencoder(6, [5, 4], 2, hidden="relu")


def by_numpy(layers, x):
    for i, layer in enumerate(layers):
        x = x @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"])
        x = np.maximum(x, 0) if i < len(layers) - 1 else x
    return x


@pytest.fixture(scope="module")
def params():
    params = MODEL.init(jax.random.key(0))
    return jax.tree.map(lambda leaf: leaf + 0.1, params)  # biases are zero at first


def test_equals_numpy(params, variant):
    rng = np.random.default_rng(0)
    x, z = (jnp.asarray(rng.normal(size=(3, n)), jnp.float32) for n in (6, 2))
    mean, log_variance = variant(MODEL.encode)(params, x)
    expected = by_numpy(params["encoder"], np.asarray(x))
    np.testing.assert_allclose(mean, expected[:, :2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(log_variance, expected[:, 2:], rtol=1e-5, atol=1e-6)
    expected = by_numpy(params["decoder"], np.asarray(z))
    logits = variant(MODEL.decode)(params, z)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)


def test_the_decoder_mirrors_the_encoder(params):
    sizes = {k: [p["kernel"].shape for p in params[k]] for k in ("encoder", "decoder")}
    assert sizes["encoder"] == [(6, 5), (5, 4), (4, 4)]
    assert sizes["decoder"] == [(2, 4), (4, 5), (5, 6)]


def test_one_image_and_no_hidden_layer():
    model = variational_autoencoder(3, [], 3)  # a code as large as the input is one
    params = model.init(jax.random.key(0))
    mean, log_variance = model.encode(params, jnp.ones(3))
    assert mean.shape == log_variance.shape == (3,)
    assert model.decode(params, mean).shape == (3,)


@pytest.mark.parametrize("latent_size", [0, -1, 7])
def test_code_sizes_are_checked(latent_size):
    with pytest.raises(InputError, match=rf"has {latent_size} numbers: .* 1 to 6"):
        variational_autoencoder(6, [5], latent_size)


def test_hidden_sizes_are_checked():
    with pytest.raises(InputError, match="sizes are"):
        variational_autoencoder(6, [0], 2)


def test_layers_that_do_not_chain_are_refused(params):
    broken = params | {"decoder": params["decoder"][1:]}
    with pytest.raises(InputError, match="layer 1 has a kernel"):
        MODEL.decode(broken, jnp.zeros((1, 2)))
