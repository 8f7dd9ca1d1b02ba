"""Figures of nets whose layers were pretrained one at a time."""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxdl.figures.grids import (
    Panel,
    figure_of_curves,
    figure_of_images,
    figure_of_test_errors,
    new_figure,
    weight_images,
)
from jaxdl.figures.texts import seeds_in_words, set_title
from jaxdl.measures.statistics import bounded_ci95

SHOWN = 16  # first-layer units


def greedy_figures(
    records: Mapping[str, Any],
    published: Mapping[str, float],
    image_shape: tuple[int, int, int],
) -> dict[str, Any]:
    """Errors, what gradients do before and after training, first-layer weights.

    Args:
      records: by case (`jaxdl.train.Record`); of nets with the phases "start" and
        "whole", after "layer-1" and so on where they are pretrained.
      published: test errors (%) by case, of those that have one.
      image_shape: of one image.
    """
    interval = functools.partial(bounded_ci95, low=0, high=100)
    figures = {"test_error": figure_of_test_errors(records, published, interval)}
    nets = {name: record.parts for name, record in records.items() if record.parts}
    if not nets:
        return figures
    figures["training"] = _training(nets)
    figures["gradients"] = _gradients(nets)
    figures["filters"] = _filters(nets, image_shape)
    if any("layer-1" in phases for phases in nets.values()):
        figures["pretraining"] = _pretraining(nets)
    return figures


def _training(nets):
    histories = {name: phases["whole"].history for name, phases in nets.items()}
    found = next(iter(histories.values())).evaluations.values
    watched = "watched" if "watched_error" in found else "validation"
    what = {"watched": "images watched, trained on"}.get(watched, "validation images")
    return figure_of_curves(
        [
            Panel(
                "Loss of the whole net on minibatches",
                "cross-entropy (nats)",
                {name: (h.train, "loss") for name, h in histories.items()},
                yscale="log",
            ),
            Panel(
                f"Error on {what}",
                "error (%)",
                {
                    name: (h.evaluations, f"{watched}_error")
                    for name, h in histories.items()
                },
                yscale="log",
            ),
        ]
    )


def _gradients(nets):
    """Gradient norm by layer, mean over seeds with all seeds as a band."""
    figure = new_figure(8.0, 4.0)
    panels = figure.subplots(1, 2, sharey=True)
    titles = {
        "start": "As the whole net's training begins",
        "whole": "When it ends",
    }
    for axes, (phase, title) in zip(panels, titles.items(), strict=True):
        for i, (name, phases) in enumerate(nets.items()):
            series = phases[phase].history.evaluations
            norms = series.values["gradient_norm"][-1]  # [seed layer]
            layers = np.arange(1, norms.shape[1] + 1)
            style = "-" if "layer-1" in phases else "--"
            axes.plot(
                layers,
                norms.mean(axis=0),
                style,
                color=f"C{i}",
                marker="o",
                ms=3,
                label=name,
            )
            axes.fill_between(
                layers, norms.min(axis=0), norms.max(axis=0), color=f"C{i}", alpha=0.2
            )
        axes.set(yscale="log", xlabel="layer", title=title)
        axes.set_xticks(layers)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("gradient norm |dE/dz| (root mean square)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
    seeds = seeds_in_words(len(norms))
    seeds = seeds if len(norms) == 1 else f"mean of {seeds}, bands: all"
    set_title(figure, f"Gradients by layer ({seeds}); dashed: not pretrained")
    return figure


def _filters(nets, image_shape):
    """First-layer weights of the first seed, as training of the whole net begins."""
    rows, labels = [], []
    for name, phases in nets.items():
        for phase, when in (("start", "before"), ("whole", "after")):
            kernel = phases[phase].states[0].params[0]["kernel"]
            images = weight_images(kernel, image_shape, SHOWN)
            rows.append(images)
            labels.append(f"{name}, {when}")
    title = "First-layer weights before and after training of the whole net"
    return figure_of_images(rows, title=title, row_labels=labels)


def _pretraining(nets):
    """The error of giving a layer's inputs back, layer by layer."""
    panels = []
    for name, phases in nets.items():
        layers = [key for key in phases if key.startswith("layer-")]
        if not layers:
            continue
        histories = {layer: phases[layer].history for layer in layers}
        found = histories["layer-1"].evaluations.values
        measure = next(k for k in found if k.endswith(("reconstruction_error", "loss")))
        panels.append(
            Panel(
                name,
                measure.partition("_")[2].replace("_", " "),
                {layer: (h.evaluations, measure) for layer, h in histories.items()},
                yscale="log",
            )
        )
    return figure_of_curves(panels)
