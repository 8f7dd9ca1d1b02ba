"""`jaxdl results`: print the ledger, or write it into the READMEs."""

import csv
import dataclasses
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from jaxdl.errors import InputError, nearest
from jaxdl.ledger import pages
from jaxdl.ledger.metrics import all_bounds
from jaxdl.ledger.published import published_files, read_published
from jaxdl.ledger.readme import is_stale, update
from jaxdl.ledger.rows import Row, ledger_rows
from jaxdl.ledger.table import (
    COLUMNS,
    NARROW,
    cells,
    count_verdicts,
    format_table,
    narrow_table,
    rich_table,
)
from jaxdl.printing import quietly, say, visible
from jaxdl.registry import PROJECT, System, find_systems

SPEED = "speed.json"  # of benchmarks/: which timings README.md shows

VerdictName = Literal["reached", "not-reached", "reduced", "not-run", "unjudged"]


@dataclasses.dataclass(frozen=True)
class ResultsConfig:
    """Print the ledger: what full runs reached, beside the published figures."""

    results_dir: Path | None = None
    """Folder of result files; the recorded runs of all systems if not given."""
    published: Path | None = None
    """File of published figures; the figures of all systems if not given."""
    readme: Path | None = None
    """README with the best results; the checkout's README.md if not given."""
    page: Path | None = None
    """File with the whole ledger; the checkout's experiments/README.md if not given."""
    system: tuple[str, ...] = ()
    """Only rows of these systems, by the names that `jaxdl list` prints."""
    verdict: tuple[VerdictName, ...] = ()
    """Only rows of these verdicts; unjudged are those without a published figure, or
    with one that is recalled."""
    metric: str = ""
    """Only rows whose metric holds this text."""
    format: Literal["table", "markdown", "csv", "json"] = "table"
    """A table without protocols, one with them in Markdown or CSV, or JSON with numbers
    unrounded."""
    write_readme: bool = False
    """Write the generated parts of both READMEs instead of printing."""
    check: bool = False
    """Print nothing; exit with 1 if a README is stale."""

    def __post_init__(self) -> None:
        if self.write_readme and self.check:
            raise InputError("--write-readme and --check were given: expected one")
        shown = self.system or self.verdict or self.metric or self.format != "table"
        if shown and (self.write_readme or self.check):
            raise InputError(
                "--write-readme and --check print no rows: leave --system, --verdict, "
                "--metric and --format out"
            )


def checkout_root() -> Path:
    """The checkout around the working directory, else `jaxdl.registry.PROJECT`."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        parts = (folder / "experiments" / "results", folder / "jaxdl" / "systems")
        if all(part.is_dir() for part in parts):
            return folder
    return PROJECT


def results_command(cfg: ResultsConfig) -> int:
    """Runs `jaxdl results`: the table to standard output, all else to standard error.

    Returns:
      The exit code: 0, or 1 if `check` finds a README stale.

    Raises:
      InputError: see `ledger_rows`, `find_systems`, `is_stale` and `select`; if pages
        are asked for outside a checkout.
    """
    root = checkout_root()
    if cfg.check or cfg.write_readme:
        _require_checkout(root, "--check" if cfg.check else "--write-readme")
    systems = find_systems()
    folders = [system.folder for system in systems]
    folder = cfg.results_dir or root / "experiments" / "results"
    dirs = [folder] if cfg.results_dir else pages.results_dirs(folder, systems)
    figures = read_published(
        *([cfg.published] if cfg.published else published_files(folders))
    )
    rows = ledger_rows(dirs, figures, all_bounds(folders))
    if cfg.check or cfg.write_readme:
        return _update_pages(cfg, root, systems, rows, dirs)
    rows = select(rows, cfg, [system.name for system in systems])
    if cfg.format == "json":
        say(json.dumps([_as_json(row) for row in rows], indent=2))
    elif cfg.format == "csv":
        say(_as_csv(rows))
    elif cfg.format == "markdown" or not sys.stdout.isatty():
        say(format_table(rows, markdown=cfg.format == "markdown"))
    else:
        _print_for_terminal(rows)
    return 0


def _require_checkout(root: Path, flag: str) -> None:
    if not (root / "benchmarks" / SPEED).is_file():
        raise InputError(
            f"{flag} is about the READMEs of a checkout, and {Path.cwd()} is in none: "
            "run it inside a checkout of jaxdl"
        )


def _print_for_terminal(rows: list[Row]) -> None:
    from rich.console import Console

    console = Console(markup=False, highlight=False)
    if console.width < NARROW:
        text = narrow_table(rows) + "\n\n"
    else:
        with console.capture() as table:  # Rich itself exits when the reader is gone
            console.print(rich_table(rows))
        text = table.get()
    text += count_verdicts(rows)
    quietly(lambda: print(text, flush=True), sys.stdout)


def select(
    rows: Sequence[Row], cfg: ResultsConfig, systems: Sequence[str]
) -> list[Row]:
    """The rows that a configuration asks for.

    Args:
      rows: of the ledger.
      cfg: its `system`, `verdict` and `metric` are read.
      systems: names of all systems.

    Raises:
      InputError: for a system that is not there, or if no row is left; it says which
        metrics or verdicts there are.
    """
    known = sorted({*systems, *(row.owner for row in rows)})
    for name in cfg.system:
        if name not in known:
            raise InputError(
                f"--system is {name}: expected one of {', '.join(known)}"
                f"{nearest(name, known)}"
            )
    of_systems = [row for row in rows if not cfg.system or row.owner in cfg.system]
    by_metric = [row for row in of_systems if cfg.metric in row.metric]
    if not by_metric and of_systems:
        metrics = sorted({row.metric for row in of_systems})
        raise InputError(
            f"no row has --metric {cfg.metric}: there are {', '.join(metrics)}"
        )
    if not of_systems and cfg.system:
        raise InputError(f"{' '.join(cfg.system)} has no rows yet: leave --system out")
    found = [
        row for row in by_metric if not cfg.verdict or _verdict_name(row) in cfg.verdict
    ]
    if not found and by_metric:
        verdicts = sorted({_verdict_name(row) for row in by_metric})
        raise InputError(
            f"no row has --verdict {' '.join(cfg.verdict)}: there are "
            f"{', '.join(verdicts)}"
        )
    return found


def _verdict_name(row: Row) -> str:
    return (row.verdict or "unjudged").lower().replace(" ", "-")


def _as_csv(rows: Sequence[Row]) -> str:
    """Mean and interval in columns of their own, unrounded; the rest as in Markdown."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["Owner", *COLUMNS, "Mean", "Low", "High"])
    for row in rows:
        numbers = ["" if x is None else repr(x) for x in (row.mean, row.low, row.high)]
        writer.writerow([row.owner, *cells(row), *numbers])
    return text.getvalue().rstrip("\n")


def _update_pages(
    cfg: ResultsConfig,
    root: Path,
    systems: list[System],
    rows: list[Row],
    dirs: list[Path],
) -> int:
    """Check or write the generated parts of both READMEs."""
    results = pages.read_contents(dirs)
    systems = [_in_checkout(system, root) for system in systems]
    parts = {
        cfg.readme or root / "README.md": {
            "best": pages.best_table(rows),
            "systems": pages.systems_table(systems, results, root),
            "speed": pages.speed_table(root / "benchmarks" / SPEED),
        },
        cfg.page or root / "experiments" / "README.md": {
            "ledger": pages.ledger_page(systems, rows, results, root)
        },
    }
    stale = {path: is_stale(path, content) for path, content in parts.items()}
    for path, content in parts.items():
        if cfg.check and stale[path]:
            hint = "run jaxdl results --write-readme"
            say(f"{visible(path)}: a generated table is stale; {hint}", sys.stderr)
        elif cfg.write_readme:
            state = "updated" if update(path, content) else "already up to date"
            say(f"{visible(path)}: generated tables {state}", sys.stderr)
    return int(cfg.check and any(stale.values()))


def _in_checkout(system: System, root: Path) -> System:
    """The system with the script of a checkout, where the package has another copy."""
    if system.script.parent != PROJECT / "experiments":
        return system
    return system._replace(script=root / "experiments" / system.script.name)


def _as_json(row: Row) -> dict[str, Any]:
    figure = row.published
    return row._asdict() | {"published": figure and figure._asdict()}
