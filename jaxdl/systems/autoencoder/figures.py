"""Figures of autoencoders: what they give back, and what their codes look like."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxdl.figures.grids import (
    Panel,
    figure_of_curves,
    figure_of_images,
    new_figure,
    weight_images,
)
from jaxdl.figures.texts import seeds_in_words, set_title
from jaxdl.measures.statistics import bounded_ci95
from jaxdl.systems.autoencoder.pictures import MAPS, SHOWN, Pictures

NAME_GAP = 0.07  # of an axes: as much as the name of a class needs


def autoencoder_figures(
    records: Mapping[str, Any], pictures: Mapping[str, Pictures]
) -> dict[str, Any]:
    """Figures of a sweep over autoencoders, of the first seed.

    Images are the first of the test split. Figures appear for the cases that there are:
    two numbers are drawn of the case "two", beside the first two of "pca"; the error
    against code sizes of the cases "deep" and "deep-N"; corrupted images of
    "denoising"; weights of the nets of one layer.

    Args:
      records: by case (`jaxdl.train.Record`); parameters are `states[0].params`.
      pictures: by case.
    """
    figures = {"reconstructions": _reconstructions(records, pictures)}
    steps = {
        name: record
        for name, record in records.items()
        if record.config.steps and not name.startswith("deep-")
    }
    if steps:
        figures["training"] = _training(steps)
    maps = {name: records[name] for name in MAPS if name in records}
    if maps:
        figures["latent_map"] = _maps(maps, pictures)
    if "two" in records:
        figures["latent_grid"] = _grid(pictures["two"])
    sizes = {k: record for k, record in records.items() if _is_deep(k)}
    if len(sizes) > 1:
        figures["code_size"] = _code_sizes(sizes, records.get("pca"))
    if "denoising" in records:
        figures["noise"] = _noise(records["denoising"], pictures["denoising"])
    features = ("shallow", "denoising", "sparse", "contractive")
    found = {name: records[name] for name in features if name in records}
    if found:
        figures["filters"] = _filters(found)
    return figures


def _is_deep(name: str) -> bool:
    return name in ("deep", "two") or name.startswith("deep-")


def _params(record: Any) -> Any:
    return record.states[0].params


def _first_images(record: Any) -> np.ndarray:
    return np.asarray(record.data.test.image[:SHOWN])


def _reconstructions(records, pictures):
    rows, labels = [_first_images(next(iter(records.values())))], ["test images"]
    for name, record in records.items():
        rows.append(pictures[name].reconstructions)
        error = record.result["metrics"]["test_squared_error"]["mean"]
        labels.append(f"{name}: {error:.3g}")
    title = "Given back; beside each case its mean squared error per test image"
    return figure_of_images(rows, title=title, row_labels=labels)


def _training(records):
    histories = {name: record.history for name, record in records.items()}
    values = next(iter(histories.values())).evaluations.values
    watched = next(k for k in values if k.endswith("squared_error") and k[0] != "t")
    what = watched.removesuffix("_squared_error")
    what = {"watched": "trained images"}.get(what, f"{what} images")
    return figure_of_curves(
        [
            Panel(
                "Squared error on minibatches",
                "squared error per image",
                {name: (h.train, "squared_error") for name, h in histories.items()},
                yscale="log",
            ),
            Panel(
                f"Squared error on {what}",
                "squared error per image",
                {name: (h.evaluations, watched) for name, h in histories.items()},
                yscale="log",
            ),
        ]
    )


def _maps(records, pictures):
    """Codes of test images, coloured by class: the first two numbers."""
    figure = new_figure(8.0, 4.6 if len(records) < 3 else 3.4)
    for axes, (name, record) in zip(
        np.ravel(figure.subplots(1, len(records), squeeze=False)),
        records.items(),
        strict=True,
    ):
        code_map = pictures[name].code_map
        codes = code_map.codes[:3000]
        labels = np.asarray(record.data.test.label)[:3000]
        for label in np.unique(labels):
            points = codes[labels == label]
            style = dict(s=60 / math.sqrt(len(labels) / 100), color=f"C{label}", lw=0)
            axes.scatter(*points.T, alpha=0.6, label=str(label), **style)
        low, high = np.percentile(codes, [0.5, 99.5], axis=0)
        margin = 0.05 * (high - low)
        axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
        axes.set_ylim(low[1] - margin[1], high[1] + margin[1])
        _name_classes(axes, codes, labels)
        votes = f"{code_map.accuracy:.1f} % right by 10 neighbours"
        axes.set_title(f"{name}\n{votes}", fontsize=10)
        axes.set_xlabel("first number of the code")
    figure.axes[0].set_ylabel("second number")
    set_title(figure, "Two numbers an image: codes of test images by class")
    return figure


def _name_classes(axes, codes, labels):
    """A box with the class at the median of its codes, or near where that is taken."""
    named = np.unique(labels)
    middles = [np.median(codes[labels == label], axis=0) for label in named]
    fractions = (axes.transLimits.transform(middle) for middle in middles)
    places = spread(np.array(list(fractions)), NAME_GAP)
    for label, middle, place in zip(named, middles, places, strict=True):
        color = f"C{label}"
        axes.annotate(
            str(label),
            middle,
            place,
            textcoords="axes fraction",
            ha="center",
            va="center",
            bbox=dict(boxstyle="round,pad=0.1", fc="white", ec=color, alpha=0.8),
            arrowprops=dict(arrowstyle="-", color=color, shrinkA=0, shrinkB=0),
        )


def spread(places: np.ndarray, gap: float) -> np.ndarray:
    """Places in the unit square [n 2], moved until each two are `gap` apart in x or y.

    One after the other takes its own place, or the nearest on a grid that is free.
    """
    low, high = gap / 2, 1 - gap / 2  # names, too, stay inside
    side = np.arange(low, high, gap / 4)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    found: list[np.ndarray] = []
    for place in places:
        choices = np.concatenate([np.clip(place, low, high)[None], grid])
        distance = np.hypot(*(choices - place).T)
        for other in found:
            taken = np.abs(choices - other).max(axis=1) < gap - 1e-9
            distance = np.where(taken, np.inf, distance)
        found.append(choices[np.argmin(distance)])
    return np.array(found)


def _grid(pictures):
    """The picture decoded at each point of a grid over the codes of test images."""
    return figure_of_images(
        pictures.grid,
        title="Decoded at each point of a grid over the codes (2nd to 98th percentile)",
    )


def _code_sizes(records, pca):
    from matplotlib.ticker import FuncFormatter, LogLocator

    figure = new_figure(8.0, 4.2)
    axes = figure.subplots()
    points = []
    for record in records.values():
        metric = record.result["metrics"]["test_squared_error"]
        size = metric["protocol"]["code_size"]
        points.append((size, *bounded_ci95(metric["per_seed"], 0, None)))
    points.sort(key=lambda point: point[0])
    sizes, means, low, high = np.array(points, float).T  # None is NaN: no band
    axes.plot(sizes, means, "o-", color="C1", label="deep autoencoder")
    axes.fill_between(sizes, low, high, color="C1", alpha=0.2, lw=0)
    if pca is not None:
        by_size = pca.history.evaluations.values["squared_error_by_size"][-1, 0]
        last = min(len(by_size), int(max(sizes)))
        axes.plot(np.arange(1, last + 1), by_size[:last], color="C0", label="PCA")
    axes.set(xscale="log", yscale="log", xlabel="numbers in the code")
    axes.set_ylabel("squared error per test image")
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.set_xticks([], minor=True)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.set_yticks([], minor=True)
    axes.grid(alpha=0.3)
    axes.legend()
    num = len(metric["per_seed"])
    seeds = seeds_in_words(num)
    seeds = seeds if num == 1 else f"mean of {seeds}, band: its 95 % interval"
    set_title(figure, f"Error against code size ({seeds})")
    return figure


def _noise(record, pictures):
    return figure_of_images(
        [_first_images(record), pictures.corrupted, pictures.restored],
        title="What the denoising autoencoder makes of corrupted test images",
        row_labels=["test images", "corrupted", "given back"],
    )


def _filters(records, count: int = 16):
    """Weights of the first units of nets of one layer, two rows a case."""
    rows, labels = [], []
    for name, record in records.items():
        shape = record.data.image_shape
        kernel = _params(record)["encoder"][0]["kernel"]
        images = weight_images(kernel, shape, 2 * count)
        rows += list(images.reshape(2, count, *shape))
        labels += [name, ""]
    title = "Weights of the first units: gray is 0, each its own scale"
    return figure_of_images(rows, title=title, row_labels=labels)
