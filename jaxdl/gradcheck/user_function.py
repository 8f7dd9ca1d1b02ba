"""A function of the user's own, given as module:function."""

import difflib
import importlib
import inspect
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.errors import InputError
from jaxdl.gradcheck.comparison import check, first_line
from jaxdl.gradcheck.finite_difference import STEP
from jaxdl.gradcheck.judge import LeafReport
from jaxdl.gradcheck.problem import Case, draw_normal
from jaxdl.memory import require_memory


def check_user_function(
    target: str, shapes: Sequence[str], *, seed: int = 0, step: float = STEP
) -> list[LeafReport]:
    """Check a function of arrays that gives one number, at random points.

    The first is drawn from the standard normal distribution, in float64, the others
    from one that is five times as wide (`points`). The report says which branches of
    the function they took.

    Args:
      target: "module:function"; the current folder can be imported from.
      shapes: of the arguments, such as "4,3"; "()" is a number.
      seed: decides the point and what is checked of it.
      step: of the differences.

    Raises:
      InputError: if the function cannot be had, does not take these shapes, gives
        anything but one finite floating number, or has no gradient.
    """
    fn, sizes = load_function(target), parse_shapes(shapes)
    names = _argument_names(target, fn, sizes)
    key = jax.random.key(seed)
    with jax.enable_x64(True):
        point_key = jax.random.fold_in(key, 0)
        args = tuple(
            draw_normal(jax.random.fold_in(point_key, i), shape)
            for i, shape in enumerate(sizes)
        )
        _check_value(target, fn, names, args, seed)
    try:
        return check(
            target,
            Case(fn, args, names),
            jax.random.fold_in(key, 1),
            step=step,
            branches_wanted=True,
        )
    except InputError:
        raise
    except Exception as error:  # whatever a user's function can do
        raise InputError(
            f"{target} cannot be differentiated in reverse mode: {first_line(error)}"
        ) from error


def load_function(target: str) -> Callable[..., Any]:
    """The function that "module:function" names.

    The current folder comes first among those that modules are imported from, as with
    `python -m`.

    Raises:
      InputError: if there is no such module, it cannot be imported, or it has no
        function of that name.
    """
    module_name, _, name = target.partition(":")
    if not all(re.fullmatch(r"\w+(\.\w+)*", part) for part in (module_name, name)):
        raise InputError(
            f"{target!r} was given: expected module:function, such as mymodule:myloss"
        )
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        value = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}."):
            raise InputError(
                f"there is no module {error.name}: expected one in the current folder "
                "or among those installed"
            ) from error
        raise _import_error(module_name, error) from error
    except (Exception, SystemExit) as error:  # whatever a module does when imported
        raise _import_error(module_name, error) from error
    for part in name.split("."):
        if not hasattr(value, part):
            close = difflib.get_close_matches(part, dir(value), n=3)
            hint = f"; close to it: {', '.join(close)}" if close else ""
            raise InputError(f"{module_name} has no function {name!r}{hint}")
        value = getattr(value, part)
    if not callable(value):
        raise InputError(
            f"{target} is of type {type(value).__name__}: expected a function"
        )
    return value


def _import_error(module_name: str, error: BaseException) -> InputError:
    return InputError(f"module {module_name} cannot be imported: {first_line(error)}")


def parse_shapes(words: Sequence[str]) -> list[tuple[int, ...]]:
    """Shapes from words such as "4,3"; "()" is the shape of a number.

    Raises:
      InputError: if there is no word, one is no shape, or arrays of these shapes
        exceed the memory.
    """
    if not words:
        raise InputError(
            "no shapes were given: expected --shapes with one for each argument, such "
            "as --shapes 4,3 3"
        )
    shapes: list[tuple[int, ...]] = []
    for word in words:
        if word == "()":
            shapes.append(())
        elif re.fullmatch(r"0*[1-9]\d*(,0*[1-9]\d*)*", word):
            shapes.append(tuple(map(int, word.split(","))))
        else:
            raise InputError(
                f"{word!r} is no shape: expected whole numbers from 1 with commas "
                "between, such as 4,3, or () for a number (arguments are float64: "
                "there is no derivative with respect to integers)"
            )
    # The arguments and their gradient at each of five points, in float64.
    require_memory(2 * 5 * 8 * sum(map(math.prod, shapes)), "the shapes")
    return shapes


def _argument_names(
    target: str, fn: Callable[..., Any], shapes: list[tuple[int, ...]]
) -> tuple[str, ...]:
    """Names of the arguments that the function takes by position."""
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):  # some built-in functions have none
        return tuple(f"argument{i}" for i in range(len(shapes)))
    try:
        bound = signature.bind(*shapes)
    except TypeError as error:
        raise InputError(
            f"{target}{signature} cannot take {len(shapes)} arguments: {error}; "
            "expected one shape for each argument"
        ) from error
    names: list[str] = []
    for name, value in bound.arguments.items():
        several = signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
        names += [f"{name}{i}" for i in range(len(value))] if several else [name]
    return tuple(names)


def _check_value(
    target: str,
    fn: Callable[..., Any],
    names: tuple[str, ...],
    args: tuple[Any, ...],
    seed: int,
) -> None:
    shapes = ", ".join(f"{n} {a.shape}" for n, a in zip(names, args, strict=True))
    try:
        value = jax.jit(fn)(*args)
    except (Exception, SystemExit) as error:  # whatever a user's function can do
        raise InputError(
            f"{target} does not take float64 arguments of the shapes {shapes}: "
            f"{first_line(error)}"
        ) from error
    if not isinstance(value, jax.Array):
        raise InputError(
            f"{target} gives a value of type {type(value).__name__}: expected one "
            "number"
        )
    if value.shape:
        raise InputError(
            f"{target} gives an array of shape {value.shape}: expected one number, "
            "such as its sum or mean"
        )
    if not jnp.issubdtype(value.dtype, jnp.floating):
        raise InputError(f"{target} gives {value.dtype}: expected a floating number")
    if not math.isfinite(value):
        point = "; ".join(
            f"{name} = {np.array2string(np.asarray(arg), threshold=20, precision=6)}"
            for name, arg in zip(names, args, strict=True)
        )
        raise InputError(
            f"{target} gives {float(value)} at {' '.join(point.split())} (seed {seed}):"
            " expected a finite number; where the function has a domain, write it in, "
            "as in jnp.exp(w) for what is positive"
        )
