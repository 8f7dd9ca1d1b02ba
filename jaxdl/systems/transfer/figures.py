"""Figures of transfer learning: errors against training size, and guesses."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxdl.data.load import CIFAR10_CLASSES
from jaxdl.figures.grids import new_figure
from jaxdl.figures.texts import seeds_in_words, set_title
from jaxdl.measures.statistics import bounded_ci95

LABELS = {
    "frozen": "pretrained, frozen: a linear layer on its features",
    "tuned": "pretrained, all of it trained on",
    "scratch": "the same net from new weights",
    "small": "a small net from new weights",
}
SHOWN = 10  # images


def transfer_figures(records: Mapping[str, Any]) -> dict[str, Any]:
    """Errors of methods against the number of training images, and some guesses.

    Args:
      records: of runs (`jaxdl.train.Record`), each with one method and one size.
    """
    return {"curves": _curves(records), "guesses": _guesses(records)}


def _curves(records):
    """Means over seeds with 95 % intervals, and each seed as a dot."""
    figure = new_figure(8.0, 5.0)
    axes = figure.subplots()
    curves: dict[str, dict[int, Mapping[str, Any]]] = {}
    for record in records.values():
        (method,), (size,) = record.config.methods, record.config.sizes
        metrics = record.result["metrics"]
        name = "test_error" if "test_error" in metrics else "validation_error"
        curves.setdefault(method, {})[size] = metrics[name]
    for i, (method, by_size) in enumerate(curves.items()):
        sizes = sorted(by_size)
        metrics = [by_size[size] for size in sizes]
        found = [bounded_ci95(metric["per_seed"], 0, 100) for metric in metrics]
        means, low, high = np.array(found, float).T  # None is NaN: no bar for one seed
        # Intervals and dots side by side, not over each other.
        at = np.array(sizes) * 1.05 ** (i - (len(curves) - 1) / 2)
        bars = np.nan_to_num(np.maximum([means - low, high - means], 0))
        label = LABELS[method]
        style = dict(color=f"C{i}", ms=4, capsize=3, lw=1.5)
        axes.errorbar(at, means, bars, fmt="o-", label=label, **style)
        for x, metric in zip(at, metrics, strict=True):
            seeds = metric["per_seed"]
            axes.plot([x] * len(seeds), seeds, ".", color=f"C{i}", ms=3, alpha=0.5)
    axes.axhline(90, color="0.35", ls=":", lw=1, label="guessing")
    sizes = sorted({size for by_size in curves.values() for size in by_size})
    axes.set(xscale="log", ylim=(0, 100), xlabel="training images (logarithmic)")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.set_xticks([], minor=True)
    axes.set_ylabel(f"{name.replace('_', ' ')} (%)")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    cfg = next(iter(records.values())).config
    seeds = seeds_in_words(cfg.seeds)
    if cfg.seeds > 1:
        seeds = f"mean of {seeds}, bars: its 95 % interval"
    set_title(figure, f"CIFAR-10 from few images, {cfg.net} ({seeds})")
    return figure


def _guesses(records):
    """The first held-out images as each method's first seed takes them."""
    largest: dict[str, Any] = {}
    for record in records.values():
        (method,), (size,) = record.config.methods, record.config.sizes
        if method not in largest or size > largest[method].config.sizes[0]:
            largest[method] = record
    figure = new_figure(8.0, 1.12 * len(largest) + 0.5)
    grid = figure.subplots(len(largest), SHOWN, squeeze=False)
    for row, (method, record) in zip(grid, largest.items(), strict=True):
        examples = record.data.held_out
        guesses = record.history.evaluations.values["guesses"][-1, 0]
        for i, axes in enumerate(row):
            axes.set_xticks([])
            axes.set_yticks([])
            if i >= len(guesses):
                axes.remove()
                continue
            axes.imshow(np.asarray(examples.image[i]), interpolation="nearest")
            right = int(guesses[i]) == int(examples.label[i])
            color = "tab:green" if right else "tab:red"
            axes.set_title(CIFAR10_CLASSES[int(guesses[i])], fontsize=8, color=color)
            for spine in axes.spines.values():
                spine.set(color=color, linewidth=2)
        size = record.config.sizes[0]
        row[0].set_ylabel(f"{method}\n{size:,} images", fontsize=8)
    set_title(figure, "What images are taken for: green is right (first seed)")
    return figure
