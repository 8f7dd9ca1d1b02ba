"""Figures of generators that learn mixtures of Gaussians in the plane."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxdl.figures.grids import new_figure
from jaxdl.figures.texts import label_steps, seeds_in_words, set_title
from jaxdl.measures.statistics import bounded_ci95

MEASURES = {
    "modes": "modes found",
    "high_quality": "samples of high quality (%)",
    "reverse_kl": "reverse KL (nats)",
}


def mode_figures(records: Mapping[str, Any]) -> dict[str, Any]:
    """Samples as training goes on, samples of each seed, and what they cover.

    Args:
      records: of runs on one mixture (`jaxdl.train.Record`), by the case's name.
    """
    return {
        "training": _training(records),
        "seeds": _seeds(records),
        "coverage": _coverage(records),
    }


def _panels(rows: int, columns: int) -> tuple[Any, np.ndarray]:
    size = 7.6 / max(columns, 4)
    figure = new_figure(8.0, rows * (size + 0.25) + 0.5)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[], aspect="equal")
    return figure, grid


def _draw_points(axes: Any, samples: np.ndarray, data: Any) -> None:
    centres = np.asarray(data.centres)
    reach = 1.25 * np.abs(centres).max() + 3 * data.sd
    inside = (np.abs(samples) <= reach).all(axis=1)
    axes.plot(*centres.T, "o", ms=5, mfc="none", mec="0.6", mew=0.6)
    axes.plot(*samples[inside].T, ".", ms=2, color="C0", alpha=0.6, mew=0)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    if np.mean(~inside) >= 0.005:
        axes.set_xlabel(f"{100 * np.mean(~inside):.0f} % outside", fontsize=8)


def _training(records: Mapping[str, Any]) -> Any:
    """The first seed's samples at a few times, a row for each case."""
    shown = {}
    for name, record in records.items():
        steps, values = record.history.evaluations
        picked = np.unique(np.linspace(0, len(steps) - 1, 5).round().astype(int))
        shown[name] = [(steps[i], values["samples"][i, 0]) for i in picked]
    figure, grid = _panels(len(shown), max(map(len, shown.values())))
    for row, (name, times) in zip(grid, shown.items(), strict=True):
        row[0].set_ylabel(name, fontsize=9)
        for axes, (step, samples) in zip(row, times, strict=False):
            _draw_points(axes, samples, records[name].data)
            axes.set_title(f"step {step:,}", fontsize=8)
    seed = next(iter(records.values())).config.seed
    set_title(figure, f"Samples of seed {seed} (circles: the modes)")
    return figure


def _seeds(records: Mapping[str, Any]) -> Any:
    """Samples of up to ten seeds at the end, a row for each case."""
    columns = min(10, next(iter(records.values())).config.seeds)
    figure, grid = _panels(len(records), columns)
    for row, (name, record) in zip(grid, records.items(), strict=True):
        row[0].set_ylabel(name, fontsize=9)
        values = record.history.evaluations.values
        for i, axes in enumerate(row):
            _draw_points(axes, values["samples"][-1, i], record.data)
            axes.set_title(f"{values['modes'][-1, i]:.0f} modes", fontsize=8)
    cfg = next(iter(records.values())).config
    title = f"Samples after {cfg.steps:,} steps, a seed in each column"
    set_title(figure, f"{title} (of {len(record.data.centres)} modes)")
    return figure


def _coverage(records: Mapping[str, Any]) -> Any:
    """Each measure against the step: mean over seeds and its 95 % interval."""
    figure = new_figure(8.0, 3.4)
    top = len(next(iter(records.values())).data.centres)
    bounds = {"modes": (0, top), "high_quality": (0, 100), "reverse_kl": (0, None)}
    for axes, (key, label) in zip(figure.subplots(1, 3), MEASURES.items(), strict=True):
        for i, (name, record) in enumerate(records.items()):
            steps, values = record.history.evaluations
            rows = np.clip(values[key], *bounds[key])  # but for rounding
            found = [bounded_ci95(row, *bounds[key]) for row in rows]
            found = np.array(found, float).T
            axes.plot(steps, found[0], "o-", ms=3, color=f"C{i}", label=name)
            if np.isfinite(found[1:]).all():
                axes.fill_between(steps, *found[1:], color=f"C{i}", alpha=0.2, lw=0)
        axes.set(xlabel="step", ylabel=label)
        label_steps(axes)
        axes.grid(alpha=0.3)
        if key == "high_quality":
            axes.set_ylim(-3, 103)
        if key == "modes":
            axes.set_ylim(-0.03 * top, 1.1 * top)
            axes.axhline(top, color="0.35", ls="--", lw=1, label=f"all {top}")
            handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=5, fontsize=8, frameon=False
    )
    seeds = next(iter(records.values())).config.seeds
    said = seeds_in_words(seeds)
    said = said if seeds == 1 else f"mean of {said}, bands: its 95 % interval"
    set_title(figure, f"Modes of the {record.data.name}: {said}")
    return figure
