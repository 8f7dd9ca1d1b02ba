"""Pooling over windows of an image, written as elementwise operations on its shifts.

XLA's own derivative of max pooling is a scalar loop on CPU; these are as fast in loops
as outside, and differentiable in both modes.
"""

import math
from collections.abc import Sequence
from typing import cast

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.ops.arguments import array_like

Images = Float[Array, "_batch _height _width _channels"]
Padding = str | Sequence[tuple[int, int]]


@array_like
def max_pool(
    x: Images,
    window: Sequence[int] = (2, 2),
    strides: Sequence[int] | None = None,
    padding: Padding = "VALID",
) -> Images:
    """Largest value of each window, channel by channel.

    Padding never wins. Where several pixels share the largest value, the first of them
    in reading order gets the gradient. A window with NaN gives NaN.

    Args:
      x: images.
      window: rows and columns.
      strides: distance of neighbouring windows, down and across; `window` itself where
        not given.
      padding: "VALID", "SAME", or pixels before and after, down and across, fewer than
        the window has.

    Raises:
      InputError: if the window is larger than the padded images, or lies in the padding
        alone.
    """
    best, *others = _shifts(x, window, strides, padding, -jnp.inf)
    for shifted in others:
        best = jnp.where((best >= shifted) | jnp.isnan(best), best, shifted)
    return best


@array_like
def average_pool(
    x: Images,
    window: Sequence[int] = (2, 2),
    strides: Sequence[int] | None = None,
    padding: Padding = "VALID",
) -> Images:
    """Mean of each window, channel by channel; padding counts as zeros.

    Args:
      x, window, strides, padding: as for `max_pool`.

    Raises:
      InputError: as for `max_pool`.
    """
    total = cast(Array, sum(_shifts(x, window, strides, padding, 0.0)))
    return total / math.prod(window)


def ceil_padding(
    size: Sequence[int], window: Sequence[int], strides: Sequence[int]
) -> list[tuple[int, int]]:
    """Padding with which the last window begins inside images of a size.

    The "ceil mode" of other libraries: no pixel is left out.
    """
    return [
        (0, max(0, min(-(-(s - w) // stride), (s - 1) // stride) * stride + w - s))
        for s, w, stride in zip(size, window, strides, strict=True)
    ]


def _shifts(x: Images, window, strides, padding, fill: float) -> list[Images]:
    """For each place in the window, the pixels that all windows have there."""
    strides = tuple(window if strides is None else strides)
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(x.shape[1:3], window, strides, padding)
    if any(max(pads) >= w for pads, w in zip(padding, window, strict=True)):
        raise InputError(
            f"pooling windows of {window[0]}x{window[1]} pixels and padding "
            f"{[tuple(pads) for pads in padding]}: expected less padding than a window "
            "is long; take larger windows or less padding"
        )
    padded = [s + sum(p) for s, p in zip(x.shape[1:3], padding, strict=True)]
    if any(size < w for size, w in zip(padded, window, strict=True)):
        raise InputError(
            f"a pooling window of {window[0]}x{window[1]} pixels does not fit padded "
            f"images of {padded[0]}x{padded[1]}: take smaller windows or larger images"
        )
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)), constant_values=fill)
    stops = [
        (size - w) // stride * stride + 1
        for size, w, stride in zip(padded, window, strides, strict=True)
    ]
    return [
        x[:, i : i + stops[0] : strides[0], j : j + stops[1] : strides[1]]
        for i in range(window[0])
        for j in range(window[1])
    ]
