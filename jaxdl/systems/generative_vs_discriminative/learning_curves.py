"""Errors of classifiers against the number of points that they were fitted to."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from jaxdl.errors import InputError
from jaxdl.types import EvaluateFn, PRNGKey

FitFn = Callable[[Array, Array, Array], Mapping[str, Any]]
"""`fit(x, labels, weights) -> {name: classifier}`."""


def learning_curves(
    draw: Callable[[PRNGKey, int], tuple[Array, Array]],
    fit: FitFn,
    measure: Callable[[Any], Array],
    key: PRNGKey,
    *,
    sizes: Sequence[int],
    num_draws: int,
) -> dict[str, Float[Array, "draws sizes"]]:
    """A measure of classifiers for every draw of a training set and every size of it.

    The set of size m is the first m points of the draw, so sizes of a draw are nested;
    draws are independent. All are one program: a size is a vector of weights, 1 for the
    first m points.

    Args:
      draw: `draw(key, num) -> (x, labels)`, that many points.
      fit: `fit(x, labels, weights) -> {name: classifier}`.
      measure: `measure(classifier) -> number`.
      key: decides the draws.
      sizes: numbers of points.
      num_draws: how many draws.

    Returns:
      By the names that `fit` gives.
    """

    def one_draw(key):
        x, labels = draw(key, max(sizes))

        def one_size(size):
            weights = (jnp.arange(len(x)) < size).astype(x.dtype)
            return {k: measure(each) for k, each in fit(x, labels, weights).items()}

        # No vmap: it batches the fits' linear systems, and two batches that the CPU
        # solves at once can wait for each other for ever (LAPACK of jaxlib 0.10.2).
        return jax.lax.map(one_size, jnp.asarray(sizes))

    return jax.lax.map(one_draw, jax.random.split(key, num_draws))


class Crossing(NamedTuple):
    """The point where one falling curve of errors gets below another.

    Attributes:
      size: the size at which it does; if it never does, the largest size of all where
        it is above at the end, and the smallest where it is below from the start.
      crossed: whether it does.
    """

    size: float
    crossed: bool


def crossing(
    sizes: Sequence[int], generative: ArrayLike, discriminative: ArrayLike
) -> Crossing:
    """The training size from which on the discriminative classifier is better.

    The difference of the errors is interpolated linearly in log size, between the last
    size at which the generative one is at least as good and the next.

    Args:
      sizes: at least two, rising.
      generative, discriminative: an error for each size.

    Raises:
      InputError: if there are not two or more rising sizes with an error of each.

    References:
      Ng & Jordan, "On discriminative vs. generative classifiers: a comparison of
      logistic regression and naive Bayes", 2002.
    """
    difference = np.asarray(generative, float) - np.asarray(discriminative, float)
    if len(sizes) < 2 or difference.shape != (len(sizes),) or min(np.diff(sizes)) <= 0:
        raise InputError(
            f"sizes are {tuple(sizes)} with {difference.shape} errors: expected two or "
            "more rising sizes, and an error of each classifier for each"
        )
    at_least_as_good = np.flatnonzero(difference <= 0)
    if not len(at_least_as_good):
        return Crossing(float(sizes[0]), False)
    i = at_least_as_good[-1]
    if i + 1 == len(sizes):
        return Crossing(float(sizes[-1]), False)
    low, high = math.log(sizes[i]), math.log(sizes[i + 1])
    part = -difference[i] / (difference[i + 1] - difference[i])
    return Crossing(math.exp(low + part * (high - low)), True)


def curve_metrics(
    curves: Mapping[str, Sequence[float | int] | Array | np.ndarray],
    sizes: Sequence[int],
    *,
    discriminative: str,
) -> dict[str, Any]:
    """Metrics of learning curves: their ends, and where they cross.

    Args:
      curves: mean error for each size, in percent, by classifier.
      sizes: rising.
      discriminative: name of the one with which all others are compared.

    Returns:
      `<name>_first` and `<name>_last` of each, errors at the smallest and the largest
      size; of the others `<name>_crossed` (0 or 1) and `<name>_crossing`, see
      `crossing`; and the arrays `<name>_curve`.
    """
    values: dict[str, Any] = {}
    for name, curve in curves.items():
        values |= {f"{name}_first": curve[0], f"{name}_last": curve[-1]}
        values[f"{name}_curve"] = np.asarray(curve)
        if name != discriminative:
            found = crossing(sizes, curve, curves[discriminative])
            values[f"{name}_crossing"] = found.size
            values[f"{name}_crossed"] = float(found.crossed)
    return values


def make_curves_evaluate(
    problem: Any,
    fit: FitFn,
    *,
    sizes: Sequence[int],
    num_draws: int,
    discriminative: str,
) -> EvaluateFn:
    """`evaluate(state, data, key, final)` of classifiers on a problem, in float64.

    `curve_metrics` of their mean errors over the draws.

    Args:
      problem: `draw` and `error` of lines (`data.two_classes.Problem`).
      fit: `fit(x, labels, weights) -> {name: line}`.
      sizes, num_draws: as for `learning_curves`.
      discriminative: name of the one with which all others are compared.
    """

    @jax.jit
    def mean_errors(key):
        options = dict(sizes=sizes, num_draws=num_draws)
        curves = learning_curves(
            problem.draw, fit, lambda line: 100 * problem.error(*line), key, **options
        )
        return {name: jnp.mean(errors, axis=0) for name, errors in curves.items()}

    def evaluate(state, data, key, final: bool) -> dict[str, Any]:
        del state, data, final  # nothing is trained before
        with jax.enable_x64(True):
            curves = mean_errors(key)
        return curve_metrics(curves, sizes, discriminative=discriminative)

    return evaluate


def curve_protocols(
    models: Sequence[str],
    sizes: Sequence[int],
    fields: Mapping[str, Any],
    *,
    discriminative: str,
) -> dict[str, dict[str, Any]]:
    """Protocols of what `curve_metrics` reports, each with `fields`.

    Of a crossing it says how many seeds have none: they count as an end of the range.
    """
    protocols: dict[str, dict[str, Any]] = {}
    for model in models:
        for end, size in (("first", sizes[0]), ("last", sizes[-1])):
            protocols[f"{model}_{end}"] = {"training_points": size, **fields}
        if model != discriminative:

            def without(values, name=f"{model}_crossed"):
                missing = len(values[name]) - sum(values[name])
                return f"{missing:.0f} of {len(values[name])} seeds"

            span = {"training_points": f"{sizes[0]} to {sizes[-1]}"}
            protocols[f"{model}_crossing"] = {**span, "without": without, **fields}
            protocols[f"{model}_crossed"] = {**span, **fields}
    return protocols
