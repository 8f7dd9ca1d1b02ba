"""The part of a README that is written from the ledger."""

import os
from pathlib import Path

from jaxdl.errors import InputError
from jaxdl.ledger.rows import Row
from jaxdl.ledger.table import format_table

BEGIN = "<!-- results:begin -->"
END = "<!-- results:end -->"


def _with_table(text: str, rows: list[Row], path: Path) -> str:
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in before + after:
        raise InputError(f"{path}: needs one line '{BEGIN}' and, below it, one '{END}'")
    beside_published = [row for row in rows if row.published is not None]
    table = format_table(beside_published, markdown=True)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: can't be read ({error})") from error


def readme_is_stale(readme_path: Path, rows: list[Row]) -> bool:
    """Whether the table between the README's two markers is not that of `rows`.

    Raises:
      InputError: if the file can't be read or the two markers are not there once each.
    """
    text = _read_text(readme_path)
    return _with_table(text, rows, readme_path) != text


def update_readme(readme_path: Path, rows: list[Row]) -> bool:
    """Writes the table between the README's two markers; True if that changed it.

    It has the rows with a published figure; the whole ledger is too long for a README.

    Raises:
      InputError: as `readme_is_stale`, or if it can't be written; it stays as it was.
    """
    text = _read_text(readme_path)
    new_text = _with_table(text, rows, readme_path)
    if new_text == text:
        return False
    partial = readme_path.with_name(readme_path.name + ".partial")
    try:
        partial.write_text(new_text, encoding="utf-8")
        os.replace(partial, readme_path)
    except OSError as error:
        raise InputError(f"{readme_path}: can't be written ({error})") from error
    return True
