"""The ledger as a table: aligned text, Markdown, or for a terminal."""

import collections
import math
from collections.abc import Iterable, Sequence
from typing import Any

from jaxdl.ledger.published import Published
from jaxdl.ledger.rows import Row, label, plain
from jaxdl.printing import visible

FEW_SEEDS = 5  # up to this many, each seed's value is printed
MOST_DECIMALS = 20  # more of them, or of zeros before the point, are an exponent

COLUMNS = (
    "System",
    "Metric",
    "Published",
    "Ours",
    "Seeds",
    "Protocol (published -> ours)",
    "Verdict",
)
NARROW = 100  # columns of a terminal, below which a row takes two lines
SHORT_COLUMNS = ("System", "Metric", "Ours", "Published", "Seeds", "Verdict")


def _rounded(value: float, decimals: int) -> str:
    if abs(decimals) > MOST_DECIMALS:
        return f"{value:.4g}"
    rounded = round(value, decimals) + 0.0  # the sum turns -0.0 into 0.0
    return f"{rounded:.{max(decimals, 0)}f}"


def _leading_digit(value: float) -> int:
    """Power of ten of the first significant digit; 0 for zero."""
    return math.floor(math.log10(abs(value))) if value else 0


def _format_ours(row: Row) -> str:
    text, decimals = format_mean(row)
    notes = _format_values(row, decimals)
    return f"{text} ({notes})" if notes else text


def _format_values(row: Row, decimals: int) -> str:
    """The values of few seeds, and the seed that lies far from all others."""
    from jaxdl.measures.statistics import far_off  # not for --help

    if len(set(row.values)) < 2:
        return ""
    digits = 2 - _leading_digit(max(map(abs, row.values)))  # three of the largest
    if digits > 8:  # so small that it is rounding
        texts = [f"{value:.2g}" for value in row.values]
    else:
        texts = [_rounded(value, max(decimals, digits)) for value in row.values]
    far = far_off(list(row.values))
    if len(texts) <= FEW_SEEDS:
        notes = [", ".join(texts)]
        return "; ".join(
            notes + ([] if far is None else [f"seed {row.seeds[far]} far off"])
        )
    return "" if far is None else f"seed {row.seeds[far]} far off: {texts[far]}"


def format_mean(row: Row) -> tuple[str, int]:
    """The mean with its interval, and how many decimals they have."""
    if row.mean is None:
        return "-", 0
    if row.low is None or row.high is None:
        decimals = 3 - _leading_digit(row.mean)
        return f"{_rounded(row.mean, decimals)} (1 seed)", decimals
    half_width = (row.high - row.low) / 2
    decimals = 1 - _leading_digit(half_width)  # two digits of it carry meaning
    if half_width <= 1e-9 * abs(row.mean):  # the same number from every seed
        return f"{row.mean:.6g} [{row.mean:.6g}, {row.mean:.6g}]", decimals
    if decimals > 6 or decimals < -MOST_DECIMALS:
        return f"{row.mean:.2g} [{row.low:.2g}, {row.high:.2g}]", decimals
    mean, low, high = (_rounded(x, decimals) for x in (row.mean, row.low, row.high))
    return f"{mean} [{low}, {high}]", decimals


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
    texts = [f"{label(name)} = {plain(value)}" for name, value in stated.items()]
    if row.published is not None:
        texts = [*(row.differences or ["same"]), *texts]
    return "; ".join(texts) or "-"


def cells(row: Row) -> list[str]:
    """The texts of a row, one for each of `COLUMNS`, without control characters."""
    texts = [
        row.system,
        row.metric,
        _format_published(row.published),
        _format_ours(row),
        str(len(row.seeds)) if row.seeds else "-",
        _format_protocol(row),
        row.verdict or "-",
    ]
    return [visible(text) for text in texts]


def inline(text: str) -> str:
    """A text as Markdown on one line that holds no HTML, comment, link or picture."""
    return visible(text).replace("<", "&lt;").replace("](", r"]\(")


def markdown_table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table of Markdown; texts of others go through `inline` first."""
    table = [head, ["---"] * len(head), *lines]
    escaped = [[cell.replace("|", r"\|") for cell in line] for line in table]
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)


def short_cells(row: Row) -> list[str]:
    """The texts of a row, one for each of `SHORT_COLUMNS`: no protocol, no source."""
    figure = row.published
    published = "-" if figure is None else f"{figure.value:.6g}"
    if figure is not None and figure.trust == "M":
        published += " (recalled)"
    texts = [row.system, row.metric, format_mean(row)[0], published]
    texts += [str(len(row.seeds)) if row.seeds else "-", row.verdict or "-"]
    return [visible(text) for text in texts]


def count_verdicts(rows: Sequence[Row]) -> str:
    """The number of rows of each verdict, in words."""
    counts = collections.Counter(
        row.verdict.lower() if row.verdict else "unjudged" for row in rows
    )
    order = ("reached", "not reached", "reduced", "not run", "unjudged")
    parts = [f"{counts[name]} {name}" for name in order if counts[name]]
    noun = "row" if len(rows) == 1 else "rows"
    return f"{len(rows)} {noun}{': ' if parts else ''}{', '.join(parts)}"


def format_table(rows: list[Row], markdown: bool = False) -> str:
    """The ledger as aligned text, one line per row, or as a Markdown table.

    Aligned text has `SHORT_COLUMNS`, the Markdown table has all.
    """
    if markdown:
        return markdown_table(COLUMNS, ([*map(inline, cells(row))] for row in rows))
    lines = [list(SHORT_COLUMNS), *map(short_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def narrow_table(rows: list[Row]) -> str:
    """The table for a narrow terminal: what it is on a line, the numbers below."""
    lines = [[f"{SHORT_COLUMNS[0]}: {SHORT_COLUMNS[1].lower()}", *SHORT_COLUMNS[2:]]]
    for row in rows:
        system, metric, *numbers = short_cells(row)
        lines.append([f"{system}: {metric}", *numbers])
    widths = [max(map(len, column)) for column in list(zip(*lines, strict=True))[1:]]
    return "\n".join(
        f"{first}\n    " + "  ".join(map(str.ljust, numbers, widths)).rstrip()
        for first, *numbers in lines
    )


def rich_table(rows: list[Row]) -> Any:
    """The table for a terminal of `NARROW` columns or more (`rich.table.Table`)."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in SHORT_COLUMNS:
        wraps = name in ("System", "Metric")
        justify = "right" if name in ("Published", "Seeds") else "left"
        table.add_column(name, overflow="fold", no_wrap=not wraps, justify=justify)
    for row in rows:
        table.add_row(*short_cells(row))
    return table
