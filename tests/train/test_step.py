"""Batches and the alternating step, against NumPy and a PyTorch twin."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import toy_experiment

from jaxdl.errors import InputError
from jaxdl.train.state import GanState
from jaxdl.train.step import (
    make_gan_init,
    make_gan_step,
    make_init,
    make_train_step,
    make_uniform_batch,
)
from jaxdl.types import Model


class Indexed(NamedTuple):
    """Examples that are their own numbers."""

    train: jax.Array


DATA = Indexed(jnp.arange(50))


def test_uniform_batches_are_a_function_of_key_and_step():
    draw = jax.jit(make_uniform_batch(8))
    key = jax.random.key(0)
    first = draw(DATA, key, 3)
    np.testing.assert_array_equal(first, draw(DATA, key, 3))
    assert first.shape == (8,) and not np.array_equal(first, draw(DATA, key, 4))
    assert not np.array_equal(first, draw(DATA, jax.random.key(1), 3))


def test_uniform_batches_are_uniform():
    draw = make_uniform_batch(50)
    drawn = jax.vmap(lambda step: draw(DATA, jax.random.key(0), step))(jnp.arange(400))
    counts = np.bincount(np.asarray(drawn).ravel(), minlength=50)
    chi_squared = np.sum((counts - 400) ** 2 / 400)
    assert counts.min() > 0 and chi_squared < 85.4  # 99.9 % of chi squared, 49 d.o.f.


def test_several_batches_are_independent():
    batches = make_uniform_batch(16, num_batches=3)(DATA, jax.random.key(0), 0)
    assert batches.shape == (3, 16)
    assert not np.array_equal(batches[0], batches[1])
    assert not np.array_equal(batches[1], batches[2])


def test_a_batch_may_be_as_large_as_the_data_and_no_larger():
    assert make_uniform_batch(50)(DATA, jax.random.key(0), 0).shape == (50,)
    with pytest.raises(InputError, match="batch_size is 51: expected at most 50"):
        make_uniform_batch(51)(DATA, jax.random.key(0), 0)


# A game of two vectors: the generator's g moves towards the data, the discriminator's d
# scores by inner product. Noise enters through the key, so keys must be used once each.


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


@pytest.mark.parametrize("simultaneous", [False, True], ids=["in turns", "at once"])
@pytest.mark.parametrize("disc_steps", [1, 3])
def test_gan_step_equals_its_pytorch_twin(disc_steps, simultaneous):
    optimizer = optax.sgd(0.1)
    gen_params, disc_params = jnp.array([0.3, -0.2]), jnp.array([0.5, 1.0])
    state = GanState(
        key=jax.random.key(5),
        gen_params=gen_params,
        disc_params=disc_params,
        gen_opt_state=optimizer.init(gen_params),
        disc_opt_state=optimizer.init(disc_params),
    )
    batches = jax.random.normal(jax.random.key(6), (disc_steps, 4, 2)) + 2
    step = jax.jit(
        make_gan_step(
            gen_loss_fn,
            disc_loss_fn,
            optimizer,
            optimizer,
            simultaneous=simultaneous,
        )
    )
    after, metrics = step(state, batches)
    gen, disc, loss = by_hand(state, batches, 0.1, simultaneous)
    np.testing.assert_allclose(after.gen_params, gen, rtol=1e-6)
    np.testing.assert_allclose(after.disc_params, disc, rtol=1e-6)
    np.testing.assert_allclose(metrics["disc_loss"], loss, rtol=1e-6)
    assert set(metrics) == {"disc_loss", "gen_loss"}
    old, new = jax.random.key_data(state.key), jax.random.key_data(after.key)
    assert not np.array_equal(old, new)


def test_gan_init_draws_each_network_from_its_own_key():
    model = Model(lambda key: jax.random.normal(key, (3,)), lambda params, x: x)
    init = make_gan_init(model, model, optax.adam(1e-3), optax.sgd(1e-1))
    state = init(jax.random.key(0), None, None)
    assert not np.array_equal(state.gen_params, state.disc_params)
    other = init(jax.random.key(1), None, None)
    assert not np.array_equal(state.gen_params, other.gen_params)


def test_the_toy_learns():
    """The experiment of the runner's tests is a real one: its error falls."""
    experiment = toy_experiment.make_experiment(
        toy_experiment.Config(learning_rate=0.1)
    )
    data, key = toy_experiment.examples(), jax.random.key(0)
    state = experiment.init(key, data, None)
    before = experiment.evaluate(state, data, key, False)["error"]
    step = jax.jit(experiment.step)
    for i in range(100):
        state, _ = step(state, experiment.batch(data, key, i))
    assert experiment.evaluate(state, data, key, False)["error"] < before / 5


def test_train_step_is_descent_on_the_loss():
    """Against gradient descent on least squares in NumPy, with the loss's own key."""
    model = Model(
        lambda key: jax.random.normal(key, (3,)), lambda params, x: x @ params
    )
    optimizer = optax.sgd(0.1)

    def loss_fn(params, batch, key):
        x, y = batch
        loss = jnp.mean((model.apply(params, x) - y) ** 2)
        return loss, {"loss": loss, "draw": jax.random.uniform(key)}

    state = make_init(model, optimizer)(jax.random.key(3), None, None)
    weights = np.asarray(state.params, np.float64)
    step, draws = jax.jit(make_train_step(loss_fn, optimizer)), []
    for i in range(4):
        x = jax.random.normal(jax.random.key(i), (5, 3))
        y = x.sum(axis=1)
        state, metrics = step(state, (x, y))
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        error = x @ weights - y
        assert float(metrics["loss"]) == pytest.approx(np.mean(error**2), rel=1e-4)
        weights = weights - 0.1 * 2 / 5 * x.T @ error
        draws.append(float(metrics["draw"]))
    np.testing.assert_allclose(state.params, weights, rtol=1e-5)
    assert len(set(draws)) == 4  # a new key at every step


def test_init_draws_parameters_from_a_key_of_their_own():
    model = Model(lambda key: jax.random.normal(key, (3,)), None)
    state = make_init(model, optax.adam(0.1))(jax.random.key(3), None, None)
    assert not np.array_equal(state.params, jax.random.normal(state.key, (3,)))
    assert jax.tree.structure(state.opt_state) == jax.tree.structure(
        optax.adam(0.1).init(state.params)
    )
