"""Paths as users write them, and files of others, which may be no files."""

import contextlib
import errno
import os
import stat
from pathlib import Path

from jaxdl.errors import InputError

LONGEST_PATH = 4096 - 300  # Linux's longest, less what a run puts below its folder


def local_path(text: str) -> Path:
    """The path that a user means: ~ is a home folder, // at the beginning is /.

    Raises:
      InputError: for an address such as gs://bucket, or a home folder of nobody's.
    """
    first, slashes, _ = text.partition("//")
    if slashes and first.endswith(":") and "/" not in first:
        raise InputError(
            f"{text} is an address: expected a file or folder of this machine, such as "
            "runs/a"
        )
    path = Path(os.path.expanduser(text))  # of the text: ./~ is no home folder
    if text.startswith("~") and path == Path(text):
        raise InputError(
            f"there is no home folder {path.parts[0]}: name another path, or write "
            f"./{text} for one below the working folder"
        )
    return Path("/", *path.parts[1:]) if path.is_absolute() else path


def make_folder(path: Path) -> None:
    """Make a folder and those above it, or none of them.

    Raises:
      OSError: if it cannot be made, or its name is too long for files below it.
    """
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    made: list[Path] = []
    missing = [each for each in (path, *path.parents) if not each.exists()]
    try:
        for each in reversed(missing):
            with contextlib.suppress(FileExistsError):  # another process was quicker
                each.mkdir()
                made.append(each)
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except OSError:
        for each in reversed(made):
            with contextlib.suppress(OSError):  # somebody uses it
                each.rmdir()
        raise


def require_regular(path: Path) -> None:
    """Refuse what cannot be read to its end.

    Raises:
      OSError: if it cannot be looked at; for a folder; for a pipe, which would keep us
        waiting; for a device such as /dev/zero, which has no end.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file")


def read_regular(path: Path) -> bytes:
    """The content of a file that `require_regular` lets pass."""
    require_regular(path)
    return path.read_bytes()


def require_writable(**paths: Path | None) -> None:
    """Refuse a file that could not be written; None goes free. Nothing is made.

    Raises:
      InputError: naming the first field at fault.
    """
    for name, path in paths.items():
        if path is None:
            continue
        folder = next(x for x in path.absolute().parents if os.path.lexists(x))
        if os.path.isdir(path):
            cause = "it is a folder"
        elif not os.path.isdir(folder):
            cause = f"{folder} is no folder"
        elif not os.access(path if os.path.exists(path) else folder, os.W_OK):
            cause = "permission denied"
        else:
            continue
        raise InputError(
            f"{name} is {path}, which cannot be written ({cause}): name another file"
        )
