"""`jaxdl results`: print the ledger, or write it into the READMEs."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from jaxdl.ledger import pages
from jaxdl.ledger.bounds import all_bounds
from jaxdl.ledger.published import published_files, read_published
from jaxdl.ledger.readme import is_stale, update
from jaxdl.ledger.rows import Row, ledger_rows
from jaxdl.ledger.table import format_table, rich_table
from jaxdl.printing import quietly, say, visible
from jaxdl.registry import System, find_systems


@dataclasses.dataclass(frozen=True)
class ResultsConfig:
    """Print the ledger: what full runs reached, beside the published figures."""

    results_dir: Path | None = None
    """Folder of result files; the checkout's experiments/results if not given."""
    published: Path | None = None
    """File of published figures; the figures of all systems if not given."""
    readme: Path | None = None
    """README with the best results; the checkout's README.md if not given."""
    page: Path | None = None
    """File with the whole ledger; the checkout's experiments/README.md if not given."""
    markdown: bool = False
    """Print a Markdown table."""
    json: bool = False
    """Print the rows as JSON, numbers unrounded."""
    write_readme: bool = False
    """Write the generated parts of both READMEs instead of printing."""
    check: bool = False
    """Print nothing; exit with 1 if a README is stale."""

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
      The exit code: 0, or 1 if `check` finds a README stale.

    Raises:
      InputError: see `ledger_rows`, `find_systems` and `is_stale`.
    """
    root = checkout_root()
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
    if cfg.json:
        say(json.dumps([_as_json(row) for row in rows], indent=2))
    elif cfg.markdown or not sys.stdout.isatty():
        say(format_table(rows, cfg.markdown))
    else:
        from rich.console import Console

        console = Console(markup=False, highlight=False)
        with console.capture() as table:  # Rich itself exits when the reader is gone
            console.print(rich_table(rows))
        quietly(lambda: print(table.get(), end="", flush=True), sys.stdout)
    return 0


def _update_pages(
    cfg: ResultsConfig,
    root: Path,
    systems: list[System],
    rows: list[Row],
    dirs: list[Path],
) -> int:
    """Check or write the generated parts of both READMEs."""
    results = pages.read_contents(dirs)
    parts = {
        cfg.readme or root / "README.md": {
            "best": pages.best_table(rows),
            "systems": pages.systems_table(systems, results, root),
            "speed": pages.speed_table(root / "benchmarks" / "speed.json"),
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


def _as_json(row: Row) -> dict[str, Any]:
    figure = row.published
    return row._asdict() | {"published": figure and figure._asdict()}
