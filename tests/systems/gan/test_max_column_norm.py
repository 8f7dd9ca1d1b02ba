"""The projection onto bounded columns, against PyTorch's renorm."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.systems.gan.max_column_norm import max_column_norm

PARAMS = {
    "kernel": jax.random.normal(jax.random.key(0), (6, 5)) * jnp.arange(5.0)[None],
    "bias": jnp.full(5, 100.0),
}


def stepped(bound, learning_rate=0.1):
    optimizer = optax.chain(optax.sgd(learning_rate), max_column_norm(bound))
    grads = jax.tree.map(jnp.cos, PARAMS)
    updates, _ = jax.jit(optimizer.update)(grads, optimizer.init(PARAMS), PARAMS)
    return optax.apply_updates(PARAMS, updates), grads


@pytest.mark.parametrize("bound", [0.5, 2.0, 1e6])
def test_equals_a_step_and_torch_renorm(bound):
    torch = pytest.importorskip("torch")
    found, grads = stepped(bound)
    moved = np.asarray(PARAMS["kernel"] - 0.1 * grads["kernel"])
    expected = torch.renorm(torch.tensor(moved), p=2, dim=1, maxnorm=bound)
    np.testing.assert_allclose(found["kernel"], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["bias"], 100 - 0.1 * grads["bias"], rtol=1e-6)


def test_no_column_leaves_the_ball_and_none_inside_moves():
    found, _ = stepped(1.0, learning_rate=0.0)
    before = np.linalg.norm(PARAMS["kernel"], axis=0)
    after = np.linalg.norm(found["kernel"], axis=0)
    assert (before > 1).any() and (before < 1).any()
    np.testing.assert_allclose(after, np.minimum(before, 1), rtol=1e-6)
    assert np.isfinite(after).all() and after[0] == 0
