"""The report as text and as JSON."""

import json
import math

from jaxdl.gradcheck.backprop import worked_example
from jaxdl.gradcheck.branches import Branch
from jaxdl.gradcheck.judge import LeafReport
from jaxdl.gradcheck.report import (
    as_json,
    format_report,
    format_table,
    format_worked_example,
)

RIGHT = LeafReport(
    "tanh", "z", (3, 4), 12, 0,
    {"forward": 1e-15, "central": 2.5e-12, "hand": 0.0},
    "central, z[0, 1] = 2", 3e-11, (), 0, (), "ok",
)  # fmt: skip
LARGE = RIGHT._replace(
    function="wide", leaf="w", shape=(100, 100), entries=64, directions=2,
    errors={"central": 1e-9}, left_out=("w[0, 0] = 0 (kink)",), second_left_out=3,
    notes=("no forward mode",),
)  # fmt: skip
ZERO = RIGHT._replace(function="step", status="zero", errors={"central": 0.0})
OVER = RIGHT._replace(
    function="wrong", leaf="params.0.kernel", shape=(), entries=1, status="over",
    errors={"central": 0.5}, worst_at="central, params.0.kernel = 1", second=None,
)  # fmt: skip
SECOND = RIGHT._replace(function="stopped", second=math.inf, status="over")
UNCHECKED = RIGHT._replace(
    function="rough", errors={}, worst_at="", second=None, status="unchecked",
    why="computed in float32", elsewhere=("3 of 12 of z at point 4",),
    branches=(
        Branch("max", "a.py:3", ("first larger", "second larger"), ()),
        Branch("cond", "", ("case 0",), ("case 1", "case 2")),
    ),
)  # fmt: skip
ALL = [RIGHT, LARGE, ZERO, OVER, SECOND, UNCHECKED]


def test_table():
    text = format_table([("A", "Long"), ("wide cell", "1"), ("x", "")])
    assert text.splitlines() == ["A          Long", "-" * 15, "wide cell  1", "x"]


def test_a_line_for_each_leaf_with_what_each_method_found():
    lines = format_report(ALL).splitlines()
    assert lines[0].split() == [
        "Function", "Leaf", "Shape", "Checked", "forward", "central", "hand", "order",
        "2", "Status",
    ]  # fmt: skip
    assert lines[2].split() == [
        "tanh", "z", "3x4", "12", "of", "12", "1.0e-15", "2.5e-12", "0", "3.0e-11", "ok"
    ]  # fmt: skip
    assert "64 of 10000 + 2 dir. - 1" in lines[3]
    assert lines[3].split()[-5:] == ["-", "1.0e-09", "-", "3.0e-11", "ok"]
    assert lines[5].split()[2:] == [
        "number",
        "1",
        "of",
        "1",
        "-",
        "5.0e-01",
        "-",
        "-",
        "over",
    ]


def test_what_stands_out_is_listed():
    text = format_report(ALL)
    for line in (
        "wide: w[0, 0] = 0 (kink)",
        "wide: 3 of w at order 2",
        "step: z",
        "wide: w: no forward mode",
        "wrong: params.0.kernel: error 5.0e-01 (central, params.0.kernel = 1)",
        "stopped: z: error inf at order 2",
        "rough: z: unchecked: computed in float32",
        "rough: 3 of 12 of z at point 4",
        "rough: max at a.py:3: first larger and second larger",
        "rough: cond: never case 1 nor case 2",
    ):
        assert f"\n  {line}\n" in text
    assert text.splitlines()[-1] == (
        "6 leaves of 6 functions at 1 point, 3 of them FAILED: worst error 5.0e-01 at "
        "order 1 (tolerance 1e-06), inf at order 2 (tolerance 1e-06); 1 with a zero "
        "gradient, correct but uninformative"
    )


def test_a_clean_report_lists_nothing():
    text = format_report([RIGHT])
    assert len(text.splitlines()) == 5
    said = text.splitlines()[-1]
    assert said.startswith("1 leaf of 1 function at 1 point, all within tolerance")
    said = format_report([RIGHT, RIGHT._replace(points=5)])
    assert "2 leaves of 1 function at up to 5 points, all" in said


def test_branches_are_listed_once_for_all_leaves():
    text = format_report([UNCHECKED, UNCHECKED._replace(leaf="x")])
    assert text.count("max at a.py:3") == text.count("cond: never") == 1


def test_json():
    report = json.loads(json.dumps(as_json(ALL, seed=3), allow_nan=False))
    assert report["passed"] is False and report["seed"] == 3
    assert report["tolerance"] == report["second_tolerance"] == 1e-6
    assert [leaf["function"] for leaf in report["leaves"]] == [x.function for x in ALL]
    assert report["leaves"][0]["errors"] == RIGHT.errors
    assert report["leaves"][0]["worst"] == 2.5e-12
    assert report["leaves"][1]["left_out"] == ["w[0, 0] = 0 (kink)"]
    assert report["leaves"][4]["second"] is None
    assert as_json([RIGHT, ZERO])["passed"] is True


def test_worked_example():
    lines = format_worked_example(worked_example()).splitlines()
    assert lines[0].split() == ["Quantity", "Formula", "Value"]
    assert lines[-2].split()[0] == "dE/dw5" and lines[-2].endswith("0.082167041")
    assert lines[-1].split()[0] == "w5'" and lines[-1].endswith("0.358916480")


def test_a_failure_at_order_2_gives_its_reason():
    leaf = RIGHT._replace(second=2e-6, status="over")
    assert "\n  tanh: z: error 2.0e-06 at order 2\n" in format_report([leaf])
    leaf = RIGHT._replace(errors={"central": 2e-6}, worst_at="central, z", second=1e-7)
    said = format_report([leaf._replace(status="over")])
    assert "\n  tanh: z: error 2.0e-06 (central, z)\n" in said
