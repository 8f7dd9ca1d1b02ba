"""Files of a run: whole, on the disk, where they were meant to be, and provably read.

What a run reads back carries a checksum. A flipped bit that leaves valid JSON behind
would otherwise be another number, and nobody would know.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxdl.errors import InputError
from jaxdl.files import read_regular
from jaxdl.ledger.schema import SEAL, digest_of


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a kill or a power cut leaves the old or the whole new one.

    It is on the disk on return. A link in its place is replaced, not followed.
    """
    partial = path.with_name(path.name + ".tmp")
    partial.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL  # a new file, never through a link
    with open(os.open(partial, flags, 0o666), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    with contextlib.suppress(PermissionError):  # Windows opens no folders
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Write JSON by `write_whole`; NaN and infinity are refused."""
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    write_whole(path, text.encode())


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object with its checksum, for `read_sealed`."""
    whole = json.loads(json.dumps(value, allow_nan=False))  # as it will be read
    write_json(path, {**whole, SEAL: digest_of(whole)})


def read_sealed(path: Path) -> Any:
    """The JSON object that `write_sealed` wrote.

    Raises:
      InputError: if it is missing, cannot be read, or is not what was written.
    """
    try:
        value = json.loads(read_regular(path))
    except FileNotFoundError:
        raise InputError(
            f"{path.parent} holds no run ({path.name} is missing): name a run's folder"
        ) from None
    except NotADirectoryError:
        raise InputError(f"{path.parent} is a file: name a run's folder") from None
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}): mend that and try again"
        ) from None
    except (ValueError, RecursionError) as error:
        cause = str(error) or type(error).__name__
        raise InputError(
            f"{path} is not JSON ({cause}): put a good copy back"
        ) from None
    if not isinstance(value, dict):
        raise InputError(f"{path} holds no JSON object: put a good copy back")
    if SEAL not in value:
        raise InputError(
            f"{path} lacks its checksum (field {SEAL!r}): it is of an earlier version "
            "of jaxdl, or was changed; put a good copy back"
        )
    seal = value.pop(SEAL)
    if seal != digest_of(value):
        raise InputError(
            f"{path} does not match its checksum: it is damaged or was changed by "
            "hand; put a good copy back"
        )
    return value


def set_aside(path: Path, run: Path) -> Path:
    """Move a file or folder of a run to its folder `set-aside`, under a free name."""
    home = run / "set-aside"
    home.mkdir(exist_ok=True)
    names = (path.name, *(f"{path.name}.{i}" for i in range(1, 10_000)))
    target = next(home / name for name in names if not os.path.lexists(home / name))
    path.rename(target)
    return target
