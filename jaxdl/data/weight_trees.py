"""Trees of parameters from named tensors, with what does not fit said by name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.errors import InputError
from jaxdl.types import Params


class Place(NamedTuple):
    """A leaf's place in a file: its name, its shape there, and the way from there."""

    name: str
    shape: tuple[int, ...]
    to_leaf: Callable[[np.ndarray], np.ndarray]


def fill(
    shapes: Any,
    arrays: Mapping[str, np.ndarray],
    place_of: Callable[[str, tuple[int, ...]], Place],
    source: Path,
) -> Params:
    """A tree of given shapes with the tensors of a file, as float32.

    Args:
      shapes: a tree of what has a `shape`.
      arrays: the file's tensors by name.
      place_of: from a leaf's path, "fire2/squeeze/kernel", and its shape to its place.
      source: the file or folder, for messages.

    Raises:
      InputError: if tensors are missing or extra, have other shapes, are no floats or
        not finite; names them.
    """
    paths, treedef = jax.tree_util.tree_flatten_with_path(shapes)
    places = [
        place_of(jax.tree_util.keystr(path, simple=True, separator="/"), leaf.shape)
        for path, leaf in paths
    ]
    _check_fit(places, arrays, source)
    leaves = [place.to_leaf(_floats(arrays, place.name, source)) for place in places]
    return jax.tree.unflatten(treedef, map(jnp.asarray, leaves))


def _check_fit(places: list[Place], arrays: Mapping[str, np.ndarray], source) -> None:
    wanted = {place.name: place.shape for place in places}
    problems = []
    if missing := [name for name in wanted if name not in arrays]:
        problems.append(f"lacks {_some(missing)}")
    if extra := [name for name in arrays if name not in wanted]:
        problems.append(f"has {_some(extra)}, which the net does not have")
    if others := [
        f"{name} of shape {arrays[name].shape} where the net has {shape}"
        for name, shape in wanted.items()
        if name in arrays and arrays[name].shape != shape
    ]:
        problems.append(f"has {_some(others)}")
    if problems:
        raise InputError(
            f"{source} does not fit the net: it {', and '.join(problems)}; name the "
            "weights of this net, with as many classes"
        )


def _floats(arrays: Mapping[str, np.ndarray], name: str, source) -> np.ndarray:
    array = arrays[name]
    if array.dtype.kind != "f":
        raise InputError(
            f"{name} in {source} holds {array.dtype}: expected floats; save the "
            "weights unquantised"
        )
    array = array.astype(np.float32)
    if not np.all(np.isfinite(array)):
        raise InputError(
            f"{name} in {source} holds numbers that are not finite in float32: "
            "expected weights; replace the file with the original"
        )
    return array


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
