"""The flags of the sweep over autoencoders."""

import dataclasses
from typing import Literal, get_args

from jaxdl.data import DataName
from jaxdl.errors import InputError
from jaxdl.train import config

CaseName = Literal[
    "pca",
    "logistic-pca",
    "deep",
    "two",
    "shallow",
    "denoising",
    "sparse",
    "contractive",
    "variational",
    "variational-two",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.ImagesConfig):
    """Autoencoders, linear, deep, of one layer and variational."""

    data: DataName = "digits"
    """Images: 8x8 digits, or 28x28 digits or clothes."""
    cases: tuple[CaseName, ...] = get_args(CaseName)
    """What to run: two kinds of PCA; deep nets, one of them with two numbers; nets of
    one layer, without and with what regularises them."""
    steps: int = 3_000
    """Training steps of the nets."""
    logistic_steps: int = 500
    """Training steps of logistic PCA."""
    batch_size: int = 128
    """Images in one minibatch."""
    hidden_sizes: tuple[int, ...] = (128, 64)
    """Hidden layers of the deep nets, from the image on; the decoder has them
    backwards."""
    latent_size: int = 8
    """Numbers in a code, of both PCAs and of the deep net."""
    code_sizes: tuple[int, ...] = (1, 2, 4, 16, 32)
    """Further numbers to train a deep net for, a case deep-N each, for the figure of
    the error against them."""
    feature_size: int = 36
    """Sigmoid units in the code of the nets of one layer."""
    variational_sizes: tuple[int, ...] = (128, 64, 8)
    """Hidden layers of the variational nets, from the image on, and last the numbers in
    their code."""
    likelihood_samples: int = 1_000
    """Codes drawn for each test image to estimate its log-likelihood."""
    tied: bool = False
    """Let decoders of the deep nets use the encoder's weights, transposed; the nets of
    one layer always do."""
    likelihood: Literal["bernoulli", "squared_error"] = "bernoulli"
    """Loss of the nets: cross-entropy of each pixel as the probability of a Bernoulli
    variable, or squared error of the sigmoid."""
    corruption: Literal["masking", "gaussian", "salt-and-pepper"] = "masking"
    """Noise on the inputs of the case denoising."""
    noise: float = 0.3
    """Share of pixels that are corrupted, or the deviation of Gaussian noise; 0 or
    more, below 1."""
    sparsity: float = 0.05
    """Mean activation that the case sparse wants of each unit."""
    sparse_weight: float = 0.2
    """Weight of its penalty, the summed divergence from that activation."""
    contractive_weight: float = 0.1
    """Weight of the penalty of the case contractive, the code's squared derivative."""
    learning_rate: float = 1e-3
    """Adam's largest rate, reached after 500 steps or a twentieth of all; then it falls
    to 0 along a cosine."""
    train_on: Literal["train", "all"] = "train"
    """Images to train on: those of the training split, or, as the paper has it, all
    that are not for test; evaluations in between are then of trained images."""

    def __post_init__(self):
        super().__post_init__()
        config.require_positive(
            learning_rate=self.learning_rate,
            sparse_weight=self.sparse_weight,
            contractive_weight=self.contractive_weight,
        )
        config.require_at_least(0, logistic_steps=self.logistic_steps)
        config.require_at_least(1, likelihood_samples=self.likelihood_samples)
        codes = dict(likelihood_samples=self.likelihood_samples)
        config.require_at_most(1_000_000, "so many are drawn for each image", **codes)
        if self.variational_sizes == ():
            raise InputError("variational_sizes is (): expected a code's size at least")
        for name in ("hidden_sizes", "code_sizes", "variational_sizes"):
            config.require_at_least(1, **{name: min(getattr(self, name), default=1)})
        config.require_each_once(cases=self.cases)
        if len(set(self.code_sizes)) < len(self.code_sizes):
            raise InputError(f"code_sizes is {self.code_sizes}: expected each once")
        for name, low in (("noise", self.noise >= 0), ("sparsity", self.sparsity > 0)):
            if not (low and getattr(self, name) < 1):
                raise InputError(
                    f"{name} is {getattr(self, name)}: expected a share, such as 0.1"
                )

    def idle(self):
        cases = set(self.cases) | ({"deep"} if self.code_sizes else set())
        readers = {
            "logistic_steps": {"logistic-pca"},
            "hidden_sizes": {"deep", "two"},
            "tied": {"deep", "two"},
            "latent_size": {"pca", "logistic-pca", "deep"},
            "feature_size": {"shallow", "denoising", "sparse", "contractive"},
            "variational_sizes": {"variational", "variational-two"},
            "likelihood_samples": {"variational", "variational-two"},
            "corruption": {"denoising"},
            "noise": {"denoising"},
            "sparsity": {"sparse"},
            "sparse_weight": {"sparse"},
            "contractive_weight": {"contractive"},
            "batch_size": set(get_args(CaseName)) - {"pca"},
        }
        nets = set(get_args(CaseName)) - {"pca", "logistic-pca"}
        readers |= dict.fromkeys(("steps", "learning_rate"), nets)
        readers |= {"likelihood": nets - readers["variational_sizes"]}
        return super().idle() | {
            name: "in these --cases"
            for name, used in readers.items()
            if not used & cases
        }
