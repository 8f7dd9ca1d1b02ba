"""A state as a flat mapping from the path of each leaf to a NumPy array, and back."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def path_name(path: Any) -> str:
    """The path of a leaf as text, such as "params/out/bias"."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _key_impl(key: Any) -> Any:
    """`jax.random.key_impl`, for abstract keys too."""
    found = []
    jax.eval_shape(lambda key: found.append(jax.random.key_impl(key)), key)
    return found[0]


def key_impls(tree: Any) -> dict[str, str]:
    """The name of the generator of each typed key in a tree, by path."""
    return {
        path_name(path): str(_key_impl(leaf))
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
        if _is_key(leaf)
    }


def to_host(tree: Any) -> dict[str, np.ndarray]:
    """Copy a tree's leaves to the host, by path; typed keys as their raw words."""
    return {
        path_name(path): np.array(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def from_host(leaves: Mapping[str, np.ndarray], like: Any) -> Any:
    """Rebuild a tree shaped like `like` (arrays or `jax.eval_shape`'s) from `to_host`.

    Raises:
      ValueError: if a path, a shape or a dtype differs.
    """

    def rebuild(path, leaf):
        name = path_name(path)
        if name not in leaves:
            raise ValueError(f"{name} is missing")
        array = leaves[name]
        words = jax.eval_shape(jax.random.key_data, leaf) if _is_key(leaf) else leaf
        if array.shape != words.shape or array.dtype != words.dtype:
            raise ValueError(
                f"{name} is {array.dtype}{list(array.shape)}, "
                f"not {words.dtype}{list(words.shape)}"
            )
        # A copy that JAX owns: XLA may alias a NumPy buffer, and training donates it.
        array = jnp.array(array, copy=True)
        if _is_key(leaf):
            return jax.random.wrap_key_data(array, impl=_key_impl(leaf))
        return array

    tree = jax.tree_util.tree_map_with_path(rebuild, like)
    if len(leaves) != len(jax.tree.leaves(like)):
        raise ValueError(f"{len(leaves)} leaves, not {len(jax.tree.leaves(like))}")
    return tree


def as_tree(
    leaves: Mapping[str, np.ndarray], keys: Mapping[str, str]
) -> dict[str, Any]:
    """Nested dicts of arrays from leaves by path, as the checkpoint describes itself.

    Args:
      leaves: by path, such as "params/out/bias".
      keys: for typed keys, the name of the generator by path.
    """
    tree: dict[str, Any] = {}
    for path, array in leaves.items():
        *parents, name = path.split("/")
        place = tree
        for parent in parents:
            place = place.setdefault(parent, {})
        leaf = jnp.array(array, copy=True)
        if path in keys:
            leaf = jax.random.wrap_key_data(leaf, impl=keys[path])
        place[name] = leaf
    return tree


def leaf_digests(leaves: Mapping[str, np.ndarray]) -> dict[str, str]:
    """SHA-256 of each leaf: its path, dtype, shape and bytes."""

    def digest(name, array):
        head = json.dumps([name, str(array.dtype), list(array.shape)])
        contents = np.ascontiguousarray(array).view(np.uint8) if array.ndim else array
        return hashlib.sha256(head.encode() + contents.tobytes()).hexdigest()

    return {name: digest(name, array) for name, array in leaves.items()}


def state_sha256(tree: Any) -> str:
    """One SHA-256 for a whole tree of arrays: every path, dtype, shape and bit."""
    digests = leaf_digests(to_host(tree))
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()
