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
fewer than ten points its variances are guesses, and it is behind on all problems.
Errors of the computed problems are exact; discriminant analysis is worst with about as
many points as inputs.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import functools
import sys

from jaxdl.cli import start
from jaxdl.data import Images, load_images
from jaxdl.systems.generative_vs_discriminative.cases import (
    make_curves,
    make_distributions,
)
from jaxdl.systems.generative_vs_discriminative.config import Config
from jaxdl.systems.generative_vs_discriminative.figures import generative_figures
from jaxdl.train.experiment import Case, Experiment, Plan, Sweep
from jaxdl.train.runner import run


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
    return start(Config, train, argv, script=__file__)


if __name__ == "__main__":
    sys.exit(main())
