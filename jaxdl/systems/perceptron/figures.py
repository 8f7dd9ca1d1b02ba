"""Figures of perceptrons on Boolean functions."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxdl.figures.grids import new_figure
from jaxdl.figures.texts import seeds_in_words, set_title
from jaxdl.systems.perceptron.data import GATES
from jaxdl.systems.perceptron.learning import Learned


def perceptron_figures(
    record: Any, paths: Mapping[str, np.ndarray], learned: Mapping[str, Learned]
) -> dict[str, Any]:
    """Gates' decision lines; functions learned by epoch, and mistakes by bound.

    Args:
      record: of the run (`jaxdl.train.experiment.Record`).
      paths: weights [corrections 3] of each gate's perceptron of the first seed.
      learned: by number of inputs, of the separable functions of all seeds.
    """
    config = record.config
    return {
        "lines": _figure_of_lines(record.data.tables["2"], paths, config.seed),
        "counts": _figure_of_learned(learned, config.steps, len(record.states)),
    }


def _figure_of_lines(table: Any, paths: Mapping[str, np.ndarray], seed: int) -> Any:
    """Lines w . x = 0 after each correction: early ones light, the last one black."""
    inputs, labels = (np.asarray(array) for array in table)
    ends = np.array([-2.2, 2.2])
    figure = new_figure(8.0, 3.7)
    grid = figure.subplots(1, len(paths), sharey=True)
    for axes, (name, path) in zip(grid, paths.items(), strict=True):
        wanted = labels[:, GATES[name]]
        right = np.sum(wanted * (path @ inputs.T) > 0, axis=1)
        solved = bool(len(path)) and right[-1] == 4
        shown = path if solved else path[:12]
        for i, (w1, w2, b) in enumerate(shown):
            last = solved and i + 1 == len(shown)
            color = "black" if last else str(0.8 - 0.5 * i / len(shown))
            style = dict(color=color, lw=2 if last else 1, zorder=2 + last)
            if w2:
                axes.plot(ends, -(b + w1 * ends) / w2, **style)
            elif w1:
                axes.axvline(-b / w1, **style)
            if last:
                places = np.linspace(ends[0], ends[1], 200)
                x, y = np.meshgrid(places, places)
                side = w1 * x + w2 * y + b
                axes.contourf(x, y, side, [0, 99], colors=["C1"], alpha=0.15, zorder=1)
        for value, marker, color in ((-1, "o", "white"), (1, "s", "C1")):
            x, y = inputs[wanted == value, :2].T
            style = dict(c=color, marker=marker, edgecolors="black", s=60, zorder=4)
            axes.scatter(x, y, label=f"label {value}", **style)
        axes.set(aspect="equal", xlim=ends, ylim=ends, xlabel="input 1")
        axes.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])
        count = f"{len(shown)} correction" + ("" if len(shown) == 1 else "s")
        said = f"solved after {count}"
        if not solved:
            said = f"{count}: at best {max(right, default=0)} of 4 right"
        axes.set_title(f"{name}\n{said}", fontsize=10)
    grid[0].set_ylabel("input 2")
    handles, names = grid[0].get_legend_handles_labels()
    for color, lw, name in (("0.8", 1, "early line"), ("0.35", 1, "late line")):
        handles += grid[0].plot([], [], color=color, lw=lw)
        names.append(name)
    handles += grid[0].plot([], [], color="black", lw=2)
    names.append("line that stays")
    style = dict(loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    figure.legend(handles, names, **style)
    title = f"Decision lines of the perceptron after each correction (seed {seed})"
    set_title(figure, title)
    return figure


def _figure_of_learned(
    learned: Mapping[str, Learned], epochs: int, num_seeds: int
) -> Any:
    """Functions learned after each epoch, and mistakes beside Novikoff's bound."""
    figure = new_figure(8.0, 3.8)
    left, right = figure.subplots(1, 2)
    end = min(epochs, 2 + max(int(last.max()) for last, _, _ in learned.values()))
    for i, (n, (last, made, bounds)) in enumerate(learned.items()):
        number, color = np.arange(1, end + 1), f"C{i}"
        counts = np.sum(last[:, None, :] < number[None, :, None], axis=-1)
        label = f"{n} inputs: {last.shape[1]:,}"
        style = dict(color=color, marker=".", drawstyle="steps-post", label=label)
        left.plot(number, counts.mean(axis=0), **style)
        low, high = counts.min(axis=0), counts.max(axis=0)
        style = dict(color=color, alpha=0.25, lw=0, step="post")
        left.fill_between(number, low, high, **style)
        left.axhline(last.shape[1], color="0.35", ls="--", lw=1, zorder=1)
        spots, sizes = np.unique(
            np.stack([np.broadcast_to(bounds, made.shape), made]).reshape(2, -1),
            axis=1,
            return_counts=True,
        )
        style = dict(s=6 + 4 * np.log2(sizes), color=color, alpha=0.6, lw=0)
        right.scatter(*spots, label=f"{n} inputs", **style)
    left.set(xlabel="epoch", ylabel="functions", ylim=(0, 4000))
    left.set_yscale("symlog", linthresh=1)
    left.locator_params(axis="x", integer=True)
    left.set_title("Learned: an epoch without a mistake", fontsize=10, pad=34)
    ends = [1, max(float(bounds.max()) for _, _, bounds in learned.values())]
    right.plot(ends, ends, color="0.35", ls="--", lw=1, label="bound")
    right.set(xlabel=r"Novikoff's bound $(R / \gamma)^2$", ylabel="mistakes")
    right.set(xscale="log", yscale="log")
    right.set_title("Their mistakes (size: how many)", fontsize=10, pad=34)
    left.plot([], [], color="0.35", ls="--", lw=1, label="separable (linear program)")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        style = dict(loc="lower center", ncols=2, fontsize=8, frameon=False)
        axes.legend(bbox_to_anchor=(0.5, 1.0), **style)
    seeds = seeds_in_words(num_seeds)
    if num_seeds > 1:
        seeds = f"mean of {seeds}, bands: lowest to highest"
    set_title(figure, f"Perceptrons on Boolean functions ({seeds})")
    return figure
