"""Files of others, which may be no files."""

import errno
import os
import stat
from pathlib import Path


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
