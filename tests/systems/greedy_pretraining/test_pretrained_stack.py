"""Layers trained one at a time, put together."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from jaxdl.errors import InputError
from jaxdl.models import autoencoder
from jaxdl.models.rbm import hidden_logits, init_rbm
from jaxdl.systems.greedy_pretraining.pretrained_stack import (
    encoder_layer,
    rbm_layer,
    stack_features,
)

X = np.random.default_rng(0).uniform(size=(5, 6)).astype(np.float32)


def random_rbm(seed, *sizes):
    rng = np.random.default_rng(seed)
    params = jax.jit(init_rbm, static_argnums=(1, 2))(jax.random.key(seed), *sizes)
    return jax.tree.map(
        lambda leaf: jnp.asarray(leaf + np.float32(rng.normal(size=leaf.shape))), params
    )


def test_a_stack_of_machines_is_each_ones_hidden_probabilities_in_turn(variant):
    lower, upper = random_rbm(1, 6, 4), random_rbm(2, 4, 3)
    layers = [rbm_layer(lower), rbm_layer(upper)]
    got = variant(lambda x: stack_features(layers, x, hidden="sigmoid"))(jnp.asarray(X))
    logits = jax.jit(hidden_logits)
    middle = expit(np.asarray(logits(lower, X)))
    expected = expit(np.asarray(logits(upper, middle)))
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_no_layer_leaves_the_inputs():
    x = jnp.asarray(X)
    assert stack_features([], x, hidden="relu") is x


def test_an_autoencoders_layer_is_its_code():
    model = autoencoder(6, (), 9, latent="relu", tied=True, overcomplete=True)
    params = model.init(jax.random.key(0))
    got = stack_features([encoder_layer(params)], jnp.asarray(X), hidden="relu")
    np.testing.assert_array_equal(got, model.encode(params, jnp.asarray(X)))
    assert got.shape == (5, 9) and float(got.min()) == 0


def test_layers_that_do_not_chain_are_refused():
    layers = [rbm_layer(init_rbm(jax.random.key(0), *s)) for s in ((6, 4), (5, 3))]
    with pytest.raises(InputError, match="layer 1 gives 4 values"):
        stack_features(layers, jnp.asarray(X), hidden="sigmoid")
