"""A result in words: tables that fit, figures beside it, and what numbers mean."""

import pytest

from jaxdl.ledger import report
from jaxdl.ledger.metrics import Bounds, Metric
from jaxdl.ledger.published import Published
from jaxdl.ledger.report import Words

FIGURE = Published(
    id="net",
    system="Net on digits",
    metric="test error (%)",
    value=0.95,
    error=None,
    error_kind=None,
    direction="lower",
    protocol={"seeds": "any", "optimizer": "SGD"},
    source={"paper": "Doe 1999", "table": "Table 1"},
    trust="P",
    free=("optimizer",),
)
WORDS = Words(
    {
        "test_error": Metric("wrong among test images", "%", "lower", Bounds(0, 100)),
        "value": Metric("value of the game", "nats", -1.3863),
        "sigma": Metric("width of the window"),
    },
    {"net": FIGURE},
)


def metric(*values, published=None, **protocol):
    mean = sum(values) / len(values)
    ends = [mean - 1.5, mean + 1.5] if len(values) > 1 else None
    found = {"mean": mean, "ci95": ends, "per_seed": list(values), "protocol": protocol}
    return found | ({"published": published} if published else {})


RESULT = {
    "value": metric(-1.3, -1.2),
    "test_error": metric(0.2, 1.0, published="net", seeds="any", optimizer="Adam"),
    "sigma": metric(0.5, 0.5),
    "unknown_one": metric(2.0, 4.0),
}


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_a_table_of_metrics_fits_the_terminal(width):
    lines = report.metric_lines(RESULT, WORDS, width)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert "metric mean 95 % interval published" in text
    assert "wrong among test images (%); lower is better" in text
    assert "value of the game (nats); best near -1.386" in text
    assert "width of the window unknown_one" in text
    assert "0.95 is from Doe 1999" in text
    starts = [line.split()[0] for line in lines if not line.startswith(" ")][1:5]
    assert starts == ["test_error", "value", "sigma", "unknown_one"]  # it has a row


def test_with_one_seed_there_is_no_interval():
    lines = report.metric_lines({"sigma": metric(0.5)}, WORDS, 80)
    assert lines == ["metric  mean", "sigma    0.5  width of the window"]


def test_intervals_keep_within_the_bounds_of_the_metric():
    (line,) = (
        x for x in report.metric_lines(RESULT, WORDS, 120) if x.startswith("test_error")
    )
    low, high = line.partition("[")[2].partition("]")[0].split(", ")
    assert 0 < float(low) < 0.6 < float(high) < 100  # -0.9 without them
    (line,) = (
        x for x in report.metric_lines(RESULT, WORDS, 120) if x.startswith("value")
    )
    assert float(line.partition("[")[2].partition(",")[0]) < -1.25


@pytest.mark.parametrize(
    ("values", "protocol", "trust", "said"),
    [
        ((0.2, 1.0), dict(seeds="any", optimizer="Adam"), "P", "0.95, reached"),
        ((7.0, 7.1), dict(seeds="any", optimizer="SGD"), "P", "0.95, missed"),
        ((0.2, 1.0), dict(seeds="two", optimizer="SGD"), "P", "0.95, other protocol"),
        ((0.2, 1.0), dict(seeds="any", optimizer="SGD"), "M", "0.95, recalled"),
    ],
)
def test_what_was_published_stands_beside_it(values, protocol, trust, said):
    words = WORDS._replace(published={"net": FIGURE._replace(trust=trust)})
    found = {"test_error": metric(*values, published="net", **protocol)}
    text = "\n".join(report.metric_lines(found, words, 120))
    assert said in text
    assert ("protocols differ in seeds: any -> two" in text) == ("two" in str(protocol))


def test_a_withdrawn_figure_is_not_shown():
    words = WORDS._replace(published={"net": FIGURE._replace(withdrawn="an error")})
    text = "\n".join(report.metric_lines(RESULT, words, 120))
    assert "0.95" not in text and "published" not in text


def test_nothing_is_known_of_an_experiment_of_ones_own():
    assert report.words_of("my_experiment") == Words({}, {})
    assert "parzen_log_likelihood" in report.words_of("gan").metrics
    assert "sequences" in report.words_of("lstm_adding").metrics  # of long_lag


def run(metrics, **changes):
    return {
        "metrics": metrics,
        "seeds": [0, 1],
        "steps": 500_000,
        "wall_seconds": 12.34,
        "state_sha256": "0123456789abcdef" * 4,
    } | changes


def test_the_last_line_says_where_a_stopping_rule_held():
    assert report.last_line(run({})) == (
        "2 seeds, 500,000 steps, 12.3 s; state 0123456789abcdef"
    )
    assert report.last_line(run({}, seeds=[3], stopped_step=26_750)) == (
        "1 seed, stopping rule held by step 26,750 of 500,000, 12.3 s; "
        "state 0123456789abcdef"
    )


def test_brief_lines_have_every_metric():
    lines = report.brief_lines(run(RESULT), WORDS, 80)
    assert [line.split()[0] for line in lines[:-1]] == list(RESULT)
    assert lines[-1] == report.last_line(run(RESULT))


CASES = {
    "first": run({"test_error": metric(1.0, 2.0, seeds="any"), "sigma": metric(1.0)}),
    "second-one": run({"test_error": metric(3.0, 4.0, seeds="any")}),
    "third": run({"value": metric(5.0, lag=3)}),
}


def test_a_sweep_is_a_table_of_its_cases_in_their_order():
    lines = report.case_lines(CASES, WORDS, 100)
    assert lines[0].split() == ["case", "test_error", "value"]  # sigma has no protocol
    assert [line.split()[0] for line in lines[1:4]] == list(CASES)
    assert lines[1].split()[1] == "1.5" and lines[3].split() == ["third", "5"]
    assert lines[4] == "test_error: wrong among test images (%); lower is better"


@pytest.mark.parametrize(("width", "columns"), [(40, 1), (60, 2), (100, 4)])
def test_columns_that_do_not_fit_are_counted(width, columns):
    names = ["test_error", "value", "sigma", "unknown_one"]
    cases = {"a": run({name: metric(1.0, 2.0, x=1) for name in names})}
    lines = report.case_lines(cases, WORDS, width)
    assert max(map(len, lines[:2])) <= width
    assert lines[0].split() == ["case", *names[:columns]]
    left = 4 - columns
    assert ("more metric" in lines[-1]) == (left > 0)
    if left:
        assert lines[-1].startswith(f"{left} more metric{'s' if left > 1 else ''} in")


def test_without_protocols_all_metrics_are_shown():
    cases = {"a": run({"sigma": metric(1.0)}), "b": run({"sigma": metric(2.0)})}
    assert report.case_lines(cases, WORDS, 80)[:3] == [
        "case  sigma",
        "a     1",
        "b     2",
    ]


def test_remarks_and_pictures(tmp_path):
    result = run(
        {}, seeds=[3, 4], remarks={"health": [{"text": "well"}, {"text": "ill " * 30}]}
    )
    first, *others = report.remark_lines(result, 60)
    assert first == "health, seed 3: well"
    assert others[0].startswith("health, seed 4: ill ill") and len(others) > 1
    assert report.picture_lines(tmp_path, "run", 80) == []
    (tmp_path / "figures").mkdir()
    for name in ("samples.png", "curves.png"):
        (tmp_path / "figures" / name).touch()
    assert report.picture_lines(tmp_path, "run", 80) == [
        "pictures: run/figures (curves, samples)"
    ]
    assert report.picture_lines(tmp_path, "run", 32) == [
        "pictures: run/figures (curves,",
        "    samples)",
    ]
