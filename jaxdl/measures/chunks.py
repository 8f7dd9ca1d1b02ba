"""Functions of many rows, a chunk at a time to save memory."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.memory import array_bytes, require_memory

CHUNK = 1000
"""Rows at a time, unless a caller wants fewer or more."""


def in_chunks(
    fn: Callable[[Any], Any], rows: Any, *, size: int = CHUNK, pad: bool = False
) -> Any:
    """`fn(rows)`, computed for `size` rows at a time.

    Args:
      fn: of some of the rows, each result depending on its own row only; compiled by
        the caller. Chunks of one length share a program.
      rows: tree of arrays that share their first axis.
      size: rows in a chunk, 1 or more.
      pad: fill the last chunk up to `size` with zeros, and cut the results off again:
        one program then serves any number of rows. Without it a last chunk that is
        shorter compiles a second one.

    Returns:
      A tree of arrays like that of `fn`, with the first axis of `rows`.

    Raises:
      InputError: after the first chunk, if all of them cannot fit into memory.
    """
    num = jax.tree.leaves(rows)[0].shape[0]
    if num == size or (num < size and not pad):  # cutting would compile programs
        return fn(rows)
    parts = []
    for part in chunks(rows, size):
        parts.append(fn(_padded(part, size) if pad else part))
        if len(parts) == 1:
            require_memory(array_bytes(parts[0]) * num // size)
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[:num], *parts)


def chunks(rows: Any, size: int = CHUNK) -> Iterator[Any]:
    """`rows` in parts of `size`, the last one possibly shorter; at least one part.

    Args:
      rows: tree of arrays that share their first axis.
      size: rows in a part, 1 or more.
    """
    num = jax.tree.leaves(rows)[0].shape[0]
    for start in range(0, max(num, 1), size):
        stop = min(start + size, num)
        yield jax.tree.map(lambda leaf, a=start, b=stop: _cut(leaf, a, b), rows)


def _cut(leaf: Any, start: int, stop: int) -> Any:
    if isinstance(leaf, np.ndarray):
        return leaf[start:stop]
    # Indexing compiles a program for every start; this one takes it as an argument.
    return jax.lax.dynamic_slice_in_dim(leaf, start, stop - start)


def _padded(rows: Any, size: int) -> Any:
    def padded(leaf):
        leaf = jnp.asarray(leaf)
        missing = size - leaf.shape[0]
        if not missing:
            return leaf
        zeros = jnp.zeros((missing, *leaf.shape[1:]), leaf.dtype)
        return jnp.concatenate([leaf, zeros])

    return jax.tree.map(padded, rows)
