"""Functions, values and trees in the words of an error."""

import inspect
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_PACKAGE = str(Path(__file__).parents[1])
_SYSTEMS = str(Path(__file__).parents[1] / "systems")
_SHOWN = 6  # leaves of a tree in a sentence


def named(name: str, fn: Any) -> str:
    """A function of an experiment, with its place if that is outside the package."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    if code is None or is_ours(code.co_filename):
        return name
    return f"{name} ({Path(code.co_filename).name}, line {code.co_firstlineno})"


def kind(value: Any) -> str:
    """A value in a few words: its type, and shape or size where it has one."""
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if is_array(value):
        shape = ",".join(map(str, jnp.shape(value)))
        return f"{dtype_of(value)}[{shape}]"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    name = type(value).__name__
    article = "an" if name[0].lower() in "aeiou" else "a"
    if type(value) in (tuple, list):
        return f"{article} {name} of {len(value)}"
    if isinstance(value, dict) and not value:
        return f"an empty {name}"
    return f"{article} {name}"


def form(tree: Any) -> str:
    """The leaves of a tree with their types and shapes."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    parts = [f"{_name(path)} {kind(leaf)}".strip() for path, leaf in leaves[:_SHOWN]]
    more = f" and {len(leaves) - _SHOWN} more" if len(leaves) > _SHOWN else ""
    return f"{', '.join(parts) or 'no arrays'}{more}"


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")


def at(path: Any) -> str:
    """The place of a leaf in its tree, to end a phrase; nothing for the tree itself."""
    return f" at {_name(path)}" if path else ""


def is_array(value: Any) -> bool:
    """True for what JAX takes as an array: arrays, tracers, their forms, numbers."""
    if isinstance(value, bool | int | float | complex):
        return True
    dtype = getattr(value, "dtype", None)
    return hasattr(value, "shape") and dtype is not None and dtype != np.dtype(object)


def dtype_of(value: Any) -> Any:
    """The type of the elements of an array or number."""
    return value.dtype if hasattr(value, "dtype") else jnp.result_type(value)


def is_real(value: Any) -> bool:
    """True for arrays of real numbers or booleans."""
    dtype = dtype_of(value)
    kinds = (jnp.integer, jnp.floating, jnp.bool_)
    return any(jnp.issubdtype(dtype, kind) for kind in kinds)


def is_ours(file: str) -> bool:
    """True for the files of shared rooms; those of systems are experiments' own."""
    return file.startswith(_PACKAGE) and not file.startswith(_SYSTEMS)
