"""Chains move before the descent, and are part of the state."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.systems.rbm.persistent_chains import (
    ChainState,
    make_chain_init,
    make_chain_step,
)


def test_a_step_moves_the_chains_and_descends_where_they_stand():
    def loss_fn(params, batch, chains, key):
        seen.append(key)
        loss = params * jnp.sum(chains + batch)
        return loss, {"loss": loss}

    def move_fn(key, params, chains):
        seen.append(key)
        return chains + params

    seen = []
    optimizer = optax.sgd(0.5)
    init = make_chain_init(
        lambda key, data: jnp.float32(2.0), lambda key, params: jnp.ones(3), optimizer
    )
    state = init(jax.random.key(0), None, None)
    new, metrics = make_chain_step(loss_fn, move_fn, optimizer)(state, jnp.ones(3))
    assert isinstance(new, ChainState)
    np.testing.assert_array_equal(new.chains, 3)  # 1 + the old parameter
    assert float(new.params) == 2 - 0.5 * 12 and float(metrics["loss"]) == 24
    keys = [jax.random.key_data(k).tolist() for k in (*seen, state.key, new.key)]
    assert len(set(map(tuple, keys))) == 4  # none is used twice


def test_init_draws_parameters_and_chains_from_keys_of_their_own():
    init = make_chain_init(
        lambda key, data: jax.random.normal(key, (2,)) + data,
        lambda key, params: jax.random.normal(key, (2,)),
        optax.sgd(1.0),
    )
    state = init(jax.random.key(0), 100.0, None)
    assert (state.params > 90).all()
    assert not np.allclose(state.params - 100, state.chains, atol=1e-3)
