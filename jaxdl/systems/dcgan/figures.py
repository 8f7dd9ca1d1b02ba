"""Figures of a convolutional GAN: what it draws, its checkerboards, sums of latents."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from jaxdl.adversarial.figures import gan_figures
from jaxdl.adversarial.sampler import Sampler
from jaxdl.figures.grids import figure_of_images, new_figure
from jaxdl.ops.images import to_bytes
from jaxdl.systems.dcgan.pictures import (
    Arithmetic,
    DcganPictures,
    Spectra,
    make_dcgan_pictures,
)
from jaxdl.train.experiment import Record
from jaxdl.train.seeds import seed_keys
from jaxdl.types import FiguresFn

TERMS = "red 3", "red 7", "blue 7"
SUM = "(red 3) − (red 7) + (blue 7) = blue 3?"
SIGN_GAP, THIN_GAP = 28, 3  # pixels: between terms, and after examples


def make_dcgan_figures(sampler: Sampler, arithmetic: Arithmetic | None) -> FiguresFn:
    """`figures(record)`: those of the first seed's generator.

    Args:
      sampler: of the generator.
      arithmetic: as for `make_dcgan_pictures`.
    """

    def figures(record: Record) -> dict[str, Any]:
        assert record.states is not None
        key = seed_keys(record.config.seed).figures
        params = record.states[0].gen_params
        drawn = sampler, params, record.data, key, arithmetic
        return dcgan_figures(record, make_dcgan_pictures(*drawn))

    return figures


def dcgan_figures(record: Any, pictures: DcganPictures) -> dict[str, Any]:
    """The figures of `gan_figures`, the waves in its images, and sums of latents.

    Args:
      record: of the run (`jaxdl.train.Record`).
      pictures: of the first seed's generator.
    """
    figures = gan_figures(record, pictures.gan)
    figures["spectrum"] = figure_of_spectra(pictures.spectra)
    if pictures.sums is not None and len(pictures.sums.results):
        seed = record.config.seed
        figures["arithmetic"] = figure_of_sums(pictures.sums, seed=seed)
    return figures


def figure_of_spectra(spectra: Spectra) -> Any:
    """Mean power of horizontal and vertical waves, in images and in samples.

    A checkerboard that upsampling leaves stands out as a spike at 1/2 cycle a pixel (a
    period of 2 pixels), and at 1/4 (4 pixels).
    """
    figure = new_figure(8.0, 3.6)
    axes = figure.subplots()
    for name, power in (("images", spectra.images), ("samples", spectra.samples)):
        frequency = np.arange(len(power)) / spectra.side
        decibels = 10 * np.log10(np.maximum(power, 1e-12) / power.sum())
        axes.plot(frequency[1:], decibels[1:], marker="o", ms=3, label=name)
    for i, period in enumerate((2, 4)):
        label = "periods of 2 and 4 pixels" if i == 0 else None
        axes.axvline(1 / period, color="0.35", ls="--", lw=1, label=label)
    axes.set(xlabel="frequency (cycles per pixel)", ylabel="share of the power (dB)")
    axes.set_title("Waves in rows and columns: checkerboards are spikes", fontsize=11)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def figure_of_sums(found: Any, *, seed: int) -> Any:
    """Sums of latents: the exemplars of each term, their mean's image, the result.

    Args:
      found: `ArithmeticImages`: exemplars [rows 3 num ...], means [rows 3 ...] and
        results [rows ...], in [0, 1].
      seed: of the run, for the title.
    """
    sums = [_picture_of_sum(*each) for each in zip(*found, strict=True)]
    height, width, _ = sums[0].shape
    large = found.results.shape[1] * found.exemplars.shape[2]
    figure = figure_of_images(
        np.stack(sums)[:, None], title=f"Sums of latents (seed {seed}): {SUM}"
    )
    axes = figure.axes[0]
    per_term = (width - large) // 3
    names = [f"{term}: examples,\nthen of their mean latent" for term in TERMS]
    centres = [i * per_term + (per_term - SIGN_GAP) / 2 for i in range(3)]
    axes.set_xticks(
        [*centres, width + 1 - large / 2], [*names, "the sum:\nblue 3?"], fontsize=9
    )
    for i, sign in enumerate("−+="):
        x = (i + 1) * per_term - SIGN_GAP / 2
        for row in range(len(sums)):
            y = (row + 0.5) * (height + 2)
            axes.text(x, y, sign, ha="center", va="center", size=16)
    room = 0.45  # inches for the names below
    share = figure.get_figheight() / (figure.get_figheight() + room)
    box = axes.get_position()
    figure.set_figheight(figure.get_figheight() + room)
    axes.set_position((box.x0, 1 - (1 - box.y0) * share, box.width, box.height * share))
    return figure


def _picture_of_sum(
    exemplars: Float[np.ndarray, "3 exemplars height width channels"],
    means: Float[np.ndarray, "3 height width channels"],
    result: Float[np.ndarray, "height width channels"],
) -> UInt8[np.ndarray, "tall wide channels"]:
    """A sum in one row: terms of small examples beside a large mean, then the result.

    Means and result are as high as the examples above each other.
    """
    count, height, _, channels = exemplars.shape[1:]
    gap = np.full((count * height, SIGN_GAP, channels), 255, np.uint8)
    thin = gap[:, :THIN_GAP]
    parts = []
    for examples, mean in zip(exemplars, means, strict=True):
        column = np.concatenate(list(_bytes(examples)))
        parts += [column, thin, _enlarged(mean, count), gap]
    return np.concatenate([*parts, _enlarged(result, count)], axis=1)


def _enlarged(image: Float[np.ndarray, "height width channels"], times: int):
    return _bytes(image[None])[0].repeat(times, axis=0).repeat(times, axis=1)


def _bytes(
    images: Float[np.ndarray, "_ height width channels"],
) -> UInt8[np.ndarray, "_ height width channels"]:
    return to_bytes(jnp.asarray(images.reshape(len(images), -1)), images.shape[1:])
