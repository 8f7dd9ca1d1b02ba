"""Figures of a variational autoencoder."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.figures.grids import Panel, figure_of_curves, figure_of_images
from jaxdl.measures.binary_pixels import held_out_pixels
from jaxdl.ops.images import to_bytes
from jaxdl.train.seeds import seed_keys
from jaxdl.types import History, Series

GRID = 20  # codes along each side of the map
COLUMNS = 12


def variational_figures(record: Any, model: Any) -> dict[str, Any]:
    """Samples, reconstructions, the bound; for codes of two numbers, the map of them.

    Pictures show the probability of each pixel.

    Args:
      record: of the run (`jaxdl.train.run.Record`); images are the first seed's.
      model: the `VariationalAutoencoder` that it trained.
    """
    params = record.states[0].params
    shape = record.data.image_shape
    key = seed_keys(record.config.seed).figures
    z = jax.random.normal(key, (100, model.latent_size))
    seed = f"seed {record.config.seed}"

    def decoded(codes, rows, columns):
        pixels = jax.nn.sigmoid(model.decode(params, codes))
        return to_bytes(pixels, shape).reshape(rows, columns, *shape)

    figures = {
        "samples": figure_of_images(
            decoded(z, 10, 10), title=f"Codes drawn from N(0, I), decoded ({seed})"
        ),
        "reconstructions": figure_of_images(
            _reconstructions(record.data.validation.image, model, params, decoded, key),
            title=f"Watched images, and what their codes give back ({seed})",
            row_labels=["image", "as 0 and 1", "mean code", *["drawn code"] * 3],
        ),
        "bound": figure_of_curves(_panels(record.history)),
    }
    if model.latent_size == 2:
        codes = gaussian_grid(GRID).reshape(-1, 2)
        figures["grid"] = figure_of_images(
            decoded(jnp.asarray(codes), GRID, GRID),
            title="The picture at each code; along both axes equal steps of "
            f"probability under N(0, 1) ({seed})",
        )
    return figures


def gaussian_grid(num: int) -> np.ndarray:
    """A square of codes [num num 2] with equal shares of N(0, I) between neighbours.

    Along each axis the quantiles of N(0, 1) at (i + 1/2) / num; the first number grows
    to the right, the second upwards, so that the last row has the lowest.
    """
    from scipy.special import ndtri

    quantiles = ndtri((np.arange(num) + 0.5) / num).astype(np.float32)
    return np.stack(np.meshgrid(quantiles, quantiles[::-1]), axis=-1)


def _reconstructions(image, model, params, decoded, key) -> list[np.ndarray]:
    """Rows of images: given, of 0 and 1, from the mean code, from three drawn ones."""
    image = image[:COLUMNS]
    columns = len(image)
    x = held_out_pixels(image, "validation")
    mean, log_variance = model.encode(params, x)
    noise = jax.random.normal(jax.random.fold_in(key, 1), (3, *mean.shape))
    drawn = mean[None] + jnp.exp(log_variance / 2)[None] * noise
    return [
        np.asarray(image),
        to_bytes(x, image.shape[1:]),
        *decoded(mean, 1, columns),
        *decoded(drawn.reshape(-1, model.latent_size), 3, columns),
    ]


def _name(series: Series, measure: str) -> str:
    """A measure under the name that the run gives the images it watches."""
    names = [name for name in series.values if name.endswith(f"_{measure}")]
    return next((name for name in names if not name.startswith("test_")), measure)


def _panels(history: History) -> list[Panel]:
    train, held_out = history
    return [
        Panel(
            "Negative bound",
            "nats an image",
            {"minibatches": (train, "loss")},
        ),
        Panel(
            "Bound on watched images",
            "nats an image",
            {"watched images": (held_out, _name(held_out, "bound"))},
        ),
        Panel(
            "What a code costs",
            "KL(q(z | x) || N(0, I)) (nats)",
            {
                "minibatches": (train, "kl"),
                "watched images": (held_out, _name(held_out, "kl")),
            },
        ),
        Panel(
            "Numbers of the code in use",
            "active units",
            {"watched images": (held_out, "active_units")},
        ),
    ]
