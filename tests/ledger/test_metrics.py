"""Metrics in words: `metrics.json` of each system, and what cannot be used of one."""

import json

import pytest

from jaxdl.errors import InputError
from jaxdl.ledger.metrics import (
    UNBOUNDED,
    Bounds,
    Metric,
    all_bounds,
    lookup,
    metrics_of,
    read_metrics,
)
from jaxdl.ledger.published import all_published, system_folders
from jaxdl.ledger.rows import owner_of
from jaxdl.ledger.schema import read_results
from jaxdl.registry import PROJECT

RESULTS = PROJECT / "experiments" / "results"
WORDS = {"means": "wrong among test images", "unit": "%", "better": "lower"}


def written(folder, content):
    folder.mkdir(exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(content))
    return folder / "metrics.json"


def test_metrics_are_read_with_their_unit_side_and_bounds(tmp_path):
    path = written(tmp_path / "toy", {"error": WORDS | {"bounds": [0, 100]}})
    bounds = Bounds(0, 100)
    wanted = Metric("wrong among test images", "%", "lower", bounds)
    assert read_metrics(path) == {"error": wanted}
    assert all_bounds([tmp_path / "toy"]) == {"toy": {"error": bounds}}


def test_unit_and_bounds_may_be_left_out(tmp_path):
    entry = {"means": "the game's value", "better": -1.4}
    path = written(tmp_path / "toy", {"value": entry})
    wanted = Metric("the game's value", "", -1.4, UNBOUNDED)
    assert read_metrics(path) == {"value": wanted}
    assert all_bounds([tmp_path / "toy", tmp_path / "none"]) == {"toy": {}, "none": {}}


def test_a_name_comes_before_a_pattern_that_fits():
    table = {"*_error": 1, "test_error": 2, "other_*": 3, "*": 4}
    found = [lookup(table, x, 0) for x in ("test_error", "my_error", "other_x", "q")]
    assert found == [2, 1, 3, 4]
    assert lookup({"test_*": 1, "[ab]": 2}, "a", 0) == 0  # only * makes a pattern


@pytest.mark.parametrize(
    "entry, said",
    [
        ({"means": "x"}, "field 'better' is missing"),
        ({"means": "", "better": None}, "field 'means' is empty"),
        ({"means": "x", "better": "less"}, "field 'better' is 'less': expected lower"),
        ({"means": "x", "better": True}, "field 'better' can't be of type bool"),
        ({"means": "x", "better": None, "side": 1}, "field 'side' is unknown"),
        ({"means": "x", "better": None, "bounds": [2, 1]}, "bounds must be"),
        ("x", "expected a JSON object"),
    ],
)
def test_malformed_metrics_are_refused_by_name(tmp_path, entry, said):
    path = written(tmp_path / "toy", {"score": entry})
    with pytest.raises(InputError, match=f"metrics.json, 'score'.*{said}"):
        read_metrics(path)
    with pytest.raises(InputError, match="expected a JSON object with an entry a"):
        read_metrics(written(tmp_path / "toy", [entry]))


def test_all_metrics_of_committed_results_are_described():
    figures = all_published()
    metrics = {folder.name: metrics_of(folder) for folder in system_folders()}
    for path in RESULTS.glob("*.json"):
        for file, result in read_results(path).items():
            known = metrics[owner_of(result, figures, metrics)]
            for part in (result, *result.get("phases", {}).values()):
                for name in part["metrics"]:
                    assert lookup(known, name, None), f"{file}: {name}"


def test_words_are_short_and_plain():
    for folder in system_folders():
        for name, metric in metrics_of(folder).items():
            where = f"{folder.name}, {name}"
            assert 3 < len(metric.means) <= 65 and "_" not in metric.means, where
            assert not metric.means.endswith(".") and len(metric.unit) <= 16, where
