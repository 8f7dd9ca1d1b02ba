"""Files of others, which may be no files."""

import errno
import os
import stat
from pathlib import Path

from jaxdl.errors import InputError


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
