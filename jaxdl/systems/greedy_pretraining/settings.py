"""The nets to train and the baselines, by the names of their cases."""

from typing import Literal, NamedTuple


class Style(NamedTuple):
    """Activation, initial weights and training of a net.

    Learning rates come from the validation error on MNIST basic, with a seed that no
    result uses (1000): of 0.1 and 0.3 for sigmoids pretrained as Boltzmann machines.
    Sigmoids without pretraining stayed at guessing with both.
    """

    hidden: str
    initializer: str
    optimizer: str
    learning_rate: float


OLD = Style("sigmoid", "standard", "momentum", 0.3)
NEW = Style("relu", "he", "adam", 1e-3)


class Setting(NamedTuple):
    """A net to train.

    Attributes:
      style: how it is made and trained.
      pretraining: of its layers: "rbm", "autoencoder", "denoising" or "none".
      published: name of the published figure in `protocols.FIGURES`.
    """

    style: Style
    pretraining: str
    published: str | None = None


SETTINGS = {
    "sigmoid": Setting(OLD, "none", "none"),
    "sigmoid-rbm": Setting(OLD, "rbm", "dbn3"),
    "sigmoid-autoencoder": Setting(OLD, "autoencoder", "sae3"),
    "sigmoid-denoising": Setting(OLD, "denoising", "sdae3"),
    "relu": Setting(NEW, "none"),
    "relu-denoising": Setting(NEW, "denoising"),
}
BASELINES = ("svm", "forest")
CaseName = Literal[*SETTINGS, *BASELINES]  # pyrefly: ignore[invalid-literal]
