"""Which public functions must be checked, found by looking.

In a room with a `checks.py` every module counts. In a system those count that networks
and objectives are written in by convention (`networks.py`, `objective.py`, and names
that begin so), and every other module that the system's `checks.py` imports from.
Modules of data, figures and measures do not count, for no training differentiates them
(`data.py`, `figures.py`, `measures.py`, and names that end so).

Every public function of a module that counts must be covered by a subject, unless its
annotations leave no room for a derivative (`annotations.why_no_derivative`) or
`NOT_DIFFERENTIABLE` in the `checks.py` beside it gives a reason, for the function or
for the whole module.
"""

import functools
import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

import jaxdl
import jaxdl.systems
from jaxdl.gradcheck.annotations import why_no_derivative
from jaxdl.gradcheck.backprop import Gate
from jaxdl.gradcheck.subjects import find_checks, find_exceptions

_OUTSIDE = re.compile(r"(.*_)?(data|figures|measures)|checks")
_ALWAYS = re.compile(r"(network|objective).*")


def find_rooms() -> list[str]:
    """The rooms with a `checks.py`, and all systems."""
    found = [module.__name__.split(".")[1] for module in find_checks()]
    systems = [info.name for info in pkgutil.iter_modules(jaxdl.systems.__path__)]
    return [
        *(room for room in found if room != "systems"),
        *(f"systems.{name}" for name in systems),
    ]


def public_functions(
    package: str = "jaxdl", rooms: Iterable[str] | None = None
) -> dict[str, Any]:
    """All public functions that are defined in the modules that count.

    Functions in whatever wrapping (`jit`, `custom_vjp`, `partial`), layers (classes
    with an `apply`) and gates; other classes hold data.

    Args:
      package, rooms: where to look; by default in all rooms and systems.

    Returns:
      The functions by "room.module.name", without the name of the package.
    """
    return {
        f"{module.__name__.removeprefix(package + '.')}.{name}": value
        for room in (find_rooms() if rooms is None else rooms)
        for module in _modules(importlib.import_module(f"{package}.{room}"))
        for name, value in vars(module).items()
        if not name.startswith("_") and _is_function_of(module, value)
    }


def unknown_functions(
    covered: Iterable[str], package: str = "jaxdl", rooms: Iterable[str] | None = None
) -> list[str]:
    """Public functions that must be checked and are not.

    Args:
      covered: what the subjects cover, as "module.name".
      package, rooms: where to look; by default in all rooms and systems.
    """
    known = {*covered, *find_exceptions()}
    return sorted(
        name
        for name, function in public_functions(package, rooms).items()
        if not {name, name.rpartition(".")[0]} & known and reason(function) is None
    )


def find_reasons() -> dict[str, str]:
    """Public functions and modules without a derivative to check, and why."""
    functions = public_functions().items()
    found = {name: reason(function) for name, function in functions}
    return {name: why for name, why in found.items() if why} | find_exceptions()


def reason(value: Any) -> str | None:
    """Reason why a public function has no derivative, so far as annotations tell."""
    return None if isinstance(value, type | Gate) else why_no_derivative(value)


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    """The modules of a room or system that count."""
    in_system = package.__name__.startswith(f"{jaxdl.systems.__name__}.")
    used = _imported_by_checks(package) if in_system else set()
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        name = info.name.rpartition(".")[2]
        if in_system and not (_ALWAYS.fullmatch(name) or info.name in used):
            continue
        if not _OUTSIDE.fullmatch(name):
            yield importlib.import_module(info.name)


def _imported_by_checks(package: ModuleType) -> set[str | None]:
    """Names of the modules that a system's `checks.py` imports from, if it has one."""
    name = f"{package.__name__}.checks"
    checks = [module for module in find_checks() if module.__name__ == name]
    values = [value for module in checks for value in vars(module).values()]
    return {
        value.__name__
        if isinstance(value, ModuleType)
        else getattr(value, "__module__", None)
        for value in values
    }


def _is_function_of(module: ModuleType, value: Any) -> bool:
    if isinstance(value, (functools.partial, Gate)):  # they do not say where they
        return True  # were made
    if getattr(value, "__module__", None) != module.__name__:
        return False
    if isinstance(value, type):
        return hasattr(value, "apply")
    return callable(value)
