"""Generated parts of Markdown files, each between two markers."""

import os
from collections.abc import Mapping
from pathlib import Path

from jaxdl.errors import InputError
from jaxdl.files import require_regular


def markers(part: str) -> tuple[str, str]:
    """The lines that begin and end a generated part."""
    return f"<!-- {part}:begin -->", f"<!-- {part}:end -->"


def _with_parts(text: str, parts: Mapping[str, str], path: Path) -> str:
    for part, content in parts.items():
        begin, end = markers(part)
        if any(marker in content for name in parts for marker in markers(name)):
            raise InputError(
                f"{path}: what is to be written there holds a marker of its own; mend "
                "the text of the result or published figure that has it"
            )
        before, found_begin, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        once = begin not in rest and end not in before + after
        if not (found_begin and found_end and once):
            raise InputError(
                f"{path}: needs one line '{begin}' and, below it, one '{end}'"
            )
        text = f"{before}{begin}\n\n{content}\n\n{end}{after}"
    return text


def _read_text(path: Path) -> str:
    try:
        require_regular(path)
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: can't be read ({error})") from error


def is_stale(path: Path, parts: Mapping[str, str]) -> bool:
    """True if a generated part of a file is not as given.

    Args:
      path: a file with the two markers of each part.
      parts: Markdown by name of the part.

    Raises:
      InputError: if the file cannot be read or a pair of markers is not there once.
    """
    text = _read_text(path)
    return _with_parts(text, parts, path) != text


def update(path: Path, parts: Mapping[str, str]) -> bool:
    """Write the generated parts of a file; True if that changed it.

    Raises:
      InputError: as `is_stale`, or if it cannot be written; it stays as it was.
    """
    text = _read_text(path)
    new_text = _with_parts(text, parts, path)
    if new_text == text:
        return False
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(new_text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"{path}: can't be written ({error})") from error
    return True
