"""Figures of a Boltzmann machine on images."""

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdl.figures.grids import Panel, figure_of_curves, figure_of_images, weight_images
from jaxdl.models import rbm
from jaxdl.ops.images import to_bytes, unit_pixels
from jaxdl.systems.rbm.measures import reconstruct
from jaxdl.train.seeds import seed_keys
from jaxdl.types import History, Params, PRNGKey

_SHOWN_STEPS = (0, 1, 10, 100, 1000)
_COLUMNS = 12


def rbm_figures(record: Any) -> dict[str, Any]:
    """What a machine has learned: filters, fantasies, reconstructions, its curves.

    Args:
      record: of the run (`jaxdl.train.run.Record`); images are the first seed's.
    """
    params, image = record.states[0].params, record.data.test.image[: 2 * _COLUMNS]
    shape, seed = image.shape[1:], f"seed {record.config.seed}"
    kernel = params["kernel"]
    shown = min(100, 10 * math.ceil(kernel.shape[1] / 10))
    rebuilt = reconstruct(params, unit_pixels(image))
    pairs = np.stack([np.asarray(image), to_bytes(rebuilt, shape)])
    pairs = pairs.reshape(2, 2, _COLUMNS, *shape).swapaxes(0, 1)
    key, noise_key, data_key = jax.random.split(
        seed_keys(record.config.seed).figures, 3
    )
    starts = [
        rbm.start_chains(noise_key, params, _COLUMNS),
        jax.random.bernoulli(data_key, unit_pixels(image[:_COLUMNS])).astype(float),
    ]
    moved = fantasies(key, params, jnp.concatenate(starts))
    moved = to_bytes(moved.reshape(-1, moved.shape[-1]), shape)
    moved = moved.reshape(len(_SHOWN_STEPS), 2, _COLUMNS, *shape).swapaxes(0, 1)
    later = [f"{num:,}" for num in _SHOWN_STEPS[1:]]
    return {
        "filters": figure_of_images(
            weight_images(kernel, shape, shown).reshape(-1, 10, *shape),
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


def fantasies(
    key: PRNGKey, params: Params, start: Float[Array, "chains visible"]
) -> Float[Array, "shown chains visible"]:
    """Visible probabilities of chains after 0 (the start itself), 1, 10, ... steps."""
    carry, rows = (start, start), [start]
    for begin, end in itertools.pairwise(_SHOWN_STEPS):
        carry = _move(key, params, carry, begin, end)
        rows.append(carry[1])
    return jnp.stack(rows)


@jax.jit  # with the numbers of steps as arguments: one program for all
def _move(key, params, carry, begin, end):
    def step(i, carry):
        return rbm.gibbs_step(jax.random.fold_in(key, i), params, carry[0])

    return jax.lax.fori_loop(begin, end, step, carry)


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
