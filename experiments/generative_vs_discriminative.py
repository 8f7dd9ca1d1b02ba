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

import dataclasses
import functools
import sys
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.cli import start
from jaxdl.data import DataName, load_images
from jaxdl.errors import InputError
from jaxdl.systems.generative_vs_discriminative import data as two_classes
from jaxdl.systems.generative_vs_discriminative import (
    distributions,
    gaussian,
    learning_curves,
    logistic,
    populations,
)
from jaxdl.systems.generative_vs_discriminative.figures import generative_figures
from jaxdl.train import config
from jaxdl.train.experiment import Case, Sweep
from jaxdl.train.run import Experiment, run

MODELS = ("logistic", "naive_bayes", "discriminant")
CASES = ("distributions", *two_classes.COMPUTED, "images")
SHOWN = 100  # points of a computed problem in the plane


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
    """Takes only 0: fits are made whole, in the evaluation."""
    batch_size: None = None  # pyrefly: ignore[bad-override]
    """Takes nothing, since there are no training steps."""
    executor: Literal["sequential"] = "sequential"
    """Takes nothing else: all fits of a seed are one program already."""
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


def fit_discriminants(x, labels, weights, ridge: float) -> dict[str, Any]:
    """Naive Bayes and discriminant analysis: they differ in their covariance alone."""
    fit = functools.partial(gaussian.fit_discriminant, x, labels, weights, ridge=ridge)
    return {"naive_bayes": fit(diagonal=True), "discriminant": fit()}


def fit_lines(x, labels, weights, *, ridge: float, penalty: float) -> dict[str, Any]:
    """The three classifiers as what they have in common: a line."""
    fits = fit_discriminants(x, labels, weights, ridge)
    lines = {name: gaussian.discriminant_line(fit) for name, fit in fits.items()}
    found = logistic.fit_logistic(x, labels, weights, penalty=penalty)
    return {"logistic": found.linear} | lines


def make_curves(cfg: Config, name: str, data) -> Experiment:
    """The experiment on one problem of two classes."""
    images = name == "images"
    if images:
        problem = two_classes.image_problem(data, cfg.pair)
    else:
        problem = two_classes.computed_problem(name, cfg.inputs)
    sizes = tuple(m for m in cfg.sizes if problem.most is None or m <= problem.most)
    if len(sizes) < 2:
        raise InputError(
            f"sizes is {cfg.sizes}: expected at least two of {problem.most} or less, "
            f"since there are no more images of the classes {cfg.pair} for training"
        )
    fit = functools.partial(fit_lines, ridge=cfg.ridge, penalty=cfg.penalty)

    curves = learning_curves.make_curves_evaluate(
        problem, fit, sizes=sizes, num_draws=cfg.draws, discriminative="logistic"
    )

    def evaluate(state, data, key, final):
        shown = {} if images else points_in_plane(cfg, name, key)
        return curves(state, data, key, final) | shown

    fields = {
        "problem": f"{cfg.data} {cfg.pair[0]} and {cfg.pair[1]}" if images else name,
        "inputs": problem.num_inputs,
        "draws": cfg.draws,
        "error": "mean of two classes, images held out" if images else "exact",
        "ridge": cfg.ridge,
        "penalty": cfg.penalty,
    }
    protocols = learning_curves.curve_protocols(
        MODELS, sizes, fields, discriminative="logistic"
    )
    return evaluation_only(evaluate, protocols)


def points_in_plane(cfg: Config, name: str, key) -> dict[str, Any]:
    """Points of a problem with two inputs and what is fitted to them, for a figure."""
    x, labels = two_classes.computed_problem(name, 2).draw(key, SHOWN)
    lines, fits = fit_in_plane(x, labels, cfg.ridge, cfg.penalty)
    shown = {f"{k}_line": np.append(*line) for k, line in lines.items()}
    for k, fit in fits.items():
        shown |= {f"{k}_means": fit.means, f"{k}_cov": fit.cov}
    return {"points": x, "labels": labels} | shown


@functools.partial(jax.jit, static_argnums=(2, 3))
def fit_in_plane(x, labels, ridge: float, penalty: float):
    """All lines, and the two discriminants as they are."""
    weights = jnp.ones(len(x), x.dtype)
    lines = fit_lines(x, labels, weights, ridge=ridge, penalty=penalty)
    return lines, fit_discriminants(x, labels, weights, ridge)


def make_distributions(cfg: Config, data) -> Experiment:
    """The experiment that fits distributions, and samples from them."""
    splits = data.train, data.validation, data.test
    rows = [two_classes.images_of(split, cfg.digit) for split in splits]

    evaluate = distributions.make_distributions_evaluate(
        gaussian.fit_gaussian,
        gaussian.sample_gaussian,
        die=populations.LOADED_DIE,
        people=populations.people,
        images=rows[0],
        held_out=np.concatenate(rows[1:]),
        ridge=cfg.image_ridge,
        num=cfg.samples,
    )
    people = {"people": populations.PEOPLE, "fitted_to": cfg.samples}
    image = {
        "images": f"{cfg.data} {cfg.digit}",
        "fitted_to": len(rows[0]),
        "ridge": cfg.image_ridge,
    }
    protocols: dict[str, dict[str, Any]] = {"die_kl": {"throws": cfg.samples}}
    for x in ("nats", "sample_nats", "outside"):
        protocols |= {f"people_{x}": people, f"image_{x}": image}
    protocols["people_outside"] = people | {"outside": "the ellipse of 95 %"}
    protocols["image_outside"] = image | {
        "outside": f"[0, 1] by more than {distributions.OUTSIDE}"
    }
    return evaluation_only(evaluate, protocols)


def evaluation_only(evaluate, protocols) -> Experiment:
    """An experiment without training steps."""
    return Experiment(
        init=lambda key, data, previous: key,
        step=lambda key, batch: (key, {}),
        evaluate=evaluate,
        figures=lambda record: {},
        batch=lambda data, key, step: None,
        protocols=protocols,
    )


def train(cfg: Config) -> int:
    """Run the cases."""
    data = load_images(cfg.data, data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    cases = {}
    for name in cfg.cases:
        case = dataclasses.replace(cfg, cases=(name,))
        if name == "distributions":
            cases[name] = Case(case, make_distributions(case, data))
        else:
            cases[name] = Case(case, make_curves(case, name, data))
    figures = functools.partial(generative_figures, image=data.image_shape)
    name = "generative_vs_discriminative"
    return run(name, Sweep(cases, figures), data, cfg).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv)


if __name__ == "__main__":
    sys.exit(main())
