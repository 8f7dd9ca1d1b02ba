"""Figures of generative against discriminative classifiers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxdl.figures.grids import new_figure
from jaxdl.figures.texts import seeds_in_words, set_title
from jaxdl.measures.statistics import bounded_ci95
from jaxdl.systems.generative_vs_discriminative.data import COMPUTED, computed_problem
from jaxdl.systems.generative_vs_discriminative.distribution_figures import (
    distribution_figures,
    draw_ellipses,
)
from jaxdl.systems.generative_vs_discriminative.learning_curves import crossing

LABELS = {
    "logistic": "logistic regression",
    "naive_bayes": "naive Bayes",
    "discriminant": "discriminant analysis",
}
TITLES = {
    "independent": "Independent inputs: all are right",
    "correlated": "Correlated inputs: naive Bayes is wrong",
    "clusters": "A far cluster: both Gaussians are wrong",
}


def generative_figures(
    records: Mapping[str, Any], image: tuple[int, int, int]
) -> dict[str, Any]:
    """Distributions and their samples; boundaries in the plane; learning curves.

    Args:
      records: of the cases (`jaxdl.train.Record`), by name.
      image: height, width and channels of an image.
    """
    figures = {}
    if "distributions" in records:
        figures |= distribution_figures(records["distributions"], image)
    curves = {k: record for k, record in records.items() if k != "distributions"}
    computed = {k: record for k, record in curves.items() if k in COMPUTED}
    if computed:
        figures["boundaries"] = _figure_of_boundaries(computed)
    if curves:
        figures["learning_curves"] = _figure_of_curves(curves)
    return figures


def _figure_of_boundaries(records: Mapping[str, Any]) -> Any:
    """A problem a row: p(1 | x) of logistic regression, and densities of the others."""
    rows = len(records)
    figure = new_figure(8.0, 3.3 * rows + 0.6)
    grid = figure.subplots(rows, 2, squeeze=False, sharex="row", sharey="row")
    for (left, right), (name, record) in zip(grid, records.items(), strict=True):
        found = record.history.evaluations.values
        values = {k: v[-1, 0] for k, v in found.items()}
        error = computed_problem(name, 2).error
        errors = {}
        for model in LABELS:
            line = values[f"{model}_line"]
            errors[model] = 100 * float(error(line[:2], line[2]))
        for axes in (left, right):
            _scatter(axes, values["points"], values["labels"])
        limits = left.get_xlim(), left.get_ylim()
        filled = _shade(left, values["logistic_line"])
        _line(left, values["logistic_line"], color="black")
        for model, style in (("discriminant", "-"), ("naive_bayes", "--")):
            for mean, color in zip(values[f"{model}_means"], ("C0", "C1"), strict=True):
                cov = values[f"{model}_cov"]
                draw_ellipses(right, mean, cov, color=color, ls=style, lw=1)
            label = f"{LABELS[model]}: {errors[model]:.1f} % wrong"
            _line(right, values[f"{model}_line"], color="black", ls=style, label=label)
        said = f"logistic regression: {errors['logistic']:.1f} % wrong"
        left.set_title(f"{TITLES[name]}\n{said}", fontsize=9)
        right.set_title("Densities of the classes: 50 and 95 %", fontsize=9, pad=30)
        above = dict(loc="lower center", bbox_to_anchor=(0.5, 1.0), borderpad=0.2)
        right.legend(fontsize=7, frameon=False, **above)
        left.set(xlim=limits[0], ylim=limits[1], ylabel="input 2")
    for axes in grid[-1]:
        axes.set_xlabel("input 1")
    style = dict(location="bottom", aspect=60, shrink=0.6, pad=0.02, ticks=[0, 0.5, 1])
    figure.colorbar(filled, ax=list(grid.ravel()), label="p(1 | x)", **style)
    title = "The same points: a boundary, or a density for each class"
    set_title(figure, f"{title} (seed {record.config.seed})")
    return figure


def _scatter(axes: Any, points: np.ndarray, labels: np.ndarray) -> None:
    for label, color, marker in ((0, "C0", "o"), (1, "C1", "s")):
        style = dict(s=14, c=color, marker=marker, edgecolors="black", lw=0.4, zorder=3)
        axes.scatter(*points[labels == label].T, **style)


def _shade(axes: Any, line: np.ndarray) -> Any:
    """p(1 | x) behind the points."""
    grid = (np.linspace(low, high, 200) for low, high in _limits(axes))
    x, y = np.meshgrid(*grid)
    height = 1 / (1 + np.exp(-np.clip(line[0] * x + line[1] * y + line[2], -50, 50)))
    style = dict(cmap="PuOr_r", vmin=-0.4, vmax=1.4, zorder=1)
    return axes.contourf(x, y, height, np.linspace(0, 1, 11), **style)


def _line(axes: Any, line: np.ndarray, **style: Any) -> None:
    """w . x + b = 0, within the limits of the axes."""
    low, high = _limits(axes)
    if abs(line[0]) > abs(line[1]):
        y = np.array(high)
        axes.plot(-(line[2] + line[1] * y) / line[0], y, zorder=4, **style)
    else:
        x = np.array(low)
        axes.plot(x, -(line[2] + line[0] * x) / line[1], zorder=4, **style)


def _limits(axes: Any) -> tuple[tuple[float, float], tuple[float, float]]:
    return axes.get_xlim(), axes.get_ylim()


def _figure_of_curves(records: Mapping[str, Any]) -> Any:
    """Errors against training size, a problem a panel."""
    columns = min(2, len(records))
    rows = -(-len(records) // columns)
    figure = new_figure(8.0, 3.4 * rows + 0.5)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(records) :]:
        axes.remove()
    for axes, (name, record) in zip(grid, records.items(), strict=False):
        cfg, values = record.config, record.history.evaluations.values
        errors = {model: values[f"{model}_curve"][-1] for model in LABELS}
        sizes = cfg.sizes[: errors["logistic"].shape[1]]
        for i, (model, label) in enumerate(LABELS.items()):
            intervals = [bounded_ci95(each, 0, 100) for each in errors[model].T]
            mean, low, high = np.array(intervals, float).T  # NaN: one seed has no band
            axes.plot(sizes, mean, color=f"C{i}", marker=".", label=label)
            axes.fill_between(sizes, low, high, color=f"C{i}", alpha=0.25, lw=0)
        if name in COMPUTED and (lowest := computed_problem(name, 2).lowest):
            style = dict(color="0.35", ls=":", lw=1, label="lowest possible")
            axes.axhline(100 * lowest, **style)
        found = _said(axes, sizes, errors)
        title = TITLES.get(name, f"{cfg.data}: {cfg.pair[0]} or {cfg.pair[1]}")
        axes.set_title(f"{title}\n{found}", fontsize=9)
        axes.set(xscale="log", xlabel="training points", ylabel="error (%)", ylim=0)
        axes.set_xticks(ticks := [m for m in sizes if m & (m - 1) == 0], ticks)
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    style = dict(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    figure.legend(*grid[0].get_legend_handles_labels(), **style)
    num = len(next(iter(errors.values())))
    seeds = seeds_in_words(num)
    if num > 1:
        seeds = f"mean of {seeds}, bands: its 95 % interval"
    title = (
        f"Error against training size ({seeds}; {cfg.draws} sets of each size a seed)"
    )
    set_title(figure, title)
    return figure


def _said(axes: Any, sizes: tuple[int, ...], errors: Mapping[str, np.ndarray]) -> str:
    """Where the mean curve of naive Bayes is crossed, which a line marks."""
    pair = errors["naive_bayes"].mean(axis=0), errors["logistic"].mean(axis=0)
    found = crossing(sizes, *pair)
    if found.crossed:
        axes.axvline(found.size, color="C1", ls="--", lw=1)
        return f"logistic regression beats naive Bayes from {found.size:.0f} on"
    if np.all(pair[0] > pair[1]):
        return "logistic regression is better at every size"
    return "naive Bayes is better at the largest size"
