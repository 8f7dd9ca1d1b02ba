"""The chain rule by hand, against `jax.grad`."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.gradcheck.backprop import (
    add_gate,
    backward,
    multiply_gate,
    sigmoid_gate,
    squared_error_and_grad,
    worked_example,
)
from jaxdl.gradcheck.problem import quick_jit
from jaxdl.models.mlps import forward, mlp
from jaxdl.ops.activations import ACTIVATIONS
from jaxdl.ops.losses import half_squared_error


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def net(sizes, batch, hidden="tanh", output="linear", seed=0):
    """Parameters in float64, biases not zero, inputs and targets."""
    shapes = jax.eval_shape(
        mlp(sizes, hidden=hidden, output=output).init, jax.random.key(0)
    )
    rng = np.random.default_rng(seed)
    params = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape)), shapes)
    x = jnp.asarray(rng.normal(size=(*batch, sizes[0])))
    return params, x, jnp.asarray(rng.normal(size=(*batch, sizes[-1])))


def by_autodiff(params, x, targets, *, hidden="tanh", output="linear"):
    def loss(params):
        outputs = forward(params, x, hidden=hidden, output=output).activations[-1]
        return jnp.mean(half_squared_error(outputs, targets))

    return quick_jit(jax.value_and_grad(loss))(params)


def assert_equal(by_hand, other):
    (value, grads), (other_value, other_grads) = by_hand, other
    assert jax.tree.structure(grads) == jax.tree.structure(other_grads)
    np.testing.assert_allclose(value, other_value, rtol=1e-12)
    for a, b in zip(jax.tree.leaves(grads), jax.tree.leaves(other_grads), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12 * np.abs(b).max())


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation(name):
    args = net([3, 4, 3, 2], (5,), hidden=name, output=name)
    by_hand = quick_jit(
        lambda *args: squared_error_and_grad(*args, hidden=name, output=name)
    )
    assert_equal(by_hand(*args), by_autodiff(*args, hidden=name, output=name))


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_every_depth(depth):
    args = net([3, *range(2, 1 + depth), 2], (4,), seed=depth)
    assert len(args[0]) == depth
    assert_equal(quick_jit(squared_error_and_grad)(*args), by_autodiff(*args))


@pytest.mark.parametrize("batch", [(1,), (), (2, 3)], ids=["one", "none", "two_axes"])
def test_every_batch(batch):
    args = net([3, 4, 2], batch)
    assert_equal(quick_jit(squared_error_and_grad)(*args), by_autodiff(*args))


def test_gradients_of_inputs_and_of_all_that_lies_between():
    params, x, grads = net([3, 4, 2], (5,))
    trace = forward(params, x)
    steps = backward(params, trace, grads)

    def rest(hidden):  # from the hidden activations on
        return jnp.sum(forward(params[1:], hidden).activations[-1] * grads)

    whole = jax.grad(lambda x: jnp.sum(forward(params, x).activations[-1] * grads))(x)
    np.testing.assert_allclose(steps.activation_grads[0], whole, rtol=1e-12)
    np.testing.assert_allclose(
        steps.activation_grads[1], jax.grad(rest)(trace.activations[1]), rtol=1e-12
    )
    assert [d.shape for d in steps.deltas] == [(5, 4), (5, 2)]
    np.testing.assert_array_equal(steps.activation_grads[2], grads)


# Gates


def test_gates_of_the_course():
    x, y, z = -2.0, 5.0, -4.0
    q = add_gate.forward(x, y)
    out = multiply_gate.forward(q, z)
    d_q, d_z = multiply_gate.backward((q, z), out, 1.0)
    d_x, d_y = add_gate.backward((x, y), q, d_q)
    assert out == -12
    assert (d_x, d_y, d_z) == (-4, -4, 3)


def test_sigmoid_neuron_of_the_course():
    (w0, w1, w2), (x0, x1) = (2.0, -3.0, -3.0), (-1.0, -2.0)
    p0, p1 = multiply_gate.forward(w0, x0), multiply_gate.forward(w1, x1)
    s = add_gate.forward(p0, p1)
    dot = add_gate.forward(s, w2)
    out = sigmoid_gate.forward(dot)
    (d_dot,) = sigmoid_gate.backward((dot,), out, 1.0)
    d_s, d_w2 = add_gate.backward((s, w2), dot, d_dot)
    d_p0, d_p1 = add_gate.backward((p0, p1), s, d_s)
    d_w0, d_x0 = multiply_gate.backward((w0, x0), p0, d_p0)
    d_w1, d_x1 = multiply_gate.backward((w1, x1), p1, d_p1)
    assert dot == 1 and math.isclose(out, 0.731058578630005, rel_tol=1e-12)

    def neuron(w, x):
        return jax.nn.sigmoid(w[0] * x[0] + w[1] * x[1] + w[2])

    grads = jax.grad(neuron, argnums=(0, 1))(
        jnp.array([w0, w1, w2]), jnp.array([x0, x1])
    )
    np.testing.assert_allclose([d_w0, d_w1, d_w2], grads[0], rtol=1e-12)
    np.testing.assert_allclose([d_x0, d_x1], grads[1], rtol=1e-12)


# The worked example


def course_net():
    """Weights of the example, as parameters of a net; inputs and targets."""
    params = [
        {"kernel": jnp.array([[0.15, 0.25], [0.20, 0.30]]), "bias": jnp.full(2, 0.35)},
        {"kernel": jnp.array([[0.40, 0.50], [0.45, 0.55]]), "bias": jnp.full(2, 0.60)},
    ]
    return params, jnp.array([0.05, 0.10]), jnp.array([0.01, 0.99])


def test_worked_example_against_the_net():
    lines = {line.name: line.value for line in worked_example()}
    params, x, targets = course_net()
    trace = forward(params, x, hidden="sigmoid", output="sigmoid")
    values = {
        "net_h": trace.preactivations[0],
        "out_h": trace.activations[1],
        "net_o": trace.preactivations[1],
        "out_o": trace.activations[2],
    }
    for name, pair in values.items():
        np.testing.assert_allclose(
            [lines[f"{name}1"], lines[f"{name}2"]], pair, rtol=1e-12
        )
    for derive in (squared_error_and_grad, by_autodiff):
        error, grads = derive(params, x, targets, hidden="sigmoid", output="sigmoid")
        np.testing.assert_allclose(lines["E"], error, rtol=1e-12)
        grad = grads[1]["kernel"][0, 0]
        np.testing.assert_allclose(lines["dE/dw5"], grad, rtol=1e-12)


def test_worked_example_ends_in_the_printed_numbers():
    lines = {line.name: line.value for line in worked_example()}
    assert round(lines["dE/dw5"], 9) == 0.082167041
    assert round(lines["w5'"], 8) == 0.35891648
    slow = {line.name: line for line in worked_example(0.1)}
    assert slow["w5'"].formula == "w5 - 0.1 dE/dw5"
    assert math.isclose(slow["w5'"].value, 0.4 - 0.1 * lines["dE/dw5"])


def test_sign_of_the_derivative_by_the_output():
    """Raising an output above its target must raise the error: out - target > 0."""
    lines = {line.name: line.value for line in worked_example()}
    assert lines["out_o1"] > 0.01 and lines["dE/dout_o1"] > 0
    outputs, targets = jnp.array([[0.75, 0.77]]), jnp.array([[0.01, 0.99]])
    grads = jax.grad(lambda out: half_squared_error(out, targets).sum())(outputs)
    np.testing.assert_allclose(grads, outputs - targets)


# Bad input


def test_targets_of_another_shape_are_refused():
    params, x, targets = net([3, 4, 2], (5,))
    for wrong in (targets[:1], targets[0], targets[:, :1]):
        with pytest.raises((InputError, TypeError), match="shape|Type"):
            squared_error_and_grad(params, x, wrong)
    with pytest.raises((ValueError, TypeError), match="shape|Type"):
        backward(params, forward(params, x), targets[:1])


def test_layers_that_do_not_chain_are_refused():
    params, x, targets = net([3, 4, 2], (5,))
    params[1]["kernel"] = jnp.zeros((3, 2))
    with pytest.raises(InputError, match=r"layer 2 .* \(3, 2\): expected \(4, units\)"):
        squared_error_and_grad(params, x, targets)


def test_unknown_activation_is_refused():
    params, x, targets = net([3, 4, 2], (5,))
    with pytest.raises(InputError, match="no activation is called 'tanhh'"):
        squared_error_and_grad(params, x, targets, hidden="tanhh")
    with pytest.raises(InputError, match="no activation is called 'tanhh'"):
        backward(params, forward(params, x), targets, hidden="tanhh")
