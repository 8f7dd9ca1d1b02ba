"""Derivations by hand as subjects of the gradient check: they have derivatives too."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.gradcheck import backprop, bptt
from jaxdl.gradcheck.problem import Case, draw_normal, draw_normals, draw_params
from jaxdl.gradcheck.subjects import Subject, subject
from jaxdl.models.mlps import Trace, forward, mlp
from jaxdl.nn.recurrence import Recurrence, elman, lstm
from jaxdl.types import Params, PRNGKey

_ENGINE = "it is what derivatives are checked with"

NOT_DIFFERENTIABLE = {
    "gradcheck.bptt.lstm_1997_backward": "nn.recurrence.lstm_1997 is checked with it",
    "gradcheck.branches": _ENGINE,
    "gradcheck.finite_difference": _ENGINE,
    "gradcheck.judge": _ENGINE,
    "gradcheck.methods": _ENGINE,
    "gradcheck.points": _ENGINE,
    "gradcheck.precision": _ENGINE,
    "gradcheck.problem": _ENGINE,
    "gradcheck.report": _ENGINE,
    "gradcheck.selection": _ENGINE,
    "gradcheck.settle": _ENGINE,
    "gradcheck.subjects": _ENGINE,
    "gradcheck.user_function": _ENGINE,
}
"""Functions, and whole modules, that no gradient goes through, and why."""

_IN, _TIME, _BATCH = 2, 3, 2


def _gate(gate: backprop.Gate, *names: str) -> Callable[[PRNGKey], Case]:
    def make(key):
        def hand(cotangent, *inputs):
            return gate.backward(inputs, gate.forward(*inputs), cotangent)

        inputs = tuple(draw_normals(key, *[(4,)] * len(names)))
        return Case(gate.forward, inputs, names, True, hand)

    return make


def _net(key: PRNGKey) -> tuple[Params, jax.Array, jax.Array]:
    """Parameters, inputs and targets of a small net."""
    model = mlp([3, 4, 3, 2])
    x, targets = draw_normals(jax.random.fold_in(key, 1), (4, 3), (4, 2))
    return draw_params(jax.random.fold_in(key, 0), model.init), x, targets


def _backward(key):
    params, x, grads = _net(key)

    def fn(params, preactivations, activations, grads):
        trace = Trace(preactivations, activations)
        return backprop.backward(params, trace, grads, hidden="sigmoid")

    args = (params, *forward(params, x, hidden="sigmoid"), grads)
    return Case(fn, args, ("params", "preactivations", "activations", "output_grads"))


def _squared_error_and_grad(key):
    def fn(params, x, targets):
        return backprop.squared_error_and_grad(params, x, targets, hidden="silu")

    return Case(fn, _net(key), ("params", "x", "targets"))


def _through_time(
    layer: Recurrence, hand: Callable[..., Any]
) -> Callable[[PRNGKey], Case]:
    """A derivation by hand, which has derivatives itself."""

    def make(key):
        def fn(*args):
            mask = jnp.arange(_TIME)[:, None] < jnp.array([[3, 2]])
            return hand(*args, mask)

        keys = [jax.random.fold_in(key, i) for i in range(5)]
        args = (
            draw_params(keys[0], lambda key: layer.init(key, _IN), 1.0),
            draw_params(keys[1], lambda key: layer.initial_carry(_BATCH), 1.0),
            draw_normal(keys[2], (_TIME, _BATCH, _IN)),
            draw_normal(keys[3], (_TIME, _BATCH, layer.out_size)),
            draw_params(keys[4], lambda key: layer.initial_carry(_BATCH), 1.0),
        )
        names = ("params", "carry", "inputs", "output_grads", "carry_grad")
        return Case(fn, args, names)

    return make


def subjects() -> list[Subject]:
    """Gates, backprop and backprop through time."""
    room = "gradcheck.backprop."
    return [
        subject(room + "add_gate", _gate(backprop.add_gate, "x", "y")),
        subject(room + "multiply_gate", _gate(backprop.multiply_gate, "x", "y")),
        subject(room + "sigmoid_gate", _gate(backprop.sigmoid_gate, "x")),
        subject(room + "backward", _backward),
        subject(room + "squared_error_and_grad", _squared_error_and_grad),
        *(
            subject(f"gradcheck.bptt.{hand.__name__}", _through_time(layer, hand))
            for layer, hand in (
                (elman(2), bptt.elman_backward),
                (lstm(2), bptt.lstm_backward),
            )
        ),
    ]
