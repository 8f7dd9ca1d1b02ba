"""The ledger: merging, verdicts, digits, bad files, and the README's table."""

import csv
import dataclasses
import hashlib
import io
import json
import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest
from scipy import stats

from jaxdl.errors import InputError
from jaxdl.ledger.command import (
    ResultsConfig,
    checkout_root,
    results_command,
    select,
)
from jaxdl.ledger.metrics import all_bounds
from jaxdl.ledger.pages import (
    best_table,
    ledger_page,
    read_contents,
    results_dirs,
    speed_table,
    systems_table,
)
from jaxdl.ledger.published import (
    Published,
    all_published,
    published_files,
    read_published,
    system_folders,
)
from jaxdl.ledger.readme import is_stale, markers, update
from jaxdl.ledger.rows import Row, judge, ledger_rows
from jaxdl.ledger.schema import SweepResult, read_results
from jaxdl.ledger.table import format_table, narrow_table, rich_table
from jaxdl.measures.statistics import bounded_ci95
from jaxdl.registry import System, find_system, find_systems, flags_by_name, load_script
from jaxdl.train.config import config_hash, deciding_fields

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "experiments" / "results"
BEGIN, END = markers("results")
SHARED = [ROOT / "jaxdl" / "train" / "config.py"]
PARTS = ("best", "systems", "speed"), ("ledger",)  # of the two pages
PROTOCOL = {"data": "toy", "samples": 10}


def in_full(rows) -> str:
    """All that is known of rows, protocols too."""
    return format_table(rows, markdown=True)


def figure(**changes) -> dict:
    return {
        "id": "toy-score",
        "system": "Toy",
        "metric": "score",
        "value": 10.0,
        "error": 2,
        "error_kind": "standard error over test images",
        "direction": "higher",
        "protocol": PROTOCOL,
        "source": {"paper": "Doe 1999", "table": "Table 1"},
        "trust": "P",
    } | changes


def result(seeds, per_seed, *, protocol=PROTOCOL, published="toy-score", **changes):
    """A result file's content; `published=None` leaves the field out."""
    score = {
        "mean": sum(per_seed) / len(per_seed),
        "ci95": None,
        "per_seed": per_seed,
        "protocol": protocol,
    }
    return {
        "experiment": "toy",
        "config": {"learning_rate": 0.1, "seed": seeds[0], "seeds": len(seeds)},
        "config_hash": "0123abcd",
        "seeds": seeds,
        "steps": 100,
        "metrics": {"score": score | ({"published": published} if published else {})},
        "data": {"name": "toy", "checksum": "c0ffee"},
        "wall_seconds": 1.0,
        "steps_per_second": 100.0,
        "peak_memory_bytes": None,
        "device": "cpu",
        "versions": {"jax": "0"},
        "git_commit": None,
        "state_sha256": "ab",
    } | changes


@pytest.fixture
def ledger(tmp_path):
    """Writes figures and result files (name=content) and gives their rows."""

    def rows(*figures, **files) -> list[Row]:
        folder = tmp_path / "results"
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            (folder / f"{name}.json").write_text(json.dumps(content))
        (tmp_path / "published.json").write_text(json.dumps(figures))
        return ledger_rows(folder, read_published(tmp_path / "published.json"))

    return rows


# Merging


def test_disjoint_seeds_become_one_row(ledger):
    (row,) = ledger(
        figure(), a=result([3, 4], [5.0, 6.0]), b=result([0, 1, 2], [1.0, 2.0, 6.0])
    )
    # By hand: mean 20 / 5; squares of 1, 2, -3, -2, 2 sum to 22, so the standard error
    # is sqrt(22 / 4 / 5); the table's t for 4 degrees of freedom is 2.776445.
    half_width = 2.776445 * math.sqrt(22 / 20)
    assert row.mean == pytest.approx(4.0)
    assert (row.low, row.high) == pytest.approx(
        (4.0 - half_width, 4.0 + half_width), rel=1e-6
    )
    assert row.seeds == (0, 1, 2, 3, 4)
    assert row.files == ("a.json", "b.json")


def with_mean(mean):
    content = result([0, 1], [1.0, 2.0])
    content["metrics"]["score"]["mean"] = mean
    return content


def with_interval(content, ends):
    content["metrics"]["score"]["ci95"] = ends
    return content


def test_an_interval_over_examples_is_that_of_a_single_seed(ledger):
    """Where nothing is trained; two files with seeds have theirs from the seeds."""
    one, other = (with_interval(result([i], [5.0 + i]), [4.0, 7.0]) for i in (0, 1))
    (row,) = ledger(figure(), a=one)
    assert (row.mean, row.low, row.high) == (5.0, 4.0, 7.0)
    (row,) = ledger(figure(), a=one, b=other)
    assert (row.low, row.high) != (4.0, 7.0)


def test_interval_equals_scipy(ledger):
    values = [213.1, 209.9, 217.4, 214.0]
    (row,) = ledger(figure(), a=result([0, 1, 2, 3], values))
    expected = stats.t.interval(0.95, 3, loc=row.mean, scale=stats.sem(values))
    assert (row.low, row.high) == pytest.approx(expected, rel=1e-9)


def test_one_seed_has_no_interval(ledger):
    (row,) = ledger(figure(), a=result([7], [213.4321]))
    assert (row.mean, row.low, row.high) == (213.4321, None, None)
    assert "213.4 (1 seed)" in in_full([row])


@pytest.mark.parametrize(
    "other",
    [
        result([1], [2.0], experiment="other"),
        result([1], [2.0], config={"learning_rate": 0.2, "seed": 1, "seeds": 1}),
        result([1], [2.0], steps=200),
        result([1], [2.0], data={"name": "toy", "checksum": "dead"}),
        result([1], [2.0], protocol={"data": "toy", "samples": 5}),
        result([1], [2.0], published=None),
    ],
    ids=["experiment", "config", "steps", "checksum", "protocol", "figure"],
)
def test_different_runs_stay_apart(ledger, other):
    rows = ledger(figure(), a=result([0], [1.0]), b=other)
    assert [row.mean for row in rows] == [1.0, 2.0]


def test_same_seed_of_other_configuration_is_no_overlap(ledger):
    other = result([0], [2.0], config={"learning_rate": 0.2, "seed": 0, "seeds": 1})
    assert len(ledger(figure(), a=result([0], [1.0]), b=other)) == 2


def test_overlapping_seeds_name_both_files(ledger):
    with pytest.raises(InputError, match=r"a\.json and b\.json both hold seed 1"):
        ledger(figure(), a=result([0, 1], [1.0, 2.0]), b=result([1, 2], [2.0, 3.0]))


def test_a_result_without_protocols_meets_no_other(ledger):
    """As a sweep's cases, whose numbers are in its figure."""
    note = result([0, 1], [1.0, 2.0], protocol={}, published=None)
    (row,) = ledger(figure(), a=result([0, 1], [1.0, 2.0]), b=note)
    assert row.seeds == (0, 1) and row.files == ("a.json",)


def test_a_sweep_s_file_needs_results(ledger):
    with pytest.raises(InputError, match="'cases' must hold at least one result"):
        ledger(figure(), a={"cases": []})
    with pytest.raises(InputError, match=r"a\.json, cases\.x: field 'seeds'"):
        ledger(figure(), a={"cases": {"x": result([0], [1.0]) | {"seeds": []}}})


def test_rows_keep_the_order_of_the_published_figures(ledger):
    rows = ledger(
        figure(id="z"),
        figure(id="toy-score"),
        a=result([0], [1.0], published=None),
        b=result([1], [2.0]),
    )
    assert [row.published and row.published.id for row in rows] == [
        "z",
        "toy-score",
        None,
    ]
    assert rows[2].system == "toy (toy)" and rows[2].metric == "score"


def test_metric_without_protocol_and_figure_gets_no_row(ledger):
    note = result([0], [1.0], published=None, protocol={})
    assert ledger(a=note) == []
    (row,) = ledger(figure(), a=result([0], [1.0], protocol={}))
    assert row.verdict == "Reduced"


# Verdicts


@pytest.mark.parametrize(
    ("direction", "mean", "interval", "verdict"),
    [
        ("higher", 10.0, (9.9, 10.1), "Reached"),
        ("higher", 10.0, (None, None), "Reached"),
        ("higher", 11.0, (10.5, 11.5), "Reached"),
        ("higher", 9.0, (8.0, 10.0), "Reached"),
        ("higher", 9.0, (8.001, 9.999), "Not reached"),
        ("higher", 9.999, (None, None), "Not reached"),
        ("lower", 10.0, (None, None), "Reached"),
        ("lower", 9.0, (8.5, 9.5), "Reached"),
        ("lower", 11.0, (10.0, 12.0), "Reached"),
        ("lower", 11.0, (10.001, 11.999), "Not reached"),
        ("equal", 10.0, (None, None), "Reached"),
        ("equal", 9.0, (8.0, 10.0), "Reached"),
        ("equal", 11.0, (10.5, 11.5), "Not reached"),
        ("equal", 9.0, (8.5, 9.5), "Not reached"),
        ("equal", 11.0, (None, None), "Not reached"),
    ],
)
def test_verdict_with_the_same_protocol(direction, mean, interval, verdict):
    published = Published(**figure(direction=direction))
    assert judge(published, mean, *interval, ()) == verdict


def test_published_error_does_not_soften_the_verdict(ledger):
    (row,) = ledger(figure(value=10.0, error=2), a=result([0], [9.5]))
    assert row.verdict == "Not reached"


def test_interval_that_just_touches_the_figure_from_files(ledger):
    (row,) = ledger(figure(value=100.0), a=result([0, 1, 2], [1.0, 2.0, 3.0]))
    assert row.verdict == "Not reached"
    (row,) = ledger(figure(value=row.high))
    assert row.verdict == "Reached"
    (row,) = ledger(figure(value=row.high * (1 + 1e-6)))
    assert row.verdict == "Not reached"


def test_equal_seeds_are_at_the_figure_in_spite_of_rounding(ledger):
    per_seed = [0.1, 0.1, 0.1]  # their mean in float64 is a little above 0.1
    (row,) = ledger(figure(value=0.1, direction="lower"), a=result([0, 1, 2], per_seed))
    assert row.verdict == "Reached"


def test_no_file_is_not_run(ledger):
    (row,) = ledger(figure())
    assert (row.verdict, row.mean, row.seeds) == ("Not run", None, ())


@pytest.mark.parametrize(
    ("published", "ours", "difference"),
    [
        (PROTOCOL, PROTOCOL | {"samples": 5}, "samples: 10 -> 5"),
        (PROTOCOL, {"data": "toy"}, "samples: 10 -> missing"),
        ({"data": "toy"}, PROTOCOL, "samples: missing -> 10"),
        (PROTOCOL | {"last_step": None}, PROTOCOL, "last step: null -> missing"),
        (PROTOCOL, PROTOCOL | {"samples": None}, "samples: 10 -> null"),
    ],
    ids=["value", "ours-lacks", "theirs-lacks", "open-not-stated", "ours-null"],
)
def test_any_difference_of_protocol_is_reduced_and_listed(
    ledger, published, ours, difference
):
    (row,) = ledger(figure(protocol=published), a=result([0], [99.0], protocol=ours))
    assert row.verdict == "Reduced"
    assert row.differences == (difference,)
    assert difference in in_full([row])


def test_free_fields_are_listed_and_do_not_count(ledger):
    there = {"data": "toy", "samples": 10, "optimizer": "1986"}
    published = figure(protocol=there, free=["optimizer"])
    ours = there | {"optimizer": "today"}
    (row,) = ledger(published, a=result([0], [11.0], protocol=ours))
    assert row.verdict == "Reached"
    assert row.differences == ("optimizer: 1986 -> today",)
    (row,) = ledger(published, a=result([0], [11.0], protocol=ours | {"samples": 5}))
    assert row.verdict == "Reduced" and len(row.differences) == 2
    # A field that ours does not state still counts.
    (row,) = ledger(published, a=result([0], [11.0], protocol=PROTOCOL))
    assert row.verdict == "Reduced"


@pytest.mark.parametrize("free", ["optimizer", ["optimiser"], {"data": 1}, [["data"]]])
def test_free_fields_must_be_of_the_protocol(ledger, free):
    with pytest.raises(InputError, match=r"field 'free(\.0)?' (must list|can't be)"):
        ledger(figure(free=free))


def test_all_differences_are_listed(ledger):
    ours = {"data": "other", "samples": 5}
    (row,) = ledger(figure(), a=result([0], [99.0], protocol=ours))
    assert row.differences == ("data: toy -> other", "samples: 10 -> 5")


def test_a_field_the_source_leaves_open_is_repeated_not_judged(ledger):
    (row,) = ledger(
        figure(protocol=PROTOCOL | {"step": None}),
        a=result([0], [99.0], protocol=PROTOCOL | {"step": "last"}),
    )
    assert row.verdict == "Reached" and row.differences == ()
    assert "same; step = last" in in_full([row])


@pytest.mark.parametrize("files", [{}, {"a": result([0], [99.0])}], ids=["no", "yes"])
def test_recalled_figures_get_no_verdict(ledger, files):
    (row,) = ledger(figure(trust="M"), **files)
    assert row.verdict is None
    text = in_full([row])
    assert "recalled" in text and text.endswith(" - |")


# Printing


@pytest.mark.parametrize(
    ("mean", "low", "high", "text"),
    [
        (213.4321, 209.8123, 217.0419, "213.4 [209.8, 217.0]"),
        (0.953217, 0.951, 0.955434, "0.9532 [0.9510, 0.9554]"),
        (-1.38629, -1.41, -1.36258, "-1.386 [-1.410, -1.363]"),
        (12345.0, 8745.0, 15945.0, "12300 [8700, 15900]"),
        (-0.001, -0.351, 0.349, "0.00 [-0.35, 0.35]"),
        (14.0, 14.0, 14.0, "14 [14, 14]"),
        (0.0, 0.0, 0.0, "0 [0, 0]"),
        (1.2213e-15, 9.82e-16, 1.46e-15, "1.2e-15 [9.8e-16, 1.5e-15]"),
        (74123.0, None, None, "74120 (1 seed)"),
        (0.0012345, None, None, "0.001234 (1 seed)"),
    ],
)
def test_digits_follow_the_interval(mean, low, high, text):
    seeds = (0,) if low is None else (0, 1)
    row = Row("s", "m", None, mean, low, high, seeds, {}, (), None, ())
    assert text in in_full([row])


def test_plain_and_markdown_tables(ledger):
    rows = ledger(
        figure(system="A | B", value=225, error=2),
        a=result([0, 1, 2], [209.0, 214.0, 219.0]),
    )
    header, line = format_table(rows).splitlines()
    assert line.split() == "A | B score 214 [202, 226] 225 3 Reached".split()
    assert header.index("Verdict") == line.index("Reached")
    assert "225 ± 2 (Doe 1999, Table 1; P)" in in_full(rows)
    lines = format_table(rows, markdown=True).splitlines()
    assert lines[2].startswith(r"| A \| B | score | 225 ± 2 ")
    assert len({text.replace(r"\|", "").count("|") for text in lines}) == 1


LONG = dict(system="Some system, on some data of a long name, with packs of three [a]")


def test_terminal_table_fits_100_columns_and_keeps_brackets(ledger):
    from rich.console import Console

    rows = ledger(
        figure(metric="Parzen log-likelihood (nats)", trust="M", **LONG),
        a=result([0, 1], [209.0, 219.0]),
    )
    console = Console(file=io.StringIO(), width=100, markup=False)
    console.print(rich_table(rows))
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= 100
    for piece in ("[a]", "log-likelihood", "Seeds", "Verdict", "214 [150, 278]"):
        assert piece in text
    assert "10 (recalled)" in text and "…" not in text


def test_a_narrow_terminal_gets_two_lines_a_row(ledger):
    rows = ledger(figure(**LONG), a=result([0, 1], [209.0, 219.0]))
    head, below, first, numbers = narrow_table(rows).splitlines()
    assert (head, first) == ("System: metric", f"{LONG['system']}: score")
    assert numbers.split() == "214 [150, 278] 10 2 Reached".split()
    assert below.index("Verdict") == numbers.index("Reached") < 60


def test_rows_of_one_name_are_told_apart(ledger):
    other = result([0], [3.0], published=None) | {"config_hash": "1"}
    other["config"] = other["config"] | {"learning_rate": 0.2}
    rows = ledger(figure(), a=result([0], [2.0], published=None), b=other)
    assert [row.system for row in rows] == ["Toy", "toy (toy), a", "toy (toy), b"]


def test_all_rows_have_names_of_their_own():
    rows = ledger_rows(RESULTS, all_published(), all_bounds(system_folders()))
    names = [(row.system, row.metric) for row in rows]
    assert len(names) > 200 and len(set(names)) == len(names)


# Bounds and seeds


def bounded(tmp_path, figures, bounds, **files):
    """Rows of toy files with the bounds of a system called `toy`."""
    folder = tmp_path / "results"
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    system = tmp_path / "toy"
    system.mkdir(exist_ok=True)
    (system / "published.json").write_text(json.dumps(figures))
    metrics = {
        name: {"means": "a score", "better": "higher", "bounds": pair}
        for name, pair in bounds.items()
    }
    (system / "metrics.json").write_text(json.dumps(metrics))
    published = read_published(system / "published.json")
    return ledger_rows(folder, published, all_bounds([system]))


def test_intervals_stay_within_the_bounds_of_the_metric(tmp_path):
    a = result([0, 1, 2], [19.0, 6.7, 6.4])
    (row,) = bounded(tmp_path, [figure()], {"score": [0, 100]}, a=a)
    assert (row.mean, row.low, row.high) == bounded_ci95([19.0, 6.7, 6.4], 0, 100)
    assert 0 < row.low < row.mean < row.high < 100
    text = "11 [2, 44] (19.0, 6.7, 6.4; seed 0 far off)"
    assert text in in_full([row])
    (row,) = bounded(tmp_path, [figure()], {"other": [0, 100]}, a=a)
    assert row.low < 0


def test_bounds_of_the_figure_come_first(tmp_path):
    a = result([0, 1], [7.0, 8.0])
    (row,) = bounded(tmp_path, [figure(bounds=[0, 8])], {"score": [0, 25]}, a=a)
    assert row.high == bounded_ci95([7.0, 8.0], 0, 8)[2] < 8
    (row,) = bounded(tmp_path, [figure(bounds=[0, None])], {}, a=a)
    assert row.high == bounded_ci95([7.0, 8.0], 0, None)[2] > 8


def test_a_renamed_experiment_has_the_bounds_of_the_figures_it_cites(tmp_path):
    a = result([0, 1], [7.0, 8.0], experiment="former_name")
    (row,) = bounded(tmp_path, [figure()], {"score": [0, 8]}, a=a)
    assert row.owner == "toy" and row.high < 8


def test_a_value_outside_its_bounds_is_refused(tmp_path):
    a = result([0, 1], [7.0, 9.0])
    with pytest.raises(InputError, match=r"a\.json, metrics\.score: values must lie"):
        bounded(tmp_path, [figure()], {"score": [0, 8]}, a=a)


@pytest.mark.parametrize(
    "pair", [[1, 0], [0, 0], [0], [0, 1, 2], 3, ["0", 1], [0, True], None], ids=str
)
def test_malformed_bounds_are_refused(tmp_path, pair):
    with pytest.raises(InputError, match=r"metrics\.json, 'score': bounds must be"):
        bounded(tmp_path, [], {"score": pair})


def test_bounds_of_a_figure_must_be_a_pair(tmp_path):
    with pytest.raises(InputError, match=r"published\.json, 'toy-score': bounds must"):
        bounded(tmp_path, [figure(bounds=[8, 0])], {})


def test_the_values_of_few_seeds_are_printed(ledger):
    (row,) = ledger(figure(), a=result([0, 1, 2, 3, 4], [1.0, 1.5, 1.2, 1.1, 1.3]))
    assert "(1.00, 1.50, 1.20, 1.10, 1.30)" in in_full([row])
    (row,) = ledger(figure(), a=result(list(range(6)), [1.0, 1.5, 1.2, 1.1, 1.3, 1.4]))
    assert "1.4)" not in in_full([row])
    (row,) = ledger(figure(), a=result(list(range(6)), [1.0, 1.5, 1.2, 1.1, 1.3, 99]))
    assert "(seed 5 far off: 99.0)" in in_full([row])
    (row,) = ledger(figure(), a=result(list(range(5)), [2.0] * 5))
    assert "2 [2, 2] " in in_full([row]) + " " and "(2" not in in_full([row])


# Files that can't be used


def without(content: dict, *path: str) -> dict:
    copy = json.loads(json.dumps(content))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return copy


GOOD = result([0, 1], [1.0, 2.0])


@pytest.mark.parametrize("field", sorted(GOOD))
def test_missing_field_of_a_result_is_named(ledger, field):
    with pytest.raises(InputError, match=rf"a\.json.*'{field}' is missing"):
        ledger(figure(), a=without(GOOD, field))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("data", "checksum"), "data: field 'checksum' is missing"),
        (("metrics", "score", "per_seed"), "score: field 'per_seed' is missing"),
        (("metrics", "score", "protocol"), "score: field 'protocol' is missing"),
        (("metrics", "score", "ci95"), "score: field 'ci95' is missing"),
    ],
)
def test_missing_inner_field_of_a_result_is_named(ledger, path, message):
    with pytest.raises(InputError, match=rf"a\.json.*{message}"):
        ledger(figure(), a=without(GOOD, *path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "expected a JSON object"),
        (result([0], [math.nan]), "field 'metrics.score.mean' is not finite"),
        (GOOD | {"wall_seconds": math.inf}, "field 'wall_seconds' is not finite"),
        (GOOD | {"seeds": []}, "field 'seeds'"),
        (GOOD | {"seeds": [0, 0]}, "field 'seeds' holds a seed twice"),
        (GOOD | {"seeds": [0, 1.5]}, r"field 'seeds\.1' can't be of type float"),
        (GOOD | {"seeds": [0, 1, 2]}, "field 'per_seed' needs one number"),
        (GOOD | {"config": {"seed": 0, "seeds": 3}}, "does not agree with its config"),
        (GOOD | {"config": {"seed": 1, "seeds": 2}}, "does not agree with its config"),
        (GOOD | {"steps": "many"}, "field 'steps' can't be of type str"),
        (GOOD | {"metrics": {"score": 3}}, r"metrics\.score: expected a JSON object"),
        (with_interval(result([0], [1.0]), [2.0, 1.0]), "'ci95' must be two numbers"),
        (with_interval(result([0], [1.0]), [1.0]), "'ci95' must be two numbers"),
        (result([0, 1], [1.0, 2.0], published="nope"), "names 'nope'"),
        (result([0, 1], [1.0, 2.0], published=["x"]), "field 'published'"),
        (with_mean(1.6), "field 'mean' is not the mean"),
        (with_mean(1.5005), "field 'mean' is not the mean"),  # and 1.50001 is, below
    ],
)
def test_malformed_result_is_refused(ledger, content, message):
    with pytest.raises(InputError, match=rf"a\.json.*{message}"):
        ledger(figure(), a=content)


def test_a_mean_taken_in_single_precision_is_read(ledger):
    (row,) = ledger(figure(), a=with_mean(1.50001))
    assert row.values == (1.0, 2.0)


@pytest.mark.parametrize("content", [b"", b"{", b'{"seeds": [', b"\xff\xfe\x00"])
def test_result_that_is_not_json_is_refused(ledger, tmp_path, content):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "broken.json").write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.json: not valid JSON"):
        ledger(figure())


def changed(content, *path):
    """A copy in which the last of `path` stands at the place that the others name."""
    *place, name, value = path
    copy = json.loads(json.dumps(content))
    inner = copy
    for step in place:
        inner = inner[step]
    inner[name] = value
    return copy


FULL = GOOD | {
    "state_sha256_per_seed": ["ab", "cd"],
    "executor": "vmap",
    "seconds": {"train": 1.0},
    "remarks": {"health": [{"text": "healthy"}] * 2},
    "phases": {"first": GOOD},
}
SWEEP = {name: GOOD[name] for name in get_type_hints(SweepResult) if name in GOOD}
SWEEP |= {"cases": {"one": FULL}}


def test_every_field_of_the_form_may_be_there(ledger):
    (row,) = ledger(figure(), a=FULL)
    assert row.values == (1.0, 2.0)
    (row,) = ledger(figure(), a=SWEEP)
    assert row.files == ("a.json: one",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed(FULL, "stepps", 3), "field 'stepps' is unknown; expected experiment"),
        (changed(FULL, "steps", True), "'steps' can't be of type bool"),
        (changed(FULL, "steps", 1.0), "'steps' can't be of type float"),
        (changed(FULL, "steps", -1), "'steps' is -1, below 0"),
        (changed(FULL, "steps", 10**400), "'steps' is not finite: expected numbers up"),
        (changed(FULL, "wall_seconds", 1e151), r"'wall_seconds' is not finite \(1e"),
        (changed(FULL, "versions", "jax", 3), r"'versions\.jax' can't be of type int"),
        (
            changed(FULL, "seconds", "train", "1"),
            r"'seconds\.train' can't be of type s",
        ),
        (changed(FULL, "seconds", [1.0]), "'seconds' can't be of type list"),
        (
            changed(FULL, "remarks", "health", [1, 2]),
            r"'remarks\.health\.0' can't be of",
        ),
        (changed(FULL, "remarks", "health", []), r"'remarks\.health' needs one entry"),
        (
            changed(FULL, "state_sha256_per_seed", ["a"]),
            "needs one entry for each seed",
        ),
        (changed(FULL, "seeds", [1, 2]), "'seeds' does not agree with its config"),
        (changed(FULL, "seeds", [0, -1]), "'seeds' must list numbers from 0"),
        (changed(FULL, "seeds", [0, 2**32]), "'seeds' must list numbers from 0"),
        (changed(FULL, "data", None), "data: expected a JSON object"),
        (changed(FULL, "data", "name", 3), "data: field 'name' can't be of type int"),
        (changed(FULL, "metrics", "score", "mean", "1"), "'mean' can't be of type str"),
        (changed(FULL, "metrics", "score", "men", 1), "score: field 'men' is unknown"),
        (
            changed(FULL, "metrics", "score", "per_seed", 0, None),
            r"'per_seed\.0' can't",
        ),
        (
            changed(FULL, "metrics", "score", "ci95", [3.0, 4.0]),
            "does not hold the mean",
        ),
        (changed(FULL, "phases", {"first": {}}), "phases.first: field 'experiment' is"),
        (changed(FULL, "phases", "first", "seeds", []), "phases.first: field 'seeds'"),
        (changed(SWEEP, "config", 3), "'config' can't be of type int"),
        (changed(SWEEP, "extra", 3), "'extra' is unknown"),
        (
            changed(SWEEP, "cases", "one", "config", []),
            "cases.one: field 'config' can't",
        ),
    ],
)
def test_edited_results_name_the_field(ledger, content, message):
    with pytest.raises(InputError, match=rf"a\.json.*{message}"):
        ledger(figure(), a=content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "recursion|deep"),
        ("[" * 60 + "]" * 60, "nested more than 50 levels deep"),
        ('{"steps": 1, "seeds": [], "steps": 2}', "field 'steps' is there twice"),
        ('{"steps": ' + "9" * 5000 + "}", "Exceeds the limit"),
    ],
    ids=["deep", "rather deep", "twice", "digits"],
)
def test_json_that_no_result_is(ledger, tmp_path, text, message):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "broken.json").write_text(text)
    with pytest.raises(InputError, match=rf"broken\.json: not valid JSON.*({message})"):
        ledger(figure())


def test_the_mark_of_windows_editors_is_no_part_of_a_result(ledger, tmp_path):
    (tmp_path / "results").mkdir()
    content = b"\xef\xbb\xbf" + json.dumps(GOOD).replace(",", ",\r\n").encode()
    (tmp_path / "results" / "a.json").write_bytes(content)
    (row,) = ledger(figure())
    assert row.values == (1.0, 2.0)


def test_a_result_with_a_checksum_is_compared_with_it(ledger):
    text = json.dumps(SWEEP, sort_keys=True, separators=(",", ":"))
    seal = {"sha256": hashlib.sha256(text.encode()).hexdigest()}
    (row,) = ledger(figure(), a=SWEEP | seal)
    assert row.values == (1.0, 2.0)
    for path in (("seeds", 0, 1), ("cases", "one", "metrics", "score", "mean", 1.5001)):
        with pytest.raises(InputError, match=r"a\.json: does not match its checksum"):
            ledger(figure(), a=changed(SWEEP, *path) | seal)


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e149])
def test_numbers_of_any_size_are_printed_short(ledger, size):
    for per_seed in ([size], [size, 2 * size, 3 * size], [size, -size]):
        seeds = list(range(len(per_seed)))
        (_, row) = ledger(figure(), a=result(seeds, per_seed, published=None))
        text = in_full([row])
        assert len(text) < 400
        numbers = {float(x) for x in re.findall(r"-?\d[\d.]*e[-+]?\d+", text)}
        assert numbers and min(abs(x / size - 1) for x in numbers) < 1e-3


HOSTILE = "<!-- best:end --><b>x</b>](http://x) \x1b[31m\n| a"


def test_texts_of_results_cannot_leave_their_cells(ledger):
    texts = dict(experiment=HOSTILE, data={"name": HOSTILE, "checksum": HOSTILE})
    content = result([0], [1.0], protocol={HOSTILE: HOSTILE}, **texts, published=None)
    content["metrics"] = {HOSTILE: content["metrics"]["score"]}
    rows = ledger(
        figure(
            system=HOSTILE, metric=HOSTILE, source=dict(paper=HOSTILE, table=HOSTILE)
        ),
        a=content,
        b=result([0], [11.0], protocol=PROTOCOL),
    )
    pages = [best_table(rows), ledger_page([], rows, {}, ROOT)]
    pages.append(format_table(rows, markdown=True))
    for text in pages:
        for raw in ("<!--", "<b>", "](http", "\x1b"):
            assert raw not in text
        assert "&lt;!-- best:end -->&lt;b>" in text
    for row in rows:
        assert not re.search(r"[\x00-\x1f]", "".join(format_table([row]).splitlines()))
    for line in format_table(rows, markdown=True).splitlines():
        assert len(re.findall(r"(?<!\\)\|", line)) == 8


def test_a_marker_in_what_is_written_is_refused(tmp_path):
    readme = tmp_path / "README.md"
    text = "".join("{}\nold\n{}\n".format(*markers(x)) for x in ("best", "other"))
    readme.write_text(text)
    for name in ("best", "other"):
        with pytest.raises(InputError, match="holds a marker of its own"):
            update(readme, {"best": "new", "other": markers(name)[1]})
    assert readme.read_text() == text


def test_an_id_of_two_systems_names_both_places(tmp_path):
    paths = [tmp_path / name / "published.json" for name in ("a", "b")]
    for path, figures in zip(
        paths, ([figure()], [figure(id="b"), figure()]), strict=True
    ):
        path.parent.mkdir()
        path.write_text(json.dumps(figures))
    with pytest.raises(InputError) as refusal:
        read_published(*paths)
    assert str(refusal.value) == (
        f"{paths[1]}, entry 1, 'toy-score': field 'id' occurs twice, first in "
        f"{paths[0]}, entry 0; rename one of them"
    )
    paths[1].write_text(json.dumps([figure(id="b")]))
    owners = {figure.owner for figure in read_published(*paths).values()}
    assert owners == {"a", "b"}


def test_withdrawn_figures_give_no_row(ledger):
    withdrawn = figure(withdrawn="no paper claims it")
    assert ledger(withdrawn) == []
    assert ledger(withdrawn, a=result([0], [1.0])) == []
    own = result([0], [1.0], published=None)
    (row,) = ledger(withdrawn, a=own)
    assert row.published is None
    with pytest.raises(InputError, match="field 'withdrawn'"):
        ledger(figure(withdrawn=True))


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ([figure(), figure()], "'toy-score': field 'id' occurs twice"),
        ([figure(direction="up")], "field 'direction'"),
        ([figure(trust="X")], "field 'trust'"),
        ([figure(value="225")], "field 'value'"),
        ([figure(source={"paper": "Doe 1999"})], "field 'table' is missing"),
        ([without(figure(), "protocol")], "entry 0: field 'protocol' is missing"),
    ],
)
def test_malformed_published_figure_is_refused(ledger, figures, message):
    with pytest.raises(InputError, match=rf"published\.json.*{message}"):
        ledger(*figures)


@pytest.mark.parametrize("name", ["nowhere", "x" * 300, "a/" * 3000, "\udcff", "file"])
def test_missing_folder_is_refused(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="no such folder"):
        ledger_rows(tmp_path / name, {})


# README and command


def test_update_readme_changes_only_what_is_between_the_markers(ledger, tmp_path):
    def parts(rows):
        return {"results": format_table(rows, markdown=True)}

    rows = ledger(figure())
    readme = tmp_path / "README.md"
    readme.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nrest\n")
    assert is_stale(readme, parts(rows))
    assert update(readme, parts(rows))
    assert not is_stale(readme, parts(rows))
    assert not update(readme, parts(rows))
    text = readme.read_text()
    assert text.startswith("# Title\n\n" + BEGIN)
    assert text.endswith(END + "\n\nrest\n")
    assert "Not run" in text and "old" not in text
    assert is_stale(readme, parts(ledger(figure(value=11))))
    assert sorted(path.name for path in tmp_path.glob("README*")) == ["README.md"]


@pytest.mark.parametrize(
    "text",
    [
        "# nothing",
        BEGIN,
        END + BEGIN,
        2 * BEGIN + END,
        2 * (BEGIN + END),
        BEGIN + END + END,
        END + BEGIN + END,
    ],
)
def test_readme_without_its_markers_is_refused_and_kept(ledger, tmp_path, text):
    readme = tmp_path / "README.md"
    readme.write_text(text)
    with pytest.raises(InputError, match="README.md"):
        update(readme, {"results": format_table(ledger(figure()))})
    assert readme.read_text() == text


@pytest.fixture
def command(ledger, tmp_path, capsys):
    """Runs `jaxdl results` on toy files; gives exit code, stdout and stderr."""
    ledger(figure(), a=result([0, 1, 2], [209.0, 214.0, 219.0]))
    pages = tmp_path / "README.md", tmp_path / "LEDGER.md"
    for page, names in zip(pages, PARTS, strict=True):
        page.write_text("".join("\n".join(markers(name)) + "\n" for name in names))
    files = ResultsConfig(tmp_path / "results", tmp_path / "published.json", *pages)

    def run(**flags) -> tuple[int, str, str]:
        code = results_command(dataclasses.replace(files, **flags))
        return code, *capsys.readouterr()

    return run


def test_command_prints_the_table_and_nothing_else(command):
    code, out, err = command()
    assert (code, err, len(out.splitlines())) == (0, "", 2)
    assert command(format="markdown")[1].count("\n") == 3


@pytest.mark.parametrize(("columns", "lines"), [("80", 6), ("120", 6)])
def test_in_a_terminal_it_ends_with_counts(command, monkeypatch, columns, lines):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    code, out, err = command()
    assert (code, err, len(out.splitlines())) == (0, "", lines)
    assert out.endswith("\n1 row: 1 reached\n") and "214 [202, 226]" in out


def test_command_prints_rows_as_json(command):
    (row,) = json.loads(command(format="json")[1])
    assert row["published"]["id"] == "toy-score" and row["verdict"] == "Reached"
    assert row["mean"] == 214.0 and row["seeds"] == [0, 1, 2]


def test_command_prints_rows_as_csv(command):
    (row,) = csv.DictReader(io.StringIO(command(format="csv")[1]))
    assert (row["System"], row["Metric"], row["Verdict"]) == ("Toy", "score", "Reached")
    assert float(row["Mean"]) == 214.0 and float(row["Low"]) < 209 < float(row["High"])
    assert row["Protocol (published -> ours)"] == "same"


def some_row(owner, metric, verdict):
    nothing = (None, None, None, (), {}, ())
    return Row(owner, metric, None, *nothing, verdict, (), owner=owner)


SOME = [
    ("gan", "likelihood", "Reached"),
    ("gan", "loss", None),
    ("xor", "solved", "Not reached"),
    ("xor", "loss", "Reduced"),
]


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [
        ({}, [0, 1, 2, 3]),
        ({"system": ("xor",)}, [2, 3]),
        ({"system": ("xor", "gan")}, [0, 1, 2, 3]),
        ({"metric": "loss"}, [1, 3]),
        ({"verdict": ("not-reached", "unjudged")}, [1, 2]),
        ({"verdict": ("reduced",), "metric": "loss", "system": ("xor",)}, [3]),
    ],
)
def test_rows_are_selected(flags, chosen):
    rows = [some_row(*each) for each in SOME]
    found = select(rows, ResultsConfig(**flags), ["gan", "xor", "rbm"])
    assert found == [rows[i] for i in chosen]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"system": ("gna",)}, "--system is gna: expected one of gan, rbm, xor; did y"),
        ({"system": ("rbm",)}, "rbm has no rows yet: leave --system out"),
        ({"metric": "bits"}, "no row has --metric bits: there are likelihood, loss, s"),
        (
            {"system": ("gan",), "metric": "solved"},
            "no row has --metric solved: there are likelihood, loss",
        ),
        (
            {"system": ("gan",), "verdict": ("reduced", "not-run")},
            "no row has --verdict reduced not-run: there are reached, unjudged",
        ),
    ],
)
def test_a_selection_of_nothing_says_what_there_is(flags, said):
    rows = [some_row(*each) for each in SOME]
    with pytest.raises(InputError, match="^" + said):
        select(rows, ResultsConfig(**flags), ["gan", "xor", "rbm"])


def test_reader_that_closes_the_pipe_sees_no_traceback():
    code = "from jaxdl.ledger.command import *; results_command(ResultsConfig())"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_command_checks_and_writes_the_readme(command, tmp_path):
    code, out, err = command(check=True)
    assert (code, out) == (1, "") and "stale" in err
    assert command(write_readme=True)[:2] == (0, "")
    assert command(check=True) == (0, "", "")
    page = tmp_path / "LEDGER.md"
    page.write_text(page.read_text().replace("214", "215"))
    code, out, err = command(check=True)  # one of the two is
    assert (code, out) == (1, "") and "LEDGER.md: a generated table is stale" in err


def test_the_two_pages_show_the_toy(command, tmp_path):
    command(write_readme=True)
    best = (tmp_path / "README.md").read_text().partition("systems:begin")[0]
    assert "| Toy | score | 10 | 214 [202, 226] | 3 | Doe 1999 |" in best
    assert "1 reached, 0 not reached. 0 more were" in best
    assert "where 0 came as far" in best
    page = (tmp_path / "LEDGER.md").read_text()
    assert (
        page.index("## Reached") < page.index("| Toy | score") < page.index("Reduced\n")
    )


def test_reduced_rows_that_came_as_far_are_counted(ledger):
    rows = ledger(
        figure(),
        figure(id="other", metric="other"),
        a=result([0, 1], [9.0, 11.5], protocol=PROTOCOL | {"samples": 5}),
        b=result([0, 1], [8.9, 9.0], protocol={}, published="other", steps=7),
    )
    assert "2 more were measured under a reduced protocol, where 1 came" in best_table(
        rows
    )


def test_the_best_results_are_of_different_systems_first(ledger):
    (row,) = ledger(figure(), a=result([0, 1], [11.0, 12.0]))
    owners = ["a"] * 12 + ["b", "b", "c"]
    rows = [
        row._replace(owner=owner, metric=f"{owner}{number}")
        for number, owner in enumerate(owners)
    ]
    lines = best_table([*rows, row._replace(verdict="Reduced")]).splitlines()[2:12]
    metrics = [line.split(" | ")[1] for line in lines]
    assert metrics == [f"a{i}" for i in range(7)] + ["b12", "b13", "c14"]


def test_a_miss_is_named_with_its_number(ledger):
    rows = ledger(figure(), a=result([0, 1], [1.0, 2.0]))
    text = best_table(rows)
    assert "0 reached, 1 not reached: Toy (1.5 [-4.9, 7.9] against 10)." in text


def test_a_system_outside_is_in_the_tables(tmp_path):
    """With its published figures, results and bounds, and no edit elsewhere."""
    system = System("A toy", "Doe 1999", None, records={"toy.json": "--fast"})
    folder, scripts = tmp_path / "systems" / "toy", tmp_path / "experiments"
    (scripts / "results").mkdir(parents=True)
    folder.mkdir(parents=True)
    content = result([0, 1], [7.0, 8.0])
    (scripts / "results" / "toy.json").write_text(json.dumps(content))
    (folder / "published.json").write_text(json.dumps([figure(value=7.5)]))
    words = {"means": "a score", "better": "higher", "bounds": [0, 8]}
    (folder / "metrics.json").write_text(json.dumps({"score": words}))
    system = system._replace(name="toy", folder=folder, script=scripts / "toy.py")
    dirs = results_dirs(RESULTS, [system])
    assert dirs == [RESULTS, scripts / "results"]
    figures = read_published(*published_files([*system_folders(), folder]))
    bounds = all_bounds([*system_folders(), folder])
    (row,) = [row for row in ledger_rows(dirs, figures, bounds) if row.owner == "toy"]
    assert row.verdict == "Reached" and row.high < 8
    results = read_contents(dirs)
    times = {"device": "CPU", "cores": 2, "systems": {"toy": {"seconds": 60}}}
    (scripts / "defaults.json").write_text(json.dumps(times))
    table = systems_table([system], results, ROOT)
    assert "| toy | Doe 1999 | 1.0 | `full` | 0.1 |" in table
    page = ledger_page([system], [row], results, ROOT)
    assert "`python toy.py --fast`" in page and "[toy](#toy)" in page


def test_two_folders_may_not_hold_results_of_one_name(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "toy.json").write_text(json.dumps(GOOD))
    with pytest.raises(InputError, match=r"b/toy\.json: another folder of results"):
        ledger_rows([tmp_path / "a", tmp_path / "b"], {})


def test_the_speed_table_takes_the_selected_rows(tmp_path):
    (tmp_path / "results").mkdir()
    row = {"case": "step", "ours_seconds": 0.002, "peer": "X", "peer_seconds": 0.003}
    other = row | {"peer": "Y", "peer_seconds": 1.0}
    (tmp_path / "results" / "b.json").write_text(json.dumps({"rows": [row, other]}))
    entry = {"label": "a step", "result": "b.json", "case": "step", "peer": "X"}
    (tmp_path / "speed.json").write_text(json.dumps([entry]))
    table = speed_table(tmp_path / "speed.json")
    assert table.splitlines()[2] == "| a step | 2 | 3 | 1.50 |"
    (tmp_path / "speed.json").write_text(json.dumps([entry | {"peer": "Z"}]))
    with pytest.raises(InputError, match="'a step' selects 0 rows of b.json"):
        speed_table(tmp_path / "speed.json")
    (tmp_path / "speed.json").write_text(json.dumps([entry]))
    twice = {"rows": [row, other, row | {"ours_seconds": 0.001}]}
    (tmp_path / "results" / "b.json").write_text(json.dumps(twice))
    with pytest.raises(InputError, match="'a step' selects 2 rows of b.json"):
        speed_table(tmp_path / "speed.json")


@pytest.mark.parametrize("shown", [{"format": "csv"}, {"metric": "x"}, {}])
@pytest.mark.parametrize("page", ["check", "write_readme"])
def test_flags_that_exclude_each_other_are_refused(page, shown):
    other = shown or {"check": True, "write_readme": True}
    with pytest.raises(InputError, match="--write-readme and --check"):
        ResultsConfig(**{page: True} | other)


def test_command_finds_the_checkout_around_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert checkout_root() == ROOT
    inner = tmp_path / "experiments" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "experiments" / "results").mkdir()
    monkeypatch.chdir(inner)
    assert checkout_root() == ROOT  # anyone's experiments
    (tmp_path / "jaxdl" / "systems").mkdir(parents=True)
    assert checkout_root() == tmp_path
    dirs = results_dirs(tmp_path / "experiments" / "results", find_systems())
    assert dirs == [tmp_path / "experiments" / "results"]


# The repository's own files


def test_published_figures_are_complete_and_unique():
    figures = all_published()
    files = published_files(system_folders())
    assert len(figures) == sum(len(json.loads(path.read_text())) for path in files)
    for entry in figures.values():
        extra = {"owner", "bounds", "free", "withdrawn"}
        assert set(entry._asdict()) == {*figure(), *extra}
        assert entry.protocol and entry.system and entry.metric
        assert (entry.error is None) == (entry.error_kind is None)


def test_references_are_quoted_exactly():
    figures = all_published()
    parzen = figures["gan-mnist-parzen"]
    assert (parzen.value, parzen.error, parzen.direction) == (225, 2, "higher")
    assert parzen.protocol["samples"] == 10_000
    assert figures["gan-value-minimum"].value == pytest.approx(-math.log(4), abs=0)


def test_committed_results_are_readable_and_name_known_figures():
    known = set(all_published())
    for path in RESULTS.glob("*.json"):
        for result in read_results(path).values():
            for metric in result["metrics"].values():
                assert metric.get("published") in known | {None}
    ledger_rows(RESULTS, all_published(), all_bounds(system_folders()))


def test_records_are_the_committed_results():
    """Each result file has the flags of its run, which the script still knows."""
    systems = find_systems()
    names = [file for system in systems for file in system.records]
    assert sorted(names) == sorted(path.name for path in RESULTS.glob("*.json"))
    for system in systems:
        source = system.script.read_text() + "".join(
            path.read_text() for path in [*system.folder.glob("*.py"), *SHARED]
        )
        for flags in system.records.values():
            for flag in re.findall(r"--([a-z-]+)", flags):
                assert re.search(rf"\b{flag.replace('-', '_')}: ", source), flag


RECORDS = [
    (system, file)
    for system in find_systems()
    for file in system.records
    # Their files hold what the script made of the flags, or pictures' names.
    if system.name != "classify" and file != "xor-sweep.json"
]


@pytest.mark.parametrize(("system", "file"), RECORDS, ids=lambda x: str(x)[:40])
def test_a_records_flags_are_those_of_its_configuration(system, file, monkeypatch):
    script, seen = load_script(system), []
    monkeypatch.setattr(script, "train", lambda cfg: seen.append(cfg) or 0)
    assert script.main(shlex.split(system.records[file])) == 0
    now = json.loads(json.dumps(deciding_fields(seen[-1])))
    old = json.loads((RESULTS / file).read_text())["config"]
    shared = (now.keys() & old.keys()) - {"executor", "seed", "seeds"}
    shared -= {"classifier_digest"}  # of the folder that --classifier names
    assert {k: now[k] for k in shared} == {k: old[k] for k in shared}


WITH_FULL = [system for system in find_systems() if flags_by_name(system).get("full")]


@pytest.mark.parametrize("system", WITH_FULL, ids=lambda system: system.name)
def test_full_is_the_recorded_protocol(system, monkeypatch):
    """With the hash that the committed result has, if it is of one run."""
    script, seen = load_script(system), []
    monkeypatch.setattr(script, "train", lambda cfg: seen.append(cfg) or 0)
    file, flags = next(iter(system.records.items()))
    folders = [f"{flag} x" for flag in re.findall("(--[a-z]+) FOLDER", flags)]
    assert script.main(["full", *" ".join(folders).split()]) == 0
    typed = re.sub("FOLDER", "x", flags)
    assert script.main(shlex.split(typed)) == 0
    assert seen[0] == seen[1]
    result = json.loads((RESULTS / file).read_text())
    assert [seen[0].seed, seen[0].seeds] == [result["seeds"][0], len(result["seeds"])]
    if deciding_fields(seen[0])["executor"] == result["config"]["executor"]:
        known = dict(classifier_digest=result["config"].get("classifier_digest"))
        cfg = dataclasses.replace(
            seen[0], **{k: v for k, v in known.items() if hasattr(seen[0], k)}
        )
        assert config_hash(result["experiment"], cfg) == result["config_hash"]


def timed_defaults():
    path = ROOT / "experiments" / "defaults.json"
    return json.loads(path.read_text())["systems"] if path.exists() else {}


@pytest.mark.parametrize("name", timed_defaults())
def test_minutes_are_those_of_the_script_as_it_is(name, monkeypatch):
    """A default that changed must be timed again: `benchmarks/defaults.py`."""
    script, seen = load_script(find_system(name)), []
    monkeypatch.setattr(script, "train", lambda cfg: seen.append(cfg) or 0)
    assert script.main([]) == 0
    now = json.loads(json.dumps(deciding_fields(seen[0])))
    timed = timed_defaults()[name]["config"]
    filled = {field for field, value in now.items() if value is None}
    assert {k: v for k, v in timed.items() if k not in filled} == {
        k: v for k, v in now.items() if k not in filled
    }


@pytest.mark.parametrize(
    ("name", "flags", "cases"),
    [
        (
            "rnn_memory",
            "--cells rnn lstm --lags 3 5",
            ["rnn-3", "lstm-3", "rnn-5", "lstm-5"],
        ),
        (
            "gan_theory",
            "--targets annulus two_moons --generators mlp likelihood",
            [
                "annulus-mlp",
                "annulus-likelihood",
                "two_moons-mlp",
                "two_moons-likelihood",
            ],
        ),
    ],
)
def test_a_sweep_that_is_stopped_compares_something(name, flags, cases, monkeypatch):
    script, seen = load_script(find_system(name)), []
    monkeypatch.setattr(script, "train", lambda cfg: seen.append(cfg) or 0)
    assert script.main(flags.split()) == 0
    assert list(script.plan(seen[0]).work.cases) == cases


def test_readme_tables_are_current(capsys):
    assert results_command(ResultsConfig(check=True)) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("direction", "mean", "verdict"),
    [
        ("lower", 2.01, "Not reached"),
        ("lower", 2.0, "Reached"),
        ("higher", 1.99, "Not reached"),
        ("higher", 2.0, "Reached"),
        ("equal", 2.01, "Not reached"),
    ],
)
def test_a_mean_is_held_against_the_figure_itself(direction, mean, verdict):
    figure = next(f for f in all_published().values() if f.trust != "M")
    figure = figure._replace(direction=direction, value=2.0)
    assert judge(figure, mean, None, None, ()) == verdict
