"""What a program needs before its imports, which take seconds: a clean end at Ctrl-C.

`KeyboardInterrupt` raised while JAX is being imported, or inside a compilation, is lost
in a callback, ends in a traceback, or crashes the process. Whatever a run has written
survives a kill, so that its scripts may simply end. In a process that only imports
jaxdl nothing is changed.
"""

import contextlib
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from jaxdl.registry import OUTSIDE, PROJECT


def begin() -> None:
    """Prepare a process that runs one of the scripts, or the command `jaxdl`.

    Standard streams that its starter closed lead nowhere: the next file that is opened
    would be taken for one of them.
    """
    program = getattr(sys.modules.get("__main__"), "__file__", None)
    if program is None:
        return
    program = Path(program)
    is_script = program.resolve().parent in _script_folders()
    if not is_script and program.stem != "jaxdl":
        return
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end_run if is_script else end)


def _script_folders() -> list[Path]:
    return [folder / "experiments" for folder in (PROJECT, *OUTSIDE)]


def raise_interrupts() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt` again, for commands that clean up after."""
    if signal.getsignal(signal.SIGINT) is end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def end(number: int, frame: FrameType | None) -> None:
    """A signal handler: say so, and leave at once with code 128 + number."""
    del frame
    _leave(number, b"\ninterrupted\n")


def end_run(number: int, frame: FrameType | None) -> None:
    """As `end`, in a script that may have saved something."""
    del frame
    _leave(number, b"\ninterrupted; what was saved is kept\n")


def _leave(number: int, words: bytes) -> None:
    with contextlib.suppress(OSError):  # `print` may be what was interrupted
        os.write(2, words)
    os._exit(128 + number)
