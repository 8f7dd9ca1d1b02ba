"""A result as text for the terminal: numbers, what they mean, what was published."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl.errors import InputError
from jaxdl.ledger.metrics import UNBOUNDED, Metric, lookup, metrics_of
from jaxdl.ledger.published import Published, published_files, read_published
from jaxdl.ledger.rows import judge, protocol_differences
from jaxdl.printing import terminal_columns, visible
from jaxdl.registry import find_owner

WIDEST = 120
"""Columns that a table takes at most, and where there is no terminal."""
LEAST_WORDS = 36
"""Columns that are left for words, else they go below their number."""
VERDICTS = {
    "Reached": "reached",
    "Not reached": "missed",
    "Reduced": "other protocol",
    None: "recalled",
}


class Words(NamedTuple):
    """Metrics of an experiment in words, and figures published of them.

    Attributes:
      metrics: in words, by name or pattern.
      published: figures by id.
    """

    metrics: Mapping[str, Metric]
    published: Mapping[str, Published]


def words_of(experiment: str) -> Words:
    """Metrics and published figures of the system that trains an experiment.

    Nothing is known of an experiment that belongs to no system.

    Raises:
      InputError: if a file of the system cannot be used.
    """
    try:
        folder = find_owner(experiment).folder
    except InputError:
        return Words({}, {})
    return Words(metrics_of(folder), read_published(*published_files([folder])))


def columns() -> int:
    """Columns of the terminal, at most `WIDEST`, which is what a file gets too."""
    return terminal_columns(WIDEST)


def meaning(metric: Metric | None) -> str:
    """A metric in words, with unit and better side; empty if nothing is said."""
    if metric is None:
        return ""
    unit = f" ({metric.unit})" if metric.unit else ""
    better = "" if metric.better is None else f"; {metric.better} is better"
    if isinstance(metric.better, int | float):
        better = f"; best near {metric.better:.4g}"
    return f"{metric.means}{unit}{better}"


class _Number(NamedTuple):
    """A metric of a result: as numbers, and what was published."""

    name: str
    mean: str
    interval: str
    published: str
    source: str
    words: str


def _number(name: str, metric: Mapping[str, Any], words: Words) -> _Number:
    known = lookup(words.metrics, name, None)
    figure = words.published.get(metric.get("published") or "")
    limits = (figure and figure.bounds) or (known.bounds if known else UNBOUNDED)
    low, high = _interval(metric, limits)
    interval = "" if low is None else f"[{low:.4g}, {high:.4g}]"
    published = source = ""
    if figure is not None and not figure.withdrawn:
        fair = figure.protocol | dict.fromkeys(figure.free)
        differences = protocol_differences(fair, metric["protocol"])
        verdict = judge(figure, metric["mean"], low, high, differences)
        published = f"{figure.value:.6g}, {VERDICTS[verdict]}"
        source = f"{figure.value:.6g} is from {figure.source['paper']}"
        if differences:
            source += f"; protocols differ in {'; '.join(differences)}"
    number = f"{metric['mean']:.4g}"
    return _Number(name, number, interval, published, source, meaning(known))


def _interval(metric: Mapping[str, Any], limits: Any) -> tuple[Any, Any]:
    """The 95 % interval, kept within the bounds; None, None for one seed."""
    if metric["ci95"] is None:
        return None, None
    if len(metric["per_seed"]) < 2:  # over examples, where nothing is trained
        return tuple(metric["ci95"])
    from jaxdl.measures.statistics import bounded_ci95

    try:
        _, low, high = bounded_ci95(list(map(float, metric["per_seed"])), *limits)
    except ValueError:  # a value outside of its bounds
        return tuple(metric["ci95"])
    return low, high


def metric_lines(
    metrics: Mapping[str, Mapping[str, Any]], words: Words, width: int
) -> list[str]:
    """A table of metrics: mean, interval, published figure and meaning.

    Those that get a row of the ledger come first.

    Args:
      metrics: of a result.
      words: what is known of them.
      width: of the widest line, unless a number alone is wider.
    """
    order = sorted(metrics, key=lambda name: not _is_chief(metrics[name]))
    rows = [_number(name, metrics[name], words) for name in order]
    heads = _Number("metric", "mean", "95 % interval", "published", "", "")
    shown = [field for field in range(4) if any(row[field] for row in rows)]
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in shown]
    used = sum(widths) + 2 * len(widths)
    beside = width - used >= LEAST_WORDS

    def cells(row: _Number) -> str:
        texts = [
            row[i].rjust(n) if i == 1 else row[i].ljust(n)
            for i, n in zip(shown, widths, strict=True)
        ]
        return "  ".join(texts)

    lines = [cells(heads).rstrip()]
    for row in rows:
        room = width - used if beside else width - 4
        told = textwrap.wrap(row.words, max(room, 20))
        first = told.pop(0) if beside and told else ""
        lines.append(f"{cells(row)}  {first}".rstrip())
        lines += [" " * (used if beside else 4) + text for text in told]
    for source in dict.fromkeys(row.source for row in rows if row.source):
        lines += textwrap.wrap(source, width, subsequent_indent="    ")
    return [visible(line) for line in lines]


def brief_lines(result: Mapping[str, Any], words: Words, width: int) -> list[str]:
    """A line for each metric of a part of a run, its remarks and its last line."""
    rows = [_number(name, metric, words) for name, metric in result["metrics"].items()]
    size = max((len(row.name) for row in rows), default=0)
    lines = [f"{row.name:>{size}}  {row.mean}  {row.interval}".rstrip() for row in rows]
    return [*map(visible, lines), *remark_lines(result, width), last_line(result)]


def last_line(result: Mapping[str, Any]) -> str:
    """Seeds, steps, time and the hash of the final state."""
    seeds = len(result["seeds"])
    parts = [f"{seeds} seed{'s' if seeds > 1 else ''}"]
    if "steps" in result:
        parts.append(_steps(result))
    if result["wall_seconds"] is not None:
        parts.append(f"{result['wall_seconds']:.1f} s")
    return f"{', '.join(parts)}; state {result['state_sha256'][:16]}"


def _steps(result: Mapping[str, Any]) -> str:
    stopped = result.get("stopped_step")
    if stopped is None:
        return f"{result['steps']:,} steps"
    return f"stopping rule held by step {stopped:,} of {result['steps']:,}"


def remark_lines(result: Mapping[str, Any], width: int) -> list[str]:
    """Lines of the remarks on each seed."""
    lines = []
    for name, remarks in result.get("remarks", {}).items():
        for seed, remark in zip(result["seeds"], remarks, strict=True):
            text = visible(f"{name}, seed {seed}: {remark['text']}")
            lines += textwrap.wrap(text, width, subsequent_indent="    ")
    return lines


def case_lines(
    results: Mapping[str, Mapping[str, Any]], words: Words, width: int
) -> list[str]:
    """A sweep as a table: a row for each case, a column for each chief metric.

    Chief are the metrics with a protocol, else all; those that most cases have come
    first. What does not fit is counted, and in `result.json`.
    """
    names = _chief([result["metrics"] for result in results.values()])
    table = [["case", *names]]
    for case, result in results.items():
        found = {
            name: _number(name, metric, words)
            for name, metric in result["metrics"].items()
        }
        texts = [
            f"{found[name].mean} {found[name].interval}".strip()
            if name in found
            else ""
            for name in names
        ]
        table.append([case, *texts])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    fit = len(widths)
    while fit > 2 and sum(widths[:fit]) + 2 * fit - 2 > width:
        fit -= 1
    lines = [
        "  ".join(map(str.ljust, row[:fit], widths[:fit])).rstrip() for row in table
    ]
    for name in names[: fit - 1]:
        told = meaning(lookup(words.metrics, name, None))
        if told:
            text = f"{name}: {told}"
            lines += textwrap.wrap(text, width, subsequent_indent="    ")
    if left := len(names) - fit + 1:
        more = f"{left} more metric{'s' if left > 1 else ''}"
        lines.append(f"{more} in result.json, and by: jaxdl show CASE'S FOLDER")
    return [visible(line) for line in lines]


def _is_chief(metric: Mapping[str, Any]) -> bool:
    """True for a metric that gets a row of the ledger."""
    return bool(metric["protocol"] or metric.get("published"))


def _chief(metrics: Sequence[Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """Names of the metrics that a table of cases shows, the commonest first."""
    counts: dict[str, int] = {}
    for chief_only in (True, False):
        for each in metrics:
            for name, metric in each.items():
                if _is_chief(metric) or not chief_only:
                    counts[name] = counts.get(name, 0) + 1
        if counts:
            break
    return sorted(counts, key=lambda name: -counts[name])


def picture_lines(folder: Path, shown: str, width: int) -> list[str]:
    """Lines that name the pictures of a run and their folder; none without pictures.

    Args:
      folder: of the run.
      shown: the folder as it is printed.
      width: of the widest line.
    """
    paths = sorted((folder / "figures").glob("*")) if folder.is_dir() else []
    if not paths:
        return []
    names = ", ".join(path.stem for path in paths)
    text = visible(f"pictures: {shown}/figures ({names})")
    return textwrap.wrap(
        text,
        width,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
