"""Texts of figures: what they say, and the guard that holds them on the canvas."""

import numpy as np
import pytest
from drawing import drawn, faults_of_texts
from matplotlib.figure import Figure

from jaxdl.figures.grids import new_figure
from jaxdl.figures.texts import (
    label_plainly,
    label_steps,
    seeds_in_words,
    set_title,
    text_width,
    wrapped,
)

LONG = "a title of very many words that no figure of this width could hold at once"


def test_seeds_in_words():
    assert [seeds_in_words(num) for num in (1, 2, 10)] == [
        "one seed",
        "2 seeds",
        "10 seeds",
    ]


@pytest.mark.parametrize("size", [8, 11])
def test_text_width_is_that_of_the_drawn_text(size):
    figure = Figure(figsize=(8, 1), dpi=100)
    text = figure.text(0, 0, LONG, fontsize=size)
    drawn(figure)
    found = text_width(f"short\n{LONG}", size)
    assert found == pytest.approx(text.get_window_extent().width / 100, rel=0.03)


def test_wrapped_breaks_at_spaces_and_only_where_it_must():
    lines = wrapped(LONG, 2.0).split("\n")
    assert " ".join(lines) == LONG and len(lines) > 1
    assert all(text_width(line, 11) <= 2.0 for line in lines)
    for line, following in zip(lines, lines[1:], strict=False):
        assert text_width(f"{line} {following.split()[0]}", 11) > 2.0
    assert wrapped("one two", 2.0) == "one two"
    assert wrapped("one\ntwo", 2.0) == "one\ntwo"
    assert wrapped("unbreakable", 0.1) == "unbreakable"


def test_titles_are_whole():
    figure = new_figure(4.0, 2.0)
    figure.subplots()
    set_title(figure, f"{LONG}: 5 $ and 6 $")
    drawn(figure)
    assert "$ and 6 $" in figure.get_suptitle() and faults_of_texts(figure) == []


def tick_texts(axis):
    drawn(axis.get_figure())
    low, high = axis.get_view_interval()
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    texts = [tick.label1.get_text() for tick in ticks if low <= tick.get_loc() <= high]
    return [text for text in texts if text]


@pytest.mark.parametrize("end", [1, 3, 20, 40_000])
def test_steps_are_whole(end):
    axes = new_figure(4.0, 3.0).subplots()
    axes.plot([0 if end > 1 else 1, end], [0, 1])
    label_steps(axes)
    found = tick_texts(axes.xaxis)
    assert 1 <= len(found) <= 6 and all("." not in text for text in found)
    assert ("10,000" in found) == (end == 40_000)


def test_steps_are_round():
    axes = new_figure(4.0, 3.0).subplots()
    axes.plot([1, 300], [0, 1])
    label_steps(axes)
    assert tick_texts(axes.xaxis) == ["0", "100", "200", "300"]


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(60, 210, "200"), (9, 11, "10"), (1, 1000, "100"), (1e-9, 1, None)],
)
def test_moderate_logarithmic_axes_are_labelled_plainly(low, high, wanted):
    axes = new_figure(4.0, 3.0).subplots()
    axes.set(yscale="log", ylim=(low, high))
    label_plainly(axes)
    found = tick_texts(axes.yaxis)
    assert any("10^" in text for text in found) == (wanted is None)
    assert wanted is None or (wanted in found and len(found) <= 10)


# The guard


def test_guard_is_content_with_a_plain_figure():
    figure = new_figure(4.0, 3.0)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], label="a line")
    axes.legend()
    drawn(figure)
    assert faults_of_texts(figure) == []


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda axes: axes.text(0.9, 0.5, LONG), "leaves the canvas"),
        (lambda axes: axes.figure.text(-0.01, 0.5, "left"), "leaves the canvas"),
        (lambda axes: [axes.text(0.5, 0.5, name) for name in "ab"], "overlaps"),
        (lambda axes: axes.set_xticks([0.5, 0.51], ["first", "second"]), "overlaps"),
        (lambda axes: axes.set_title("1 seed(s)"), "one or several"),
    ],
    ids=["right", "left", "texts", "ticks", "count"],
)
def test_guard_finds(spoil, fault):
    figure = new_figure(4.0, 3.0)
    figure.set_layout_engine("none")
    axes = figure.subplots()
    spoil(axes)
    drawn(figure)
    (found,) = faults_of_texts(figure)
    assert fault in found


def test_guard_finds_an_interval_of_one_seed():
    figure = new_figure(4.0, 3.0)
    figure.subplots().set_title("mean, 95 % interval")
    drawn(figure)
    assert faults_of_texts(figure) == []
    (found,) = faults_of_texts(figure, one_seed=True)
    assert "of one seed?" in found


@pytest.mark.parametrize("hidden", ["tick", "logarithm", "axes", "axis"])
def test_guard_looks_at_what_is_drawn(hidden):
    figure = new_figure(4.0, 3.0)
    axes = figure.subplots()
    axes.set_xticks(np.array([0.5, 0.51]), ["first", "second"])
    if hidden == "tick":
        axes.set_xlim(0, 0.505)
    elif hidden == "logarithm":  # far below 1e8, yet little is missing
        axes.set_xscale("log")
        axes.set_xticks([0.5, 0.51], ["first", "second"])
        axes.set_xlim(0.505, 1e9)
    elif hidden == "axes":
        axes.set_visible(False)
    else:
        axes.set_axis_off()
    drawn(figure)
    assert faults_of_texts(figure) == []
