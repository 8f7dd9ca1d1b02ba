"""What a function's annotations say about its derivative.

A function can have a derivative if floating arrays of JAX can enter and leave it, and
can hide one if it returns a function. An annotation that says nothing (`Any`, or none)
counts as floating arrays. NumPy's arrays, Python's numbers and objects that hold no
arrays do not count: JAX refuses to pass a gradient through them.
"""

import collections.abc
import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

_ANYTHING = (Any, object, inspect.Parameter.empty, tuple, list, dict)


def why_no_derivative(function: Callable[..., Any]) -> str | None:
    """Reason why a function has no derivative; None if annotations leave room for one.

    A function that returns functions gets no reason: they may have derivatives.
    """
    while isinstance(function, functools.partial):  # its own signature hides arguments
        function = function.func
    hints = _hints(function)
    gives = hints.get("return", Any)
    if returns_function(gives):
        return None
    names = inspect.signature(function).parameters
    if not any(holds_floats(hints.get(name, Any)) for name in names):
        return "it takes no floating arrays"
    return None if holds_floats(gives) else "it returns no floating arrays"


def holds_floats(annotation: Any) -> bool:
    """True if values of this annotation can hold floating arrays of JAX."""
    if annotation in _ANYTHING or isinstance(annotation, str | typing.TypeVar):
        return True
    if hasattr(annotation, "dtypes"):  # an array of jaxtyping
        names = annotation.dtypes if isinstance(annotation.dtypes, tuple) else ["float"]
        of_jax = annotation.array_type is not np.ndarray
        return of_jax and any("float" in name for name in names)
    if annotation is jax.Array:
        return True
    if _is_callable(annotation):
        return False
    return any(map(holds_floats, _parts(annotation)))


def returns_function(annotation: Any) -> bool:
    """True if values of this annotation are, or hold, functions."""
    return _is_callable(annotation) or any(map(returns_function, _parts(annotation)))


def _is_callable(annotation: Any) -> bool:
    if typing.get_origin(annotation) is collections.abc.Callable:
        return True
    if annotation in (Callable, typing.Callable):
        return True
    return isinstance(annotation, type) and (
        "__call__" in vars(annotation) or hasattr(annotation, "apply")
    )


def _parts(annotation: Any) -> tuple[Any, ...]:
    """Annotations of what a value consists of: of a union, a container, a record."""
    if isinstance(annotation, type) and not typing.get_args(annotation):
        fields = getattr(annotation, "_fields", None)  # of a NamedTuple
        if fields is None and dataclasses.is_dataclass(annotation):
            fields = [field.name for field in dataclasses.fields(annotation)]
        if not fields:
            return ()
        hints = _hints(annotation)
        return tuple(hints.get(name, Any) for name in fields)
    if typing.get_origin(annotation) is typing.Literal:
        return ()
    return tuple(part for part in typing.get_args(annotation) if part is not ...)


def _hints(value: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(inspect.unwrap(value))
    except NameError:  # of types that are imported for a type checker only
        return {}
