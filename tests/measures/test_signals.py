"""Signals in deep nets against backprop by hand and counted units."""

import functools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.gradcheck.backprop import backward
from jaxdl.measures import signals
from jaxdl.models import forward, mlp
from jaxdl.nn import INITIALIZERS
from jaxdl.ops import activation


def make_net(sizes, hidden, initializer):
    return mlp(sizes, hidden=hidden, kernel_init=INITIALIZERS[initializer])


def batch(num=5, size=4):
    key = jax.random.key(3)
    x = jax.random.normal(key, (num, size))
    return x, jax.random.randint(key, (num,), 0, 3)


@pytest.mark.parametrize("hidden", ["sigmoid", "relu"])
def test_gradient_norms_are_those_of_backprop_by_hand(hidden):
    check_gradient_norms(hidden, jax.jit)


def test_gradient_norms_eagerly_compiled_and_mapped(variant):
    check_gradient_norms("tanh", variant)


def check_gradient_norms(hidden, variant):
    params = make_net([4, 6, 5, 3], hidden, "glorot").init(jax.random.key(0))
    x, labels = batch()
    measure = functools.partial(
        signals.layer_signals,
        functools.partial(forward, hidden=hidden),
        hidden=activation(hidden),
    )
    got = variant(lambda p, x, y: measure(p, x, y))(params, x, labels)
    trace = forward(params, x, hidden=hidden)
    outputs = jax.nn.softmax(trace.activations[-1]) - jax.nn.one_hot(labels, 3)
    deltas = backward(params, trace, outputs, hidden=hidden).deltas
    expected = [np.sqrt(np.mean(np.sum(np.square(d), axis=1))) for d in deltas]
    np.testing.assert_allclose(got.gradient_norm, expected, rtol=2e-5)


def test_dead_and_saturated_units_are_counted():
    # Four units: always on, always off, off for one example of two, nearly off.
    params = [
        {"kernel": jnp.array([[1.0, -1.0, 1.0, 0.0]]), "bias": jnp.zeros(4)},
        {"kernel": jnp.ones((4, 2)), "bias": jnp.zeros(2)},
    ]
    params[0]["bias"] = jnp.array([5.0, -5.0, -1.5, 0.001])
    x, labels = jnp.array([[1.0], [2.0]]), jnp.array([0, 1])

    def found(hidden):
        fn = functools.partial(forward, hidden=hidden)
        return signals.layer_signals(fn, params, x, labels, activation(hidden))

    assert found("relu").dead == pytest.approx([0.25])
    assert found("relu").saturated == pytest.approx([3 / 8])
    # tanh at 6, 7, -6, -7, -0.5, 0.5 and 0.001 twice: derivatives below 1/20 for four.
    assert found("tanh").dead == pytest.approx([0])
    assert found("tanh").saturated == pytest.approx([4 / 8])
    # The sigmoid's derivative is at most 1/4: 0.018 at 4 is no twentieth of that.
    params[0]["bias"] = jnp.array([2.0, -2.0, -1.5, 4.5])
    assert found("sigmoid").saturated == pytest.approx([2 / 8])


def test_net_without_hidden_layers():
    params = make_net([4, 3], "tanh", "standard").init(jax.random.key(0))
    x, labels = batch()
    got = signals.layer_signals(forward, params, x, labels, activation("tanh"))
    assert got.gradient_norm.shape == (1,)
    assert got.dead.shape == got.saturated.shape == (0,)


def test_signals_of_a_split_are_those_of_its_first_images():
    params = make_net([6, 5, 3], "tanh", "glorot").init(jax.random.key(0))
    image = jax.random.randint(jax.random.key(1), (4, 2, 3, 1), 0, 256)
    split = types.SimpleNamespace(
        image=image.astype(jnp.uint8), label=jnp.array([0, 1, 2, 0])
    )
    got = signals.make_split_signals("tanh", examples=3)(params, split)
    fn = functools.partial(forward, hidden="tanh")
    x = split.image[:3].reshape(3, 6) / jnp.float32(255)
    expected = signals.layer_signals(fn, params, x, split.label[:3], activation("tanh"))
    assert list(got) == list(expected._fields)
    for name, value in expected._asdict().items():
        np.testing.assert_allclose(got[name], value, rtol=1e-5)
