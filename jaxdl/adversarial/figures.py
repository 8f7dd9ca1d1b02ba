"""Figures of a GAN on images."""

from typing import Any

import numpy as np

from jaxdl.adversarial.pictures import GanPictures
from jaxdl.figures.grids import Panel, figure_of_curves, figure_of_images
from jaxdl.types import History


def gan_figures(record: Any, pictures: GanPictures) -> dict[str, Any]:
    """Samples, nearest images, paths between latents, and curves of a GAN on images.

    Args:
      record: of the run (`jaxdl.train.Record`); strips are the first seed's.
      pictures: of the first seed's generator.
    """
    samples, near = pictures.samples, pictures.nearest
    pairs = [row for i in (0, 12) for row in (samples[i : i + 12], near[i : i + 12])]
    steps, values = record.history.evaluations
    shown = np.unique(np.linspace(0, len(steps) - 1, 12).astype(int))
    strips = values["samples"][shown, 0]
    seed = f"seed {record.config.seed}"
    done = f"after {record.config.steps:,} steps"
    return {
        "samples": figure_of_images(
            samples.reshape(10, 10, *samples.shape[1:]),
            title=f"Samples of the generator {done} ({seed})",
        ),
        "progress": figure_of_images(
            strips,
            title=f"The same 20 latents as training goes on ({seed}); left: step",
            row_labels=[f"{step:,}" for step in steps[shown]],
        ),
        "nearest": figure_of_images(
            pairs,
            title=f"Samples, and below each its nearest training image ({seed})",
            row_labels=["sample", "nearest"] * 2,
        ),
        "interpolation": figure_of_images(
            pictures.paths, title=f"Each row goes from one latent z to another ({seed})"
        ),
        "curves": figure_of_curves(_gan_panels(record.history)),
    }


def _gan_panels(history: History) -> list[Panel]:
    train, held_out = history
    panels = [
        Panel(
            "Losses on minibatches",
            "loss (nats)",
            {"discriminator": (train, "disc_loss"), "generator": (train, "gen_loss")},
            {"discriminator at D = 1/2 (log 4)": np.log(4)},
        ),
        Panel(
            "Value of the game",
            "V(D, G) (nats)",
            {"minibatches": (train, "value"), "held-out images": (held_out, "value")},
            {"-log 4": -np.log(4)},
        ),
        Panel(
            "What the discriminator believes",
            "mean probability of being real",
            {
                "D(x), minibatches": (train, "d_real"),
                "D(G(z)), minibatches": (train, "d_fake"),
                "D(x), held out": (held_out, "d_real"),
                "D(G(z)), held out": (held_out, "d_fake"),
            },
            {"1/2": 0.5},
        ),
    ]
    if "parzen_validation" in held_out.values:
        curves = {"validation images": (held_out, "parzen_validation")}
        panels.append(Panel("Parzen-window log-likelihood", "nats per image", curves))
    return panels
