"""Arguments as users give them: NumPy's arrays, numbers, nested lists."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, TypeVar

import jax
import jax.numpy as jnp

from jaxdl.errors import InputError

P = ParamSpec("P")
R = TypeVar("R")


class Form(NamedTuple):
    """The form of an array that an argument stands for.

    Attributes:
      axes: their names; "..." stands for any number of axes.
      kind: "float", "whole" for integers, "bytes" for uint8, "any".
    """

    axes: tuple[str, ...]
    kind: str


def array_like(fn: Callable[P, R]) -> Callable[P, R]:
    """`fn`, with all that stands for an array made one first, as by `jax.numpy`.

    An argument that is annotated as an array of JAX may be a NumPy array, a number, or
    nested lists of numbers; whole numbers are converted where floating ones are wanted.
    Arrays of JAX go through as they are, traced ones too. What annotations name, type
    checkers want, and `fn` computes with, are arrays of JAX.

    The result raises InputError for an argument that is no array, and for one with
    another number of axes, or other numbers, than its annotation names.
    """
    signature = inspect.signature(fn)
    annotations = {k: v.annotation for k, v in signature.parameters.items()}
    forms = {name: form for name, x in annotations.items() if (form := form_of(x))}
    several = {k for k, v in signature.parameters.items() if v.kind is v.VAR_POSITIONAL}

    @functools.wraps(fn)
    def of_arrays(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        given = bound.arguments
        for name, form in forms.items():
            if name in several:
                given[name] = tuple(
                    as_array(f"{name}[{i}]", value, form)
                    for i, value in enumerate(given.get(name, ()))
                )
            elif name in given:
                given[name] = as_array(name, given[name], form)
        return fn(*bound.args, **bound.kwargs)

    return of_arrays


def form_of(annotation: Any) -> Form | None:
    """The form that an annotation of jaxtyping names; None for all but JAX's arrays."""
    if getattr(annotation, "array_type", None) is not jax.Array:
        return None
    names = annotation.dim_str.split()
    axes = ("..." if name[0] in "*." else name.lstrip("_#") for name in names)
    dtypes = annotation.dtypes if isinstance(annotation.dtypes, tuple) else ()
    kinds = {
        "bytes": dtypes == ("uint8",),
        "float": any("float" in each for each in dtypes),
        "whole": all("int" in each for each in dtypes) and bool(dtypes),
    }
    return Form(tuple(axes), next((kind for kind in kinds if kinds[kind]), "any"))


FLOATS = Form(("...",), "float")


def as_array(name: str, value: Any, form: Form = FLOATS) -> jax.Array:
    """The array that an argument stands for; one of JAX is returned as it is.

    Raises:
      InputError: if it is no array, has another number of axes, or other numbers.
    """
    array = (
        value if isinstance(value, jax.Array) else _converted(name, value, form.kind)
    )
    expected = len(form.axes) - ("..." in form.axes)
    if array.ndim != expected and not ("..." in form.axes and array.ndim > expected):
        wanted = f"[{' '.join(form.axes)}]" if form.axes else "one number"
        raise InputError(f"{name} has shape {array.shape}: expected {wanted}")
    wrong = {
        "whole": not jnp.issubdtype(array.dtype, jnp.integer),
        "bytes": array.dtype != jnp.uint8,
    }
    if wrong.get(form.kind, False):
        kind = "bytes (uint8)" if form.kind == "bytes" else "whole numbers"
        raise InputError(f"{name} holds {array.dtype}: expected {kind}")
    return array


def _converted(name: str, value: Any, kind: str) -> jax.Array:
    try:
        # Numbers stay weakly typed: beside arrays they take these arrays' type.
        is_number = isinstance(value, int) and kind == "float"
        array = jnp.asarray(float(value) if is_number else value)
        whole = jnp.issubdtype(array.dtype, jnp.integer) or array.dtype == bool
        if kind == "float" and whole:
            return array.astype(float)
        if kind == "bytes" and isinstance(value, list) and whole:
            if array.size and 0 <= array.min() and array.max() <= 255:
                return array.astype(jnp.uint8)
        return array
    except (TypeError, ValueError, OverflowError):
        shown = repr(value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        raise InputError(
            f"{name} is {shown}: expected an array, a number, or nested lists of "
            "numbers, equally many in each"
        ) from None
