"""Figures of LeNet: what its layers see, what it gets wrong, how it learned."""

import functools
import math
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from jaxdl.figures.grids import (
    Panel,
    figure_of_curves,
    figure_of_images,
    image_grid,
    new_figure,
    weight_images,
)
from jaxdl.figures.texts import seeds_in_words, set_title
from jaxdl.measures.chunks import in_chunks
from jaxdl.models.lenet import Activity, LeNet
from jaxdl.ops.images import unit_images
from jaxdl.systems.lenet.confusion import Worst, confusion_matrix, worst_examples
from jaxdl.types import History

_WORST = 20


def lenet_figures(record: Any, net: LeNet) -> dict[str, Any]:
    """Feature maps and filters, the worst images, the confusion matrix, the curves.

    Args:
      record: of the run (`jaxdl.train.Record`); maps, filters and worst images are
        the first seed's, confusions those of all seeds.
      net: the run's.
    """
    params, test = record.states[0].params, record.data.test
    seed = f"seed {record.config.seed}"
    logits_of = jax.jit(lambda params, image: net.apply(params, unit_images(image)))
    logits = [
        in_chunks(functools.partial(logits_of, state.params), test.image)
        for state in record.states
    ]
    counts = np.sum([confusion_matrix(each, test.label) for each in logits], axis=0)
    activity = jax.jit(net.activity)(params, unit_images(test.image[:1]))
    kernel = params["c1"]["kernel"]
    height, width, channels, maps = kernel.shape
    columns = min(maps, 8)
    filters = weight_images(
        kernel.reshape(-1, maps),
        (height, width, channels),
        columns * math.ceil(maps / columns),
    )
    return {
        "maps": figure_of_maps(
            np.asarray(test.image[0]),
            activity,
            f"A test image, and the maps of four layers ({seed})",
        ),
        "filters": figure_of_images(
            filters.reshape(-1, columns, height, width, channels),
            title=f"Filters of C1: gray is 0, each its own scale ({seed})",
        ),
        "worst": figure_of_worst(
            np.asarray(test.image),
            worst_examples(logits[0], test.label, _WORST),
            f"Test images whose class got the least probability ({seed})",
        ),
        "confusion": figure_of_confusion(
            counts, f"Test images by class and answer, {_seeds(len(logits))}"
        ),
        "curves": figure_of_curves(_panels(record.history)),
    }


def figure_of_maps(
    image: np.ndarray, activity: Activity, title: str, *, gap: int = 1
) -> Any:
    """The maps that convolutions and pooling give for one image, a layer a row.

    Args:
      image: bytes [height width channels].
      activity: of the net, for that image alone.
      title: stands above.
      gap: white pixels around each map.
    """
    layers = {
        name: np.asarray(getattr(activity, name))[0]
        for name in ("c1", "s2", "c3", "s4")
    }
    strips = {name.upper(): image_grid([_gray(y)], gap) for name, y in layers.items()}
    ratios = [strip.shape[0] / strip.shape[1] for strip in strips.values()]
    figure = new_figure(8.0, 6.0 * sum(ratios) + 0.9)
    left, right = figure.subfigures(1, 2, width_ratios=(1.7, 6.3))
    axes = left.subplots()
    picture = image[..., 0] if image.shape[-1] == 1 else image
    axes.imshow(picture, cmap="gray")
    axes.set_title("image", fontsize=9)
    axes.set_axis_off()
    rows = right.subplots(len(strips), 1, height_ratios=ratios)
    for axes, (name, strip) in zip(rows, strips.items(), strict=True):
        axes.imshow(strip, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        count, height, width = np.moveaxis(layers[name.lower()], -1, 0).shape
        axes.set_title(f"{name}: {count} maps of {height}x{width}", fontsize=9)
        axes.set_axis_off()
    set_title(figure, f"{title}; white is a layer's highest value")
    return figure


def figure_of_worst(images: np.ndarray, worst: Worst, title: str) -> Any:
    """Images that a classifier gets most wrong, each with its class and the answer.

    Args:
      images: bytes [n height width channels].
      worst: which, the worst first.
      title: stands above.
    """
    columns = 5
    rows = max(1, math.ceil(len(worst.index) / columns))
    figure = new_figure(8.0, 1.75 * rows + 0.5)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, *each in zip(grid, *map(np.asarray, worst), strict=False):
        index, label, predicted, probability = each
        picture = images[index]
        picture = picture[..., 0] if picture.shape[-1] == 1 else picture
        axes.imshow(picture, cmap="gray_r", interpolation="nearest")
        text = f"{label}, read as {predicted}\np({label}) = {probability:.2g}"
        axes.set_title(text, fontsize=9)
    set_title(figure, title)
    return figure


def figure_of_confusion(counts: np.ndarray, title: str) -> Any:
    """A confusion matrix with its numbers; shades are those of the errors.

    Args:
      counts: [classes classes], by class and answer.
      title: stands above.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(8.0, 6.6)
    axes = figure.subplots()
    errors = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    shown = axes.imshow(errors, cmap="Blues", vmin=0, vmax=max(1, errors.max()))
    for (row, column), count in np.ndenumerate(counts):
        dark = errors[row, column] > 0.6 * max(1, errors.max())
        colour = "0.45" if row == column else "white" if dark else "black"
        if count:
            axes.text(
                column, row, f"{count}", ha="center", va="center", color=colour, size=9
            )
    axes.set(xlabel="answer", ylabel="class")
    axes.set_xticks(range(len(counts)))
    axes.set_yticks(range(len(counts)))
    axes.set_title(title, fontsize=11)
    bar = figure.colorbar(shown, ax=axes, label="errors", shrink=0.8)
    bar.locator = MaxNLocator(integer=True)
    return figure


def _gray(values: Float[np.ndarray, "height width maps"]) -> np.ndarray:
    """Maps as gray pictures [maps height width 1]: one scale for the layer."""
    low, high = values.min(), values.max()
    unit = (values - low) / np.where(high > low, high - low, 1)
    return np.moveaxis(np.round(255 * unit), -1, 0).astype(np.uint8)[..., None]


def _seeds(count: int) -> str:
    return seeds_in_words(count) + (" together" if count > 1 else "")


def _panels(history: History) -> list[Panel]:
    train, watched = history
    (name,) = {key.removesuffix("_loss") for key in watched.values if "_loss" in key}
    images = f"{name} images" if name == "validation" else "images that are trained on"
    return [
        Panel(
            "Mean loss",
            "cross-entropy (nats)",
            {"minibatches": (train, "loss"), images: (watched, f"{name}_loss")},
            yscale="log",
        ),
        Panel("Errors", "error (%)", {images: (watched, f"{name}_error")}),
    ]
