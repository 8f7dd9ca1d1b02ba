"""Contents of the two READMEs: best results, systems, speed, ledger and gallery.

Each function returns Markdown. Links are relative to the page's folder: the checkout
for README.md, `experiments/` for experiments/README.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict
from urllib.parse import quote

from jaxdl.errors import InputError
from jaxdl.ledger.minutes import format_minutes, recorded_minutes
from jaxdl.ledger.rows import Row, judge
from jaxdl.ledger.schema import check_form, read_json
from jaxdl.ledger.table import cells, format_mean, inline, markdown_table
from jaxdl.registry import PROJECT, System, recorded_words

VERDICTS = ("Reached", "Not reached", "Reduced", "Not run", None)  # in this order
NUM_BEST = 10
THUMBNAIL, PICTURE = 72, 260  # widths in pixels


def best_table(rows: Sequence[Row]) -> str:
    """Ten reached figures at most, one of each system first, then a second one ..."""
    reached = [row for row in rows if row.verdict == "Reached"]
    ranked: list[tuple[int, int, Row]] = []
    for number, row in enumerate(reached):
        before = sum(other.owner == row.owner for other in reached[:number])
        ranked.append((before, number, row))
    chosen = sorted(ranked, key=lambda entry: entry[:2])[:NUM_BEST]
    head = ["System", "Metric", "Published", "Ours", "Seeds", "Source"]
    lines = [
        [
            inline(row.system),
            inline(row.metric),
            _figure(row),
            format_mean(row)[0],
            str(len(row.seeds)),
            inline(row.published.source["paper"]) if row.published else "-",
        ]
        for _, _, row in sorted(chosen, key=lambda entry: entry[1])
    ]
    return markdown_table(head, lines) + "\n\n" + _counts(rows)


def _figure(row: Row) -> str:
    return "-" if row.published is None else f"{row.published.value:.6g}"


def _counts(rows: Sequence[Row]) -> str:
    def count(verdict: str) -> int:
        return sum(row.verdict == verdict for row in rows)

    missed = [
        f"{inline(row.system)} ({format_mean(row)[0]} against {_figure(row)})"
        for row in rows
        if row.verdict == "Not reached"
    ]
    as_good = sum(
        row.verdict == "Reduced"
        and judge(row.published, row.mean, row.low, row.high, ()) == "Reached"
        for row in rows
    )
    listed = ": " + "; ".join(missed) if missed else ""
    return (
        f"{count('Reached')} reached, {len(missed)} not reached{listed}. "
        f"{count('Reduced')} more were measured under a reduced protocol, where "
        f"{as_good} came as far; "
        f"{count('Not run')} have not been run."
    )


def systems_table(
    systems: Iterable[System], results: Mapping[str, Mapping[str, Any]], root: Path
) -> str:
    """A row for each system: paper, minutes of its default and recorded run, thumbnail.

    Args:
      systems: as `find_systems` returns them.
      results: contents of the result files by name.
      root: the checkout.
    """
    lines = []
    for system in systems:
        record = next(iter(system.records), None)
        flags = recorded_words(system)
        lines.append(
            [
                system.name,
                system.paper or "-",
                format_minutes(recorded_minutes(system).default),
                f"`{flags}`" if flags else "",
                _minutes(results.get(record or "")),
                _image(system.picture, root, root, THUMBNAIL),
            ]
        )
    head = ["System", "Paper", "Minutes", "Recorded run", "Minutes", ""]
    return markdown_table(head, lines)


def _minutes(result: Mapping[str, Any] | None) -> str:
    return format_minutes(result.get("wall_seconds") if result else None)


def _image(picture: str | None, root: Path, base: Path, width: int) -> str:
    if not picture:
        return ""
    path = root / "experiments" / "results" / "figures" / picture
    link = quote(path.relative_to(base).as_posix())
    return f"<img width={width} src={link}>"


class _Selected(TypedDict):
    label: str
    result: str
    case: str
    peer: str | None


class _Timings(TypedDict):
    rows: list[dict[str, Any]]


class _Timing(TypedDict):
    ours_seconds: float
    peer_seconds: float


def speed_table(selection: Path) -> str:
    """The timings that a JSON list selects from result files of benchmarks.

    Args:
      selection: a list of `{"label", "result", "case", "peer"}`; `result` names a file
        of the folder `results` beside it, whose row has this case and peer.

    Raises:
      InputError: if a file or a row is not there.
    """
    lines = []
    selected = read_json(selection)
    if not isinstance(selected, list):
        raise InputError(f"{selection}: expected a JSON list of selected rows")
    for index, entry in enumerate(selected):
        check_form(entry, _Selected, f"{selection}, entry {index}")
        path = selection.parent / "results" / entry["result"]
        content = read_json(path)
        check_form(content, _Timings, str(path), others=True)
        found = [
            row
            for row in content["rows"]
            if row.get("case") == entry["case"] and row.get("peer") == entry["peer"]
        ]
        if len(found) != 1:
            raise InputError(
                f"{selection}: {entry['label']!r} selects {len(found)} rows of "
                f"{path.name}; give the case and the peer of one"
            )
        check_form(found[0], _Timing, f"{path}, {entry['label']!r}", others=True)
        if min(found[0]["ours_seconds"], found[0]["peer_seconds"]) <= 0:
            raise InputError(f"{path}, {entry['label']!r}: seconds must be above 0")
        ours, peer = found[0]["ours_seconds"], found[0]["peer_seconds"]
        times = [_milliseconds(ours), _milliseconds(peer), f"{peer / ours:.2f}"]
        lines.append([entry["label"], *times])
    return markdown_table(["", "ours, ms", "PyTorch, ms", "PyTorch / ours"], lines)


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g}"


def ledger_page(
    systems: Sequence[System],
    rows: Sequence[Row],
    results: Mapping[str, Mapping[str, Any]],
    root: Path,
) -> str:
    """Rows by verdict and system, then commands, own results and pictures by system."""
    names = [system.name for system in systems]
    others = sorted({row.owner for row in rows} - set(names))
    parts = [_overview(systems, rows)]
    for title, verdicts in (
        ("Reached and not reached", VERDICTS[:2]),
        ("Reduced", VERDICTS[2:3]),
        ("Not run and recalled", VERDICTS[3:]),
    ):
        parts.append(f"## {title}")
        for name in [*names, *others]:
            chosen = [
                row
                for verdict in verdicts
                for row in rows
                if row.published and (row.owner, row.verdict) == (name, verdict)
            ]
            if chosen:
                parts += [f"### {inline(name)}", _published_table(chosen)]
    for system in systems:
        parts += [f'<a id="{system.name}"></a>\n\n## {system.name}', f"{system.title}."]
        parts += _system_parts(system, rows, results, root)
    return "\n\n".join(parts)


def _overview(systems: Sequence[System], rows: Sequence[Row]) -> str:
    lines = []
    for system in systems:
        own = [row for row in rows if row.owner == system.name]
        counts = [
            sum(row.published is not None and row.verdict == verdict for row in own)
            for verdict in VERDICTS
        ]
        counts.append(sum(row.published is None for row in own))
        link = f"[{system.name}](#{system.name})"
        lines.append([link, system.paper or "-", *(str(n or "") for n in counts)])
    head = ["System", "Paper", "Reached", "Not reached", "Reduced", "Not run"]
    return markdown_table([*head, "Recalled", "Own"], lines)


def _published_table(rows: Sequence[Row]) -> str:
    head = ["System", "Metric", "Published", "Ours", "Seeds", "Protocol", "Verdict"]
    return markdown_table(head, [[*map(inline, cells(row))] for row in rows])


def _system_parts(
    system: System,
    rows: Sequence[Row],
    results: Mapping[str, Mapping[str, Any]],
    root: Path,
) -> list[str]:
    page = root / "experiments"
    script = system.script
    command = script.relative_to(root) if script.is_relative_to(root) else script.name
    parts = []
    lines = []
    for file, flags in system.records.items():
        link = f"[{file}](results/{file})"
        if not (page / "results" / file).is_file():
            link = file
        words = " ".join(["python", str(command), flags]).strip()
        lines.append([f"`{words}`", _minutes(results.get(file)), link])
    if lines:
        parts.append(markdown_table(["Command", "Minutes", "Result"], lines))
    own = [row for row in rows if row.owner == system.name and row.published is None]
    if own:
        table = markdown_table(
            ["Run", "Metric", "Ours", "Seeds", "Protocol"],
            [
                [*map(inline, [", ".join(row.files), row.metric, *cells(row)[3:6]])]
                for row in own
            ],
        )
        noun = "result" if len(own) == 1 else "results"
        summary = f"{len(own)} {noun} without a published figure"
        parts.append(f"<details><summary>{summary}</summary>\n\n{table}\n\n</details>")
    texts = _files(system, page / "results", ["*.txt"])
    parts += [f"[{inline(x.stem)}](results/{quote(x.name)})" for x in texts]
    pictures = _files(system, page / "results" / "figures", ["*.png", "*.gif"])
    if pictures:
        images = [
            f"[{_image(x.name, root, page, PICTURE)}](results/figures/{quote(x.name)})"
            for x in pictures
        ]
        parts.append("\n".join(images))
    return parts


def _files(system: System, folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Committed files of the system's experiments: `<experiment>-<what>`."""
    experiments = {system.name} | {
        file.removesuffix(".json").partition("-")[0] for file in system.records
    }
    paths = [path for pattern in patterns for path in folder.glob(pattern)]
    return sorted(path for path in paths if path.stem.partition("-")[0] in experiments)


def results_dirs(main: Path, systems: Iterable[System]) -> list[Path]:
    """Folders of result files: the main one, and those of systems outside.

    The main one stands for that of the installed package, which may be another copy.
    """
    scripts = {system.script.parent for system in systems} - {PROJECT / "experiments"}
    folders = {folder / "results" for folder in scripts}
    others = {folder for folder in folders if folder != main and folder.is_dir()}
    return [main, *sorted(others)]


def read_contents(folders: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Contents of the result files in some folders, by name."""
    paths = [path for folder in folders for path in sorted(folder.glob("*.json"))]
    return {path.name: read_json(path) for path in paths}
