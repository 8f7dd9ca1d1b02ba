"""An axis of nets in the state is each net alone."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.models import mlp
from jaxdl.ops import half_squared_error
from jaxdl.train import Ensemble, make_ensemble_init, make_ensemble_step

MODEL = mlp((2, 3, 1))


def loss_fn(params, batch):
    x, targets = batch
    return half_squared_error(MODEL.apply(params, x), targets).mean()


@pytest.mark.parametrize("shared", [True, False], ids=["one batch", "a batch each"])
def test_equals_each_net_alone(shared):
    optimizer = optax.adam(0.1)
    rng = np.random.default_rng(0)
    lead = () if shared else (4,)
    batch = tuple(
        jnp.asarray(rng.normal(size=(*lead, 5, n)), "float32") for n in (2, 1)
    )
    key = jax.random.key(3)
    state = jax.jit(make_ensemble_init(MODEL, optimizer, 4))(key, None, None)
    value_and_grad = jax.jit(jax.value_and_grad(loss_fn))
    step = jax.jit(make_ensemble_step(value_and_grad, optimizer, shared_batch=shared))
    alone = []
    for i, net_key in enumerate(jax.random.split(key, 4)):
        params = MODEL.init(net_key)
        own = batch if shared else tuple(part[i] for part in batch)
        alone.append([params, optimizer.init(params), own])
    for _ in range(3):
        state, metrics = step(state, batch)
        losses = []
        for net in alone:
            loss, grads = value_and_grad(net[0], net[2])
            updates, net[1] = optimizer.update(grads, net[1])
            net[0] = optax.apply_updates(net[0], updates)
            losses.append(loss)
        np.testing.assert_allclose(metrics["loss"], np.mean(losses), rtol=1e-6)
    assert isinstance(state, Ensemble)
    for i, (params, opt_state, _) in enumerate(alone):
        expected = jax.tree.leaves((params, opt_state))
        for leaf, wanted in zip(jax.tree.leaves(state), expected, strict=True):
            np.testing.assert_allclose(leaf[i], wanted, rtol=2e-5, atol=1e-6)
