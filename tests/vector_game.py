"""A game of two vectors, for tests of steps, and the same step in PyTorch.

The generator's g moves towards the data, the discriminator's d scores by inner product.
Noise enters through the key, so keys must be used once each.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.adversarial.state import GanState

OPTIMIZER = optax.sgd(0.1)


def start(disc_steps):
    """A state, and minibatches of data around (2, 2)."""
    gen_params, disc_params = jnp.array([0.3, -0.2]), jnp.array([0.5, 1.0])
    state = GanState(
        key=jax.random.key(5),
        gen_params=gen_params,
        disc_params=disc_params,
        gen_opt_state=OPTIMIZER.init(gen_params),
        disc_opt_state=OPTIMIZER.init(disc_params),
    )
    return state, jax.random.normal(jax.random.key(6), (disc_steps, 4, 2)) + 2


def disc_loss_fn(disc_params, gen_params, batch, key):
    fake = gen_params[None] + jax.random.normal(key, batch.shape)
    loss = jnp.mean(jax.nn.softplus(-batch @ disc_params))
    loss = loss + jnp.mean(jax.nn.softplus(fake @ disc_params))
    return loss, {"disc_loss": loss}


def gen_loss_fn(gen_params, disc_params, batch, key):
    fake = gen_params[None] + jax.random.normal(key, batch.shape)
    loss = jnp.mean(jax.nn.softplus(-fake @ disc_params))
    return loss, {"gen_loss": loss}


def by_hand(state, batches, learning_rate, simultaneous=False):
    """The same step in PyTorch, with the same noise."""
    torch = pytest.importorskip("torch")
    softplus = torch.nn.functional.softplus
    keys = jax.random.split(state.key, len(batches) + 2)
    gen = torch.tensor(np.asarray(state.gen_params), requires_grad=True)
    disc = torch.tensor(np.asarray(state.disc_params), requires_grad=True)
    disc_optimizer = torch.optim.SGD([disc], learning_rate)
    gen_optimizer = torch.optim.SGD([gen], learning_rate)

    def noise(key):
        return torch.tensor(np.asarray(jax.random.normal(key, batches.shape[1:])))

    for batch, key in zip(batches, keys, strict=False):
        before = disc.detach().clone()
        disc_optimizer.zero_grad()
        fake = gen.detach() + noise(key)
        real = torch.tensor(np.asarray(batch))
        loss = softplus(-real @ disc).mean() + softplus(fake @ disc).mean()
        loss.backward()
        disc_optimizer.step()
    gen_optimizer.zero_grad()
    opponent, gen_key = (before, key) if simultaneous else (disc, keys[-2])
    softplus(-(gen + noise(gen_key)) @ opponent).mean().backward()
    gen_optimizer.step()
    return gen.detach().numpy(), disc.detach().numpy(), loss.item()


def check_step(step, disc_steps, simultaneous):
    """A step ends where PyTorch's does, with metrics and a new key."""
    state, batches = start(disc_steps)
    after, metrics = jax.jit(step)(state, batches)
    gen, disc, loss = by_hand(state, batches, 0.1, simultaneous)
    np.testing.assert_allclose(after.gen_params, gen, rtol=1e-6)
    np.testing.assert_allclose(after.disc_params, disc, rtol=1e-6)
    np.testing.assert_allclose(metrics["disc_loss"], loss, rtol=1e-6)
    assert set(metrics) == {"disc_loss", "gen_loss"}
    old, new = jax.random.key_data(state.key), jax.random.key_data(after.key)
    assert not np.array_equal(old, new)
    used = jax.random.split(state.key, disc_steps + 2)
    np.testing.assert_array_equal(new, jax.random.key_data(used[-1]))
