"""One verdict from those at several points."""

from jaxdl.gradcheck.judge import LeafReport, over_all_points

RIGHT = LeafReport(
    "f", "x", (3,), 3, 0, {"central": 1e-9}, "central, x[0] = 1", 1e-8, (), 0, (), "ok"
)
NEVER_HELD = RIGHT._replace(
    second=None,
    second_left_out=3,
    notes=("order 2 is not checked: all entries are left out",),
)
ZERO = RIGHT._replace(errors={"central": 0.0}, second=0.0, status="zero")
UNCHECKED = RIGHT._replace(
    errors={}, worst_at="", left_out=("x[0] = 0 (kink)",) * 3, status="unchecked",
    why="no entry",
)  # fmt: skip
OVER = RIGHT._replace(
    errors={"central": 0.5}, worst_at="central, x[1] = 2", status="over", second=0.25
)


def test_a_leaf_never_held_at_order_2_is_unchecked():
    found = over_all_points([NEVER_HELD, NEVER_HELD])
    assert found.status == "unchecked" and found.failed and "order 2" in found.why
    assert found.second is None and found.second_left_out == 6
    found = over_all_points([NEVER_HELD, RIGHT])
    assert (found.status, found.second, found.notes) == ("ok", 1e-8, ())


def test_the_verdict_is_that_of_the_worst_point():
    for reports in ([OVER, RIGHT, ZERO], [RIGHT, ZERO, OVER], [UNCHECKED, OVER]):
        found = over_all_points(reports)
        assert (found.status, found.failed, found.worst) == ("over", True, 0.5)
        assert found.second == 0.25 and found.points == len(reports)
    found = over_all_points([RIGHT, RIGHT, OVER])
    assert found.worst_at == "central, x[1] = 2 at point 3"
    assert over_all_points([OVER, RIGHT]).worst_at == "central, x[1] = 2"
    assert over_all_points([ZERO, ZERO]).status == "zero"
    assert over_all_points([ZERO, RIGHT]).status == "ok"
    assert over_all_points([ZERO, UNCHECKED]).status == "unchecked"
    assert over_all_points([UNCHECKED] * 2).why == "no entry"
    found = over_all_points([RIGHT, UNCHECKED])
    assert (found.status, found.why, found.left_out) == ("ok", "", ())
    assert found.elsewhere == ("3 of 3 of x at point 2",)
