"""Figures on activations and on what deep nets do to gradients."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxdl.ops.activations import ACTIVATIONS, Activation
from jaxdl.plotting import Panel, _new_figure, figure_of_curves


def activation_gallery() -> Any:
    """Every activation of the table with its derivative.

    softmax and maxout are shown on a pair: softmax as the first of two outputs at
    (z, 0), maxout at the two pieces (z, -z / 2).
    """
    figure = _new_figure(8.0, 9.5)
    grid = figure.subplots(5, 3).ravel()
    z = jnp.linspace(-4, 4, 1601)
    for axes, row in zip(grid, ACTIVATIONS.values(), strict=True):
        value, slope = _along_a_line(row, z)
        for curve, style, label in ((value, "-", "f(z)"), (slope, "--", "f'(z)")):
            broken = np.where(_at_jump(z, row.kinks), np.nan, curve)
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
    return figure


def _along_a_line(row: Activation, z):
    if row.elementwise:
        return row.fn(z), row.derivative(z)
    direction = np.array([1.0, 0.0] if row.name == "softmax" else [1.0, -0.5])
    pair = jnp.asarray(np.outer(z, direction), z.dtype)
    slope = np.asarray(row.derivative(pair)) @ direction
    return row.fn(pair)[:, 0], slope[:, 0]


def _at_jump(z, kinks: tuple):
    return np.any([np.abs(z - kink) < 1e-6 for kink in kinks] or [np.zeros(len(z))], 0)


def vanishing_gradient_figures(
    records: Mapping[str, Any],
    nets: Any,
    depths: Sequence[int],
    published: Mapping[str, float],
) -> dict[str, Any]:
    """Signals in untrained nets, then how the nets that were trained fared.

    Args:
      records: of the sweep's cases (`jaxdl.train.run.Record`).
      nets: what the case `initialisation` studied (`jaxdl.evaluate.Nets`).
      depths: its numbers of hidden layers.
      published: published test errors, in percent, by case.
    """
    found = {"activations": activation_gallery()}
    trained = {k: r for k, r in records.items() if k != "initialisation"}
    if "initialisation" in records:
        values = records["initialisation"].history.evaluations.values
        found |= _initial_figures({k: v[-1] for k, v in values.items()}, nets, depths)
    if trained:
        found["test_error"] = _test_errors(trained, published)
        found["training"] = _training_curves(trained)
        found["gradients_training"] = _gradients_in_training(trained)
    return found


def _initial_figures(values: Mapping[str, np.ndarray], nets, depths) -> dict[str, Any]:
    """Figures of arrays [seed, activation, initializer, ...]."""
    deepest = int(np.argmax(depths))
    order = np.argsort(depths)
    layers = np.arange(1, max(depths) + 1)
    norms = values["gradient_norm"]
    by_layer = norms[:, :, :, deepest, :-1]
    title = f"{max(depths)} hidden layers, untrained"
    return {
        "gradients_by_layer": _by_initializer(
            nets, layers, by_layer, "layer", "gradient norm |dE/dz|", log=True
        ),
        "gradients_by_depth": _by_initializer(
            nets,
            np.array(depths)[order],
            norms[:, :, :, order, 0],
            "hidden layers",
            "gradient norm of the first layer",
            log=True,
            marker="o",
        ),
        "saturated": _by_initializer(
            nets, layers, values["saturated"], f"layer ({title})", "saturated share"
        ),
        "dead": _by_initializer(
            nets, layers, values["dead"], f"layer ({title})", "dead share of the units"
        ),
        "singular_values": _by_initializer(
            nets,
            np.arange(1, values["singular_values"].shape[-1] + 1),
            values["singular_values"][:, :, :, deepest],
            "rank",
            "singular value of the Jacobian",
            log=True,
        ),
    }


FLOOR = 1e-20


def _by_initializer(nets, x, values, xlabel, ylabel, *, log=False, marker=None):
    """A panel an initializer, a line an activation: median seed, band over all."""
    columns = 2
    rows = -(-len(nets.initializers) // columns)
    figure = _new_figure(8.0, 2.8 * rows + 0.4)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for i, (axes, initializer) in enumerate(
        zip(grid.ravel(), nets.initializers, strict=False)
    ):
        for a, hidden in enumerate(nets.activations):
            curves = values[:, a, i]
            axes.plot(x, np.median(curves, axis=0), color=f"C{a}", label=hidden, lw=1.5)
            if marker:
                axes.plot(x, np.median(curves, axis=0), marker, color=f"C{a}", ms=3)
            low, high = curves.min(axis=0), curves.max(axis=0)
            axes.fill_between(x, low, high, color=f"C{a}", alpha=0.2, lw=0)
        axes.set_title(f"{initializer} initialisation", fontsize=10)
        axes.grid(alpha=0.3)
        if log:
            axes.set_yscale("log")
            axes.set_ylim(bottom=max(FLOOR, np.nanmin(values) / 10))
    for axes in grid[-1]:
        axes.set_xlabel(xlabel)
    for axes in grid[:, 0]:
        axes.set_ylabel(ylabel)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5, fontsize=8)
    return figure


def _test_errors(trained, published):
    figure = _new_figure(8.0, 0.45 * len(trained) + 1.2)
    axes = figure.subplots()
    for y, (name, record) in enumerate(trained.items()):
        metric = record.result["metrics"]["test_error"]
        low, high = metric["ci95"] or (metric["mean"],) * 2
        labels = ("ours, mean and 95 % interval", "each seed", "published")
        labels = labels if y == 0 else (None,) * 3
        axes.plot([low, high], [y, y], color="C0", lw=2)
        axes.plot(metric["mean"], y, "o", color="C0", label=labels[0])
        seeds = metric["per_seed"]
        axes.plot(seeds, [y + 0.2] * len(seeds), "|", color="C0", label=labels[1])
        if name in published:
            axes.plot(published[name], y, "D", color="C3", ms=5, label=labels[2])
    axes.set_yticks(range(len(trained)), list(trained))
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("test error (%, logarithmic)")
    axes.grid(alpha=0.3, which="both")
    figure.legend(loc="outside upper center", ncols=3, fontsize=8)
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
            ),
        ]
    )


def _gradients_in_training(trained):
    figure = _new_figure(8.0, 3.6)
    grid = figure.subplots(1, 2, sharey=True)
    for axes, when in zip(grid, (0, -1), strict=True):
        for i, (name, record) in enumerate(trained.items()):
            steps, values = record.history.evaluations
            norms = values["gradient_norm"][when]
            layers = np.arange(1, norms.shape[1] + 1)
            axes.plot(layers, norms.mean(axis=0), "o-", color=f"C{i}", label=name, ms=3)
            low, high = norms.min(axis=0), norms.max(axis=0)
            axes.fill_between(layers, low, high, color=f"C{i}", alpha=0.2, lw=0)
        axes.set_title(f"after {steps[when]:,} steps", fontsize=10)
        axes.set_xlabel("layer (the last is the output layer)")
        axes.set_yscale("log")
        axes.set_xticks(layers)
        axes.grid(alpha=0.3)
    grid[0].set_ylabel("gradient norm |dE/dz|, validation images")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=8)
    return figure
