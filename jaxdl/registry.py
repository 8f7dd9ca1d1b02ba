"""The systems, found by looking: a folder in `jaxdl/systems`, a script of its name.

A folder `systems/<name>/` describes itself by `SYSTEM` in its `__init__.py`; the script
is `experiments/<name>.py`. Systems outside the project live in folders of the same two
parts, which the environment variable JAXDL_SYSTEMS names (several as in PATH):
`jaxdl.systems.<name>` then imports from there. A script that is started from such a
folder needs no variable.
"""

import importlib.util
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from jaxdl.errors import InputError, nearest

_PACKAGE = Path(__file__).resolve().parent
_PACKED = _PACKAGE / "_project"  # a wheel's copy of experiments/: see pyproject.toml
PROJECT = _PACKED if _PACKED.is_dir() else _PACKAGE.parent
"""Folder of `experiments/`: the checkout, or the copy in an installed package."""
_PLACEHOLDER = re.compile(r"--[a-z-]+ [A-Z]+\b ?")
_ENTRIES = os.environ.get("JAXDL_SYSTEMS", "").split(os.pathsep)


def _outside() -> tuple[Path, ...]:
    """Folders that JAXDL_SYSTEMS names, and that of the script which was started."""
    named = [Path(os.path.expanduser(x)).absolute() for x in _ENTRIES if x.strip()]
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if script is not None:
        folder = Path(script).resolve().parent
        systems = folder.parent / "systems"
        known = [_PACKAGE, *(path.resolve() for path in named)]
        if folder.name == "experiments" and systems.is_dir():
            if folder.parent not in known:
                named.append(folder.parent)
    return tuple(dict.fromkeys(named))


OUTSIDE = _outside()
"""Folders outside the project that hold `systems/` and `experiments/`."""


class System(NamedTuple):
    """A system: what it is, how it is run small, where its parts are.

    Attributes:
      title: a noun phrase for tables.
      paper: the source, as "Author et al. 2014"; empty for none.
      toy: flags of a run of seconds, as on the command line, for the contract test;
        None for a script that trains nothing or needs files of its own.
      figures: names of the pictures that this run draws.
      picture: file in `experiments/results/figures` that stands for the system.
      records: for each file in `experiments/results`, the flags of the run that it
        records; the first is the one that READMEs show.
      experiments: names of its script's experiments, where they are not the system's.
      name, folder, script: filled in by `find_systems`.
    """

    title: str
    paper: str
    toy: str | None
    figures: tuple[str, ...] = ()
    picture: str | None = None
    records: Mapping[str, str] = {}
    experiments: tuple[str, ...] = ()
    name: str = ""
    folder: Path = Path()
    script: Path = Path()


def find_systems(roots: Sequence[Path] | None = None) -> list[System]:
    """All systems below some folders, by name.

    Args:
      roots: folders that hold `systems/` and `experiments/`; by default the project and
        those that JAXDL_SYSTEMS names.

    Raises:
      InputError: if a folder has no script or a script no folder, a folder does not
        describe its system, or two systems have one name.
    """
    if roots is None:
        roots = [PROJECT, *OUTSIDE]
    found: dict[str, System] = {}
    for root in roots:
        folders, scripts = _parts(Path(root))
        for name in sorted({*folders, *scripts}):
            if name not in scripts:
                raise InputError(
                    f"the system {folders[name]} has no script: expected "
                    f"{_experiments(Path(root)) / f'{name}.py'}; add it, or remove the "
                    "folder"
                )
            if name not in folders:
                raise InputError(
                    f"the script {scripts[name]} has no system folder: expected "
                    f"{_systems(Path(root)) / name} with SYSTEM in its __init__.py; "
                    "add it, or move the script elsewhere"
                )
            if name in found:
                raise InputError(
                    f"two systems are called {name} ({found[name].folder} and "
                    f"{folders[name]}): expected different names; rename one"
                )
            system = _describe(name, folders[name])
            found[name] = system._replace(
                name=name, folder=folders[name], script=scripts[name]
            )
    return [found[name] for name in sorted(found)]


def find_system(name: str) -> System:
    """The system of that name.

    Raises:
      InputError: if there is none; the sentence names all.
    """
    systems = {system.name: system for system in find_systems()}
    if name not in systems:
        raise InputError(
            f"there is no system {name}: expected one of {', '.join(systems)}"
            f"{nearest(name, systems)}"
        )
    return systems[name]


def find_owner(experiment: str) -> System:
    """The system whose script trains an experiment, by the name in `config.json`.

    Raises:
      InputError: if there is none.
    """
    systems = find_systems()
    for system in systems:
        if experiment in (system.experiments or (system.name,)):
            return system
    raise InputError(
        f"no system trains an experiment called {experiment}: expected one of "
        f"{', '.join(system.name for system in systems)}; name the folder of a system "
        "of your own in JAXDL_SYSTEMS, or take jaxdl.train.load_run(folder, work, data)"
    )


def flags_by_name(system: System | None) -> dict[str, str]:
    """Flags that `full` and `toy` stand for, where a system has them.

    Flags whose value only the user knows, such as `--weights FOLDER`, are left out of
    `full`. A record that begins with something else than a flag or a preset is none.
    """
    named = {}
    if system is not None and system.records:
        recorded = next(iter(system.records.values()))
        if not recorded[:1].isupper():
            named["full"] = _PLACEHOLDER.sub("", recorded).strip()
    if system is not None and system.toy is not None:
        named["toy"] = system.toy
    return named


def recorded_words(system: System) -> str:
    """Words of a command line that repeat the first recorded result.

    They are `full` and what the user has to fill in, such as `full --weights FOLDER`;
    the record's own words where no preset stands for them; empty without a record.
    """
    recorded = next(iter(system.records.values()), "")
    if "full" not in flags_by_name(system):
        return recorded
    return " ".join(["full", *(x.strip() for x in _PLACEHOLDER.findall(recorded))])


def system_of(script: Path) -> System | None:
    """The system that a file is the script of; None for any other file.

    Raises:
      InputError: if the system's folder does not describe it.
    """
    script = script.resolve()
    for root in (PROJECT, *OUTSIDE):
        folder = _systems(root) / script.stem
        if script.parent == _experiments(root).resolve() and folder.is_dir():
            found = _describe(script.stem, folder)
            path = _experiments(root) / script.name
            return found._replace(name=script.stem, folder=folder, script=path)
    return None


def load_script(system: System) -> ModuleType:
    """A system's script as a module, imported once."""
    return _load(f"jaxdl_experiment_{system.name}", system.script)


def _systems(root: Path) -> Path:
    return (_PACKAGE if root == PROJECT else root) / "systems"


def _experiments(root: Path) -> Path:
    return root / "experiments"


def _parts(root: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Folders and scripts below a root, by name."""
    for folder in (_systems(root), _experiments(root)):
        if not folder.is_dir():
            raise InputError(
                f"{folder} is not there: expected a checkout of jaxdl; each folder in "
                "JAXDL_SYSTEMS must hold systems/ and experiments/"
            )
    folders = {
        path.name: path
        for path in _systems(root).iterdir()
        if path.is_dir() and path.name.isidentifier() and path.name != "__pycache__"
    }
    scripts = {path.stem: path for path in _experiments(root).glob("*.py")}
    for name, path in scripts.items():
        if not name.isidentifier():
            raise InputError(
                f"the script {path} cannot name a system: expected a Python "
                f"identifier, such as {name.replace('-', '_')}.py"
            )
    return folders, scripts


def _describe(name: str, folder: Path) -> System:
    """The description in a system's `__init__.py`."""
    if not (folder / "__init__.py").is_file():
        raise InputError(
            f"{folder} has no __init__.py: expected one that defines SYSTEM = "
            "jaxdl.registry.System(...)"
        )
    path = folder / "__init__.py"
    try:
        module = _load(f"jaxdl.systems.{name}", path)
    except (Exception, SystemExit) as error:
        raise InputError(
            f"{path} cannot be imported ({type(error).__name__}: {error}): expected a "
            "module that defines SYSTEM = jaxdl.registry.System(...)"
        ) from error
    system = getattr(module, "SYSTEM", None)
    if not isinstance(system, System):
        raise InputError(
            f"{path} does not describe its system: expected SYSTEM = "
            "jaxdl.registry.System(...)"
        )
    texts = (system.title, system.paper, system.toy or "", system.picture or "")
    if not all(isinstance(text, str) for text in (*texts, *system.figures)):
        raise InputError(
            f"{path} describes its system by something else than text: expected "
            "strings for title, paper, toy, picture and each of figures"
        )
    return system


def _load(name: str, path: Path) -> ModuleType:
    """A file as the module of that name, imported once."""
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__file__ == str(path):
        return loaded
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} cannot be imported: expected a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
