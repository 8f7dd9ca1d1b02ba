"""Two-dimensional convolution that is as fast inside loops as outside, also on CPU."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple, get_args

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.nn.initializers import Initializer

from jaxdl.errors import InputError
from jaxdl.nn import conv_cpu
from jaxdl.nn.conv_cpu import Geometry, Images, Kernel
from jaxdl.ops.arguments import array_like
from jaxdl.ops.numerics import promoted

Padding = str | Sequence[tuple[int, int]]
_ORDER = ("NHWC", "HWIO", "NHWC")

Implementation = Literal["fast", "xla"]
"""Program that a convolution becomes.

"fast": on CPU one of the forms in `jaxdl.nn.conv_cpu`, elsewhere XLA's own. It has no
forward mode. "xla": XLA's own on every platform, with forward mode; on CPU its
derivatives are slow inside loops.
"""


@array_like
def conv_general_dilated(
    lhs: Images,
    rhs: Kernel,
    window_strides: Sequence[int],
    padding: Padding,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = _ORDER,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: Any = None,
    preferred_element_type: Any = None,
    *,
    implementation: Implementation = "fast",
) -> Images:
    """`lax.conv_general_dilated` of images, for Linen's `conv_general_dilated=`.

    y[n, p, q, o] = sum over i, j, c of x[n, s p + d i, s q + d j, c] w[i, j, c, o],
    x padded with zeros, s the stride and d the dilation (a cross-correlation).

    On GPU and TPU it is XLA's own, on CPU one of the forms in `jaxdl.nn.conv_cpu`: what
    is compiled chooses by platform. It is differentiable in reverse mode, any number of
    times; forward mode needs `implementation="xla"`, and raises TypeError without.
    Under `vmap` images with one kernel become one larger batch; several kernels are
    applied in turn on CPU.

    Args:
      lhs: images x; height and width before channels.
      rhs: kernel w; with groups it has `channels / groups` channels in.
      window_strides: s, down and across.
      padding: "SAME" (output size is the input's divided by s, rounded up), "VALID"
        (none), or zeros before and after, down and across.
      lhs_dilation: None or 1: `conv_transpose` spreads its input out.
      rhs_dilation: d, down and across.
      dimension_numbers: that of NHWC images and HWIO kernels.
      feature_group_count: groups of channels with a kernel each.
      batch_group_count: 1.
      precision: of the products, on GPU and TPU.
      preferred_element_type: None: the type is that which the operands are promoted to.
      implementation: "fast", or "xla" for forward mode.

    Raises:
      InputError: if the kernel is larger than the padded images; if channels are not
        divisible by groups, or are not those that the kernel takes; if there is no such
        implementation.
      NotImplementedError: for arguments that the list above rules out.
    """
    order = lax.conv_dimension_numbers(lhs.shape, rhs.shape, _ORDER)
    given = lax.conv_dimension_numbers(lhs.shape, rhs.shape, dimension_numbers)
    plain = lhs_dilation is None or tuple(lhs_dilation) == (1, 1)
    if given != order or not plain or batch_group_count != 1:
        raise NotImplementedError(
            "conv_general_dilated takes NHWC images and HWIO kernels, one group of "
            "batches and no input dilation; call jax.lax.conv_general_dilated"
        )
    dtype = jnp.result_type(lhs, rhs)
    if preferred_element_type not in (None, dtype):
        raise NotImplementedError(
            f"conv_general_dilated gives {dtype} for {lhs.dtype} and {rhs.dtype}; "
            f"convert the operands for {preferred_element_type}"
        )
    lhs, rhs = promoted(lhs, rhs)
    geometry = make_geometry(
        lhs.shape[1:],
        rhs.shape,
        window_strides,
        padding,
        dilation=rhs_dilation,
        groups=feature_group_count,
    )
    if _is_xla(implementation):
        return _xla_forward(geometry, precision, lhs, rhs)
    return _forward((geometry, precision), lhs, rhs)


@array_like
def conv_transpose(
    lhs: Images,
    rhs: Kernel,
    strides: Sequence[int],
    padding: Padding,
    *,
    precision: Any = None,
    implementation: Implementation = "fast",
) -> Images:
    """`lax.conv_transpose` of images: each input pixel adds its kernel to a window.

    y[n, s p + i, s q + j, o] gets x[n, p, q, c] w[k - 1 - i, k - 1 - j, c, o] for each
    i and j below the kernel's size k, and is cut to the size that the padding says. It
    is the derivative of a convolution of stride s by its input, fast on CPU and
    differentiable as `conv_general_dilated` is.

    Args:
      lhs: images x, [batch height width in_channels].
      rhs: kernel w, [rows columns in_channels out_channels].
      strides: s, down and across.
      padding: "SAME" (output size is s times the input's), "VALID" (nothing is cut:
        s times the input's and max(k - s, 0) more), or the zeros around the spread
        image before an ordinary convolution, as in `lax.conv_transpose`.
      precision: of the products, on GPU and TPU.
      implementation: as for `conv_general_dilated`.

    Raises:
      InputError: if the padding leaves no output, the channels do not fit, or there is
        no such implementation.

    References:
      Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016.
    """
    _check_channels(lhs.shape[3], rhs.shape, 1)
    steps, kernel_size = _pair(strides), _pair(rhs.shape[:2])
    _check_steps(steps)
    around = _transposed_padding(kernel_size, steps, padding)
    sizes = zip(lhs.shape[1:3], kernel_size, steps, around, strict=True)
    input_size = _pair(
        (size - 1) * s + 2 + low + high - k for size, k, s, (low, high) in sizes
    )
    if min(input_size) < 1:
        raise InputError(
            f"a transposed convolution of {lhs.shape[1]}x{lhs.shape[2]} images with a "
            f"{kernel_size[0]}x{kernel_size[1]} kernel and padding {padding} has no "
            "output; pad less"
        )
    rows, columns = (
        (k - 1 - low, k - 1 - high)
        for k, (low, high) in zip(kernel_size, around, strict=True)
    )
    geometry = Geometry(input_size, kernel_size, steps, (rows, columns))
    lhs, rhs = promoted(lhs, rhs)
    flipped = jnp.transpose(rhs[::-1, ::-1], (0, 1, 3, 2))
    if _is_xla(implementation):
        return _xla_input_gradient(geometry, precision, lhs, flipped)
    return _input_gradient((geometry, precision), lhs, flipped)


def Conv(
    features: int,
    kernel_size: Sequence[int],
    *,
    implementation: Implementation = "fast",
    **options: Any,
) -> nn.Conv:
    """Linen's `Conv`, with `conv_general_dilated` of this module.

    Args:
      features: channels out.
      kernel_size: rows and columns.
      implementation: as for `conv_general_dilated`.
      **options: Linen's other attributes, such as `strides` and `padding`.

    Raises:
      InputError: if there is no such implementation.
    """
    # Not a new function each time: Linen's layers are equal if their attributes are.
    function = _with_xla if _is_xla(implementation) else conv_general_dilated
    return nn.Conv(features, kernel_size, conv_general_dilated=function, **options)


_with_xla = functools.partial(conv_general_dilated, implementation="xla")


class ConvTranspose(nn.Module):
    """`conv_transpose` as a layer; parameters as in Linen's `ConvTranspose`.

    Attributes:
      features: channels out.
      kernel_size: rows and columns.
      strides: down and across.
      padding: as for `conv_transpose`.
      use_bias: add a number to each channel.
      kernel_init, bias_init: initialisers.
      implementation: as for `conv_general_dilated`.
    """

    features: int
    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = True
    kernel_init: Initializer = nn.initializers.lecun_normal()
    bias_init: Initializer = nn.initializers.zeros_init()
    implementation: Implementation = "fast"

    @nn.compact
    def __call__(self, x: Images) -> Images:
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        y = conv_transpose(
            x,
            kernel,
            self.strides,
            self.padding,
            implementation=self.implementation,
        )
        if not self.use_bias:
            return y
        bias = self.param("bias", self.bias_init, (self.features,))
        return y + bias[None, None, None]


def make_geometry(
    image_shape: Sequence[int],
    kernel_shape: Sequence[int],
    strides: Sequence[int],
    padding: Padding,
    *,
    dilation: Sequence[int] | None = None,
    groups: int = 1,
) -> Geometry:
    """The fixed sizes of a convolution, checked.

    Args:
      image_shape: height, width and channels.
      kernel_shape: rows, columns, channels in (of one group) and out.
      strides, padding, dilation, groups: as for `conv_general_dilated`.

    Raises:
      InputError: as for `conv_general_dilated`.
    """
    _check_channels(image_shape[2], kernel_shape, groups)
    input_size, kernel_size = _pair(image_shape[:2]), _pair(kernel_shape[:2])
    spread = (1, 1) if dilation is None else _pair(dilation)
    _check_steps((*strides, *spread))
    geometry = Geometry(
        input_size, kernel_size, _pair(strides), dilation=spread, groups=groups
    )
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(input_size, geometry.reach, strides, padding)
    rows, columns = ((int(low), int(high)) for low, high in padding)
    geometry = geometry._replace(padding=(rows, columns))
    if min(geometry.output_size) < 1:
        reach, padded = geometry.reach, geometry.padded_size
        raise InputError(
            f"the kernel spans {reach[0]}x{reach[1]} pixels and the padded image has "
            f"{padded[0]}x{padded[1]}: expected a kernel that fits; pad more, or take "
            "a smaller kernel or larger images"
        )
    return geometry


def _pair(numbers: Iterable[int]) -> tuple[int, int]:
    down, across = numbers
    return down, across


def _check_steps(steps: Sequence[int]) -> None:
    if min(steps) < 1:
        raise InputError(
            f"strides and dilation are {', '.join(map(str, steps))}: expected 1 or more"
        )


def _check_channels(channels: int, kernel_shape: Sequence[int], groups: int) -> None:
    for name, count in (("in", channels), ("out", kernel_shape[3])):
        if groups < 1 or count % groups:
            raise InputError(
                f"{count} channels {name} cannot be divided into {groups} groups; take "
                "a number of groups that divides the channels in and out"
            )
    if channels != kernel_shape[2] * groups:
        raise InputError(
            f"the images have {channels} channels and the kernel takes "
            f"{kernel_shape[2]} in each of {groups} groups: expected "
            f"{kernel_shape[2] * groups}"
        )


def _transposed_padding(kernel_size, strides, padding):
    """Zeros before and after the spread image, as `lax.conv_transpose` has them."""
    if not isinstance(padding, str):
        return tuple((int(low), int(high)) for low, high in padding)
    if padding.upper() not in ("SAME", "VALID"):
        raise InputError(
            f"padding is {padding!r}: expected SAME, VALID, or pairs of zeros"
        )
    pads = []
    for k, s in zip(kernel_size, strides, strict=True):
        if padding.upper() == "VALID":
            pads.append((k - 1, k - 1 + s - 1 + max(k - s, 0) - (k - 1)))
        else:
            low = k - 1 if s > k - 1 else -(-(k + s - 2) // 2)
            pads.append((low, k + s - 2 - low))
    return tuple(pads)


def _is_xla(implementation: Implementation) -> bool:
    if implementation not in (known := get_args(Implementation)):
        raise InputError(
            f"implementation is {implementation!r}: expected {' or '.join(known)}"
        )
    return implementation == "xla"


def _xla_forward(geometry: Geometry, precision, x: Images, kernel: Kernel) -> Images:
    return lax.conv_general_dilated(
        x,
        kernel,
        geometry.strides,
        geometry.padding,
        rhs_dilation=geometry.dilation,
        dimension_numbers=_ORDER,
        feature_group_count=geometry.groups,
        precision=precision,
    )


def _xla_input_gradient(geometry, precision, grads: Images, kernel: Kernel) -> Images:
    channels = kernel.shape[2] * geometry.groups
    x = jax.ShapeDtypeStruct(
        (grads.shape[0], *geometry.input_size, channels), grads.dtype
    )
    linear = functools.partial(_xla_forward, geometry, precision, kernel=kernel)
    return jax.linear_transpose(linear, x)(grads)[0]


def _xla_kernel_gradient(geometry, precision, x: Images, grads: Images) -> Kernel:
    kernel = jax.ShapeDtypeStruct(
        (*geometry.kernel_size, x.shape[3] // geometry.groups, grads.shape[3]), x.dtype
    )
    linear = functools.partial(_xla_forward, geometry, precision, x)
    return jax.linear_transpose(linear, kernel)(grads)[0]


class _Forms(NamedTuple):
    """Two forms of one bilinear function.

    Attributes:
      on_cpu: of a geometry and two arrays.
      xla: of a geometry, a precision and two arrays.
      by_image: whether each image of the first array has an output of its own.
    """

    on_cpu: Callable[[Geometry, jax.Array, jax.Array], jax.Array]
    xla: Callable[[Geometry, Any, jax.Array, jax.Array], jax.Array]
    by_image: bool


_FORWARD = _Forms(conv_cpu.forward, _xla_forward, by_image=True)
_INPUT_GRADIENT = _Forms(conv_cpu.input_gradient, _xla_input_gradient, by_image=True)
_KERNEL_GRADIENT = _Forms(
    conv_cpu.kernel_gradient, _xla_kernel_gradient, by_image=False
)


@functools.cache
def _compiled_by_platform(
    forms: _Forms, geometry: Geometry, precision
) -> Callable[..., jax.Array]:
    """A bilinear function of two arrays, with the rule of its own for `vmap`."""
    elsewhere = functools.partial(forms.xla, geometry, precision)

    def on_cpu(a, b):
        if 0 in (*a.shape, *b.shape):  # no images: nothing to be fast at
            return elsewhere(a, b)
        return forms.on_cpu(geometry, a, b)

    @jax.custom_batching.custom_vmap
    def compute(a, b):
        return lax.platform_dependent(a, b, cpu=on_cpu, default=elsewhere)

    @compute.def_vmap
    def batched(axis_size, in_batched, a, b):
        if in_batched == [True, False] and forms.by_image:
            merged = compute(a.reshape(axis_size * a.shape[1], *a.shape[2:]), b)
            return merged.reshape(*a.shape[:2], *merged.shape[1:]), True

        def one_by_one(a, b):
            if all(in_batched):
                return lax.map(lambda pair: on_cpu(*pair), (a, b))
            if in_batched[0]:
                return lax.map(lambda one: on_cpu(one, b), a)
            return lax.map(lambda one: on_cpu(a, one), b)

        axes = [0 if is_batched else None for is_batched in in_batched]
        together = jax.vmap(elsewhere, axes)
        return lax.platform_dependent(a, b, cpu=one_by_one, default=together), True

    return compute


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _forward(fixed, x, kernel):
    return _compiled_by_platform(_FORWARD, *fixed)(x, kernel)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _input_gradient(fixed, grads, kernel):
    return _compiled_by_platform(_INPUT_GRADIENT, *fixed)(grads, kernel)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _kernel_gradient(fixed, x, grads):
    return _compiled_by_platform(_KERNEL_GRADIENT, *fixed)(x, grads)


# With <v, forward(x, w)> = <input_gradient(v, w), x> = <kernel_gradient(x, v), w> the
# derivatives of all three are made of the three.
_forward.defvjp(
    lambda fixed, x, w: (_forward(fixed, x, w), (x, w)),
    lambda fixed, saved, v: (
        _input_gradient(fixed, v, saved[1]),
        _kernel_gradient(fixed, saved[0], v),
    ),
)
_input_gradient.defvjp(
    lambda fixed, v, w: (_input_gradient(fixed, v, w), (v, w)),
    lambda fixed, saved, x: (
        _forward(fixed, x, saved[1]),
        _kernel_gradient(fixed, x, saved[0]),
    ),
)
_kernel_gradient.defvjp(
    lambda fixed, x, v: (_kernel_gradient(fixed, x, v), (x, v)),
    lambda fixed, saved, w: (
        _input_gradient(fixed, saved[1], w),
        _forward(fixed, saved[0], w),
    ),
)
