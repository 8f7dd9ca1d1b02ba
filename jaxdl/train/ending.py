"""The end of a run on the terminal: its result, and command lines that go on."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl.ledger import report
from jaxdl.train.config import RunConfig

OWN = {"--seed": 1, "--seeds": 1, "--out": 1, "--overwrite": 0}
"""Flags that another run has otherwise, with the number of their values."""


class Command(NamedTuple):
    """The command line that started the script.

    Attributes:
      program: such as "python experiments/gan.py".
      words: of its command line.
    """

    program: str
    words: tuple[str, ...]


def end_lines(
    result: Mapping[str, Any], folder: Path, commands: Mapping[str, str]
) -> list[str]:
    """All that is said of a finished run: of a sweep, a table of its cases.

    Args:
      result: the contents of `result.json`.
      folder: of the run.
      commands: that go on from there, each with what it is good for.
    """
    width = report.columns()
    words = report.words_of(result["experiment"])
    if "cases" in result:
        lines = report.case_lines(result["cases"], words, width)
    else:
        lines = report.metric_lines(result["metrics"], words, width)
        lines += report.remark_lines(result, width)
    lines += [
        "",
        report.last_line(result),
        *report.picture_lines(folder, short_path(folder), width),
    ]
    lines.append(f"result: {short_path(folder / 'result.json')}")
    return [*lines, *(f"{aim}: {command}" for aim, command in commands.items())]


def next_commands(
    command: Command | None, config: RunConfig, folder: Path
) -> dict[str, str]:
    """Command lines that go on from a finished run, each by its aim.

    Args:
      command: how the run was started; None in a program of the user's own.
      config: of the run.
      folder: of the run.
    """
    place = shlex.quote(short_path(folder))
    found = {"to see it again": f"{program('jaxdl')} show {place}"}
    if command is None:
        return found
    kept = " ".join(map(shlex.quote, _without(command.words, OWN)))
    base = f"{command.program} {kept}".strip()
    seeds = f"--seed {config.seed + config.seeds} --seeds {config.seeds}"
    out = f" --out {place}-more" if config.out is not None else ""
    found["to train more seeds"] = f"{base} {seeds}{out}"
    if hasattr(config, "sample"):
        found["to draw samples"] = f"{command.program} --sample 100 --out {place}"
    if hasattr(config, "prompt"):
        words = " ".join(map(shlex.quote, _without(command.words, {"--prompt": 1})))
        written = f"{command.program} {words}".strip()
        found["to write more"] = f'{written} --prompt "The "'
    return found


def program(name: str) -> str:
    """A program of this environment as it is typed: its path unless that is found."""
    path = Path(sys.executable).with_name(name)
    found = shutil.which(name)
    if found is not None and Path(found).parent == path.parent:
        return name
    return shlex.quote(short_path(path)) if path.exists() else name


def short_path(path: Path) -> str:
    """A path as it is typed: relative below the working folder."""
    here = Path(os.getcwd())
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _without(words: Sequence[str], flags: dict[str, int]) -> list[str]:
    """A command line without some flags and their values."""
    kept: list[str] = []
    left = 0  # values of a flag that is left out
    for word in words:
        name, equals, _ = word.partition("=")
        if name in flags:
            left = 0 if equals else flags[name]
        elif left:
            left -= 1
        else:
            kept.append(word)
    return kept
