"""What a run says while it goes on, in a terminal and elsewhere."""

import io
import sys
import types

import numpy as np
import pytest
import rich.console

from jaxdl import printing
from jaxdl.train import progress as module
from jaxdl.train.progress import EvaluationTable, Progress, duration


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = types.SimpleNamespace(seconds=0.0)
    fake = types.SimpleNamespace(monotonic=lambda: now.seconds)
    for each in (module, printing):
        monkeypatch.setattr(each, "time", fake)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    return now


@pytest.fixture
def beats(clock, monkeypatch):
    """Ticks of the thread that prints, made by hand: `beats(seconds)`."""
    monkeypatch.setattr(module.threading, "Thread", _NoThread)

    def until(progress, seconds):
        clock.seconds = seconds
        progress._ended = _Once()
        progress._beat()

    return until


class _NoThread:
    def __init__(self, **options):
        assert options["daemon"]

    def start(self):
        pass

    def join(self):
        pass


class _Once:
    """An event that is awaited in vain once."""

    def __init__(self):
        self.left = [False, True]

    def wait(self, seconds):
        assert seconds <= 1
        return self.left.pop(0)

    def set(self):
        pass


def test_a_line_whenever_ten_seconds_were_silent(beats, capsys):
    with Progress() as progress:
        for second in range(1, 41):
            progress.update(second, 1000, {"loss": np.float32([0.25, 0.75])}, 20.0)
            beats(progress, float(second))
    out, err = capsys.readouterr()
    assert err == "" and "\x1b" not in out
    assert out.splitlines() == [
        "step 10/1,000  20 steps/s  50 s left  loss 0.5",
        "step 20/1,000  20 steps/s  49 s left  loss 0.5",
        "step 30/1,000  20 steps/s  48 s left  loss 0.5",
        "step 40/1,000  20 steps/s  48 s left  loss 0.5",
    ]


def test_a_line_of_any_kind_ends_the_silence(beats, clock, capsys):
    with Progress() as progress, progress.doing("compiling"):
        clock.seconds = 9.0
        printing.say("something else")
        beats(progress, 12.0)
        assert capsys.readouterr().out == "something else\n"
        beats(progress, 19.0)
        assert capsys.readouterr().out == "compiling, 19 s\n"


def test_work_is_named_with_its_time_until_training_goes_on(beats, capsys):
    with Progress() as progress, progress.doing("preparing"):
        beats(progress, 10.0)
        progress.update(0, 30)
        with progress.doing("compiling"):
            beats(progress, 150.0)
        beats(progress, 160.0)
        progress.update(20, 30, {"loss": [1.0]}, 0.25)
        beats(progress, 170.0)
        progress.rest()
        with progress.doing("drawing pictures"):
            beats(progress, 180.0)
    assert capsys.readouterr().out.splitlines() == [
        "preparing, 10 s",
        "step 0/30  compiling, 2 min",
        "step 0/30",
        "step 20/30  0.25 steps/s  40 s left  loss 1",
        "drawing pictures, 10 s",
    ]


def test_work_within_work_goes_back_to_the_outer_one(beats, capsys):
    with Progress() as progress, progress.doing("evaluating"):
        with progress.doing("saving"):
            beats(progress, 10.0)
        beats(progress, 20.0)
    assert capsys.readouterr().out == "saving, 10 s\nevaluating, 20 s\n"


def test_nothing_is_said_where_nothing_goes_on(beats, capsys):
    with Progress() as progress:
        beats(progress, 100.0)
    assert capsys.readouterr() == ("", "")


def test_one_within_another_shares_its_line(beats, capsys):
    with Progress() as outer:
        with Progress() as inner:
            assert inner is outer and Progress.current() is outer
        beats(outer, 5.0)
        with Progress.current().doing("saving"):
            beats(outer, 11.0)
        assert "saving" in capsys.readouterr().out
    assert Progress.current() is not outer  # says nothing to anyone


def test_the_thread_ends_with_the_context(clock, capsys):
    with Progress() as progress:
        thread = progress._thread
        assert thread is not None and thread.is_alive()
    assert not thread.is_alive()


@pytest.fixture
def terminal(clock, monkeypatch):
    """A function: what a terminal of some columns gets on standard error."""
    shown = io.StringIO()
    console = rich.console.Console

    def open_terminal(width):
        def fake_console(*, stderr=False, file=None):
            return console(
                file=shown, force_terminal=True, width=width, color_system=None
            )

        monkeypatch.setattr(rich.console, "Console", fake_console)
        monkeypatch.setattr(module, "is_terminal", lambda stream: True)
        return shown

    return open_terminal


METRICS = {"d_fake": [0.25, 0.75], "d_real": [1.0, 1.0], "gen_loss": [12.0, 13.0]}
METRICS["disc_loss"] = [1.0, 2.0]


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_steps_speed_and_time_left_come_first_and_metrics_are_cut(terminal, width):
    shown = terminal(width)
    with Progress() as progress:
        progress.update(500, 40_000, METRICS, 1234.6)
        bar, rest, text = progress._line(width)
    whole = bar + rest + text
    assert len(whole) <= width and len(bar + rest) == (24 if width >= 100 else 12)
    assert text.startswith(" 500/40,000  1,235 steps/s  32 s left  ")
    assert text.endswith("…") == (width < 120)
    assert "500/40,000" in shown.getvalue()
    assert "\x1b[?25h" in shown.getvalue()[-20:]
    assert "\x1b[2K" in shown.getvalue()[-20:]  # the line is gone  # the cursor is back


def test_the_bar_is_as_long_as_what_is_done(terminal):
    terminal(80)
    with Progress() as progress:
        for step, length in ((0, 0), (50, 6), (99, 11), (100, 12)):
            progress.update(step, 100)
            done, rest, _ = progress._line(80)
            assert (len(done), len(rest)) == (length, 12 - length)
        progress.update(0, 0)  # a run of no steps
        assert progress._line(80)[2] == " 0/0"


def test_control_bytes_of_a_metric_reach_no_terminal(terminal):
    shown = terminal(80)
    with Progress() as progress:
        progress.update(1, 2, {"a\x1b[31m": [1.0]}, 1.0)
        assert "\x1b" not in progress._line(80)[2]
    assert "\x1b[31m" not in shown.getvalue()


def test_prints_of_others_stand_above_the_line(terminal, capsys):
    shown = terminal(80)
    with Progress() as progress:
        progress.update(1, 2)
        printing.say("a line [bold]of text" + " and more" * 20)
        printing.say("a warning", sys.stderr)
    said = "a line [bold]of text" + " and more" * 20
    assert f"{said}\n" in shown.getvalue()  # in one piece, to be copied
    assert "a warning" in shown.getvalue()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (99.0, "99 s"),
        (100.0, "2 min"),
        (3600.0, "60 min"),
        (7500.0, "2 h 5 min"),
        (4e6, "1,111 h 7 min"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


# Evaluations


@pytest.fixture
def columns(monkeypatch):
    """A terminal of so many columns."""
    return lambda number: monkeypatch.setenv("COLUMNS", str(number))


def test_evaluations_are_the_rows_of_a_table(columns):
    columns(80)
    table = EvaluationTable()
    assert table.lines(100, {"loss": 0.25, "validation_error": 12.3456}) == [
        "after step       loss  validation_error",
        "       100       0.25             12.35",
    ]
    assert table.lines(12_000, {"loss": -1e-7, "validation_error": 12.0}) == [
        "    12,000     -1e-07                12"
    ]
    assert table.lines(12_100, {"loss": 1.0}) == [
        "after step       loss",
        "    12,100          1",
    ]


def test_equal_evaluations_are_said_to_be_so_once(columns):
    columns(80)
    table = EvaluationTable()
    found = [
        table.lines(step, {"loss": loss})
        for step, loss in enumerate([1.0, 1.0, 1.0, 2.0])
    ]
    assert found[1:] == [["         1  as before"], [], ["         3          2"]]
    assert table.lines(4, {"loss": 2.0}) == ["         4  as before"]


@pytest.mark.parametrize(("width", "shown"), [(20, 1), (80, 5), (100, 7), (300, 7)])
def test_values_that_do_not_fit_are_counted(columns, width, shown):
    columns(width)
    values = {f"metric_{i:02}": i / 7 for i in range(13)}
    head, row = EvaluationTable().lines(5000, values)
    assert head.split()[2:] == [*list(values)[:shown], f"({13 - shown}", "more)"]
    assert row.split()[:3] == ["5,000", "0", "0.1429"][: shown + 1]
    assert len(row.split()) == 1 + shown
    assert max(len(head), len(row)) <= max(min(width, 100), 35)


def test_the_final_evaluation_has_the_values_of_the_others(columns):
    columns(80)
    table = EvaluationTable()
    assert table.last_line(0, {"loss": 1.0}) == []
    table.lines(5, {"loss": 1.0})
    assert table.last_line(10, {"test": 3.0, "loss": 0.5}) == ["        10        0.5"]


def test_values_that_just_fit_are_all_shown(columns):
    values = {name: 0.0 for name in ("loss", "error", "accuracy")}
    columns(10 + 3 * 11)
    head, _ = EvaluationTable().lines(1, values)
    assert head == "after step       loss      error   accuracy"
    columns(10 + 3 * 11 - 1)
    head, _ = EvaluationTable().lines(1, values)
    assert head.endswith("more)")
