"""Experiments of each case: fits of distributions, and classifiers by training size."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data import Images
from jaxdl.errors import InputError
from jaxdl.systems.generative_vs_discriminative import data as two_classes
from jaxdl.systems.generative_vs_discriminative import (
    distributions,
    gaussian,
    learning_curves,
    logistic,
    populations,
)
from jaxdl.train.experiment import Experiment
from jaxdl.train.protocol import fields
from jaxdl.types import EvaluateFn

MODELS = ("logistic", "naive_bayes", "discriminant")
SHOWN = 100  # points of a computed problem in the plane


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


def make_curves(cfg: Any, name: str, data: Images) -> Experiment:
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

    shared = {
        "problem": f"{cfg.data} {cfg.pair[0]} and {cfg.pair[1]}" if images else name,
        "inputs": problem.num_inputs,
        **fields(cfg, "draws"),
        "error": "mean of two classes, images held out" if images else "exact",
        **fields(cfg, "ridge", "penalty"),
    }
    protocols = learning_curves.curve_protocols(
        MODELS, sizes, shared, discriminative="logistic"
    )
    return evaluation_only(evaluate, protocols)


def points_in_plane(cfg: Any, name: str, key) -> dict[str, Any]:
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


def make_distributions(cfg: Any, data: Images) -> Experiment:
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


def evaluation_only(
    evaluate: EvaluateFn, protocols: dict[str, dict[str, Any]]
) -> Experiment:
    """An experiment without training steps."""
    return Experiment(
        init=lambda key, data, previous: key,
        step=lambda key, batch: (key, {}),
        evaluate=evaluate,
        figures=lambda record: {},
        batch=lambda data, key, step: None,
        protocols=protocols,
    )
