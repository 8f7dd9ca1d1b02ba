"""Figures of a Boltzmann machine on images."""

import math
from typing import Any

import numpy as np

from jaxdl.figures.grids import Panel, figure_of_curves, figure_of_images, weight_images
from jaxdl.ops.images import to_bytes
from jaxdl.systems.rbm.measures import SHOWN_STEPS, Shown
from jaxdl.types import History


def rbm_figures(record: Any, shown: Shown) -> dict[str, Any]:
    """Filters, fantasies, reconstructions and curves of a machine.

    Args:
      record: of the run (`jaxdl.train.experiment.Record`); filters are the first
        seed's.
      shown: what that seed's machine makes of noise and of test images.
    """
    shape, seed = record.data.test.image.shape[1:], f"seed {record.config.seed}"
    kernel = record.states[0].params["kernel"]
    filters = min(100, 10 * math.ceil(kernel.shape[1] / 10))
    count = len(shown.rebuilt) // 2
    pairs = np.stack([shown.images, to_bytes(shown.rebuilt, shape)])
    pairs = pairs.reshape(2, 2, count, *shape).swapaxes(0, 1)
    moved = to_bytes(shown.chains.reshape(-1, shown.chains.shape[-1]), shape)
    moved = moved.reshape(len(SHOWN_STEPS), 2, count, *shape).swapaxes(0, 1)
    later = [f"{num:,}" for num in SHOWN_STEPS[1:]]
    return {
        "filters": figure_of_images(
            weight_images(kernel, shape, filters).reshape(-1, 10, *shape),
            title=f"Weights of hidden units: gray is 0, each its own scale ({seed})",
        ),
        "fantasies": figure_of_images(
            moved.reshape(-1, *moved.shape[2:]),
            title="Chains from noise, and from binarised test images; left: steps "
            f"({seed})",
            row_labels=["noise", *later, "images", *later],
        ),
        "reconstructions": figure_of_images(
            pairs.reshape(-1, *pairs.shape[2:]),
            title=f"Test images, and below each its reconstruction ({seed})",
            row_labels=["image", "rebuilt"] * 2,
        ),
        "curves": figure_of_curves(_panels(record.history)),
    }


def _panels(history: History) -> list[Panel]:
    train, held_out = history
    energies = {
        "training images": (held_out, "free_energy_train"),
        "validation images": (held_out, "free_energy_validation"),
    }
    begins_at_data = "reconstruction_error" in train.values  # contrastive divergence
    first = Panel(
        "Free energy of data less that of chains",
        "minibatch mean (nats)",
        {"minibatches": (train, "free_energy_difference")},
        {"no difference": 0.0},
    )
    if begins_at_data:
        first = Panel(
            "Reconstruction after the chains' last step",
            "squared error per image",
            {"minibatches": (train, "reconstruction_error")},
        )
    return [
        first,
        Panel("Free energy", "mean over images (nats)", energies),
        Panel(
            "Reconstruction of validation images",
            "squared error per image",
            {"mean field": (held_out, "reconstruction_error")},
        ),
        Panel(
            "Overfitting: validation above training",
            "free-energy gap (nats)",
            {"gap": (held_out, "free_energy_gap")},
            {"no gap": 0.0},
        ),
    ]
