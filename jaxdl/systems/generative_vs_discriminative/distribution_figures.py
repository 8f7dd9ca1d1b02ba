"""Figures of distributions, and of what samples of them look like."""

import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxdl.figures.grids import figure_of_images, new_figure
from jaxdl.figures.texts import set_title
from jaxdl.ops.images import to_bytes
from jaxdl.systems.generative_vs_discriminative import populations


def draw_ellipses(axes: Any, mean, cov, levels=(0.5, 0.95), **style: Any) -> None:
    """The ellipses that hold shares of a Gaussian in the plane; each a contour."""
    mean, factor = np.asarray(mean), np.linalg.cholesky(np.asarray(cov))
    angle = np.linspace(0, 2 * math.pi, 200)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    for level in levels:
        radius = math.sqrt(-2 * math.log(1 - level))
        axes.plot(*(mean[:, None] + radius * factor @ circle), **style)


def distribution_figures(record: Any, image: tuple[int, int, int]) -> dict[str, Any]:
    """A die, people and images: what was fitted, and samples; of the first seed.

    Args:
      record: of the case (`jaxdl.train.Record`).
      image: height, width and channels of an image.
    """
    values = {k: v[-1, 0] for k, v in record.history.evaluations.values.items()}
    cfg = record.config
    return {
        "die": _figure_of_die(values["faces"]),
        "people": _figure_of_people(values),
        "images": _figure_of_digits(values, record.data, cfg, image),
    }


def _figure_of_die(faces: np.ndarray) -> Any:
    """Probabilities beside the frequencies of the first 60 throws, and of all."""
    die = np.array(populations.LOADED_DIE)
    shown = sorted({min(60, len(faces)), len(faces)})
    figure = new_figure(8.0, 3.2)
    grid = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, num in zip(grid, shown, strict=True):
        share = np.bincount(faces[:num].astype(int), minlength=len(die)) / num
        at = np.arange(1, len(die) + 1)
        axes.bar(at - 0.2, die, 0.4, color="0.6", label="probability")
        axes.bar(at + 0.2, share, 0.4, color="C0", label="frequency")
        seen = share > 0
        kl = np.sum(share[seen] * np.log(share[seen] / die[seen]))
        axes.set_title(f"{num:,} throws: KL {kl:.4f} nats", fontsize=10)
        axes.set(xlabel="face", xticks=at)
        axes.grid(alpha=0.3, axis="y")
    grid[0].set_ylabel("share")
    grid[0].legend(fontsize=8, frameon=False)
    set_title(figure, "A loaded die: its distribution and its throws")
    return figure


def _figure_of_people(values: Mapping[str, Any]) -> Any:
    """People and samples, with the contours of the Gaussian fitted to the people."""
    figure = new_figure(8.0, 4.0)
    grid = figure.subplots(1, 2, sharex=True, sharey=True)
    fitted = values["people_mean"], values["people_cov"]
    kinds = {"people": "Synthetic people", "people_samples": "Samples of the Gaussian"}
    for axes, (name, title) in zip(grid, kinds.items(), strict=True):
        style = dict(s=5, color="C0", alpha=0.5, lw=0)
        axes.scatter(*values[name].T, label=f"{len(values[name]):,} points", **style)
        draw_ellipses(axes, *fitted, (0.5,), color="C1", ls="--", label="50 %")
        draw_ellipses(axes, *fitted, (0.95,), color="C1", label="95 %")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("height (cm)")
        axes.grid(alpha=0.3)
    grid[0].set_ylabel("weight (kg)")
    grid[0].legend(fontsize=8, loc="upper left")
    title = "A Gaussian fitted to height and weight (invented numbers, not measured)"
    outside = float(values["people_outside"])
    title += f"\n{outside:.1f} % of other such people are outside its ellipse of 95 %"
    set_title(figure, title)
    return figure


def _figure_of_digits(values, data, cfg, image: tuple[int, int, int]) -> Any:
    """Images of one class above samples of the Gaussian fitted to them."""
    real = data.train.image[np.asarray(data.train.label) == cfg.digit][:12]
    samples = to_bytes(jnp.asarray(values["image_samples"]), image)
    rows = [np.asarray(real), *samples.reshape(-1, len(real), *image)[:2]]
    num_pixels = math.prod(image)
    title = (
        f"Images of a {cfg.digit} as points in {num_pixels} dimensions, and samples of "
        "a Gaussian fitted to them:\nsoft superpositions without sharp strokes; "
        f"{float(values['image_outside']):.0f} % of their pixels are more than 0.1 "
        "outside [0, 1] (cut).\nMean log-density: "
        f"{float(values['image_nats']):.0f} nats of images held out, "
        f"{float(values['image_sample_nats']):.0f} of samples"
    )
    labels = ["images", "samples", ""][: len(rows)]
    return figure_of_images(rows, title=title, row_labels=labels)
