"""Shared rooms hold what two systems use; scripts stay short; nothing is listed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from jaxdl.registry import PROJECT, find_systems

ROOMS = ("adversarial", "data", "figures", "measures", "models", "nn", "objectives")
ROOMS += ("ops", "train")
SYSTEMS = find_systems()


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in (PROJECT / "jaxdl").rglob("*.py"):
        parts = path.relative_to(PROJECT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of each import from the package; attributes of packages too."""
    tree, packages = ast.parse(path.read_text()), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jaxdl"):
            for alias in node.names:
                yield node.module, alias.name
                packages[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in packages:
                yield packages[node.value.id], node.attr


def defining(module: str, name: str) -> str | None:
    """The module that an import brings in, through the exports of packages."""
    if f"{module}.{name}" in MODULES and MODULES[f"{module}.{name}"].stem != "__init__":
        return f"{module}.{name}"
    if module in MODULES and MODULES[module].stem == "__init__":
        return dict(exports(module)).get(name)
    return module if module in MODULES else None


def exports(package: str) -> Iterator[tuple[str, str]]:
    """Names that a package hands on, with the modules that define them."""
    for node in ast.parse(MODULES[package].read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                yield alias.asname or alias.name, node.module


def reached(paths: list[Path]) -> set[str]:
    """Modules that some files import, directly or through others."""
    seen, left = set(), list(paths)
    while left:
        for module, name in imports(left.pop()):
            found = defining(module, name)
            # The command line imports the gradient check, hence everything it checks.
            if found and found not in seen and found != "jaxdl.cli":
                seen.add(found)
                left.append(MODULES[found])
    return seen


def test_shared_rooms_hold_what_two_systems_use():
    users: dict[str, set[str]] = {}
    for system in SYSTEMS:
        own = [p for p in system.folder.glob("*.py") if p.stem != "checks"]
        for module in reached([system.script, *own]):
            users.setdefault(module, set()).add(system.name)
    shared = {
        name
        for name, path in MODULES.items()
        if name.split(".")[1:2] and name.split(".")[1] in ROOMS
        if path.stem not in ("__init__", "checks")
    }
    assert len(shared) > 40
    commands = {defining(*found) for found in imports(MODULES["jaxdl.cli"])}
    alone = {name: users.get(name, set()) for name in shared - commands}
    alone = {name: by for name, by in alone.items() if len(by) < 2}
    assert not alone, "move these to the system that uses them, or remove them"


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_scripts_are_short(system):
    assert len(system.script.read_text().splitlines()) <= 150


def test_no_name_shadows_a_module():
    """`jaxdl.models.mlp` is the function, whatever was imported before."""
    packages = {name for name, path in MODULES.items() if path.stem == "__init__"}
    assert len(packages) > 10
    for package in packages:
        for name, _ in exports(package):
            assert f"{package}.{name}" not in MODULES or package == "jaxdl", name


def test_no_module_lists_the_systems():
    """A new system edits nothing: its name stands in its own files alone."""
    names = {system.name for system in SYSTEMS} - {"gan", "transfer", "xor"}  # words
    for name, path in MODULES.items():
        if not name.startswith("jaxdl.systems."):
            text = path.read_text()
            listed = [each for each in names if f'"{each}"' in text]
            assert len(listed) < 2, f"{path} names {listed}"
