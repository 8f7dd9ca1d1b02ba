"""The recurrences among the subjects of `jaxdl gradcheck`.

Each runs forward without padding and in reverse with it, and goes on from a carry; the
stack of layers runs in both directions with padding. The truncated gradient of the LSTM
of 1997 is none, so nothing here asks for it.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.gradcheck import bptt
from jaxdl.gradcheck.problem import Case, draw_normal
from jaxdl.nn.recurrent import (
    Recurrence,
    elman,
    gru,
    lstm,
    lstm_1997,
    recurrent,
    scan_steps,
)
from jaxdl.types import PRNGKey

_IN, _TIME, _BATCH = 2, 3, 2
_LENGTHS = (3, 2)  # of the sequences, where there is padding


def _draws(key: PRNGKey, make: Callable, *args: Any) -> Any:
    """Normal numbers in the form of what `make(*args)` gives."""
    leaves, treedef = jax.tree.flatten(jax.eval_shape(lambda: make(*args)))
    keys = [jax.random.fold_in(key, i) for i in range(len(leaves))]
    draws = [draw_normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(treedef, draws)


def _mask() -> jax.Array:
    return jnp.arange(_TIME)[:, None] < jnp.array([_LENGTHS])


def _point(key: PRNGKey, layer: Recurrence) -> tuple:
    """Parameters, carry and inputs."""
    keys = [jax.random.fold_in(key, i) for i in range(3)]
    return (
        _draws(keys[0], layer.init, key, _IN),
        _draws(keys[1], layer.initial_carry, _BATCH),
        draw_normal(keys[2], (_TIME, _BATCH, _IN)),
    )


def _scan(
    layer: Recurrence,
    hand: Callable | None,
    *,
    masked: bool = False,
    reverse: bool = False,
) -> Callable[[PRNGKey], Case]:
    """A scan, held against the scan of its step and the derivation by hand.

    Without a derivation the two scans are one, which JAX differentiates.
    """

    def make(key):
        mask = _mask() if masked else None

        def fn(*args):
            return layer.scan(*args, mask, reverse=reverse)

        def plain(*args):
            return scan_steps(layer.step, *args, mask, reverse=reverse)

        def by_hand(cotangent, *args):
            carry_grad, output_grads = cotangent
            steps = hand(*args, output_grads, carry_grad, mask, reverse=reverse)
            return steps.params, steps.carry, steps.inputs

        args, names = _point(key, layer), ("params", "carry", "inputs")
        if hand is None:
            return Case(fn, args, names)
        return Case(fn, args, names, hand=by_hand, plain=plain)

    return make


def _stack(key):
    """Two bidirectional layers, held against four scans of steps."""
    layers = [elman(2), elman(1)]
    net = recurrent(layers, _IN, bidirectional=True)
    mask = _mask()

    def fn(params, carry, inputs):
        return net.apply(params, inputs, carry=carry, mask=mask.T)

    def plain(params, carry, inputs):
        outputs, last = inputs.swapaxes(0, 1), []
        for layer, of_layer, begin in zip(layers, params, carry, strict=True):
            found = [
                scan_steps(layer.step, p, c, outputs, mask, reverse=reverse)
                for p, c, reverse in zip(of_layer, begin, (False, True), strict=True)
            ]
            last.append([carry for carry, _ in found])
            outputs = jnp.concatenate([outputs for _, outputs in found], axis=-1)
        return outputs.swapaxes(0, 1), last

    keys = [jax.random.fold_in(key, i) for i in range(3)]
    args = (
        _draws(keys[0], net.init, key),
        _draws(keys[1], net.initial_carry, _BATCH),
        draw_normal(keys[2], (_BATCH, _TIME, _IN)),
    )
    return Case(fn, args, ("params", "carry", "inputs"), plain=plain)


def _backward(layer: Recurrence, hand: Callable) -> Callable[[PRNGKey], Case]:
    """A derivation by hand, which has derivatives itself."""

    def make(key):
        def fn(*args):
            return hand(*args, _mask())

        params, carry, inputs = _point(key, layer)
        grads = [jax.random.fold_in(key, 3 + i) for i in range(2)]
        output_grads = draw_normal(grads[0], (_TIME, _BATCH, layer.out_size))
        carry_grad = _draws(grads[1], layer.initial_carry, _BATCH)
        args = params, carry, inputs, output_grads, carry_grad
        names = ("params", "carry", "inputs", "output_grads", "carry_grad")
        return Case(fn, args, names)

    return make


def _rows() -> list[tuple[str, tuple[str, ...], Callable[[PRNGKey], Case]]]:
    layers = {
        "elman": (elman(2), bptt.elman_backward),
        "lstm": (lstm(2), bptt.lstm_backward),
        "gru": (gru(2), None),
        "lstm_1997": (lstm_1997(1, 2), bptt.lstm_1997_backward),
    }
    rows = []
    for name, (layer, hand) in layers.items():
        covers = (f"nn.recurrent.{name}", "nn.recurrent.scan_steps")
        rows.append((name, covers, _scan(layer, hand)))
        turned = _scan(layer, hand, masked=True, reverse=True)
        rows.append((f"{name}[masked, reverse]", covers, turned))
    covers = ("nn.recurrent.recurrent", "nn.recurrent.Recurrent")
    rows.append(("recurrent", covers, _stack))
    for layer, hand in (layers["elman"], layers["lstm"]):
        name = hand.__name__
        rows.append((name, (f"gradcheck.bptt.{name}",), _backward(layer, hand)))
    return rows


RECURRENCES = _rows()
"""Name, covered functions and `make` of each subject."""
