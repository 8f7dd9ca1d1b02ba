"""What `jaxdl gradcheck` checks, found by looking.

A room or system with something to check has a module `checks.py`, with two names:

- `subjects() -> list[Subject]`: its differentiable functions at points of toy size. A
  subject makes its own arguments from a key. Parameters are drawn anew rather than
  initialised (`draw_params`); functions that draw random numbers are checked at a fixed
  key.
- `NOT_DIFFERENTIABLE`: functions of the same folder that no gradient goes through, with
  the reason.
"""

import importlib
import pkgutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jax

import jaxdl
import jaxdl.systems
from jaxdl.errors import InputError
from jaxdl.gradcheck.comparison import check
from jaxdl.gradcheck.finite_difference import STEP
from jaxdl.gradcheck.judge import LeafReport
from jaxdl.gradcheck.problem import Case
from jaxdl.types import PRNGKey


class Subject(NamedTuple):
    """Something to check.

    Attributes:
      name: by which the command selects it; "mlp[relu]" is one of several of "mlp".
      covers: the public things that it checks, as "module.name" without "jaxdl.".
      make: from a key to a function and its point, in float64.
    """

    name: str
    covers: tuple[str, ...]
    make: Callable[[PRNGKey], Case]


def subject(
    covered: str,
    make: Callable[[PRNGKey], Case],
    *also: str,
    name: str | None = None,
) -> Subject:
    """A subject, named after what it covers unless it has a name of its own."""
    return Subject(name or covered.rpartition(".")[2], (covered, *also), make)


def find_checks() -> Iterator[ModuleType]:
    """The modules `checks` of all rooms and systems, by name."""
    for package in (jaxdl, jaxdl.systems):
        for info in pkgutil.iter_modules(package.__path__):
            finder: Any = info.module_finder  # of files, which says where
            folder = Path(finder.path) / info.name
            if (folder / "checks.py").is_file():
                yield importlib.import_module(f"{package.__name__}.{info.name}.checks")


def find_subjects() -> dict[str, Subject]:
    """Every subject by name, room by room.

    Raises:
      InputError: if two subjects have one name.
    """
    found: dict[str, Subject] = {}
    for module in find_checks():
        for mine in module.subjects():
            if mine.name in found:
                raise InputError(
                    f"{module.__name__} has a subject {mine.name!r}, and so has another"
                    " module: expected different names; rename one"
                )
            found[mine.name] = mine
    return found


def find_exceptions() -> dict[str, str]:
    """Public functions without a derivative to check, as "module.name", and why."""
    return {
        name: reason
        for module in find_checks()
        for name, reason in module.NOT_DIFFERENTIABLE.items()
    }


def check_subject(
    subject: Subject, *, seed: int = 0, step: float = STEP
) -> list[LeafReport]:
    """`check` of a subject; its point depends on the seed and its name alone."""
    with jax.enable_x64(True):
        number = zlib.crc32(subject.name.encode()) % 2**31
        key = jax.random.fold_in(jax.random.key(seed), number)
        case = subject.make(jax.random.fold_in(key, 0))
    return check(subject.name, case, jax.random.fold_in(key, 1), step=step)
