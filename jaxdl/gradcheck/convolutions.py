"""Convolution and pooling among the subjects of `jaxdl gradcheck`.

One case for each form that a convolution takes on CPU, held also against XLA's own.
"""

from collections.abc import Callable

import jax
from jax import lax

from jaxdl.gradcheck.problem import Case, draw_normals
from jaxdl.nn import conv, conv_cpu, pooling

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


def with_xlas_own(fn: Callable) -> Callable:
    """A function of a net, with XLA's own convolutions, which have forward mode."""

    def plain(*args):
        with conv.xla_alone():
            return fn(*args)

    return plain


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
            jax.numpy.zeros((), x.dtype),
            [(0, 0, 0), (0, 0, 0), (0, 1, 0), (0, 0, 0)],
        )
        return (spread,)

    return Case(pooling.average_pool, (x,), ("x",), True, hand)


_CONV = ("nn.conv.conv_general_dilated", "nn.conv.Conv")
CONVOLUTIONS = [
    ("conv_general_dilated[bands]", _CONV, _conv((2, 5, 6, 2), (3, 2, 2, 3))),
    (
        "conv_general_dilated[direct]",
        _CONV,
        _conv((2, 5, 4, 17), (2, 2, 17, 18), rhs_dilation=(2, 1)),
    ),
    ("conv_general_dilated[rows]", _CONV, _conv((2, 3, 3, 64), (2, 1, 64, 2))),
    (
        "conv_general_dilated[blocks]",
        _CONV,
        _conv((2, 5, 6, 2), (3, 4, 2, 3), (2, 3), "SAME"),
    ),
    (
        "conv_general_dilated[taps]",
        _CONV,
        _conv((2, 5, 4, 3), (3, 3, 1, 6), (2, 1), "SAME", feature_group_count=3),
    ),
    (
        "conv_general_dilated[groups]",
        _CONV,
        _conv((2, 4, 4, 4), (2, 3, 2, 6), (1, 2), feature_group_count=2),
    ),
    ("conv_transpose", ("nn.conv.conv_transpose", "nn.conv.ConvTranspose"), _transpose),
    (
        "conv_cpu",
        tuple(
            f"nn.conv_cpu.{name}"
            for name in ("forward", "input_gradient", "kernel_gradient")
        ),
        _gradients_on_cpu,
    ),
    ("max_pool", ("nn.pooling.max_pool",), _max_pool),
    ("average_pool", ("nn.pooling.average_pool",), _average_pool),
]
