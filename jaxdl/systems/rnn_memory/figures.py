"""Figures of nets that must remember."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxdl.figures.grids import new_figure
from jaxdl.figures.texts import seeds_in_words, set_title
from jaxdl.measures.statistics import wilson_ci95

MARKERS = "osD^v"
DODGE = 1.1  # factor between the lags at which two cells are drawn


def memory_figures(records: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of solved seeds, and of the reach of gradients, against the lag.

    Args:
      records: of runs (`jaxdl.train.Record`), each with one cell and one lag.
    """
    curves: dict[str, dict[int, Mapping[str, Any]]] = {}
    for record in records.values():
        (cell,), (lag,) = record.config.cells, record.config.lags
        curves.setdefault(cell, {})[lag] = record.result["metrics"]
    figure = new_figure(8.0, 4.2)
    left, right = figure.subplots(1, 2)
    for i, (cell, by_lag) in enumerate(curves.items()):
        lags, style = sorted(by_lag), dict(color=f"C{i}", ms=5, lw=1.5)
        shares = []
        for lag in lags:
            solved = by_lag[lag]["solved"]["per_seed"]
            shares.append(wilson_ci95(int(sum(solved)), len(solved)))
        share, low, high = np.array(shares).T
        # Side by side in equal steps of a logarithmic axis, as shares are often equal.
        shifted = np.array(lags) * DODGE ** (i - (len(curves) - 1) / 2)
        bars = np.maximum([share - low, high - share], 0)  # but for rounding
        marker = MARKERS[i % len(MARKERS)]
        left.errorbar(shifted, share, bars, fmt=marker, capsize=3, **style)
        left.plot(shifted, share, color=f"C{i}", lw=1, alpha=0.4)
        for name, line in (("log10_gradient", "-"), ("log10_gradient_initial", "--")):
            values = np.array([by_lag[lag][name]["per_seed"] for lag in lags])
            label = f"{cell}, " + ("trained" if line == "-" else "untrained")
            line = dict(ls=line, marker=marker)
            right.plot(lags, values.mean(axis=1), label=label, **line, **style)
            low, high = values.min(axis=1), values.max(axis=1)
            right.fill_between(lags, low, high, color=f"C{i}", alpha=0.12, lw=0)
    all_lags = sorted({lag for by_lag in curves.values() for lag in by_lag})
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xticks(all_lags, [str(lag) for lag in all_lags])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("lag (inputs of noise)")
        axes.grid(alpha=0.3)
    left.set(ylim=(-0.05, 1.05), ylabel="share of seeds that solve it")
    left.set_title("Solved (bars: 95 %, Wilson)", fontsize=11)
    right.set_ylabel("log10 of the gradient, first / last step")
    right.set_title("Reach of the gradient", fontsize=11)
    style = dict(ncols=len(curves), fontsize=8, frameon=False, handlelength=4)
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", **style)
    cfg = next(iter(records.values())).config
    what = f"{cfg.hidden_size} cells, {cfg.steps:,} steps, {seeds_in_words(cfg.seeds)}"
    bands = " (bands: all)" if cfg.seeds > 1 else ""
    set_title(figure, f"One bit through noise: {what}{bands}")
    return {"memory": figure}
