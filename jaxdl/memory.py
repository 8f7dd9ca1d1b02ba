"""Memory that work needs at least, told from shapes before any is allocated."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from jaxdl.errors import InputError

_KEPT = ("dot_general", "conv_general_dilated", "scan", "while")
RUN_SIZES = "the batch, the network, the number of seeds or samples, or block_steps"
CGROUP = Path("/sys/fs/cgroup")  # where Linux says what a container may use


def array_bytes(tree: Any) -> int:
    """Bytes of all arrays of a tree, or of the shapes of `jax.eval_shape`."""
    return sum(_bytes(leaf) for leaf in jax.tree.leaves(tree))


def largest_bytes(jaxpr: Any) -> int:
    """Bytes of the largest array that a traced function cannot do without.

    Those are what products, convolutions and loops read and give. XLA may compute
    others, such as a broadcast, entry by entry without ever keeping them.
    """
    sizes = []
    for eqn in jaxpr.eqns:
        if eqn.primitive.name in _KEPT:
            sizes += [_bytes(var.aval) for var in (*eqn.invars, *eqn.outvars)]
        for value in eqn.params.values():
            sizes += [largest_bytes(inner) for inner in _jaxprs_in(value)]
    return max(sizes, default=0)


def program_bytes(program: jax.stages.Compiled) -> int:
    """Bytes that a compiled program takes for results and what lies between."""
    found = program.memory_analysis()
    return found.temp_size_in_bytes + found.output_size_in_bytes if found else 0


def _bytes(array: Any) -> int:
    """Bytes of an array or a shape; 0 of what has none."""
    if not hasattr(array, "shape") or not hasattr(array, "dtype"):
        return 0
    itemsize = getattr(array.dtype, "itemsize", 8)  # a key has no fixed size
    return math.prod(array.shape) * itemsize


def _jaxprs_in(value: Any) -> Iterator[Any]:
    """The functions that an operation calls, such as a loop's body."""
    if hasattr(value, "eqns"):
        yield value
    elif hasattr(value, "jaxpr"):
        yield from _jaxprs_in(value.jaxpr)
    elif isinstance(value, (tuple, list)):
        for inner in value:
            yield from _jaxprs_in(inner)


def memory_bytes() -> int | None:
    """Memory of the first device, or what this process may use; None if unknown."""
    device = jax.devices()[0]
    if device.platform != "cpu":
        return (device.memory_stats() or {}).get("bytes_limit")
    limits = []
    if "SC_PHYS_PAGES" in os.sysconf_names:
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # of a container
        path = CGROUP / name
        if path.exists() and (text := path.read_text().strip()).isdecimal():
            limits.append(int(text))
    return min(limits, default=None)


def require_memory(needed: int, smaller: str = RUN_SIZES) -> None:
    """Refuse what cannot fit. Linux would promise the memory, and kill who uses it.

    Args:
      needed: bytes.
      smaller: what the user can make smaller.

    Raises:
      InputError: saying what it needs and what there is.
    """
    have = memory_bytes()
    if have is not None and needed > have:
        raise InputError(
            f"this needs at least {_in_words(needed)} of memory and has "
            f"{_in_words(have)}: make {smaller} smaller"
        )


def _in_words(count: int) -> str:
    return f"{count / 1e9:,.0f} GB" if count >= 1e10 else f"{count / 1e9:.2g} GB"
