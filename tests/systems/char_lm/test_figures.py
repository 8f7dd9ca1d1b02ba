"""Figures of a model of text show what they say."""

import types

import jax
import numpy as np
from drawing import drawn, series

from jaxdl.systems.char_lm.cell_features import Cell
from jaxdl.systems.char_lm.data import make_text
from jaxdl.systems.char_lm.figures import (
    COLUMNS,
    ROWS,
    figure_of_cells,
    layout,
    text_figures,
)
from jaxdl.systems.char_lm.networks import char_lm
from jaxdl.train.log import History

LINES = "Wer reitet so spät durch Nacht und Wind?\nEs ist der Vater\n\n$1$ 漢字\n"


def test_text_figures():
    data = make_text("ballad", LINES * 30)
    model = char_lm(len(data.alphabet), 5)
    params = model.init(jax.random.key(0))
    history = History(
        series(30, 1, ("loss", "grad_norm")), series(3, 1, ("validation_nats",))
    )
    record = types.SimpleNamespace(
        states=[types.SimpleNamespace(params=params)],
        data=data,
        history=history,
        config=types.SimpleNamespace(seed=5, steps=1234, max_norm=1.0),
    )
    figures = text_figures(record, model)
    assert set(figures) == {"curves", "cells"}
    for figure in figures.values():
        pixels = drawn(figure)
        assert pixels.shape[1] == 1000 and pixels.std() > 5
    labels = [axes.get_ylabel() for axes in figures["curves"].axes]
    assert labels == ["nats per character", "norm"]
    title = figures["cells"].get_suptitle()
    assert "ballad" in title and "seed 5" in title and "1,234 steps" in title


def test_each_character_has_its_cells_colour():
    text = LINES * 3
    values = np.random.default_rng(0).uniform(-1, 1, (len(text), 4))
    cells = [Cell(2, "place in the line", -0.75), Cell(0, "capital letter", 0.5)]
    figure = figure_of_cells(values, text, cells, title="cells")
    for axes, cell in zip(figure.axes, cells, strict=False):
        assert f"cell {cell.index}: {cell.feature}" in axes.get_title(loc="left")
        assert f"{cell.correlation:+.2f}" in axes.get_title(loc="left")
        kept = np.ma.filled(axes.images[0].get_array(), np.nan)
        for label, character, value in zip(
            axes.texts, text, values[:, cell.index], strict=False
        ):
            column, row = label.get_position()
            assert kept[row, column] == value
            assert label.get_text() in (character, "↵", "□")
        assert axes.texts[40].get_text() == "↵"
        assert (~np.isnan(kept)).sum() == len(axes.texts)
    with np.errstate(all="raise"):
        drawn(figure)


def test_layout_keeps_lines_and_wraps_long_ones():
    places = layout("ab\n\n" + "c" * (COLUMNS + 2) + "\nd")
    assert places[:4] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert places[4] == (2, 0) and places[3 + COLUMNS] == (2, COLUMNS - 1)
    assert places[4 + COLUMNS :] == [(3, 0), (3, 1), (3, 2), (4, 0)]
    assert layout("a\n" * 99)[-1] == (ROWS - 1, 1)
    assert layout("a" * 9999)[-1] == (ROWS - 1, COLUMNS - 1)
