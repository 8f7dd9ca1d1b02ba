"""Gaussian models and logistic regression for `jaxdl gradcheck`.

The classes are balanced and the weights positive, so every covariance has an inverse.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.gradcheck.problem import Case, draw_normal
from jaxdl.gradcheck.subjects import Subject, subject
from jaxdl.systems.generative_vs_discriminative import gaussian, logistic
from jaxdl.types import PRNGKey

_ROOM = "systems.generative_vs_discriminative."

NOT_DIFFERENTIABLE = {
    _ROOM + "logistic.fit_logistic": "it minimises logistic_objective, which is checked"
}
"""Functions that no gradient goes through, and why."""

_LABELS = np.array([0, 1, 1, 0, 1, 0])
_SHAPES = (6, 2), (6,)  # of points and weights
_LINE = (2,), ()  # of w and b


def _points(key: PRNGKey) -> tuple[jax.Array, jax.Array]:
    """Six points of two inputs, and positive weights."""
    draws = [draw_normal(jax.random.fold_in(key, i), s) for i, s in enumerate(_SHAPES)]
    return _positive_weights(*draws)


def _positive_weights(x, logs):
    return x, jnp.exp(logs / 2)


def _fit_gaussian(key):
    x, _ = _points(key)
    return Case(lambda x: gaussian.fit_gaussian(x, ridge=0.1), (x,), ("x",), True)


def _sample_gaussian(key):
    x, _ = _points(key)

    def fn(mean, cov):  # the half that a Cholesky factor looks at
        fitted = gaussian.Gaussian(mean, (cov + cov.T) / 2)
        return gaussian.sample_gaussian(key, fitted, 3)

    def domain(mean, root):
        return mean, root @ root.T / 10 + jnp.eye(2)

    args = tuple(gaussian.fit_gaussian(x, ridge=0.1))
    return Case(fn, args, ("mean", "cov"), domain=domain)


def _fit_discriminant(diagonal: bool) -> Callable[[PRNGKey], Case]:
    def make(key):
        def fn(x, weights):
            options = dict(diagonal=diagonal, ridge=0.1)
            return gaussian.fit_discriminant(
                x, jnp.asarray(_LABELS), weights, **options
            )

        args, names = _points(key), ("x", "weights")
        return Case(fn, args, names, True, domain=_positive_weights)

    return make


def _through_fit(fn: Callable[..., Any]) -> Callable[[PRNGKey], Case]:
    """A function of a discriminant as one of the points that it is fitted to."""

    def make(key):
        def of_points(x, weights):
            return fn(
                gaussian.fit_discriminant(x, jnp.asarray(_LABELS), weights, ridge=0.1),
                x,
            )

        args, names = _points(key), ("x", "weights")
        return Case(of_points, args, names, domain=_positive_weights)

    return make


def _logistic_objective(key):
    x, weights = _points(key)
    w, b = (draw_normal(jax.random.fold_in(key, 2 + i), s) for i, s in enumerate(_LINE))

    def fn(linear, x, weights):
        options = dict(penalty=0.3)
        return logistic.logistic_objective(
            linear, x, jnp.asarray(_LABELS), weights, **options
        )

    def hand(cotangent, linear, x, weights):
        logits = logistic.linear_logits(linear, x)
        signs = 2 * _LABELS - 1
        slopes = cotangent * weights * (jax.nn.sigmoid(logits) - _LABELS)
        grads = slopes @ x + cotangent * 0.3 * linear.weights
        line = logistic.Linear(grads, jnp.sum(slopes))
        losses = cotangent * jnp.logaddexp(0, -signs * logits)
        return line, slopes[:, None] * linear.weights[None], losses

    args = logistic.Linear(w, b), x, weights
    return Case(fn, args, ("linear", "x", "weights"), hand=hand)


def subjects() -> list[Subject]:
    """Gaussian fits and discriminants, and the logistic objective."""
    room = _ROOM + "gaussian."
    line = _through_fit(lambda fitted, x: gaussian.discriminant_line(fitted))
    logits = _through_fit(gaussian.discriminant_logits)
    return [
        subject(room + "fit_gaussian", _fit_gaussian),
        subject(room + "sample_gaussian", _sample_gaussian),
        subject(room + "fit_discriminant", _fit_discriminant(False)),
        subject(
            room + "fit_discriminant",
            _fit_discriminant(True),
            name="fit_discriminant[diagonal]",
        ),
        subject(room + "discriminant_logits", logits),
        subject(room + "discriminant_line", line),
        subject(
            _ROOM + "logistic.logistic_objective",
            _logistic_objective,
            _ROOM + "logistic.linear_logits",
        ),
    ]
