"""The list of systems: what each is, and how many minutes it takes."""

import textwrap
from collections.abc import Iterable, Sequence

from jaxdl.ledger.minutes import format_minutes, recorded_minutes
from jaxdl.registry import System

HEAD = ("system", "what it is", "paper", "default", "full", "command")
MINUTES = ("default", "full")  # columns of numbers
TITLE = 1  # the column that is wrapped
NARROWEST = 24  # of that column; below, each system is a paragraph
GAP = "  "
FOOTER = (
    "Minutes of the default run on two cores, and of the recorded one on one or two; "
    "start it with jaxdl run SYSTEM, or jaxdl run SYSTEM full."
)


def format_systems(systems: Iterable[System], width: int | None = None) -> str:
    """A table of systems, with minutes of the default run and of the recorded one.

    Args:
      systems: as `find_systems` returns them.
      width: of a line, for a terminal: commands and, where they do not fit, papers are
        left out, and titles are wrapped. None for a line of any length each.

    Raises:
      InputError: as `recorded_minutes`.
    """
    rows = [HEAD, *map(_cells, systems)]
    if width is None:
        return "\n".join(_lines(rows))
    footer = textwrap.fill(FOOTER, width)
    for kept in ((0, 1, 2, 3, 4), (0, 1, 3, 4)):
        table = [[row[i] for i in kept] for row in rows]
        others = sum(
            _width(table, i) + len(GAP) for i in range(len(kept)) if i != TITLE
        )
        room = width - others
        wide = room >= _width(table, TITLE)
        if wide or (len(kept) == 4 and room >= NARROWEST):
            return "\n".join([*_lines(table, room), "", footer])
    return "\n".join([*(_paragraph(row, width) for row in rows[1:]), "", footer])


def describe_system(system: System) -> dict[str, str | float | None]:
    """The fields of `jaxdl list --json`; None for a run that was not timed.

    Raises:
      InputError: as `recorded_minutes`.
    """
    seconds = recorded_minutes(system)
    return {
        "name": system.name,
        "title": system.title,
        "paper": system.paper,
        "folder": str(system.folder),
        "script": str(system.script),
        "command": f"jaxdl run {system.name}",
        "default_seconds": seconds.default,
        "full_seconds": seconds.full,
    }


def _cells(system: System) -> tuple[str, ...]:
    minutes = [format_minutes(seconds) for seconds in recorded_minutes(system)]
    command = f"jaxdl run {system.name}"
    return (system.name, system.title, system.paper or "-", *minutes, command)


def _width(rows: Sequence[Sequence[str]], column: int) -> int:
    return max(len(row[column]) for row in rows)


def _lines(rows: Sequence[Sequence[str]], room: int | None = None) -> list[str]:
    """Rows in aligned columns, each title wrapped to the room that is left for it."""
    widths = [_width(rows, i) for i in range(len(rows[0]))]
    if room is not None:
        widths[TITLE] = min(room, widths[TITLE])
    lines = []
    for row in rows:
        title, *more = _wrap(row[TITLE], widths[TITLE])
        cells = [row[0], title, *row[TITLE + 1 :]]
        padded = [
            cell.rjust(width) if name in MINUTES else cell.ljust(width)
            for name, cell, width in zip(rows[0], cells, widths, strict=True)
        ]
        lines.append(GAP.join(padded).rstrip())
        lines += [" " * (widths[0] + len(GAP)) + part for part in more]
    return lines


def _wrap(title: str, width: int) -> list[str]:
    return textwrap.wrap(title, width, break_on_hyphens=False) or [""]


def _paragraph(row: Sequence[str], width: int) -> str:
    room = max(width, NARROWEST)
    about = "\n".join(GAP + line for line in _wrap(row[TITLE], room - len(GAP)))
    return f"{row[0]}\n{about}\n{GAP}minutes: {row[3]}, full {row[4]}"
