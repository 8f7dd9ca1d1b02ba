"""`jaxdl results`: print the ledger, or write it into the README."""

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

from jaxdl.ledger.bounds import all_bounds
from jaxdl.ledger.published import all_published, read_published, system_folders
from jaxdl.ledger.readme import readme_is_stale, update_readme
from jaxdl.ledger.rows import Row, ledger_rows
from jaxdl.ledger.table import format_table, rich_table


@dataclasses.dataclass(frozen=True)
class ResultsConfig:
    """Print the ledger: what full runs reached, beside the published figures."""

    results_dir: Path | None = None
    """Folder of result files; the checkout's experiments/results if not given."""
    published: Path | None = None
    """File of published figures; the figures of all systems if not given."""
    readme: Path | None = None
    """README that carries the table; the checkout's README.md if not given."""
    markdown: bool = False
    """Print a Markdown table."""
    json: bool = False
    """Print the rows as JSON, numbers unrounded."""
    write_readme: bool = False
    """Write the table into the README instead of printing it."""
    check: bool = False
    """Print nothing; exit with 1 if the README's table is stale."""

    def __post_init__(self) -> None:
        if self.markdown + self.json + self.write_readme + self.check > 1:
            raise ValueError("give one of --markdown --json --write-readme --check")


def checkout_root() -> Path:
    """The checkout around the working directory, else the one that holds this file."""
    here = Path.cwd()
    own = Path(__file__).resolve().parents[2]
    for folder in (here, *here.parents):
        if (folder / "experiments" / "results").is_dir():
            return folder
    return own


def results_command(cfg: ResultsConfig) -> int:
    """Runs `jaxdl results`: the table to standard output, all else to standard error.

    Returns:
      The exit code: 0, or 1 if `check` finds the README stale.

    Raises:
      InputError: see `ledger_rows` and `readme_is_stale`.
    """
    root = checkout_root()
    results_dir = cfg.results_dir or root / "experiments" / "results"
    figures = read_published(cfg.published) if cfg.published else all_published()
    rows = ledger_rows(results_dir, figures, all_bounds(system_folders()))
    readme = cfg.readme or root / "README.md"
    if cfg.check:
        stale = readme_is_stale(readme, rows)
        if stale:
            hint = "run jaxdl results --write-readme"
            print(f"{readme}: the results table is stale; {hint}.", file=sys.stderr)
        return int(stale)
    if cfg.write_readme:
        state = "updated" if update_readme(readme, rows) else "already up to date"
        print(f"{readme}: results table {state}.", file=sys.stderr)
    elif cfg.json:
        _print(json.dumps([_as_json(row) for row in rows], indent=2))
    elif cfg.markdown or not sys.stdout.isatty():
        _print(format_table(rows, cfg.markdown))
    else:
        from rich.console import Console

        Console(markup=False, highlight=False).print(rich_table(rows))
    return 0


def _as_json(row: Row) -> dict[str, Any]:
    figure = row.published
    return row._asdict() | {"published": figure and figure._asdict()}


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
