"""Layers, recurrences and convolution as subjects of `jaxdl gradcheck`.

A recurrence runs forward without padding and in reverse with it, and starts from a
carry; the stack of layers runs in both directions with padding. The truncated gradient
of the LSTM of 1997 is not the derivative, so it is not checked. Each form that a
convolution takes on CPU is a subject, held also against XLA's own.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxdl.gradcheck import bptt
from jaxdl.gradcheck.problem import Case, draw_normal, draw_normals, draw_params
from jaxdl.gradcheck.subjects import Subject, subject
from jaxdl.nn import conv, conv_cpu, pooling
from jaxdl.nn.batch_norm import BatchNorm, Moments, moments, population_statistics
from jaxdl.nn.batch_norm import batch_norm as normalise
from jaxdl.nn.dropout import Dropout
from jaxdl.nn.linen import from_linen
from jaxdl.nn.recurrence import (
    Recurrence,
    elman,
    gru,
    lstm,
    lstm_1997,
    recurrent,
    scan_steps,
)
from jaxdl.types import Params, PRNGKey

NOT_DIFFERENTIABLE = {
    f"nn.bptt.{name}": "it is part of nn.recurrence, which is checked"
    for name in ("elman_scan", "lstm_scan", "truncated_scan", "in_chunks")
}
"""Functions that no gradient goes through, and why."""


# Dropout and batch norm


def _dropout(key):
    model = from_linen(Dropout(0.3), example=jnp.zeros((3, 4)))

    def fn(x):
        return model.apply({}, x, key=jax.random.fold_in(key, 1))

    return Case(fn, tuple(draw_normals(key, (3, 4))), ("x",))


def _batch_norm(key):
    def fn(x, scale, shift):
        return normalise(x, scale, shift, moments(x))

    def hand(cotangent, x, scale, shift):
        def mean(x):
            return x.mean(axis=0, keepdims=True)

        deviation = jnp.sqrt(x.var(axis=0, keepdims=True) + 1e-5)
        unit = (x - mean(x)) / deviation
        own = cotangent - mean(cotangent) - unit * mean(cotangent * unit)
        own = scale[None] / deviation * own
        return own, (cotangent * unit).sum(axis=0), cotangent.sum(axis=0)

    args = tuple(draw_normals(key, (4, 3), (3,), (3,)))
    return Case(fn, args, ("x", "scale", "shift"), hand=hand)


def _fixed_statistics(key):
    def fn(x, scale, shift, mean, variance):
        return normalise(x, scale, shift, Moments(mean, variance))

    def domain(x, scale, shift, mean, log_variance):
        return x, scale, shift, mean, jnp.exp(log_variance)

    args = domain(*draw_normals(key, (2, 3), (3,), (3,), (3,), (3,)))
    names = ("x", "scale", "shift", "mean", "variance")
    return Case(fn, args, names, domain=domain)


def _population(key):
    model = from_linen(BatchNorm(), example=jnp.zeros((1, 3)))

    def fn(params, x, inputs):
        found = population_statistics(model.apply, params, inputs)
        return model.apply(params, x, statistics=found)

    args = (
        draw_params(jax.random.fold_in(key, 9), model.init),
        *draw_normals(key, (2, 3), (5, 3)),
    )
    return Case(fn, args, ("params", "x", "inputs"))


# Recurrences


_IN, _TIME, _BATCH = 2, 3, 2
_LENGTHS = (3, 2)  # of the sequences, where there is padding


def _mask() -> jax.Array:
    return jnp.arange(_TIME)[:, None] < jnp.array([_LENGTHS])


def _point(layer: Recurrence, key: PRNGKey) -> tuple[Params, Any, jax.Array]:
    """Parameters, carry and inputs of a recurrence."""
    keys = [jax.random.fold_in(key, i) for i in range(3)]
    return (
        draw_params(keys[0], lambda key: layer.init(key, _IN), 1.0),
        draw_params(keys[1], lambda key: layer.initial_carry(_BATCH), 1.0),
        draw_normal(keys[2], (_TIME, _BATCH, _IN)),
    )


def _scan(
    layer: Recurrence,
    hand: Callable[..., Any] | None,
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

        def plain(params, carry, inputs):
            return scan_steps(layer.step, params, carry, inputs, mask, reverse=reverse)

        args, names = _point(layer, key), ("params", "carry", "inputs")
        if hand is None:
            return Case(fn, args, names)

        def by_hand(cotangent, *args):
            carry_grad, output_grads = cotangent
            steps = hand(*args, output_grads, carry_grad, mask, reverse=reverse)
            return steps.params, steps.carry, steps.inputs

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
        draw_params(keys[0], net.init, 1.0),
        draw_params(keys[1], lambda key: net.initial_carry(_BATCH), 1.0),
        draw_normal(keys[2], (_BATCH, _TIME, _IN)),
    )
    return Case(fn, args, ("params", "carry", "inputs"), plain=plain)


# Convolution and pooling


_ORDER = ("NHWC", "HWIO", "NHWC")
_NAMES = ("x", "kernel")


def _conv(x_shape, kernel_shape, strides=(1, 1), padding="VALID", **options):
    """`conv_general_dilated` of normal images and kernels."""

    def make(key):
        def fn(x, kernel):
            return conv.conv_general_dilated(x, kernel, strides, padding, **options)

        def plain(x, kernel):
            return lax.conv_general_dilated(
                x, kernel, strides, padding, dimension_numbers=_ORDER, **options
            )

        args = tuple(draw_normals(key, x_shape, kernel_shape))
        return Case(fn, args, _NAMES, plain=plain)

    return make


def _transpose(key):
    def fn(x, kernel):
        return conv.conv_transpose(x, kernel, (2, 3), "SAME")

    def plain(x, kernel):
        return lax.conv_transpose(x, kernel, (2, 3), "SAME")

    args = tuple(draw_normals(key, (2, 3, 2, 2), (4, 3, 2, 3)))
    return Case(fn, args, _NAMES, plain=plain)


def _gradients_on_cpu(key):
    """The two derivatives as functions of their own, of a convolution of stride 2."""
    geometry = conv_cpu.Geometry((5, 4), (3, 2), (2, 2), ((1, 0), (0, 1)))
    shapes = (2, 5, 4, 2), (3, 2, 2, 3), (2, *geometry.output_size, 3)

    def fn(x, kernel, grads):
        return (
            conv_cpu.forward(geometry, x, kernel),
            conv_cpu.input_gradient(geometry, grads, kernel),
            conv_cpu.kernel_gradient(geometry, x, grads),
        )

    return Case(fn, tuple(draw_normals(key, *shapes)), (*_NAMES, "grads"))


def _max_pool(key):
    def fn(x):
        return pooling.max_pool(x, (3, 3), (2, 2), [(0, 1), (1, 1)])

    return Case(fn, tuple(draw_normals(key, (2, 4, 5, 2))), ("x",))


def _average_pool(key):
    (x,) = draw_normals(key, (2, 4, 5, 2))

    def hand(cotangent, x):
        spread = lax.pad(
            cotangent.repeat(2, axis=1).repeat(2, axis=2) / 4,
            jnp.zeros((), x.dtype),
            [(0, 0, 0), (0, 0, 0), (0, 1, 0), (0, 0, 0)],
        )
        return (spread,)

    return Case(pooling.average_pool, (x,), ("x",), True, hand)


def subjects() -> list[Subject]:
    """Dropout, batch norm, recurrences, convolution, pooling."""
    room, norm = "nn.batch_norm.", ("nn.batch_norm.batch_norm", "nn.batch_norm.moments")
    return [
        subject("nn.dropout.Dropout", _dropout, "nn.linen.from_linen", name="dropout"),
        Subject("batch_norm", norm, _batch_norm),
        Subject("batch_norm[fixed statistics]", norm, _fixed_statistics),
        subject(room + "population_statistics", _population, room + "BatchNorm"),
        *_recurrences(),
        *_convolutions(),
        subject("nn.pooling.max_pool", _max_pool),
        subject("nn.pooling.average_pool", _average_pool),
    ]


def _recurrences() -> Iterator[Subject]:
    for name, layer, hand in (
        ("elman", elman(2), bptt.elman_backward),
        ("lstm", lstm(2), bptt.lstm_backward),
        ("gru", gru(2), None),
        ("lstm_1997", lstm_1997(1, 2), bptt.lstm_1997_backward),
    ):
        covers = (f"nn.recurrence.{name}", "nn.recurrence.scan_steps")
        yield Subject(name, covers, _scan(layer, hand))
        turned = _scan(layer, hand, masked=True, reverse=True)
        yield Subject(f"{name}[masked, reverse]", covers, turned)
    yield subject("nn.recurrence.recurrent", _stack, "nn.recurrence.Recurrent")


def _convolutions() -> Iterator[Subject]:
    for form, make in {
        "bands": _conv((2, 5, 6, 2), (3, 2, 2, 3)),
        "direct": _conv((2, 5, 4, 17), (2, 2, 17, 18), rhs_dilation=(2, 1)),
        "rows": _conv((2, 3, 3, 64), (2, 1, 64, 2)),
        "blocks": _conv((2, 5, 6, 2), (3, 4, 2, 3), (2, 3), "SAME"),
        "taps": _conv(
            (2, 5, 4, 3), (3, 3, 1, 6), (2, 1), "SAME", feature_group_count=3
        ),
        "groups": _conv((2, 4, 4, 4), (2, 3, 2, 6), (1, 2), feature_group_count=2),
    }.items():
        covers = ("nn.conv.conv_general_dilated", "nn.conv.Conv")
        yield Subject(f"conv_general_dilated[{form}]", covers, make)
    yield subject("nn.conv.conv_transpose", _transpose, "nn.conv.ConvTranspose")
    covers = ("forward", "input_gradient", "kernel_gradient")
    covers = tuple(f"nn.conv_cpu.{name}" for name in covers)
    yield Subject("conv_cpu", covers, _gradients_on_cpu)
