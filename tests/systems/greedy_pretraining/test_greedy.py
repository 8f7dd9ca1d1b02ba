"""Training of one layer on what frozen layers make of the data."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.systems.greedy_pretraining.greedy import (
    GreedyState,
    make_greedy_init,
    make_greedy_step,
    trained_layers,
)

OPTIMIZER = optax.sgd(0.5)
BATCH = jnp.asarray(np.random.default_rng(0).normal(size=(8, 3)), jnp.float32)


def inputs_of(below, batch):
    for matrix in below:
        batch = batch @ matrix
    return batch


def init_fn(key, data):
    return {"kernel": jax.random.normal(key, (3, 3)), "unused": jnp.ones(())}


def layer_of(params):
    return params["kernel"]


def loss_fn(params, inputs, key):
    loss = jnp.mean((inputs @ params["kernel"] - inputs[:, ::-1]) ** 2)
    return loss, {"loss": loss}


@pytest.fixture(scope="module")
def states():
    """Three layers, each after fifty steps."""
    init = make_greedy_init(init_fn, layer_of, OPTIMIZER)
    step = jax.jit(make_greedy_step(loss_fn, inputs_of, OPTIMIZER))
    found, previous = [], None
    for i in range(3):
        state = first = init(jax.random.key(i), None, previous)
        for _ in range(50):
            state, metrics = step(state, BATCH)
        found.append((first, state, metrics))
        previous = state
    return found


def test_each_layer_stands_on_those_before(states):
    for i, (first, last, _) in enumerate(states):
        assert len(first.below) == len(last.below) == i
        for number, layer in enumerate(last.below):
            trained = states[number][1].top.params["kernel"]
            np.testing.assert_array_equal(layer, trained)
    layers = trained_layers(states[-1][1], layer_of)
    assert len(layers) == 3 and trained_layers(None, layer_of) == ()
    np.testing.assert_array_equal(layers[-1], states[-1][1].top.params["kernel"])


def test_a_layer_learns_from_the_inputs_that_those_below_give(states):
    first, last, metrics = states[1]
    (below,) = first.below
    expected, _ = jax.value_and_grad(loss_fn, has_aux=True)(
        last.top.params, BATCH @ below, None
    )[0]
    assert float(metrics["loss"]) > float(expected)  # of the step before, still falling
    begin = loss_fn(first.top.params, BATCH @ below, None)[0]
    assert float(expected) < 0.3 * float(begin)
    assert not np.array_equal(first.top.params["kernel"], last.top.params["kernel"])


def test_what_is_below_stays_as_it_is(states):
    state = states[1][1]
    step = make_greedy_step(loss_fn, inputs_of, OPTIMIZER)
    after, _ = step(state, BATCH)
    assert isinstance(after, GreedyState)
    for before, now in zip(state.below, after.below, strict=True):
        np.testing.assert_array_equal(before, now)
