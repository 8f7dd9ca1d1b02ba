"""The nets to train: activations, initial weights, step sizes, published errors."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from jaxdl.ledger.published import read_published
from jaxdl.models.mlps import mlp
from jaxdl.nn import INITIALIZERS
from jaxdl.types import Model


class Setting(NamedTuple):
    """A net to train.

    Learning rates come from trials of one epoch on MNIST with a seed that no result
    uses (1000): that of the lowest validation loss for tanh-normalized, and a half to a
    third of it for the others, since tanh at its best, 0.2, blew up in a longer trial.
    The sigmoid's loss stays at that of guessing at any rate from 0.3 to 3.

    Attributes:
      hidden: name of the hidden layers' activation.
      initializer: name of the initial weights.
      learning_rate: first step size.
      published: id of the test error in the paper's Table 1.
    """

    hidden: str
    initializer: str
    learning_rate: float
    published: str | None = None


SETTINGS = {
    "sigmoid": Setting("sigmoid", "standard", 0.3, "glorot-mnist-sigmoid"),
    "tanh": Setting("tanh", "standard", 0.1, "glorot-mnist-tanh"),
    "tanh-normalized": Setting("tanh", "glorot", 0.05, "glorot-mnist-tanh-n"),
    "softsign": Setting("softsign", "standard", 0.1, "glorot-mnist-softsign"),
    "softsign-normalized": Setting(
        "softsign", "glorot", 0.1, "glorot-mnist-softsign-n"
    ),
    "relu-he": Setting("relu", "he", 0.05),
}
CaseName = Literal["initialisation", *SETTINGS]  # pyrefly: ignore[invalid-literal]


def make_net(sizes: Sequence[int], hidden: str, initializer: str) -> Model:
    """A fully connected net whose weights are drawn by the initializer of that name."""
    return mlp(sizes, hidden=hidden, kernel_init=INITIALIZERS[initializer])


def published_errors(cases: Iterable[str]) -> dict[str, float]:
    """Published test errors on MNIST, in percent, of the cases that have one."""
    rows = read_published(Path(__file__).with_name("published.json"))
    settings = {name: SETTINGS[name] for name in cases if name in SETTINGS}
    found = {name: rows.get(each.published or "") for name, each in settings.items()}
    return {name: float(row.value) for name, row in found.items() if row}
