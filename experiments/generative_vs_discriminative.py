"""Generative against discriminative: distributions, and two classes (Ng & Jordan 2002).

    python experiments/generative_vs_discriminative.py
    python experiments/generative_vs_discriminative.py --data mnist --draws 1 --seeds 3

The case `distributions` fits a loaded die, synthetic people and the images of a digit,
and samples from them. The others fit logistic regression, Gaussian naive Bayes and
discriminant analysis to training sets of growing size: where naive Bayes has the right
form (`independent`), where it has not (`correlated`), where no Gaussian is right
(`clusters`), and on images of two digits. The size from which on logistic regression
is ahead is reported, or that there is none: 106 points for naive Bayes on the clusters;
where naive Bayes is right it stays ahead; on 8x8 images of 2 and 3 it never is. With
fewer than ten points its variances are guesses, and it is behind on all problems. About
a minute on two CPU cores; MNIST takes minutes a seed. Errors of the computed problems
are exact; discriminant analysis is worst with about as many points as inputs.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import functools
import sys
from pathlib import Path
from typing import Literal

import numpy as np

from jaxdl.cli import start
from jaxdl.data import DataName, Images, load_images
from jaxdl.errors import InputError
from jaxdl.systems.generative_vs_discriminative.cases import (
    make_curves,
    make_distributions,
)
from jaxdl.systems.generative_vs_discriminative.data import COMPUTED
from jaxdl.systems.generative_vs_discriminative.figures import generative_figures
from jaxdl.train import config
from jaxdl.train.experiment import Case, Experiment, Plan, Sweep
from jaxdl.train.run import run

CASES = ("distributions", *COMPUTED, "images")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
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
    source_dir: Path | None = config.free(None)
    """Folder with the original MNIST files; they are downloaded without it."""
    data_dir: Path | None = config.free(None)
    """Where prepared data lives; by default the usual tensorflow-datasets folder."""

    def __post_init__(self):
        super().__post_init__()
        config.require_at_least(1, draws=self.draws)
        config.require_at_least(2, inputs=self.inputs)
        config.require_at_least(3, samples=self.samples)
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


def make_case(cfg: Config, data: Images) -> Experiment:
    """The experiment of a configuration with one case."""
    (name,) = cfg.cases
    if name == "distributions":
        return make_distributions(cfg, data)
    return make_curves(cfg, name, data)


def plan(cfg: Config) -> Plan:
    """All cases, on the images of a configuration."""
    data = load_images(cfg.data, data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    cases = {
        name: Case(dataclasses.replace(cfg, cases=(name,)), make_case)
        for name in cfg.cases
    }
    figures = functools.partial(generative_figures, image=data.image_shape)
    work = Sweep(cases, figures)
    return Plan("generative_vs_discriminative", work, data, cfg)


def train(cfg: Config) -> int:
    """Fit what is planned."""
    return run(*plan(cfg)).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv)


if __name__ == "__main__":
    sys.exit(main())
