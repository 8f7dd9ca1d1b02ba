"""Signals in deep nets against backprop by hand and counted units."""

import functools
import types

import jax
import numpy as np
import pytest

from jaxdl.gradcheck.backprop import backward
from jaxdl.measures import signals
from jaxdl.models import forward, mlp
from jaxdl.nn import INITIALIZERS
from jaxdl.ops import activation


def make_params(sizes, hidden, initializer):
    net = mlp(sizes, hidden=hidden, kernel_init=INITIALIZERS[initializer])
    return jax.jit(net.init)(jax.random.key(0))


def batch(num=5, size=4):
    rng = np.random.default_rng(3)
    x = np.float32(rng.normal(size=(num, size)))
    return jax.device_put((x, rng.integers(0, 3, num, np.int32)))


@pytest.mark.parametrize("hidden", ["sigmoid", "relu"])
def test_gradient_norms_are_those_of_backprop_by_hand(hidden):
    check_gradient_norms(hidden, jax.jit)


def test_gradient_norms_eagerly_compiled_and_mapped(variant):
    check_gradient_norms("tanh", variant)


def check_gradient_norms(hidden, variant):
    params = make_params([4, 6, 5, 3], hidden, "glorot")
    x, labels = batch()
    measure = functools.partial(
        signals.layer_signals,
        functools.partial(forward, hidden=hidden),
        hidden=activation(hidden),
    )
    got = variant(lambda p, x, y: measure(p, x, y))(params, x, labels)

    @jax.jit
    def by_hand(params, x, labels):
        trace = forward(params, x, hidden=hidden)
        outputs = jax.nn.softmax(trace.activations[-1]) - jax.nn.one_hot(labels, 3)
        return backward(params, trace, outputs, hidden=hidden).deltas

    deltas = by_hand(params, x, labels)
    expected = [np.sqrt(np.mean(np.sum(np.square(d), axis=1))) for d in deltas]
    np.testing.assert_allclose(got.gradient_norm, expected, rtol=2e-5)


def test_dead_and_saturated_units_are_counted():
    # Four units: always on, always off, off for one example of two, nearly off.
    params = [
        {
            "kernel": np.float32([[1, -1, 1, 0]]),
            "bias": np.float32([5, -5, -1.5, 1e-3]),
        },
        {"kernel": np.ones((4, 2), np.float32), "bias": np.zeros(2, np.float32)},
    ]
    x, labels = np.float32([[1.0], [2.0]]), np.array([0, 1])

    def found(hidden):
        fn = functools.partial(forward, hidden=hidden)
        measure = jax.jit(
            lambda *args: signals.layer_signals(fn, *args, activation(hidden))
        )
        return jax.tree.map(np.asarray, measure(params, x, labels))

    relu = found("relu")
    assert relu.dead == pytest.approx([0.25])
    assert relu.saturated == pytest.approx([3 / 8])
    # tanh at 6, 7, -6, -7, -0.5, 0.5 and 0.001 twice: derivatives below 1/20 for four.
    tanh = found("tanh")
    assert tanh.dead == pytest.approx([0])
    assert tanh.saturated == pytest.approx([4 / 8])
    # The sigmoid's derivative is at most 1/4: 0.018 at 4 is no twentieth of that.
    params[0]["bias"] = np.float32([2.0, -2.0, -1.5, 4.5])
    assert found("sigmoid").saturated == pytest.approx([2 / 8])


def test_net_without_hidden_layers():
    params = make_params([4, 3], "tanh", "standard")
    measure = jax.jit(
        lambda *args: signals.layer_signals(forward, *args, activation("tanh"))
    )
    got = measure(params, *batch())
    assert got.gradient_norm.shape == (1,)
    assert got.dead.shape == got.saturated.shape == (0,)


def test_signals_of_a_split_are_those_of_its_first_images():
    params = make_params([6, 5, 3], "tanh", "glorot")
    image = np.random.default_rng(1).integers(0, 256, (4, 2, 3, 1), np.uint8)
    label = np.int32([0, 1, 2, 0])
    split = types.SimpleNamespace(
        image=jax.device_put(image), label=jax.device_put(label)
    )
    got = signals.make_split_signals("tanh", examples=3)(params, split)
    fn = functools.partial(forward, hidden="tanh")
    x = image[:3].reshape(3, 6) / np.float32(255)
    measure = jax.jit(
        lambda *args: signals.layer_signals(fn, *args, activation("tanh"))
    )
    expected = measure(params, x, label[:3])
    assert list(got) == list(expected._fields)
    for name, value in expected._asdict().items():
        np.testing.assert_allclose(got[name], value, rtol=1e-5)
