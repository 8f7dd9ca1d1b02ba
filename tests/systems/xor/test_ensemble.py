"""An axis of nets in the state is each net alone."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.models import mlp
from jaxdl.ops import half_squared_error
from jaxdl.systems.xor.ensemble import Ensemble, make_ensemble_init, make_ensemble_step

MODEL, OPTIMIZER = mlp((2, 3, 1)), optax.adam(0.1)
KEY = jax.random.key(3)


def loss_fn(params, batch):
    x, targets = batch
    return half_squared_error(MODEL.apply(params, x), targets).mean()


@pytest.fixture(scope="module")
def initial():
    return jax.jit(make_ensemble_init(MODEL, OPTIMIZER, 4))(KEY, None, None)


def test_each_net_has_its_own_key(initial):
    init = jax.jit(MODEL.init)
    for i, net_key in enumerate(jax.random.split(KEY, 4)):
        params = init(net_key)
        expected = Ensemble(params, OPTIMIZER.init(params))
        assert jax.tree.structure(initial) == jax.tree.structure(expected)
        leaves = map(jax.tree.leaves, (initial, expected))
        for leaf, wanted in zip(*leaves, strict=True):
            np.testing.assert_allclose(leaf[i], wanted, rtol=1e-6)


@pytest.mark.parametrize("shared", [True, False], ids=["one batch", "a batch each"])
def test_steps_equal_each_net_alone(shared, initial):
    rng = np.random.default_rng(0)
    lead = () if shared else (4,)
    batch = tuple(
        jnp.asarray(rng.normal(size=(*lead, 5, n)), "float32") for n in (2, 1)
    )
    value_and_grad = jax.value_and_grad(loss_fn)
    step = jax.jit(make_ensemble_step(value_and_grad, OPTIMIZER, shared_batch=shared))

    @jax.jit
    def step_alone(net, own):
        loss, grads = value_and_grad(net.params, own)
        updates, opt_state = OPTIMIZER.update(grads, net.opt_state)
        return Ensemble(optax.apply_updates(net.params, updates), opt_state), loss

    state = initial
    alone = [jax.tree.map(lambda leaf, i=i: leaf[i], initial) for i in range(4)]
    owns = [batch if shared else tuple(part[i] for part in batch) for i in range(4)]
    for _ in range(3):
        state, metrics = step(state, batch)
        pairs = [step_alone(*pair) for pair in zip(alone, owns, strict=True)]
        alone = [net for net, _ in pairs]
        mean = np.mean([loss for _, loss in pairs])
        np.testing.assert_allclose(metrics["loss"], mean, rtol=1e-6)
    for i, net in enumerate(alone):
        for leaf, wanted in zip(*map(jax.tree.leaves, (state, net)), strict=True):
            np.testing.assert_allclose(leaf[i], wanted, rtol=2e-5, atol=1e-6)
