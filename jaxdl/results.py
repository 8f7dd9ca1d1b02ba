"""The ledger: what full runs reached, beside the published figures.

`experiments/published.json` holds each published figure once; every result file in
`experiments/results/` refers to figures by their id. Results of equal configuration and
disjoint seeds become one row, whose mean and 95 % interval are computed over all seeds.
A sweep's file holds one result for each of its cases, and gives rows for each.

A protocol is a dict of named fields and is compared field by field. `null` in a
published protocol means that the source leaves the field open: a result states what it
did there, and the row repeats it, but no value counts as a difference. Fields that a
figure lists as `free` belong to the method, not to what is measured: the row lists how
ours differ there, and is judged all the same. A metric with
neither a protocol nor a published figure is a run's own note and gets no row.
"""

import dataclasses
import json
import math
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl.errors import InputError

BEGIN = "<!-- results:begin -->"
END = "<!-- results:end -->"

COLUMNS = (
    "System",
    "Metric",
    "Published",
    "Ours",
    "Seeds",
    "Protocol (published -> ours)",
    "Verdict",
)

_NUMBER = (int, float)
_PUBLISHED_FIELDS = {
    "id": str,
    "system": str,
    "metric": str,
    "value": _NUMBER,
    "error": (*_NUMBER, type(None)),
    "error_kind": (str, type(None)),
    "direction": str,
    "protocol": dict,
    "source": dict,
    "trust": str,
}
_RESULT_FIELDS = {
    "experiment": str,
    "config": dict,
    "config_hash": str,
    "seeds": list,
    "steps": int,
    "metrics": dict,
    "data": dict,
    "versions": dict,
    "state_sha256": str,
} | dict.fromkeys(
    # May be null, where a machine can't tell.
    ["wall_seconds", "steps_per_second", "peak_memory_bytes", "device", "git_commit"],
    object,
)
_METRIC_FIELDS = {
    "mean": _NUMBER,
    "ci95": (list, type(None)),
    "per_seed": list,
    "protocol": dict,
}


class Published(NamedTuple):
    """One published figure.

    Attributes:
      id: the name by which results refer to it.
      system, metric: what was measured on what, in words.
      value, error: the figure and its error, None if the source gives none.
      error_kind: what the error is, such as "standard error over test images".
      direction: which side is better: "higher", "lower" or "equal".
      protocol: named fields; None where the source leaves the field open.
      source: "paper" and "table"; more keys are welcome.
      trust: P, read in the paper; A, in the authors' code; S, in a transcription; M,
        recalled without a source, and so never given a verdict.
      free: names of protocol fields in which another choice is fair.
    """

    id: str
    system: str
    metric: str
    value: float
    error: float | None
    error_kind: str | None
    direction: str
    protocol: dict[str, Any]
    source: dict[str, str]
    trust: str
    free: tuple[str, ...] = ()


class Row(NamedTuple):
    """One line of the ledger.

    Attributes:
      system, metric: as in the published figure, else the result's own names.
      published: the figure to compare with, None if there is none.
      mean, low, high: over the seeds; the 95 % t-interval needs two seeds or more, and
        all three are None where nothing was run.
      seeds: the seeds behind the mean, ascending.
      protocol: ours; empty where nothing was run.
      differences: one text for each field whose published value is not ours.
      verdict: "Reached", "Not reached", "Reduced", "Not run", or None where there is
        nothing to judge by.
      files: names of the result files, with ": case" for one of a sweep.
    """

    system: str
    metric: str
    published: Published | None
    mean: float | None
    low: float | None
    high: float | None
    seeds: tuple[int, ...]
    protocol: dict[str, Any]
    differences: tuple[str, ...]
    verdict: str | None
    files: tuple[str, ...]


def _check_fields(table: Any, fields: dict[str, Any], where: str) -> None:
    if not isinstance(table, dict):
        raise InputError(f"{where}: not a JSON object with named fields.")
    for name, kind in fields.items():
        if name not in table:
            raise InputError(f"{where}: field '{name}' is missing.")
        value = table[name]
        if not isinstance(value, kind) or value is True or value is False:
            raise InputError(
                f"{where}: field '{name}' can't be of type {type(value).__name__}."
            )


def _check_finite(value: Any, where: str, field: str = "") -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where}: field '{field}' is not finite ({value}).")
    items: Iterable = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for name, inner in items:
        _check_finite(inner, where, f"{field}.{name}" if field else str(name))


def _read_json(path: Path) -> Any:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}).") from error
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error}).") from error
    _check_finite(content, str(path))
    return content


def read_published(path: Path) -> dict[str, Published]:
    """Published figures by id, in the order of the file.

    Raises:
      InputError: naming the file, the entry and the field that can't be used.
    """
    entries = _read_json(path)
    if not isinstance(entries, list):
        raise InputError(f"{path}: not a list of published figures.")
    figures: dict[str, Published] = {}
    for index, entry in enumerate(entries):
        _check_fields(entry, _PUBLISHED_FIELDS, f"{path}, entry {index}")
        where = f"{path}, '{entry['id']}'"
        _check_fields(entry["source"], {"paper": str, "table": str}, where)
        if entry["id"] in figures:
            raise InputError(f"{where}: field 'id' occurs twice.")
        if entry["direction"] not in ("higher", "lower", "equal"):
            raise InputError(f"{where}: field 'direction' can't be that.")
        if entry["trust"] not in ("P", "A", "S", "M"):
            raise InputError(f"{where}: field 'trust' must be P, A, S or M.")
        free = entry.get("free", [])
        if not isinstance(free, list) or not set(free) <= entry["protocol"].keys():
            raise InputError(f"{where}: field 'free' must list fields of its protocol.")
        named = {name: entry[name] for name in _PUBLISHED_FIELDS}
        figures[entry["id"]] = Published(**named, free=tuple(free))
    return figures


def _check_metric(metric: Any, num_seeds: int, where: str) -> None:
    _check_fields(metric, _METRIC_FIELDS, where)
    optional = {"published": None} | metric
    _check_fields(optional, {"published": (str, type(None))}, where)
    values = metric["per_seed"]
    if len(values) != num_seeds or not all(type(x) in _NUMBER for x in values):
        raise InputError(f"{where}: field 'per_seed' needs one number for each seed.")
    tolerance = 1e-4 * max(map(abs, values))  # a mean taken in float32 passes
    if abs(metric["mean"] - sum(values) / num_seeds) > tolerance:
        raise InputError(f"{where}: field 'mean' is not the mean of 'per_seed'.")
    ends = metric["ci95"]
    if ends is not None:
        numbers = len(ends) == 2 and all(type(x) in _NUMBER for x in ends)
        if not numbers or ends[0] > ends[1]:
            raise InputError(
                f"{where}: field 'ci95' must be two numbers, low and high."
            )


def read_result(path: Path) -> dict[str, Any]:
    """One result file, checked against the form that the runner writes.

    Raises:
      InputError: naming the file and the field that is missing, not finite or odd.
    """
    return _checked_result(_read_json(path), str(path))


def _checked_result(result: Any, where: str) -> dict[str, Any]:
    _check_fields(result, _RESULT_FIELDS, where)
    _check_fields(result["data"], {"name": str, "checksum": str}, f"{where}, data")
    seeds = result["seeds"]
    if not seeds or not all(type(s) is int for s in seeds):
        raise InputError(f"{where}: field 'seeds' must list whole numbers.")
    if len(set(seeds)) < len(seeds):
        raise InputError(f"{where}: field 'seeds' holds a seed twice.")
    for name, metric in result["metrics"].items():
        _check_metric(metric, len(seeds), f"{where}, metrics.{name}")
    return result


def read_results(path: Path) -> dict[str, dict[str, Any]]:
    """The results in a file: its own, or one for each case of a sweep.

    Returns:
      Results by "file", or by "file: case".

    Raises:
      InputError: as `read_result`.
    """
    content = _read_json(path)
    if not isinstance(content, dict) or "cases" not in content:
        return {path.name: _checked_result(content, str(path))}
    cases = content["cases"]
    if not isinstance(cases, dict) or not cases:
        raise InputError(
            f"{path}: field 'cases' must hold at least one result by name."
        )
    return {
        f"{path.name}: {name}": _checked_result(case, f"{path}, cases.{name}")
        for name, case in cases.items()
    }


def protocol_differences(
    published: dict[str, Any], ours: dict[str, Any]
) -> tuple[str, ...]:
    """Each field in which two protocols differ, as "field: published -> ours".

    A field that one side lacks is a difference. A published None is no difference from
    any value of ours, as long as we state one.
    """

    def text(protocol: dict[str, Any], name: str) -> str:
        return _plain(protocol[name]) if name in protocol else "missing"

    return tuple(
        f"{_label(name)}: {text(published, name)} -> {text(ours, name)}"
        for name in [*published, *(name for name in ours if name not in published)]
        if name not in published
        or name not in ours
        or published[name] not in (None, ours[name])
    )


def judge(
    published: Published | None,
    mean: float | None,
    low: float | None,
    high: float | None,
    differences: tuple[str, ...],
) -> str | None:
    """Verdict on a mean and its interval (None, None for one seed), before rounding.

    Reached: same protocol, and the mean is at or better than the figure, or the
    interval contains it. Not reached: same protocol otherwise. Reduced: any difference
    of protocol, free fields aside. Not run: no mean. A recalled figure, or none, gets
    no verdict.
    """
    if published is None or published.trust == "M":
        return None
    if mean is None:
        return "Not run"
    if differences:
        return "Reduced"
    figure = published.value
    at_or_better = {
        "higher": mean >= figure,
        "lower": mean <= figure,
        "equal": mean == figure,
    }[published.direction]
    inside = low is not None and high is not None and low <= figure <= high
    return "Reached" if at_or_better or inside else "Not reached"


def _merged_row(parts: list[tuple], published: Published | None) -> Row:
    """One row from parts (file name, result, metric name) that belong together."""
    from jaxdl.evaluate.statistics import mean_ci95  # not for --help

    _, first, name = parts[0]
    by_seed = {
        seed: value
        for _, result, _ in parts
        for seed, value in zip(
            result["seeds"], result["metrics"][name]["per_seed"], strict=True
        )
    }
    seeds = tuple(sorted(by_seed))
    mean, low, high = mean_ci95([float(by_seed[seed]) for seed in seeds])
    if len(seeds) == 1 and (own := first["metrics"][name]["ci95"]):
        low, high = own  # over examples, where nothing is trained
    protocol = first["metrics"][name]["protocol"]
    system, metric = f"{first['experiment']} ({first['data']['name']})", name
    differences: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()
    if published is not None:
        system, metric = published.system, published.metric
        differences = protocol_differences(published.protocol, protocol)
        fair = published.protocol | dict.fromkeys(published.free)
        counted = protocol_differences(fair, protocol)
    return Row(
        system=system,
        metric=metric,
        published=published,
        mean=mean,
        low=low,
        high=high,
        seeds=seeds,
        protocol=protocol,
        differences=differences,
        verdict=judge(published, mean, low, high, counted),
        files=tuple(file for file, _, _ in parts),
    )


def _merged_parts(results: dict[str, dict[str, Any]]) -> list[list[tuple]]:
    """Metrics that make one row: equal in all but the seeds, which are disjoint."""
    owner: dict[tuple[str, int], str] = {}
    merged: dict[str, list[tuple]] = {}
    for file, result in results.items():
        shown = {
            name: metric
            for name, metric in result["metrics"].items()
            if metric["protocol"] or metric.get("published")
        }
        if not shown:
            continue
        config = result["config"] | {"seed": None, "seeds": None}
        checksum = result["data"]["checksum"]
        run = [result["experiment"], config, result["steps"], checksum]
        run_key = json.dumps(run, sort_keys=True)
        for seed in result["seeds"]:
            if (other := owner.setdefault((run_key, seed), file)) != file:
                raise InputError(
                    f"{other} and {file} both hold seed {seed} of the same "
                    "configuration: keep one of them."
                )
        for name, metric in shown.items():
            protocol, figure = metric["protocol"], metric.get("published")
            key = json.dumps([run_key, name, protocol, figure], sort_keys=True)
            merged.setdefault(key, []).append((file, result, name))
    return list(merged.values())


def ledger_rows(results_dir: Path, published_path: Path) -> list[Row]:
    """Every published figure with what was reached, then results without a figure.

    Args:
      results_dir: folder of result files; its `*.json` are read.
      published_path: the published figures.

    Raises:
      InputError: for a file that can't be used, an unknown figure, or two files that
        hold the same seed of the same configuration.
    """
    figures = read_published(published_path)
    if not results_dir.is_dir():
        raise InputError(f"{results_dir}: no such folder of results.")
    results: dict[str, dict[str, Any]] = {}
    for path in sorted(results_dir.glob("*.json")):
        results |= read_results(path)
    rows: dict[str | None, list[Row]] = {name: [] for name in [*figures, None]}
    for parts in _merged_parts(results):
        file, result, name = parts[0]
        figure = result["metrics"][name].get("published")
        if figure not in rows:
            raise InputError(
                f"{results_dir / file}, metrics.{name}: field 'published' names "
                f"{figure!r}, which {published_path.name} does not hold."
            )
        rows[figure].append(_merged_row(parts, figures.get(figure)))
    for name, figure in figures.items():
        rows[name] = rows[name] or [_row_not_run(figure)]
    return [row for group in rows.values() for row in group]


def _row_not_run(figure: Published) -> Row:
    verdict = judge(figure, None, None, None, ())
    nothing = (None, None, None, (), {}, (), verdict, ())
    return Row(figure.system, figure.metric, figure, *nothing)


def _label(field: str) -> str:
    return field.replace("_", " ")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _rounded(value: float, decimals: int) -> str:
    rounded = round(value, decimals) + 0.0  # the sum turns -0.0 into 0.0
    return f"{rounded:.{max(decimals, 0)}f}"


def _leading_digit(value: float) -> int:
    """Power of ten of the first significant digit; 0 for zero."""
    return math.floor(math.log10(abs(value))) if value else 0


def _format_ours(row: Row) -> str:
    if row.mean is None:
        return "-"
    if row.low is None or row.high is None:
        return f"{_rounded(row.mean, 3 - _leading_digit(row.mean))} (1 seed)"
    half_width = (row.high - row.low) / 2
    if half_width <= 1e-9 * abs(row.mean):  # the same number from every seed
        return f"{row.mean:.6g} [{row.mean:.6g}, {row.mean:.6g}]"
    decimals = 1 - _leading_digit(half_width)  # two digits of it carry meaning
    if decimals > 6:
        return f"{row.mean:.2g} [{row.low:.2g}, {row.high:.2g}]"
    mean, low, high = (_rounded(x, decimals) for x in (row.mean, row.low, row.high))
    return f"{mean} [{low}, {high}]"


def _format_published(figure: Published | None) -> str:
    if figure is None:
        return "-"
    error = "" if figure.error is None else f" ± {figure.error:g}"
    trust = "recalled" if figure.trust == "M" else figure.trust
    source = f"{figure.source['paper']}, {figure.source['table']}"
    return f"{figure.value:.6g}{error} ({source}; {trust})"


def _format_protocol(row: Row) -> str:
    if row.mean is None:
        return "-"
    stated = row.protocol
    if row.published is not None:
        open_fields = {k for k, v in row.published.protocol.items() if v is None}
        stated = {k: v for k, v in row.protocol.items() if k in open_fields}
    texts = [f"{_label(name)} = {_plain(value)}" for name, value in stated.items()]
    if row.published is not None:
        texts = [*(row.differences or ["same"]), *texts]
    return "; ".join(texts) or "-"


def _cells(row: Row) -> list[str]:
    return [
        row.system,
        row.metric,
        _format_published(row.published),
        _format_ours(row),
        str(len(row.seeds)) if row.seeds else "-",
        _format_protocol(row),
        row.verdict or "-",
    ]


def format_table(rows: list[Row], markdown: bool = False) -> str:
    """The ledger as aligned text, one line per row, or as a Markdown table."""
    if markdown:
        lines = [COLUMNS, ["---"] * len(COLUMNS), *map(_cells, rows)]
        escaped = [[cell.replace("|", r"\|") for cell in line] for line in lines]
        return "\n".join(f"| {' | '.join(line)} |" for line in escaped)
    lines = [list(COLUMNS), *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _rich_table(rows: list[Row]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.HORIZONTALS, padding=(0, 1, 0, 0), show_lines=True, expand=True
    )
    for name, share in zip(COLUMNS, (11, 15, 15, 15, 6, 20, 9), strict=True):
        table.add_column(name, overflow="fold", ratio=share)
    for row in rows:
        table.add_row(*(cell.replace("; ", ";\n") for cell in _cells(row)))
    return table


def _with_table(text: str, rows: list[Row], path: Path) -> str:
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in before + after:
        raise InputError(
            f"{path}: needs one line '{BEGIN}' and, below it, one '{END}'."
        )
    beside_published = [row for row in rows if row.published is not None]
    table = format_table(beside_published, markdown=True)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: can't be read ({error}).") from error


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
        raise InputError(f"{readme_path}: can't be written ({error}).") from error
    return True


@dataclasses.dataclass(frozen=True)
class ResultsConfig:
    """Print the ledger: what full runs reached, beside the published figures."""

    results_dir: Path | None = None
    """Folder of result files; the checkout's experiments/results if not given."""
    published: Path | None = None
    """Published figures; the checkout's experiments/published.json if not given."""
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
            raise ValueError("Give one of --markdown --json --write-readme --check.")


def checkout_root() -> Path:
    """The checkout around the working directory, else the one that holds this file."""
    here = Path.cwd()
    own = Path(__file__).resolve().parents[1]
    for folder in (here, *here.parents):
        if (folder / "experiments" / "published.json").is_file():
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
    rows = ledger_rows(
        results_dir, cfg.published or root / "experiments" / "published.json"
    )
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

        Console(markup=False, highlight=False).print(_rich_table(rows))
    return 0


def _as_json(row: Row) -> dict[str, Any]:
    figure = row.published
    return row._asdict() | {"published": figure and figure._asdict()}


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
