"""The two ways in which jaxdl says that it cannot go on.

Both carry one sentence for the user and the exit code of the process; `jaxdl.cli.start`
prints the sentence without a traceback (`JAXDL_DEBUG=1` shows it).
"""


class InputError(ValueError):
    """Something the user gave cannot be used: exit code 2, nothing written or lost."""

    exit_code = 2


class RunError(RuntimeError):
    """A run had to stop (non-finite value, full disk, no good checkpoint): code 3."""

    exit_code = 3
