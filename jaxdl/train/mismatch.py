"""A step that cannot take its batch, told from an error of the step's own."""

import contextlib
import itertools
import linecache
import re
import traceback
from collections.abc import Generator
from pathlib import Path
from typing import Any

import jax

from jaxdl.errors import InputError
from jaxdl.train.words import form, is_ours

_LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy")


@contextlib.contextmanager
def mismatch_in_words(step: str, batch: Any) -> Generator[None, None, None]:
    """Turn the error of a step that cannot take its batch into one sentence."""
    try:
        yield
    except Exception as error:
        if isinstance(error, InputError) or not _is_mismatch(error, batch):
            raise
        said = " ".join(str(error).split())
        if isinstance(error, KeyError):
            said = f"no {said}"
        raise InputError(
            f"{step} cannot take its batch of {form(batch)}: {said[:200]}"
            f"{_line_of(error)}; expected a batch of the shapes that it is written "
            "for; JAXDL_DEBUG=1 shows the traceback"
        ) from error


def _is_mismatch(error: Exception, batch: Any) -> bool:
    """True if a library refuses shapes, or the batch lacks what is asked of it."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    if _is_library(frame):
        if isinstance(error, jax.errors.JAXTypeError):  # an `if` or a `float`
            return False
        flax = type(error).__module__.startswith("flax.")
        return flax or isinstance(error, TypeError | ValueError)
    if isinstance(error, AttributeError):
        return error.obj is batch
    if isinstance(error, KeyError | TypeError):  # batch["x"], of a dict or a tuple
        return _asked(error) is batch
    unpacked = isinstance(error, ValueError) and "values to unpack" in str(error)
    return unpacked and any(value is batch for value in frame.f_locals.values())


def _asked(error: Exception) -> Any:
    """The variable whose item an error was raised at; None if it is something else."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return None
    code = last.tb_frame.f_code
    positions = next(itertools.islice(code.co_positions(), last.tb_lasti // 2, None))
    line, _, column, _ = positions
    if line is None or column is None:
        return None
    text = linecache.getline(code.co_filename, line).encode()[column:].decode()
    found = re.match(r"(\w+)\s*\[", text)
    return last.tb_frame.f_locals.get(found[1]) if found else None


def _line_of(error: Exception) -> str:
    """The last line of the experiment's own that an error came through."""
    frames = traceback.walk_tb(error.__traceback__)
    own = [(frame, line) for frame, line in frames if not _is_library(frame)]
    if not own:
        return ""
    frame, line = own[-1]
    return f" ({Path(frame.f_code.co_filename).name}, line {line})"


def _is_library(frame: Any) -> bool:
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return package in _LIBRARIES or is_ours(frame.f_code.co_filename)
