"""Figures of a model of text: its losses, and single cells while it reads."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxdl.figures.grids import Panel, figure_of_curves, new_figure
from jaxdl.figures.texts import set_title
from jaxdl.systems.char_lm.cell_features import (
    Cell,
    choose_cells,
    memories,
    text_features,
)
from jaxdl.types import History

NUM_CELLS = 4
COLUMNS, ROWS = 80, 7  # of the passage that is shown
CHOSEN_ON = 10_000  # characters of validation on which cells are chosen
FONT = "DejaVu Sans Mono"


def text_figures(record: Any, model: Any) -> dict[str, Any]:
    """Figures of a model of text: its curves, and cells that follow something.

    Cells of the first seed are chosen on the first 10,000 validation characters (the
    first half of a short text) and shown on the lines that come next.

    Args:
      record: of the run (`jaxdl.train.Record`).
      model: `jaxdl.models.CharModel`.
    """
    data = record.data
    seen = min(CHOSEN_ON, len(data.validation) // 2)
    codes = data.validation[: seen + 3 * ROWS * COLUMNS]
    read = jax.jit(functools.partial(memories, model.apply, model.memory))
    values = np.asarray(read(record.states[0].params, codes))
    text = "".join(data.alphabet[code] for code in np.asarray(codes))
    cells = choose_cells(values[:seen], text_features(text[:seen]), NUM_CELLS)
    begin = _next_line(text, seen)
    title = (
        f"Cells that follow a feature of {data.name} most closely "
        f"(seed {record.config.seed}, after {record.config.steps:,} steps)"
    )
    return {
        "curves": figure_of_curves(_panels(record.history, record.config.max_norm)),
        "cells": figure_of_cells(values[begin:], text[begin:], cells, title=title),
    }


def figure_of_cells(
    values: np.ndarray, text: str, cells: Sequence[Cell], *, title: str
) -> Any:
    """The begin of a text once for each cell, coloured by what the cell keeps.

    Args:
      values: [time cells] in (-1, 1), after each character.
      text: the characters.
      cells: which to show.
      title: stands above.
    """
    from matplotlib.colors import LinearSegmentedColormap

    places = layout(text)
    rows = 1 + max(row for row, _ in places)
    shown = [_shown(character) for character in text[: len(places)]]
    height = 0.9 + len(cells) * (0.35 + 0.17 * rows)
    figure = new_figure(8.0, height)
    grid = np.atleast_1d(figure.subplots(len(cells), 1))
    colors = LinearSegmentedColormap.from_list("", ["#4a90d9", "#ffffff", "#f07f4f"])
    for axes, cell in zip(grid, cells, strict=True):
        kept = np.full((rows, COLUMNS), np.nan)
        for place, value in zip(places, values[:, cell.index], strict=False):
            kept[place] = value
        picture = axes.imshow(kept, cmap=colors, vmin=-1, vmax=1, aspect="auto")
        for (row, column), character in zip(places, shown, strict=True):
            axes.text(
                *(column, row, character),
                family=FONT,
                size=8,
                ha="center",
                va="center_baseline",
                parse_math=False,
                in_layout=False,  # thousands of boxes to measure, all inside the axes
            )
        axes.set_title(
            f"cell {cell.index}: {cell.feature} (correlation {cell.correlation:+.2f})",
            fontsize=9,
            loc="left",
        )
        axes.set_axis_off()
    set_title(figure, title)
    bar = figure.colorbar(
        picture, ax=list(grid), location="bottom", shrink=0.4, aspect=40, pad=0.01
    )
    bar.set_label("what the cell keeps after the character", fontsize=9)
    return figure


def _next_line(text: str, start: int) -> int:
    """Where the next line that is not empty begins; `start` if none does soon."""
    begin = text.find("\n", start)
    while 0 <= begin < len(text) and text[begin] == "\n":
        begin += 1
    return begin if 0 < begin <= len(text) - COLUMNS else start


def layout(text: str) -> list[tuple[int, int]]:
    """Row and column of each character of a text's begin, as far as the rows go."""
    places, row, column = [], 0, 0
    for character in text:
        if column == COLUMNS:
            row, column = row + 1, 0
        if row == ROWS:
            break
        places.append((row, column))
        column += 1
        if character == "\n":
            row, column = row + 1, 0
            if row == ROWS:
                break
    return places


def _shown(character: str) -> str:
    """A character that the font has in place of any other."""
    if character == "\n":
        return "↵"
    return character if ord(character) in _charmap() else "□"


@functools.cache
def _charmap() -> Mapping[int, Any]:
    from matplotlib.font_manager import findfont, get_font

    return get_font(findfont(FONT)).get_charmap()


def _panels(history: History, max_norm: float) -> list[Panel]:
    train, validation = history
    return [
        Panel(
            "Loss",
            "nats per character",
            {
                "training windows": (train, "loss"),
                "validation": (validation, "validation_nats"),
            },
        ),
        Panel(
            "Gradient before clipping",
            "norm",
            {"training windows": (train, "grad_norm")},
            {"largest norm of a step": max_norm},
        ),
    ]
