"""Problems of two classes: points drawn in the plane, and pairs of image classes."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.ops.images import unit_pixels
from jaxdl.types import PRNGKey

COMPUTED = ("independent", "correlated", "clusters")
"""Names of the computed problems."""


class Problem(NamedTuple):
    """Two classes, equally likely, to fit classifiers to and to test them on.

    Attributes:
      draw: `draw(key, num) -> (x [num dim], labels [num])`, classes 0 and 1 in turn.
      error: `error(weights [dim], bias []) -> []`, the share of wrong decisions of
        the line w . x + b = 0, above which is class 1.
      num_inputs: dim.
      most: the most points that can be drawn; None if there is no limit.
      lowest: error of the best classifier of all, where it is known.
    """

    draw: Callable[[PRNGKey, int], tuple[Array, Array]]
    error: Callable[[Array, Array], Array]
    num_inputs: int
    most: int | None = None
    lowest: float | None = None


def computed_problem(name: str, num_inputs: int) -> Problem:
    """A problem of two classes in the plane, with exact errors.

    Inputs beyond two are standard normal noise.

    - `independent`: means (-1, -1/2) and (1, 1/2), covariance I. Naive Bayes and
      discriminant analysis have the right form.
    - `correlated`: means (-0.7, 0) and (0.7, 0), deviations 1, correlation 0.8. Naive
      Bayes has the wrong form: it cannot use the second input to take noise off the
      first.
    - `clusters`: class 0 is at (-1, 0); class 1 has a share of 0.7 at (1, 0) and 0.3
      far off at (5, 3), covariance I. No Gaussian is right for class 1.

    Raises:
      InputError: for another name, or fewer than 2 inputs.
    """
    if name not in COMPUTED:
        raise InputError(
            f"there is no problem {name!r}: expected one of {', '.join(COMPUTED)}"
        )
    if num_inputs < 2:
        raise InputError(f"{num_inputs} inputs were given: expected 2 or more")
    plane = {
        "independent": [[[-1.0, -0.5]], [[1.0, 0.5]]],
        "correlated": [[[-0.7, 0.0]], [[0.7, 0.0]]],
        "clusters": [[[-1.0, 0.0], [-1.0, 0.0]], [[1.0, 0.0], [5.0, 3.0]]],
    }[name]
    means = np.pad(np.array(plane), ((0, 0), (0, 0), (0, num_inputs - 2)))
    shares = np.array([[0.7, 0.3] if name == "clusters" else [1.0]] * 2)
    cov = np.eye(num_inputs)
    if name == "correlated":
        cov[0, 1] = cov[1, 0] = 0.8
    return mixture_problem(shares, means, cov)


def mixture_problem(
    shares: Float[np.ndarray, "2 components"],
    means: Float[np.ndarray, "2 components dim"],
    cov: Float[np.ndarray, "dim dim"],
) -> Problem:
    """Each class is a mixture of Gaussians with one covariance.

    The error of a line is exact: 1/2 sum_k sum_c share_kc Phi(-s_k (w . mean_kc + b) /
    sqrt(w^T cov w)), with s_k = 1 for class 1 and -1 for class 0; weights 0 decide for
    one class, 1/2. The best classifier of one Gaussian a class errs Phi(-d / 2), d^2 =
    (mean_1 - mean_0)^T cov^-1 (mean_1 - mean_0).

    Args:
      shares: of the components in each class; they sum to 1.
      means, cov: of the components.
    """

    def draw(key, num):
        component_key, noise_key = jax.random.split(key)
        labels = jnp.arange(num, dtype=jnp.int32) % 2
        log_shares = jnp.log(jnp.asarray(shares, float))
        component = jax.random.categorical(component_key, log_shares[labels])
        noise = jax.random.normal(noise_key, (num, len(cov)), float)
        centres = jnp.asarray(means, float)[labels, component]
        return centres + noise @ jnp.asarray(np.linalg.cholesky(cov).T, float), labels

    def error(weights, bias):
        variance = weights @ jnp.asarray(cov, weights.dtype) @ weights
        scale = jnp.sqrt(jnp.where(variance > 0, variance, 1))
        heights = (
            jnp.asarray(means, weights.dtype) @ weights + bias[None, None]
        ) / scale
        wrong = jax.scipy.stats.norm.cdf(
            heights * jnp.array([[1], [-1]], heights.dtype)
        )
        mean = jnp.sum(jnp.asarray(shares, wrong.dtype) * wrong) / 2
        return jnp.where(variance > 0, mean, 0.5)

    lowest = None
    if shares.shape[1] == 1:
        apart = means[1, 0] - means[0, 0]
        distance = math.sqrt(apart @ np.linalg.solve(cov, apart))
        lowest = math.erfc(distance / math.sqrt(8)) / 2
    return Problem(draw, error, len(cov), lowest=lowest)


def images_of(split: Any, label: int) -> Float[np.ndarray, "n pixels"]:
    """The images of one class in a split, as flat rows in [0, 1] of float64."""
    rows = np.asarray(unit_pixels(split.image), np.float64)
    return rows[np.asarray(split.label) == label]


def image_problem(data: Any, pair: tuple[int, int]) -> Problem:
    """Two classes of images, drawn from those for training without repetition.

    Errors are means over the two classes of the shares of wrong decisions on all that
    is held out, validation and test: nothing is chosen on either.

    Args:
      data: `Images`.
      pair: the classes 0 and 1, as labels in `data`.
    """
    training = [images_of(data.train, label) for label in pair]
    held_out = [
        np.concatenate([images_of(s, label) for s in (data.validation, data.test)])
        for label in pair
    ]

    def draw(key, num):
        chosen = [
            jax.random.permutation(k, jnp.asarray(rows))[: num // 2]
            for k, rows in zip(jax.random.split(key), training, strict=True)
        ]
        x = jnp.stack(chosen, axis=1).reshape(num, -1)
        return x, jnp.arange(num, dtype=jnp.int32) % 2

    def error(weights, bias):
        low, high = (
            jnp.mean(jnp.asarray(x, weights.dtype) @ weights + bias[None] > 0)
            for x in held_out
        )
        return (low + 1 - high) / 2

    most = 2 * min(map(len, training))
    return Problem(draw, error, training[0].shape[1], most)
