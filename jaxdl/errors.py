"""The two ways in which jaxdl says that it cannot go on.

Both carry one sentence for the user and the exit code of the process; `jaxdl.cli.start`
prints the sentence without a traceback (`JAXDL_DEBUG=1` shows it).
"""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave cannot be used: exit code 2, nothing written or lost."""

    exit_code = 2


class RunError(RuntimeError):
    """A run had to stop (non-finite value, full disk, no good checkpoint): code 3."""

    exit_code = 3


def nearest(word: str, known: Iterable[str]) -> str:
    """ "; did you mean X?" with the likeliest of the known words, or nothing."""
    near = difflib.get_close_matches(word.lower(), known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
