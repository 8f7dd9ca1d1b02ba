"""What figures are made of: grids of images, curves over a run."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from jaxdl.errors import InputError
from jaxdl.figures.texts import (
    TITLE_SIZE,
    label_plainly,
    label_steps,
    seeds_in_words,
    text_width,
    wrapped,
)
from jaxdl.ops.images import to_bytes
from jaxdl.types import Series

DPI = 125  # 8 inches are 1000 pixels


class Panel(NamedTuple):
    """One pair of axes with curves over training steps.

    Attributes:
      title, ylabel: texts; the label says the unit.
      curves: legend -> (series, name of the value in it).
      references: legend -> height of a dashed line.
      yscale: "linear" or "log".
    """

    title: str
    ylabel: str
    curves: Mapping[str, tuple[Series, str]]
    references: Mapping[str, float] = {}
    yscale: str = "linear"


def new_figure(width: float, height: float) -> Any:
    """An empty figure of this size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def image_grid(rows: Sequence[np.ndarray] | np.ndarray, gap: int = 1) -> np.ndarray:
    """Images in rows, on white: [height width] or [height width 3] bytes.

    Args:
      rows: each [columns height width channels] uint8.
      gap: white pixels between images.
    """
    padded = [
        np.pad(r, ((0, 0), *((gap, gap),) * 2, (0, 0)), constant_values=255)
        for r in rows
    ]
    grid = np.concatenate([np.concatenate(list(row), axis=1) for row in padded])
    return grid[..., 0] if grid.shape[-1] == 1 else grid


def figure_of_images(
    rows: Sequence[np.ndarray] | np.ndarray,
    *,
    title: str,
    row_labels: Sequence[str] = (),
) -> Any:
    """A figure of image rows, with a label before each row if given.

    Args:
      rows: each [columns height width channels] uint8; equal shapes.
      title: stands above, on as many lines as it needs.
      row_labels: one a row.
    """
    columns, height, width, _ = rows[0].shape
    title = wrapped(title, 7.8)
    # Places in inches: what texts need is known, and images are not to be stretched.
    label_size, margin = 10, 0.1
    label_width = max((text_width(x, label_size) for x in row_labels), default=0.0)
    left = margin + (label_width + margin if row_labels else 0)
    top = margin + 0.19 * (1 + title.count("\n")) + 0.05
    aspect = len(rows) * (height + 2) / (columns * (width + 2))
    wide = min(8.0 - left - margin, 15.0 / aspect)
    left, tall = max(left, (8.0 - wide) / 2), wide * aspect
    figure = new_figure(8.0, max(tall + top + margin, 0.9))
    figure.set_layout_engine("none")
    whole = figure.get_figheight()
    place = left / 8.0, 1 - (top + tall) / whole, wide / 8.0, tall / whole
    axes = figure.add_axes(place)
    axes.imshow(
        image_grid(rows), cmap="gray", vmin=0, vmax=255, interpolation="nearest"
    )
    middle = (4.0 - left) / wide  # of the figure, not of the images
    axes.set_title(title, fontsize=TITLE_SIZE, x=middle, parse_math=False)
    axes.set_xticks([])
    axes.set_yticks([(i + 0.5) * (height + 2) - 0.5 for i in range(len(row_labels))])
    axes.set_yticklabels(row_labels, fontsize=label_size)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def save_images(images: np.ndarray, folder: Path, name: str) -> Path:
    """Save images [n height width channels] as `name.npy` and a square `name.png`.

    Raises:
      InputError: if the folder cannot be written.
    """
    from PIL import Image

    columns = math.ceil(math.sqrt(len(images)))
    blank = np.full_like(images[:1], 255)
    padded = np.concatenate([images, *[blank] * (-len(images) % columns)])
    grid = image_grid(padded.reshape(-1, columns, *images.shape[1:]))
    scale = max(1, 800 // grid.shape[1])
    path = folder / f"{name}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{name}.npy", images)
        Image.fromarray(grid.repeat(scale, axis=0).repeat(scale, axis=1)).save(path)
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror})") from None
    return path


def smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """Mean over `window` neighbours along axis 0, fewer at the ends."""
    sums = np.cumsum(np.concatenate([np.zeros_like(values[:1]), values]), axis=0)
    index = np.arange(len(values))
    low = np.maximum(index - (window - 1) // 2, 0)
    high = np.minimum(index + window // 2 + 1, len(values))
    counts = (high - low).reshape(-1, *[1] * (values.ndim - 1))
    return (sums[high] - sums[low]) / counts


def figure_of_curves(panels: Sequence[Panel], *, columns: int = 2) -> Any:
    """Curves over training steps: the mean over seeds, a band from lowest to highest.

    Curves of more than 200 points are smoothed by a running mean over a fiftieth of
    them; the axis says so. A line below says what is drawn of how many seeds.
    """
    rows = -(-len(panels) // columns)
    figure = new_figure(4.0 * columns, 3.0 * rows + 0.2)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(panels) :]:
        axes.remove()
    num_seeds = set()
    for axes, panel in zip(grid, panels, strict=False):
        xlabel = "step"
        for i, (label, (series, name)) in enumerate(panel.curves.items()):
            if name not in series.values:  # a run of 0 steps trained nothing
                continue
            values = series.values[name]
            if len(values) > 200:
                window = len(values) // 50
                values = smoothed(values, window)
                xlabel = f"step (running mean of {window} logged steps)"
            num_seeds.add(values.shape[1])
            mean, color = values.mean(axis=1), f"C{i}"
            marker = "o" if len(values) <= 20 else None
            axes.plot(series.steps, mean, color=color, label=label, marker=marker, ms=3)
            if values.shape[1] > 1:
                low, high = values.min(axis=1), values.max(axis=1)
                axes.fill_between(series.steps, low, high, color=color, alpha=0.2, lw=0)
        for i, (label, height) in enumerate(panel.references.items()):
            style = ("--", ":", "-.")[i % 3]
            axes.axhline(height, color="0.35", ls=style, lw=1, label=label)
        axes.set(xlabel=xlabel, ylabel=panel.ylabel, yscale=panel.yscale)
        label_steps(axes)
        if panel.yscale == "log":
            label_plainly(axes)
        axes.grid(alpha=0.3)
        # Above the curves, which it would hide, and below the title.
        entries = len(axes.get_legend_handles_labels()[1])
        if entries:
            axes.legend(
                loc="lower center",
                bbox_to_anchor=(0.5, 1.0),
                ncols=2,
                fontsize=7,
                frameon=False,
            )
        pad = 8 + 11 * math.ceil(entries / 2)
        axes.set_title(panel.title, fontsize=TITLE_SIZE, pad=pad)
    if num_seeds:
        note = seeds_in_words(max(num_seeds))
        if max(num_seeds) > 1:
            note = f"lines: mean of {note}; bands: lowest to highest"
        figure.supxlabel(note, fontsize=8, color="0.35")
    return figure


def figure_of_test_errors(
    records: Mapping[str, Any],
    published: Mapping[str, float],
    interval: Callable[[Sequence[float]], tuple[float, float | None, float | None]],
) -> Any:
    """Test error of each case: seeds, mean and interval, and the published figure.

    Args:
      records: by case (`jaxdl.train.Record`), with a metric `test_error` (%).
      published: errors by case, of those that have one.
      interval: mean and ends of the 95 % interval of errors by seed; None as the ends
        of a single seed's.
    """
    figure = new_figure(8.0, 0.45 * len(records) + 1.2)
    axes = figure.subplots()
    errors = [r.result["metrics"]["test_error"]["per_seed"] for r in records.values()]
    several = max(map(len, errors)) > 1
    means = "ours, mean and 95 % interval" if several else "ours, one seed"
    for y, seeds in enumerate(errors):
        mean, *ends = interval(seeds)
        if len(seeds) > 1:
            axes.plot(ends, [y, y], color="C0", lw=2)
            style = dict(color="C0", label="each seed")
            axes.plot(seeds, [y + 0.2] * len(seeds), "|", **style)
        axes.plot(mean, y, "o", color="C0", label=means)
    there = {name: y for y, name in enumerate(records) if name in published}
    if there:
        figures = [published[name] for name in there]
        style = dict(ls="", marker="D", color="C3", ms=5, label="published")
        axes.plot(figures, list(there.values()), **style)
    axes.set_yticks(range(len(records)), list(records))
    axes.invert_yaxis()
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    ticks = (1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100)
    ticks = [t for t in ticks if low <= t <= high]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("test error (%, logarithmic)")
    axes.grid(alpha=0.3)
    # Each once, in the order in which they matter.
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    named = [name for name in (means, "each seed", "published") if name in handles]
    figure.legend(
        [handles[name] for name in named],
        named,
        loc="outside upper center",
        ncols=3,
        fontsize=8,
    )
    return figure


def weight_images(
    kernel: ArrayLike, image_shape: tuple[int, int, int], count: int
) -> np.ndarray:
    """The first units' weights as pictures [count height width channels] of bytes.

    Gray is 0; white is the largest magnitude of the unit's own weights upwards, black
    downwards. Pictures without a unit are white.

    Args:
      kernel: [pixels units].
      image_shape: of one picture.
      count: of units to show.
    """
    weights = np.asarray(kernel).T[:count]
    largest = np.abs(weights).max(axis=1, keepdims=True)
    units = 0.5 + 0.5 * weights / np.where(largest > 0, largest, 1)
    blank = np.ones((count - len(units), units.shape[1]))
    return to_bytes(jnp.asarray(np.concatenate([units, blank])), image_shape)
