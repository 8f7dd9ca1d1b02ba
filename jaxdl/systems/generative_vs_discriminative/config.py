"""The flags of generative against discriminative models."""

import dataclasses
from typing import Literal

import numpy as np

from jaxdl.data import DataName
from jaxdl.errors import InputError
from jaxdl.systems.generative_vs_discriminative.data import COMPUTED
from jaxdl.train import config

CASES = ("distributions", *COMPUTED, "images")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.ImagesConfig):
    """Generative against discriminative models."""

    data: DataName = "digits"
    """Images: of one class for the Gaussian, of two for the classifiers."""
    cases: tuple[Literal[*CASES], ...] = CASES  # pyrefly: ignore[invalid-literal]
    """What to run: distributions and their samples, and problems of two classes."""
    sizes: tuple[int, ...] = (4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024)
    """Training sizes, even and rising, half of them of each class; for images those
    that there are enough images for."""
    draws: int = 20
    """Training sets of each size that a seed draws."""
    inputs: int = 20
    """Inputs of the computed problems: two say the class, the others are noise."""
    digit: int = 3
    """Class of the images that the Gaussian is fitted to."""
    pair: tuple[int, int] = (2, 3)
    """The two classes of images that are told apart."""
    ridge: float = 0.01
    """Added to each variance of naive Bayes and of discriminant analysis."""
    penalty: float = 0.01
    """Half of this times |w|^2 is added to the summed loss of logistic regression."""
    image_ridge: float = 0.001
    """Added to each variance of the Gaussian of images, whose pixels are 0 to 1."""
    samples: int = 1000
    """Throws of the die, people, and samples of each fitted distribution."""
    seeds: int = 10
    """Number of seeds; results carry the mean over them and its 95 % interval."""
    steps: Literal[0] = 0
    """Always 0: fits are made whole, in the evaluation."""
    batch_size: None = None  # pyrefly: ignore[bad-override]
    """Unused: there are no training steps."""
    executor: Literal["sequential"] = "sequential"
    """Always sequential: all fits of a seed are one program already."""

    def __post_init__(self):
        super().__post_init__()
        config.require_at_least(1, draws=self.draws)
        config.require_at_least(2, inputs=self.inputs)
        config.require_at_least(3, samples=self.samples)
        fitted = "three classifiers are fitted to each"
        config.require_at_most(10_000, fitted, draws=self.draws)
        covariance = "a covariance has so many numbers squared"
        config.require_at_most(1_000, covariance, inputs=self.inputs)
        config.require_at_most(1_000_000, "each is kept", samples=self.samples)
        for name in ("ridge", "penalty", "image_ridge"):
            config.require_positive(**{name: getattr(self, name)})
        if not self.cases or len(set(self.cases)) < len(self.cases):
            raise InputError(f"cases is {self.cases}: expected at least one, each once")
        for digit in (self.digit, *self.pair):
            if not 0 <= digit <= 9:
                raise InputError(f"a class of images is {digit}: expected 0 to 9")
        if self.pair[0] == self.pair[1]:
            raise InputError(f"pair is {self.pair}: expected two different classes")
        if len(self.sizes) < 2 or min(np.diff(self.sizes)) <= 0:
            raise InputError(f"sizes is {self.sizes}: expected two or more, rising")
        for size in self.sizes:
            if size < 4 or size % 2:
                raise InputError(
                    f"a training size is {size}: expected even numbers from 4 on, so "
                    "that each class has at least two points"
                )

    def idle(self):
        cases = set(self.cases)
        idle = super().idle()
        if not cases & {"distributions", "images"}:
            names = "data", "source_dir", "data_dir"
            idle |= dict.fromkeys(names, "without a case that has images")
        if "distributions" not in cases:
            names = "digit", "image_ridge", "samples"
            idle |= dict.fromkeys(names, "without the case distributions")
        if cases == {"distributions"}:
            names = "sizes", "draws", "ridge", "penalty"
            idle |= dict.fromkeys(names, "with the case distributions alone")
        if not cases & {*COMPUTED}:
            idle |= {"inputs": "without a computed problem"}
        if "images" not in cases:
            idle |= {"pair": "without the case images"}
        return idle
