"""Names of a package that are imported at their first use (PEP 562)."""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazily(
    package: str, names: Mapping[str, Sequence[str]], modules: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package that imports its names when used.

    Type checkers and editors read the same imports below `if TYPE_CHECKING`.

    Args:
      package: its `__name__`.
      names: what the package takes from each of its modules, by the module's name.
      modules: names of modules that are such names themselves.
    """
    homes = {name: module for module, taken in names.items() for name in taken}

    def __getattr__(name: str) -> Any:
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)  # the next use finds it there
        return value

    def __dir__() -> list[str]:
        own = [name for name in vars(sys.modules[package]) if name.startswith("__")]
        return sorted([*own, *homes, *modules])

    return __getattr__, __dir__
