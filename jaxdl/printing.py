"""Printing for any terminal: what cannot be shown becomes a visible escape.

Texts of others (class names, file names, results, what a model writes) may hold control
bytes that recolour a terminal, move its cursor or retitle it.
"""

import os
import shutil
import sys
import time
import unicodedata
from collections.abc import Callable
from typing import Any

_CONTROLS = [chr(code) for code in range(0xA0)] + ["\u061c", "\u2028", "\u2029"]
_CONTROLS += map(chr, (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_CONTROLS += map(chr, range(0xD800, 0xE000))  # surrogates: bytes that are not UTF-8
_ESCAPES = {
    ord(character): repr(character)[1:-1]
    for character in _CONTROLS
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
}


_last_line = time.monotonic()
print_above: Callable[[str, Any], bool] | None = None
"""Prints a text above the last line of a terminal while that is redrawn; False if the
stream leads elsewhere."""


def touch() -> None:
    """Begin to count the seconds without a line anew."""
    global _last_line
    _last_line = time.monotonic()


print_above: Callable[[str, Any], bool] | None = None
"""Prints a text above the last line of a terminal while that is redrawn; False if the
stream leads elsewhere."""


def silent_seconds() -> float:
    """Seconds since a line was printed."""
    return time.monotonic() - _last_line


def visible(text: object, *, keep: str = "") -> str:
    r"""A text whose control characters are escapes, such as \x1b, on one line.

    They are C0, DEL, C1, line and paragraph separators, marks that turn the direction
    of writing, and surrogates, in which Python keeps bytes that are not UTF-8.

    Args:
      text: made a string first.
      keep: characters that stay as they are, such as "\n".
    """
    if not keep:
        return str(text).translate(_ESCAPES)
    return str(text).translate(_ESCAPES | {ord(kept): kept for kept in keep})


def terminal_columns(widest: int) -> int:
    """Columns of the terminal, at most so many; as many where there is none."""
    return min(shutil.get_terminal_size((widest, 24)).columns, widest)


def say(text: str, file: Any = None) -> None:
    """Print lines for a reader that may go away, such as `head`.

    Args:
      text: lines, of which control characters become escapes.
      file: a text stream; standard output by default.
    """
    stream = sys.stdout if file is None else file
    shown = visible(text, keep="\n\t") + "\n"  # in one piece: threads print too

    def write() -> None:
        if print_above is None or not print_above(shown, stream):
            print(shown, end="", file=stream, flush=True)

    quietly(write, stream)
    touch()


def line_width() -> int | None:
    """Columns of the terminal behind standard output; None for a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def quietly(write: Callable[[], object], stream: Any) -> None:
    """Write to a standard stream; once it takes nothing more, to nowhere."""
    try:
        write()
    except OSError as error:
        give_up(stream, error)


def flush() -> None:
    """Write out what the standard streams hold back."""
    for stream in filter(None, (sys.stderr, sys.stdout)):
        quietly(stream.flush, stream)


def give_up(stream: Any, error: OSError) -> None:
    """Lead a stream nowhere that takes nothing more.

    Its reader may be gone, which is no fault; of a full disk behind standard output
    standard error tells.
    """
    _lead_nowhere(stream)
    if stream is sys.stdout and not isinstance(error, BrokenPipeError):
        cause = f"{error.strerror or error}): what follows is not printed"
        say(f"warning: standard output cannot be written ({cause}", sys.stderr)


def _lead_nowhere(stream: Any) -> None:
    """Have a stream that takes nothing more take everything, and forget it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    stream.flush()  # what it could not write


def escape_unencodable() -> None:
    """Let the standard streams print any text, whatever their encoding."""
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")
