"""Figures of nets on a truth table of two inputs."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.figures.grids import new_figure
from jaxdl.figures.texts import label_steps, set_title
from jaxdl.measures.statistics import wilson_ci95
from jaxdl.systems.xor.measures import solves
from jaxdl.types import Series


def xor_figures(record: Any, apply: Any) -> dict[str, Any]:
    """Figures of nets on a truth table: where they decide, how they learn.

    Args:
      record: of the run (`jaxdl.train.Record`) of an ensemble; decision regions are
        of the first seed's.
      apply: of one net.
    """
    cfg, found = record.config, record.history.evaluations
    params, examples = record.states[0].params, record.data.train
    what = f"{cfg.hidden_sizes[0]} hidden {cfg.activations[0]} unit"
    what += "s" if cfg.hidden_sizes[0] > 1 else ""
    return {
        "regions": _figure_of_regions(params, apply, examples, what, cfg),
        "loss": _figure_of_ensemble(found, what, cfg),
    }


def _figure_of_regions(params, apply, examples, what: str, cfg) -> Any:
    """Outputs over the plane of inputs, of nets that solved the table and others."""
    outputs = jax.vmap(apply, in_axes=(0, None))(params, examples.input)
    solved = np.asarray(solves(outputs, examples.target))
    kinds = [np.flatnonzero(solved)[:4], np.flatnonzero(~solved)[:4]]
    shown = [(i, "solved" if solved[i] else "not solved") for k in kinds for i in k]
    side = np.linspace(-0.5, 1.5, 121)
    plane = np.stack(np.meshgrid(side, side), axis=-1).astype(np.float32)
    indices = [i for i, _ in shown]
    chosen = jax.tree.map(lambda leaf: np.asarray(leaf)[indices], params)
    heights = jax.vmap(apply, in_axes=(0, None))(chosen, jnp.asarray(plane))[..., 0]
    rows = -(-len(shown) // 4)
    figure = new_figure(8.0, 2.0 * rows + 0.7)
    grid = figure.subplots(rows, 4, squeeze=False, sharex=True, sharey=True).ravel()
    points, targets = np.asarray(examples.input), np.asarray(examples.target[:, 0])
    levels = np.linspace(0, 1, 21)
    for axes in grid[len(shown) :]:
        axes.set_axis_off()
    for axes, (number, state), height in zip(grid, shown, heights, strict=False):
        # Paler than the map's ends, so that the points stand out.
        style = dict(cmap="RdBu_r", vmin=-0.3, vmax=1.3)
        filled = axes.contourf(side, side, height, levels, **style)
        axes.contour(side, side, height, [0.5], colors="black", linewidths=1)
        for value, marker, color in ((0, "o", "white"), (1, "s", "black")):
            x, y = points[targets == value].T
            label = f"target {value}"
            style = dict(c=color, marker=marker, edgecolors="black", s=36, zorder=3)
            axes.scatter(x, y, label=label, **style)
        axes.set(aspect="equal", xticks=[0, 1], yticks=[0, 1])
        axes.set_title(f"net {number}: {state}", fontsize=9)
    figure.colorbar(filled, ax=list(grid), label="output", ticks=[0, 0.5, 1])
    handles = grid[0].get_legend_handles_labels()
    style = dict(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    figure.legend(*handles, **style)
    steps = f"after {cfg.steps:,} steps; black line: output 1/2"
    set_title(figure, f"Decisions of nets with {what}, {steps}")
    return figure


def _figure_of_ensemble(found: Series, what: str, cfg) -> Any:
    """Loss and share of solved nets over a run: evaluations of the first seed."""
    figure = new_figure(8.0, 3.4)
    left, right = figure.subplots(1, 2)
    marker = "o" if len(found.steps) <= 20 else None
    quantiles = found.values["loss_quantiles"][:, 0].T
    for i, share, alpha in ((0, "90 %", 0.2), (1, "50 %", 0.4)):
        style = dict(color="C0", alpha=alpha, lw=0, label=f"{share} of nets")
        left.fill_between(found.steps, quantiles[i], quantiles[-1 - i], **style)
    left.plot(found.steps, quantiles[2], color="C0", label="median", marker=marker)
    mean = found.values["loss"][:, 0]
    left.plot(found.steps, mean, color="C1", ls="--", label="mean", marker=marker)
    left.set_ylabel("E, mean over the four examples")
    left.set_title("Loss", fontsize=11, pad=32)
    share, low, high = (
        found.values[name][:, 0] for name in ("solved", "solved_low", "solved_high")
    )
    right.plot(found.steps, share, color="C0", label="share", marker=marker)
    style = dict(color="C0", alpha=0.3, lw=0)
    right.fill_between(found.steps, low, high, label="95 % (Wilson)", **style)
    right.set_ylim(-0.03, 1.03)
    right.set_ylabel("share of nets that solve it")
    right.set_title("Solved", fontsize=11, pad=32)
    for axes in (left, right):
        axes.set_xlabel("step")
        label_steps(axes)
        axes.grid(alpha=0.3)
        style = dict(loc="lower center", ncols=2, fontsize=7, frameon=False)
        axes.legend(bbox_to_anchor=(0.5, 1.0), **style)
    title = f"{cfg.nets:,} nets with {what}, {cfg.update} updates (seed {cfg.seed})"
    set_title(figure, title)
    return figure


def xor_sweep_figures(records: Mapping[str, Any]) -> dict[str, Any]:
    """The share of solved nets by hidden size, a panel for each activation.

    Args:
      records: of ensembles on a truth table, each with one activation and hidden size;
        seeds are counted together.
    """
    panels: dict[str, dict[int, tuple[float, float, float]]] = {}
    for record in records.values():
        cfg, shares = record.config, record.result["metrics"]["solved"]["per_seed"]
        num_solved = round(sum(shares) * cfg.nets)
        interval = wilson_ci95(num_solved, len(shares) * cfg.nets)
        panels.setdefault(cfg.activations[0], {})[cfg.hidden_sizes[0]] = interval
    columns = min(5, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(8.0, 1.8 * rows + 1.0)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in grid.ravel()[len(panels) :]:
        axes.set_axis_off()
    sizes = sorted({size for shares in panels.values() for size in shares})
    for axes, (name, shares) in zip(grid.ravel(), panels.items(), strict=False):
        at = [sizes.index(size) for size in sorted(shares)]
        share, low, high = np.array([shares[size] for size in sorted(shares)]).T
        bars = [share - low, high - share]
        axes.errorbar(at, share, bars, fmt="o-", ms=4, lw=1, capsize=3)
        axes.set_title(name, fontsize=9)
        axes.set(ylim=(-0.05, 1.05), xticks=range(len(sizes)), xticklabels=sizes)
        axes.grid(alpha=0.3)
    figure.supxlabel("hidden units", fontsize=10)
    figure.supylabel("share of nets that solve it", fontsize=10)
    title = f"Exclusive or: {cfg.nets:,} nets each, {cfg.steps:,} steps, {cfg.update}"
    title += " updates; bars: 95 % (Wilson)"
    set_title(figure, title)
    return {"solved": figure}
