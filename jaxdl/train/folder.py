"""The folder of a run: whose it is, who may write in it, and what it says of itself."""

import contextlib
import dataclasses
import errno
import os
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from jaxdl.errors import InputError
from jaxdl.files import local_path, make_folder
from jaxdl.printing import say
from jaxdl.train.config import RunConfig
from jaxdl.train.disk import read_sealed

ConfigT = TypeVar("ConfigT", bound=RunConfig)
LOCK = ".lock"


def read_config(folder: Path, experiment: str, config_class: type[ConfigT]) -> ConfigT:
    """The configuration of the run in `folder`, ready to build its experiment again.

    Raises:
      InputError: if there is no run, or it is not one of this experiment.
    """
    written = read_sealed(folder / "config.json")
    fields = written.get("config")
    if not isinstance(fields, dict):
        raise InputError(f"{folder / 'config.json'} lacks the field 'config'")
    if written.get("experiment") != experiment:
        raise InputError(
            f"{folder} holds a run of {written.get('experiment')}, not of {experiment}"
        )
    known = {field.name for field in dataclasses.fields(config_class)}
    if not fields.keys() <= known:
        raise InputError(
            f"{folder} holds a run of another version: its configuration has the "
            f"fields {', '.join(sorted(fields.keys() - known))}"
        )
    values = {name: _as_tuples(value) for name, value in fields.items()}
    return config_class(**values, out=folder)


def _as_tuples(value: Any) -> Any:
    """JSON's lists as the tuples that configurations hold."""
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def run_of(written: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `config.json` that a checkpoint keeps, to tell whose it is."""
    names = ("experiment", "config", "data", "phase", "settings", "executor")
    return {name: written[name] for name in names if name in written}


def save_figures(folder: Path, figures: Mapping[str, Any]) -> None:
    """Draw figures into a folder, as PNG or animated GIF; links there are replaced."""
    folder.mkdir(exist_ok=True)
    for name, figure in figures.items():
        for suffix in ("png", "gif"):
            (folder / f"{name}.{suffix}").unlink(missing_ok=True)
        figure.savefig(folder / f"{name}.png")


def differing_fields(old: Any, new: Any, prefix: str = "") -> list[str]:
    """Fields in which two nested JSON objects differ, each as "name: old, now new"."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        lines = []
        for name in sorted(old.keys() | new.keys()):
            values = old.get(name, "absent"), new.get(name, "absent")
            lines += differing_fields(*values, prefix=f"{prefix}.{name}".lstrip("."))
        return lines
    return [] if old == new else [f"{prefix}: {old}, now {new}"]


@contextlib.contextmanager
def open_folder(
    folder: Path, identity: Mapping[str, Any], overwrite: bool
) -> Generator[dict[str, Any] | None, None, None]:
    """Hold a run folder for this process alone.

    Args:
      folder: made if it is missing.
      identity: what must agree with the run that the folder holds already.
      overwrite: set such a run aside under a new name first.

    Yields:
      The `config.json` of the run to resume, or None for a new one.

    Raises:
      InputError: if the folder holds another run or other files, is locked or cannot be
        written. Nothing has been changed then.
    """
    import filelock

    # "." has no name, and may itself be set aside; "//" is no file's for Orbax.
    folder = local_path(str(folder.absolute()))
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise InputError(
            f"the name of {folder} is not UTF-8: name another folder with --out"
        ) from None
    try:
        found = _inspect(folder, identity, overwrite)
        make_folder(folder)
        lock = filelock.FileLock(folder / LOCK, timeout=0)
        lock.acquire()
        if not os.access(folder, os.W_OK | os.X_OK):
            lock.release()
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except filelock.Timeout:
        raise InputError(_locked(folder)) from None
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror or error}): name another "
            "folder with --out"
        ) from None
    try:
        if overwrite and found is not None:
            aside = _unused_name(folder)
            folder.rename(aside)
            say(f"the earlier run was set aside as {aside}")
            lock.release()
            folder.mkdir(exist_ok=True)
            lock = filelock.FileLock(folder / LOCK, timeout=0)
            try:
                lock.acquire()
            except filelock.Timeout:
                raise InputError(_locked(folder)) from None
        # Another process may have changed the folder before the lock was ours.
        yield _inspect(folder, identity, overwrite=False)
    finally:
        lock.release()


def _locked(folder: Path) -> str:
    return (
        f"{folder} is locked: another process is running there; wait for it, or name "
        "another folder with --out"
    )


def _inspect(folder, identity, overwrite) -> dict[str, Any] | None:
    """What `folder` holds: None if nothing; refuses what is not the run asked for."""
    if not folder.exists():
        return None
    if not folder.is_dir():
        raise InputError(f"{folder} is a file: name a folder with --out")
    if not (folder / "config.json").exists():
        others = sorted(
            path.name
            for path in folder.iterdir()
            if path.name not in (LOCK, "config.json.tmp")
        )
        if others:
            raise InputError(
                f"{folder} is not a run's folder (it holds {others[0]}): name an empty "
                "or a new one with --out"
            )
        return None
    if overwrite:
        return {}
    try:
        found = read_sealed(folder / "config.json")
    except InputError as error:
        raise InputError(
            f"{error}, or give --overwrite to set the folder aside"
        ) from None
    differences = differing_fields(
        {name: found.get(name) for name in identity}, dict(identity)
    )
    if differences:
        raise InputError(
            f"{folder} holds a run with another configuration ("
            f"{'; '.join(differences)}): name another folder with --out, or give "
            "--overwrite to set that run aside"
        )
    return found


def _unused_name(folder: Path) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = (f"{folder.name}.before-{stamp}{extra}" for extra in ("", *range(1, 100)))
    return next(p for n in names if not (p := folder.with_name(n)).exists())
