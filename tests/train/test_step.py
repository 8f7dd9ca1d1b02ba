"""Batches and the step of descent, against NumPy."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import toy_experiment

from jaxdl.errors import InputError
from jaxdl.train.step import (
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


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (None, "the data has no arrays in train"),
        (
            {"x": jnp.ones((5, 2)), "y": jnp.ones(4)},
            r"x float32\[5,2\], y float32\[4\]",
        ),
        ({"x": jnp.ones(5), "y": jnp.float32(1)}, r"y float32\[\] in train"),
    ],
)
def test_batches_are_drawn_from_arrays_of_as_many_examples(train, said):
    draw = make_uniform_batch(2)
    with pytest.raises(InputError, match=f"{said}.*along their first axis"):
        draw(Indexed(train), jax.random.key(0), 0)
    with pytest.raises(InputError, match="no arrays in train"):
        draw({"x": jnp.ones(5)}, jax.random.key(0), 0)


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
