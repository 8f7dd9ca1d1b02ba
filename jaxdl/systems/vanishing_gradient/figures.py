"""Figures on activations and on what deep nets do to gradients."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxdl.figures.grids import (
    Panel,
    figure_of_curves,
    figure_of_test_errors,
    new_figure,
)
from jaxdl.figures.texts import seeds_in_words, set_title
from jaxdl.measures.statistics import bounded_ci95
from jaxdl.ops.activations import ACTIVATIONS, Activation


def activation_gallery() -> Any:
    """Every activation of the table with its derivative.

    softmax and maxout are shown on a pair: softmax as the first of two outputs at
    (z, 0), maxout at the two pieces (z, -z / 2).
    """
    figure = new_figure(8.0, 9.5)
    grid = figure.subplots(5, 3).ravel()
    z = jnp.linspace(-4, 4, 1601)
    for axes, row in zip(grid, ACTIVATIONS.values(), strict=True):
        value, slope = _along_a_line(row, z)
        for curve, style, label in ((value, "-", "f(z)"), (slope, "--", "f'(z)")):
            kinks = row.kinks if row.name != "maxout" else (0.0,)
            broken = np.where(_at_jump(z, kinks), np.nan, curve)
            axes.plot(
                z, broken, style, color="C0" if style == "-" else "C1", label=label
            )
        axes.set_title(f"{row.name}\n{row.formula}", fontsize=7)
        axes.set_xlim(-4, 4)
        axes.set_ylim(-1.4, 2.6)
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=7)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8)
    set_title(figure, "Activations and their derivatives")
    return figure


def _along_a_line(row: Activation, z):
    if row.elementwise:
        return row.fn(z), row.derivative(z)
    direction = np.array([1.0, 0.0] if row.name == "softmax" else [1.0, -0.5])
    pair = jnp.asarray(np.outer(z, direction), z.dtype)
    slope = np.asarray(row.derivative(pair)) @ direction
    return row.fn(pair)[:, 0], slope[:, 0]


def _at_jump(z, kinks: Sequence[float | int]):
    return np.any([np.abs(z - kink) < 1e-6 for kink in kinks] or [np.zeros(len(z))], 0)


def vanishing_gradient_figures(
    records: Mapping[str, Any],
    nets: Any,
    depths: Sequence[int],
    published: Mapping[str, float],
) -> dict[str, Any]:
    """Signals in untrained nets, then how the nets that were trained fared.

    Args:
      records: of the sweep's cases (`jaxdl.train.Record`).
      nets: what the case `initialisation` studied (`untrained_measures.Nets`).
      depths: its numbers of hidden layers.
      published: published test errors, in percent, by case.
    """
    found = {"activations": activation_gallery()}
    trained = {k: r for k, r in records.items() if k != "initialisation"}
    if "initialisation" in records:
        values = records["initialisation"].history.evaluations.values
        found |= _initial_figures({k: v[-1] for k, v in values.items()}, nets, depths)
    if trained:
        found["test_error"] = figure_of_test_errors(
            trained, published, functools.partial(bounded_ci95, low=0, high=100)
        )
        found["training"] = _training_curves(trained)
        found["signals_training"] = _signals_in_training(trained)
    return found


def _initial_figures(values: Mapping[str, np.ndarray], nets, depths) -> dict[str, Any]:
    """Figures of arrays [seed, activation, initializer, ...]."""
    deepest = int(np.argmax(depths))
    order = np.argsort(depths)
    layers = np.arange(1, max(depths) + 1)
    norms = values["gradient_norm"]
    by_layer = norms[:, :, :, deepest, :-1]
    ranks = np.arange(1, values["singular_values"].shape[-1] + 1)
    seeds = seeds_in_words(len(norms))
    seeds = seeds if len(norms) == 1 else f"median and range of {seeds}"
    deep = f"{max(depths)} hidden layers, untrained; {seeds}"
    return {
        "gradients_by_layer": _by_initializer(
            nets, layers, by_layer, "layer", "gradient norm |dE/dz|", deep
        ),
        "gradients_by_depth": _by_initializer(
            nets,
            np.array(depths)[order],
            norms[:, :, :, order, 0],
            "hidden layers",
            "gradient norm |dE/dz|",
            f"The first hidden layer of untrained nets; {seeds}",
            marker="o",
        ),
        "units": _units(nets, layers, values["saturated"], values["dead"], deep),
        "singular_values": _by_initializer(
            nets,
            ranks,
            values["singular_values"][:, :, :, deepest],
            "rank",
            "singular value",
            f"Jacobian of the last hidden layer: {deep}",
        ),
    }


FLOOR, CEILING = 1e-20, 1e10  # sigmoids reach 1e-42 after fifty layers


def _by_initializer(nets, x, values, xlabel, ylabel, title, *, marker=None):
    """A panel an initializer, a line an activation: median seed, band over all."""
    figure = new_figure(8.0, 6.2)
    grid = figure.subplots(2, 2, sharex=True, sharey=True)
    for i, initializer in enumerate(nets.initializers):
        axes = grid.flat[i]
        _curves(axes, nets, x, values[:, :, i], marker)
        axes.set_title(f"{initializer} initialisation", fontsize=10)
        axes.set_yscale("log")
        low, high = np.nanmin(values), np.nanmax(values)
        axes.set_ylim(max(FLOOR, low / 10), min(CEILING, high * 10))
    for axes in grid[-1]:
        axes.set_xlabel(xlabel)
    cut = f" (cut at {FLOOR:g})" if np.nanmin(values) < FLOOR else ""
    for axes in grid[:, 0]:
        axes.set_ylabel(ylabel + cut)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    for a, hidden in enumerate(nets.activations):
        if np.nanmax(values[:, a]) < FLOOR:
            labels[a] = f"{hidden} (below {FLOOR:g})"
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=8)
    set_title(figure, title)
    return figure


def _curves(axes, nets, x, values, marker=None):
    """A line an activation, of values [seed, activation, ...]; later ones are thin."""
    for a, hidden in enumerate(nets.activations):
        color, curves = f"C{a}", values[:, a]
        width = 3.5 - 0.6 * a  # where lines lie on each other all can be seen
        median = np.median(curves, axis=0)
        axes.plot(x, median, marker=marker, ms=3, color=color, label=hidden, lw=width)
        low, high = curves.min(axis=0), curves.max(axis=0)
        axes.fill_between(x, low, high, color=color, alpha=0.2, lw=0)
    axes.grid(alpha=0.3)


def _units(nets, layers, saturated, dead, title):
    figure = new_figure(8.0, 4.4)
    columns = len(nets.initializers)
    grid = figure.subplots(2, columns, sharex=True, sharey=True, squeeze=False)
    for i, initializer in enumerate(nets.initializers):
        for axes, values in zip(grid[:, i], (saturated, dead), strict=True):
            _curves(axes, nets, layers, values[:, :, i])
        grid[0, i].set_title(initializer, fontsize=10)
        grid[1, i].set_xlabel("layer")
    grid[0, 0].set_ylabel("saturated share")
    grid[1, 0].set_ylabel("dead share of units")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=8)
    set_title(figure, title)
    return figure


def _training_curves(trained):
    histories = {name: record.history for name, record in trained.items()}
    return figure_of_curves(
        [
            Panel(
                "Loss on minibatches",
                "cross-entropy (nats)",
                {name: (h.train, "loss") for name, h in histories.items()},
                {"guessing (log 10)": float(np.log(10))},
            ),
            Panel(
                "Error on validation images",
                "error (%)",
                {
                    name: (h.evaluations, "validation_error")
                    for name, h in histories.items()
                },
                yscale="log",
            ),
        ]
    )


def _signals_in_training(trained):
    figure = new_figure(8.0, 5.6)
    grid = figure.subplots(2, 2, sharex=True, sharey="row")
    rows = ("gradient_norm", "gradient norm |dE/dz|"), ("saturated", "saturated share")
    for (name, label), line in zip(rows, grid, strict=True):
        for axes, when in zip(line, (0, -1), strict=True):
            for i, (case, record) in enumerate(trained.items()):
                steps, values = record.history.evaluations
                each = values[name][when]
                layers = np.arange(1, each.shape[1] + 1)
                mean = each.mean(axis=0)
                axes.plot(layers, mean, "o-", color=f"C{i}", label=case, ms=3)
                low, high = each.min(axis=0), each.max(axis=0)
                axes.fill_between(layers, low, high, color=f"C{i}", alpha=0.2, lw=0)
            axes.grid(alpha=0.3)
            if name == "gradient_norm":
                axes.set_yscale("log")
                axes.set_title(f"after {steps[when]:,} steps", fontsize=10)
        line[0].set_ylabel(label)
    for axes in grid[-1]:
        axes.set_xlabel("layer")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
    seeds = seeds_in_words(len(each))
    seeds = seeds if len(each) == 1 else f"mean of {seeds}, bands: all"
    set_title(figure, f"Gradients and units by layer, early and at the end ({seeds})")
    return figure
