"""The rows of the ledger: what full runs reached, beside the published figures.

Result files refer to published figures by their id. Results of equal configuration and
disjoint seeds become one row, whose mean and 95 % interval are computed over all seeds.
A sweep's file holds one result for each of its cases, and gives rows for each.

Protocols are compared field by field. A metric with neither a protocol nor a published
figure is a run's own note and gets no row.
"""

import collections
import json
import os
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl.errors import InputError
from jaxdl.ledger.metrics import UNBOUNDED, Bounds, lookup
from jaxdl.ledger.published import Published
from jaxdl.ledger.schema import RunResult, read_results

Figures = Mapping[str, Published]


class Part(NamedTuple):
    """One file's share of a row: the result and the name of the metric in it."""

    file: str
    result: RunResult
    metric: str


class Row(NamedTuple):
    """One line of the ledger.

    Attributes:
      system, metric: as in the published figure, else the result's own names.
      published: the figure to compare with, None if there is none.
      mean, low, high: over the seeds; the 95 % interval, within the metric's bounds,
        needs two seeds or more, and all three are None where nothing was run.
      seeds: the seeds behind the mean, ascending.
      protocol: ours; empty where nothing was run.
      differences: one text for each field whose published value is not ours.
      verdict: "Reached", "Not reached", "Reduced", "Not run", or None where there is
        nothing to judge by.
      files: names of the result files, with ": case" for one of a sweep.
      values: one for each seed.
      owner: name of the system.
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
    values: tuple[float, ...] = ()
    owner: str = ""


def label(field: str) -> str:
    """A field's name in words."""
    return field.replace("_", " ")


def plain(value: Any) -> str:
    """Text as it is, other values as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def protocol_differences(
    published: dict[str, Any], ours: dict[str, Any]
) -> tuple[str, ...]:
    """Each field in which two protocols differ, as "field: published -> ours".

    A field that one side lacks is a difference. A published None is no difference from
    any value of ours, as long as we state one.
    """

    def text(protocol: dict[str, Any], name: str) -> str:
        return plain(protocol[name]) if name in protocol else "missing"

    return tuple(
        f"{label(name)}: {text(published, name)} -> {text(ours, name)}"
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


def owner_of(result: RunResult, figures: Figures, systems: Container[str]) -> str:
    """The system that a result belongs to.

    It is the one with the experiment's name. Where scripts were merged or renamed it is
    the one whose published figures the result refers to.
    """
    if result["experiment"] in systems:
        return result["experiment"]
    cited = [metric.get("published") for metric in result["metrics"].values()]
    owners = [figures[id].owner for id in cited if id in figures]
    return owners[0] if owners else result["experiment"]


def _merged_row(
    parts: list[Part],
    published: Published | None,
    owner: str,
    bounds: Mapping[str, Bounds],
) -> Row:
    """One row from parts that belong together."""
    from jaxdl.measures.statistics import bounded_ci95  # not for --help

    file, first, name = parts[0]
    by_seed = {
        seed: value
        for _, result, _ in parts
        for seed, value in zip(
            result["seeds"], result["metrics"][name]["per_seed"], strict=True
        )
    }
    seeds = tuple(sorted(by_seed))
    values = tuple(float(by_seed[seed]) for seed in seeds)
    limits = (published and published.bounds) or lookup(bounds, name, UNBOUNDED)
    try:
        mean, low, high = bounded_ci95(list(values), *limits)
    except ValueError as error:
        raise InputError(f"{file}, metrics.{name}: {error}") from error
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
        files=tuple(part.file for part in parts),
        values=values,
        owner=owner,
    )


def _merged_parts(results: dict[str, RunResult]) -> list[list[Part]]:
    """Metrics that make one row: equal in all but the seeds, which are disjoint."""
    owner: dict[tuple[str, int], str] = {}
    merged: dict[str, list[Part]] = {}
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
                    "configuration: keep one of them"
                )
        for name, metric in shown.items():
            protocol, figure = metric["protocol"], metric.get("published")
            key = json.dumps([run_key, name, protocol, figure], sort_keys=True)
            merged.setdefault(key, []).append(Part(file, result, name))
    return list(merged.values())


def ledger_rows(
    results_dir: Path | Sequence[Path],
    figures: Figures,
    bounds: Mapping[str, Mapping[str, Bounds]] | None = None,
) -> list[Row]:
    """Every published figure with what was reached, then results without a figure.

    Withdrawn figures, and the metrics that refer to them, give no row.

    Args:
      results_dir: folder of result files, or several; their `*.json` are read.
      figures: the published figures by id (`jaxdl.ledger.published.all_published`).
      bounds: of metrics, by system (`jaxdl.ledger.metrics.all_bounds`); without them
        intervals are Student's.

    Raises:
      InputError: for a file that cannot be used, an unknown figure, a value outside its
        bounds, or two files that have one name or hold the same seed of the same
        configuration.
    """
    bounds = bounds or {}
    results: dict[str, RunResult] = {}
    for folder in [results_dir] if isinstance(results_dir, Path) else results_dir:
        if not os.path.isdir(folder):  # the method raises for a long name
            raise InputError(
                f"{folder}: no such folder; name one that holds result files"
            )
        for path in sorted(folder.glob("*.json")):
            found = read_results(path)
            if found.keys() & results.keys():
                raise InputError(
                    f"{path}: another folder of results holds a file of this name; "
                    "rename one"
                )
            results |= found
    rows: dict[str | None, list[Row]] = {name: [] for name in [*figures, None]}
    for parts in _merged_parts(results):
        file, result, name = parts[0]
        figure = result["metrics"][name].get("published")
        if figure not in rows:
            raise InputError(
                f"{file}, metrics.{name}: field 'published' names "
                f"{figure!r}, which no system publishes; correct it or add the figure"
            )
        owner = owner_of(result, figures, bounds)
        published = None if figure is None else figures[figure]
        row = _merged_row(parts, published, owner, bounds.get(owner, {}))
        rows[figure].append(row)
    for name, figure in figures.items():
        rows[name] = [] if figure.withdrawn else rows[name] or [_row_not_run(figure)]
    return _told_apart([row for group in rows.values() for row in group])


def _told_apart(rows: Sequence[Row]) -> list[Row]:
    """The rows; those of equal names get the case of a sweep, or the file, added."""
    counts = collections.Counter((row.system, row.metric) for row in rows)
    return [
        row
        if counts[row.system, row.metric] == 1 or not row.files
        else row._replace(system=f"{row.system}, {_source(row.files[0])}")
        for row in rows
    ]


def _source(file: str) -> str:
    """The case of a sweep's file ("a.json: case"), or the file's name."""
    name, _, case = file.partition(": ")
    return case or name.removesuffix(".json")


def _row_not_run(figure: Published) -> Row:
    verdict = judge(figure, None, None, None, ())
    nothing = (None, None, None, (), {}, (), verdict, ())
    return Row(figure.system, figure.metric, figure, *nothing, owner=figure.owner)
