"""Backpropagation by hand: the chain rule, one line a step.

Nothing here calls `jax.grad`. The backward pass of a fully connected net is written out
with all its intermediate values, and so is the course's example of two inputs, two
hidden and two output units. A note on signs: for E = 1/2 sum (target - out)^2 lecture
notes print dE/dout = target - out; the inner derivative of -out makes it out - target.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.models.mlps import Trace, forward
from jaxdl.ops.activations import activation
from jaxdl.ops.losses import half_squared_error
from jaxdl.types import Params


class Gate(NamedTuple):
    """One node of a computational graph.

    Attributes:
      forward: `forward(*inputs) -> out`.
      backward: `backward(inputs, out, d_out) -> d_inputs`: from dE/dout to dE/dinput
        for each input, a local derivative times `d_out`.
    """

    forward: Callable[..., Any]
    backward: Callable[..., tuple[Any, ...]]


add_gate = Gate(lambda x, y: x + y, lambda inputs, out, d_out: (d_out, d_out))
"""out = x + y: hands the gradient on to both."""

multiply_gate = Gate(
    lambda x, y: x * y,
    lambda inputs, out, d_out: (inputs[1] * d_out, inputs[0] * d_out),
)
"""out = x y: each input gets the other one times the gradient."""

sigmoid_gate = Gate(
    jax.nn.sigmoid, lambda inputs, out, d_out: (out * (1 - out) * d_out,)
)
"""out = 1 / (1 + exp(-x)): the local derivative is out (1 - out)."""


class Backward(NamedTuple):
    """Every value of a backward pass, first layer first.

    Attributes:
      activation_grads: dE/da_l, l = 0 (the inputs) to the last layer (the outputs).
      deltas: dE/dz_l of each layer.
      params: dE/dW_l and dE/db_l, in the form of the net's parameters.
    """

    activation_grads: tuple[Float[Array, "*batch _"], ...]
    deltas: tuple[Float[Array, "*batch _"], ...]
    params: Params


def backward(
    params: Params,
    trace: Trace,
    output_grads: Float[Array, "*batch out"],
    *,
    hidden: str = "tanh",
    output: str = "linear",
) -> Backward:
    """Backward pass of a fully connected net, by the chain rule.

    From the last layer to the first, with sums over the batch:
    dE/dz_l = f_l'(z_l) dE/da_l; dE/dW_l = a_(l-1)^T dE/dz_l; dE/db_l = sum dE/dz_l;
    dE/da_(l-1) = dE/dz_l W_l^T.

    Args:
      params: of the net (`models.mlp`).
      trace: its forward pass (`models.forward`).
      output_grads: dE/da of the last layer; divided by the number of examples already
        if E is a mean over them.
      hidden, output: names of the activations, as in the forward pass.

    Raises:
      InputError: for an unknown activation.
      ValueError: if `output_grads` do not have the shape of the outputs.
    """
    if output_grads.shape != trace.activations[-1].shape:
        raise ValueError(
            f"output_grads have shape {output_grads.shape}: expected "
            f"{trace.activations[-1].shape}, that of the outputs"
        )
    activation_grads, deltas, grads = [output_grads], [], []
    for i in reversed(range(len(params))):
        name = output if i == len(params) - 1 else hidden
        z, a = trace.preactivations[i], trace.activations[i]
        delta = _through_activation(name, z, activation_grads[0])
        examples = tuple(range(delta.ndim - 1))
        kernel_grad = jnp.tensordot(a, delta, axes=(examples, examples))
        grads.insert(0, {"kernel": kernel_grad, "bias": delta.sum(axis=examples)})
        deltas.insert(0, delta)
        activation_grads.insert(
            0, jnp.einsum("...o,io->...i", delta, params[i]["kernel"])
        )
    return Backward(tuple(activation_grads), tuple(deltas), grads)


def _through_activation(name: str, z: jax.Array, grad: jax.Array) -> jax.Array:
    """dE/dz from dE/da: times f'(z), or times the Jacobian if f mixes features."""
    row = activation(name)
    if row.elementwise:
        return row.derivative(z) * grad
    return jnp.einsum("...oi,...o->...i", row.derivative(z), grad)


def squared_error_and_grad(
    params: Params,
    x: Float[Array, "*batch in"],
    targets: Float[Array, "*batch out"],
    *,
    hidden: str = "tanh",
    output: str = "linear",
) -> tuple[Float[Array, ""], Params]:
    """Mean half squared error of a fully connected net and its gradient, by hand.

    E = 1/(2N) sum_n sum_k (target_nk - out_nk)^2, whose dE/dout = (out - target) / N.
    What `jax.value_and_grad` gives, without it.

    Raises:
      InputError: for an unknown activation, layers whose sizes do not chain, or targets
        that do not have the shape of the outputs.
    """
    trace = forward(params, x, hidden=hidden, output=output)
    outputs = trace.activations[-1]
    errors = half_squared_error(outputs, targets)
    output_grads = (outputs - targets) / errors.size
    steps = backward(params, trace, output_grads, hidden=hidden, output=output)
    return errors.mean(), steps.params


class Line(NamedTuple):
    """One line of a worked example: a quantity, where it comes from, its value."""

    name: str
    formula: str
    value: float


def worked_example(learning_rate: float = 0.5) -> list[Line]:
    """The course's net of 2 inputs, 2 hidden and 2 output units, worked to one update.

    Sigmoids, E = 1/2 sum (target - out)^2, inputs 0.05 and 0.10, targets 0.01 and 0.99,
    weights w1 to w4 = 0.15, 0.20, 0.25, 0.30 into the hidden units (w1, w2 into h1) and
    w5 to w8 = 0.40, 0.45, 0.50, 0.55 into the outputs (w5, w6 into o1), bias b1 = 0.35
    of both hidden and b2 = 0.60 of both output units. Ends in dE/dw5 and w5'.

    Args:
      learning_rate: alpha of the update w5' = w5 - alpha dE/dw5.
    """
    i1, i2, target1, target2 = 0.05, 0.10, 0.01, 0.99
    w1, w2, w3, w4, w5, w6, w7, w8 = 0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55
    b1, b2 = 0.35, 0.60
    lines: list[Line] = []

    def line(name: str, formula: str, value) -> float:
        lines.append(Line(name, formula, float(value)))
        return lines[-1].value

    def sigmoid(z: float) -> float:
        return 1 / (1 + math.exp(-z))

    net_h1 = line("net_h1", "w1 i1 + w2 i2 + b1", w1 * i1 + w2 * i2 + b1)
    out_h1 = line("out_h1", "sigmoid(net_h1)", sigmoid(net_h1))
    net_h2 = line("net_h2", "w3 i1 + w4 i2 + b1", w3 * i1 + w4 * i2 + b1)
    out_h2 = line("out_h2", "sigmoid(net_h2)", sigmoid(net_h2))
    net_o1 = line(
        "net_o1", "w5 out_h1 + w6 out_h2 + b2", w5 * out_h1 + w6 * out_h2 + b2
    )
    out_o1 = line("out_o1", "sigmoid(net_o1)", sigmoid(net_o1))
    net_o2 = line(
        "net_o2", "w7 out_h1 + w8 out_h2 + b2", w7 * out_h1 + w8 * out_h2 + b2
    )
    out_o2 = line("out_o2", "sigmoid(net_o2)", sigmoid(net_o2))
    errors = (target1 - out_o1) ** 2 / 2, (target2 - out_o2) ** 2 / 2
    line("E", "1/2 (target1 - out_o1)^2 + 1/2 (target2 - out_o2)^2", sum(errors))
    d_out = line("dE/dout_o1", "-(target1 - out_o1)", -(target1 - out_o1))
    local = line("dout_o1/dnet_o1", "out_o1 (1 - out_o1)", out_o1 * (1 - out_o1))
    d_net = line("dnet_o1/dw5", "out_h1", out_h1)
    grad = line(
        "dE/dw5", "dE/dout_o1 dout_o1/dnet_o1 dnet_o1/dw5", d_out * local * d_net
    )
    line("w5'", f"w5 - {learning_rate:g} dE/dw5", w5 - learning_rate * grad)
    return lines
