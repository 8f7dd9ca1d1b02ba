"""Functions of many images, a chunk at a time to save memory."""

import functools
from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, UInt8

from jaxdl.ops.images import unit_pixels
from jaxdl.types import Params


@functools.partial(jax.jit, static_argnames=("fn", "inputs_of"))
def by_thousands(
    fn: Callable[[Params, Any], Any],
    params: Params,
    image: UInt8[Array, "n height width channels"],
    *,
    inputs_of: Callable[[Array], Array] = unit_pixels,
) -> Any:
    """`fn(params, x)` of many images, a thousand at a time to save memory.

    Args:
      fn: of inputs, by default flat images [batch pixels] in [0, 1]; what it gives has
        the same first axis. Compiled once for each.
      params: its first argument.
      image: bytes.
      inputs_of: makes the inputs of them (`jaxdl.ops.unit_images` keeps the shape).
    """

    def one(image):
        return jax.tree.map(lambda y: y[0], fn(params, inputs_of(image[None])))

    return jax.lax.map(one, image, batch_size=min(1000, len(image)))
