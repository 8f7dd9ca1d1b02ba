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
    rows = []
    for exemplars, means, result in zip(*found, strict=True):
        parts = []
        for examples, mean in zip(exemplars, means, strict=True):
            parts += [*examples, mean, np.ones_like(mean)]
        rows.append(_bytes(np.stack([*parts, result])))
    figure = figure_of_images(
        rows, title=f"(red 3) - (red 7) + (blue 7) = blue 3? (seed {seed})"
    )
    axes = figure.axes[0]
    columns, width = rows[0].shape[0], rows[0].shape[2] + 2
    per_term = (columns - 1) // 3
    labels = {columns - 0.5: "result"}
    for i, term in enumerate(("red 3", "- red 7", "+ blue 7")):
        labels[i * per_term + (per_term - 2) / 2] = f"{term}: exemplars"
        labels[i * per_term + per_term - 1.5] = "mean"
    axes.set_xticks([at * width for at in labels], list(labels.values()), fontsize=8)
    figure.set_figheight(figure.get_figheight() + 0.3)  # room for these labels
    return figure


def _bytes(
    images: Float[np.ndarray, "_ height width channels"],
) -> UInt8[np.ndarray, "_ height width channels"]:
    return to_bytes(jnp.asarray(images.reshape(len(images), -1)), images.shape[1:])
