"""Figures of nets that must remember."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxdl.figures.grids import new_figure
from jaxdl.measures.statistics import wilson_ci95


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
        lags, style = sorted(by_lag), dict(color=f"C{i}", ms=4, lw=1.5)
        shares = []
        for lag in lags:
            solved = by_lag[lag]["solved"]["per_seed"]
            shares.append(wilson_ci95(int(sum(solved)), len(solved)))
        share, low, high = np.array(shares).T
        shifted = np.array(lags) * 1.03 ** (i - 1)  # equal shares stay apart
        bars = np.maximum([share - low, high - share], 0)  # but for rounding
        left.errorbar(shifted, share, bars, fmt="o-", capsize=3, **style)
        for name, line in (("log10_gradient", "o-"), ("log10_gradient_initial", "o--")):
            values = np.array([by_lag[lag][name]["per_seed"] for lag in lags])
            label = f"{cell}, " + ("trained" if line == "o-" else "untrained")
            right.plot(lags, values.mean(axis=1), line, label=label, **style)
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
    right.set_title("Reach of the gradient (bands: all seeds)", fontsize=11)
    style = dict(ncols=4, fontsize=8, frameon=False, handlelength=4)
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", **style)
    cfg = next(iter(records.values())).config
    what = f"{cfg.hidden_size} cells, {cfg.steps:,} steps, {cfg.seeds} seed(s)"
    figure.suptitle(f"One bit through noise: {what}", fontsize=11)
    return {"memory": figure}
