"""Figures of a variational autoencoder."""

from typing import Any

from jaxdl.figures.grids import Panel, figure_of_curves, figure_of_images
from jaxdl.systems.autoencoder.variational_pictures import VariationalPictures
from jaxdl.types import History, Series


def variational_figures(record: Any, pictures: VariationalPictures) -> dict[str, Any]:
    """Samples, reconstructions, the bound; for codes of two numbers, the map of them.

    Pictures show the probability of each pixel.

    Args:
      record: of the run (`jaxdl.train.Record`).
      pictures: of its first seed.
    """
    seed = f"seed {record.config.seed}"
    figures = {
        "samples": figure_of_images(
            pictures.samples, title=f"Codes drawn from N(0, I), decoded ({seed})"
        ),
        "reconstructions": figure_of_images(
            pictures.reconstructions,
            title=f"Watched images, and what their codes give back ({seed})",
            row_labels=["image", "as 0 and 1", "mean code", *["drawn code"] * 3],
        ),
        "bound": figure_of_curves(_panels(record.history)),
    }
    if pictures.grid is not None:
        figures["grid"] = figure_of_images(
            pictures.grid,
            title="The picture at each code; along both axes equal steps of "
            f"probability under N(0, 1) ({seed})",
        )
    return figures


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
