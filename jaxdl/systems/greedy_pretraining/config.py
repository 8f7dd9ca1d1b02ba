"""The flags of the sweep over pretrained nets."""

import dataclasses
from typing import Literal, get_args

from jaxdl.errors import InputError
from jaxdl.systems.greedy_pretraining.settings import SETTINGS, CaseName
from jaxdl.train import config


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.ImagesConfig):
    """Deep nets with and without greedy pretraining, and two baselines."""

    data: Literal["digits", "mnist", "mnist_basic", "fashion_mnist"] = "digits"
    """Images: 8x8 digits, 28x28 digits (all, or 10,000 to train on) or clothes."""
    cases: tuple[CaseName, ...] = get_args(CaseName)
    """What to run: nets named by activation and pretraining, and two baselines."""
    train_on: Literal["train", "all"] = "train"
    """Images to train on: the training split, or all that are not for test, as Hinton
    et al. have it; validation images are then trained on."""
    steps: int = 2_000
    """Training steps of the whole net."""
    pretrain_steps: int = 1_000
    """Steps of each layer before."""
    batch_size: int = 100
    """Images in one minibatch."""
    hidden_sizes: tuple[int, ...] = (100, 100, 100)
    """Hidden layers, from the image on."""
    learning_rate: float | None = None
    """First step size of the whole net, which falls linearly to 0; None takes each
    case's own: 0.3 for gradient descent with momentum 0.9, 0.001 for Adam."""
    rbm_rate: float = 0.05
    """Step size of CD-1, with momentum 0.9 and weight decay 0.0002."""
    autoencoder_rate: float = 1e-3
    """Step size of Adam for layers that are autoencoders."""
    noise: float = 0.25
    """Share of a denoising layer's inputs that are set to 0; 0 or more, below 1."""
    svm_penalty: float = 10.0
    """C of the support vector machine; it and gamma were chosen on the validation
    images of MNIST basic, C of 3, 10 and 30, gamma of 0.01, 0.02 and 0.03."""
    svm_gamma: float = 0.03
    """Gamma of its Gaussian kernel, on pixels from 0 to 1."""
    trees: int = 500
    """Trees of the random forest."""

    def __post_init__(self):
        super().__post_init__()
        config.require_positive(
            learning_rate=self.learning_rate,
            rbm_rate=self.rbm_rate,
            autoencoder_rate=self.autoencoder_rate,
            svm_penalty=self.svm_penalty,
            svm_gamma=self.svm_gamma,
        )
        config.require_at_least(0, pretrain_steps=self.pretrain_steps)
        config.require_at_least(1, trees=self.trees)
        config.require_at_most(100_000, "they grow in turn", trees=self.trees)
        if not self.hidden_sizes:
            raise InputError("hidden_sizes is (): expected at least one layer")
        config.require_at_least(1, hidden_sizes=min(self.hidden_sizes))
        config.require_each_once(cases=self.cases)
        if not 0 <= self.noise < 1:
            raise InputError(f"noise is {self.noise}: expected a share, such as 0.25")

    def idle(self):
        kinds = {SETTINGS[case].pretraining for case in self.cases if case in SETTINGS}
        idle = super().idle()
        if not kinds:
            names = "steps", "batch_size", "hidden_sizes", "learning_rate"
            idle |= dict.fromkeys(names, "with baselines alone")
        if not kinds - {"none"}:
            idle |= {"pretrain_steps": "without a case that pretrains layers"}
        if "rbm" not in kinds:
            idle |= {"rbm_rate": "without a case of Boltzmann machines"}
        if not kinds & {"autoencoder", "denoising"}:
            idle |= {"autoencoder_rate": "without a case of autoencoders"}
        if "denoising" not in kinds:
            idle |= {"noise": "without a case of denoising autoencoders"}
        if "svm" not in self.cases:
            names = "svm_penalty", "svm_gamma"
            idle |= dict.fromkeys(names, "without the case svm")
        if "forest" not in self.cases:
            idle |= {"trees": "without the case forest"}
        return idle

    @property
    def watched(self) -> str:
        """Name of the validation images in the metrics: they may be trained on."""
        return "watched" if self.train_on == "all" else "validation"
