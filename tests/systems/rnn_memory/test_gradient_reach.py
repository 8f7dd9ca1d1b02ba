"""How far gradients reach, and carries over time, against loops in NumPy."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.data.long_lag import Sequences, latch
from jaxdl.measures.long_lag import carries_over_time
from jaxdl.models import sequence_readout
from jaxdl.nn.recurrence import elman
from jaxdl.systems.rnn_memory import gradient_reach as gradient_reach_module
from jaxdl.systems.rnn_memory.gradient_reach import (
    TEST_SEQUENCES,
    gradient_reach,
    make_memory_evaluate,
)
from jaxdl.systems.rnn_memory.training import make_training


def test_an_elman_net_by_products_of_jacobians():
    layer = elman(3)
    params = jax.jit(sequence_readout([layer], 2, 1).init)(jax.random.key(0))
    ((of_layer,),) = params["recurrent"]
    x = jax.random.normal(jax.random.key(1), (2, 5, 2))
    w, u = (np.asarray(of_layer[k]) for k in ("input_kernel", "recurrent_kernel"))
    readout = np.asarray(params["readout"]["kernel"])[:, 0]
    states, expected = np.zeros((5, 2, 3)), []
    for i, row in enumerate(np.asarray(x)):
        hidden, product = np.zeros(3), np.eye(3)
        for t, inputs in enumerate(row):
            hidden = np.tanh(inputs @ w + hidden @ u)
            states[t, i] = hidden
            if t:
                product = product @ u * (1 - hidden**2)
        expected.append(np.linalg.norm(product @ readout) / np.linalg.norm(readout))
    found = jax.jit(lambda p, x: gradient_reach(layer, p, x))(params, x)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    carries = jax.jit(lambda p, x: carries_over_time(layer, p, x))(of_layer, x)
    np.testing.assert_allclose(carries, states, rtol=1e-5, atol=1e-6)


def test_the_first_parameters_stay_as_they_were():
    """What a run began with is measured beside what it has learned."""
    task = latch(4)
    model = sequence_readout([elman(3)], task.in_size, 1)
    init, step = make_training(model, optax.sgd(0.5))
    first = jax.jit(init)(jax.random.key(0), None, None)
    batch, state = task.draw(jax.random.key(1), 4), first
    for _ in range(2):
        state, _ = jax.jit(step)(state, batch)
    jax.tree.map(np.testing.assert_array_equal, state.initial, first.params)
    kernels = state.params["readout"]["kernel"], first.params["readout"]["kernel"]
    assert not np.array_equal(*kernels)


def test_memory_is_evaluated_on_new_sequences():
    """The answer is right unless the first noise is of the first kind: 3 in 4."""
    task, layer, key = latch(4), elman(3), jax.random.key(5)

    def apply(params, inputs, *, mask):
        bits, odd = inputs[:, 0, 1], inputs[:, 1, 2]
        return ((2 * bits - 1) * (1 - 2 * odd))[:, None]

    init = jax.jit(sequence_readout([layer], task.in_size, 1).init)
    params, initial = init(jax.random.key(0)), init(jax.random.key(1))
    state = types.SimpleNamespace(params=params, initial=initial)
    evaluate = make_memory_evaluate(layer, apply, task)
    reach = jax.jit(lambda params, inputs: gradient_reach(layer, params, inputs))
    draw = jax.jit(task.draw, static_argnums=1)
    for final in (False, True):
        found = evaluate(state, None, key, final)
        inputs = draw(jax.random.fold_in(key, int(final)), TEST_SEQUENCES).inputs
        accuracy = 1 - np.mean(np.asarray(inputs)[:, 1].argmax(axis=1) == 2)
        assert found["accuracy"] == pytest.approx(accuracy) and 0.7 < accuracy < 0.8
        assert found["solved"] == 0 and len(found) == 4
        for name, own in (("", params), ("_initial", initial)):
            expected = np.log10(reach(own, inputs[:32])).mean()
            assert found[f"log10_gradient{name}"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("needed", "wrong"), [(0.99, 10), (0.5, 500)])
def test_so_many_solve_it(needed, wrong, monkeypatch):
    """Half of 1,000 is a number that single precision holds."""
    assert gradient_reach_module.SOLVED == 0.99
    monkeypatch.setattr(gradient_reach_module, "SOLVED", needed)

    def draw(key, num):
        return Sequences(
            jnp.ones((num, 2, 1)), jnp.ones((num, 2), bool), jnp.zeros((num, 1))
        )

    def apply(params, inputs, *, mask):
        places = jnp.arange(len(inputs))
        return jnp.where(places < params["wrong"], 1.0, -1.0)[:, None]

    task = types.SimpleNamespace(draw=draw, tolerance=0.5)
    evaluate = make_memory_evaluate(elman(1), apply, task)
    params = jax.jit(sequence_readout([elman(1)], 1, 1).init)(jax.random.key(0))
    for more, solved in ((0, 1.0), (1, 0.0)):
        both = params | {"wrong": jnp.int32(wrong + more)}
        state = types.SimpleNamespace(params=both, initial=both)
        assert evaluate(state, None, jax.random.key(0), True)["solved"] == solved
