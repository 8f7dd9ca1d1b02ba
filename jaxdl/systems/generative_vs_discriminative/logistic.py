"""Logistic regression: a linear log-odds, fitted by Newton's method."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_factor, cho_solve
from jaxtyping import Array, Float, Int, Int32

from jaxdl.errors import InputError
from jaxdl.ops.losses import check_labels

STEP_SIZES = (1.0, 0.5, 0.25, 0.0625, 0.00390625)  # tried at once, the best is taken


class Linear(NamedTuple):
    """A linear log-odds of class 1 against class 0; its sign is the decision.

    Attributes:
      weights: w.
      bias: b.
    """

    weights: Float[Array, " dim"]
    bias: Float[Array, ""]


class LogisticFit(NamedTuple):
    """The result of Newton's method.

    Attributes:
      linear: the log-odds.
      steps: how many steps it took.
      gradient: the largest absolute entry of the objective's gradient at the end.
    """

    linear: Linear
    steps: Int32[Array, ""]
    gradient: Float[Array, ""]


def check_lengths(x: Array, labels: Array, weights: Array) -> None:
    """Refuse points, labels and weights of different numbers.

    Raises:
      InputError: saying the shapes.
    """
    if not x.shape[:1] == labels.shape == weights.shape:
        raise InputError(
            f"points have shape {x.shape}, labels {labels.shape} and weights "
            f"{weights.shape}: expected one label and one weight for each point"
        )


def linear_logits(linear: Linear, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
    """Log-odds of class 1 against class 0, w . x + b, in nats."""
    return x @ linear.weights + linear.bias[None]


def logistic_objective(
    linear: Linear,
    x: Float[Array, "n dim"],
    labels: Int[Array, " n"],
    weights: Float[Array, " n"],
    *,
    penalty: float,
) -> Float[Array, ""]:
    """Objective of logistic regression: weighted negative log-likelihood, penalised.

    sum_i c_i log(1 + exp(-s_i (w . x_i + b))) + penalty/2 |w|^2, with c_i the weights
    and s_i = 1 for label 1, -1 for label 0; in nats. The bias is free.

    Args:
      linear: w and b.
      x: one point a row.
      labels: 0 or 1.
      weights: how often each point counts.
      penalty: 1 / variance of a normal prior on each entry of w.

    Raises:
      InputError: if the lengths differ, or as `check_labels` says.
    """
    check_lengths(x, labels, weights)
    check_labels(labels, 2)
    losses = jax.nn.softplus((1 - 2 * labels) * linear_logits(linear, x))
    return weights @ losses + penalty / 2 * jnp.sum(linear.weights**2)


def fit_logistic(
    x: Float[Array, "n dim"],
    labels: Int[Array, " n"],
    weights: Float[Array, " n"],
    *,
    penalty: float,
    max_steps: int = 50,
) -> LogisticFit:
    """Logistic regression of two classes by Newton's method.

    With p_i = sigmoid(w . x_i + b), a step solves H d = -g for the gradient g = sum_i
    c_i (p_i - y_i)(x_i, 1) + penalty (w, 0) and H = sum_i c_i p_i (1 - p_i)(x_i, 1)
    (x_i, 1)^T + penalty diag(1, 0): iteratively reweighted least squares. Of d and
    fractions of it the best is taken. It ends when the expected gain, g . H^-1 g / 2,
    is lost in the rounding of the objective, or nothing tried is better.

    Args:
      x, labels, weights, penalty: see `logistic_objective`. Both classes need weight,
        else there is no best bias; so does the penalty need to be above 0 where a line
        separates the classes.
      max_steps: most steps that are taken.

    Raises:
      InputError: if the lengths differ, a label is not 0 or 1, or the penalty is not
        above 0.
    """
    check_lengths(x, labels, weights)
    check_labels(labels, 2)
    if not penalty > 0:
        raise InputError(f"penalty is {penalty}: expected a number above 0")
    num, dim = x.shape
    rows = jnp.concatenate([x, jnp.ones((num, 1), x.dtype)], axis=1)
    ridge = jnp.full(dim + 1, penalty, x.dtype).at[-1].set(0)
    sizes = jnp.asarray(STEP_SIZES, x.dtype)
    signs = (1 - 2 * labels).astype(x.dtype)

    def objective(theta, logits):
        return weights @ jax.nn.softplus(signs * logits) + ridge @ theta**2 / 2

    def gradient(theta, logits):
        residuals = weights * (jax.nn.sigmoid(logits) - labels)
        return residuals @ rows + ridge * theta

    def one_step(state):
        theta, logits, value, steps, _ = state
        grad = gradient(theta, logits)
        curvature = weights * jax.nn.sigmoid(logits) * jax.nn.sigmoid(-logits)
        hessian = (curvature[:, None] * rows).T @ rows + jnp.diag(ridge)
        direction = -cho_solve(cho_factor(hessian), grad)
        along = rows @ direction
        tried = jax.vmap(lambda t: objective(theta + t * direction, logits + t * along))
        values = tried(sizes)
        best = jnp.argmin(values)
        better = values[best] < value
        size = jnp.where(better, sizes[best], 0)
        gain = -grad @ direction / 2
        worth = gain > jnp.finfo(x.dtype).eps * (1 + value)
        new = theta + size * direction, logits + size * along
        return *new, jnp.minimum(values[best], value), steps + 1, better & worth

    def goes_on(state):
        return state[-1] & (state[-2] < max_steps)

    theta, logits = jnp.zeros(dim + 1, x.dtype), jnp.zeros(num, x.dtype)
    start = theta, logits, objective(theta, logits), jnp.int32(0), jnp.bool_(True)
    theta, _, _, steps, _ = jax.lax.while_loop(goes_on, one_step, start)
    largest = jnp.max(jnp.abs(gradient(theta, rows @ theta)))
    return LogisticFit(Linear(theta[:-1], theta[-1]), steps, largest)
