"""Rosenblatt's perceptron: outputs -1 and 1, and a rule that learns from mistakes.

`predict`, `update` and `epoch` are of one perceptron; `Ensemble` is many of them, that
learn at once. The bias is the weight of an input that is always 1.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Num

from jaxdl.errors import InputError
from jaxdl.ops.numerics import is_known


class Epoch(NamedTuple):
    """The effect of one pass over the examples.

    Attributes:
      weights: after the last example.
      mistakes: how many examples were not on their side when their turn came.
      path: the weights after each example, [examples weights].
    """

    weights: Num[Array, " weights"]
    mistakes: Int32[Array, ""]
    path: Num[Array, "examples weights"]


def check_labels(labels: Num[Array | np.ndarray, "..."]) -> None:
    """Refuse labels other than -1 and 1.

    Inside `jit` or `vmap` there are no values to look at, and every label passes: check
    them before.

    Raises:
      InputError: naming the first that is neither.
    """
    if not is_known(labels):
        return
    values = np.asarray(labels)
    wrong = values[(values != 1) & (values != -1)]
    if wrong.size:
        raise InputError(
            f"a label is {wrong.flat[0]}: expected -1 or 1 (from 0 and 1: 2 label - 1)"
        )


def _check_examples(weights, inputs, labels) -> None:
    if inputs.ndim != 2 or labels.shape != inputs.shape[:1]:
        raise InputError(
            f"inputs have shape {inputs.shape} and labels {labels.shape}: expected "
            "(examples, weights) and (examples,)"
        )
    _check_weights(weights, inputs)
    check_labels(labels)


def _check_weights(weights, inputs) -> None:
    if weights.ndim != 1 or inputs.shape[-1:] != weights.shape:
        raise InputError(
            f"inputs have shape {inputs.shape} and weights {weights.shape}: expected "
            "as many inputs (with the 1 of the bias) as weights"
        )


def predict(
    weights: Num[Array, "*_"], inputs: Num[Array, "*batch _"]
) -> Num[Array, "*batch"]:
    """Output of a perceptron: sign(w . x), which is -1 or 1, and 0 on the line itself.

    Args:
      weights: w, one for each input.
      inputs: x, with a 1 for the bias.

    Raises:
      InputError: if there are not as many inputs as weights.
    """
    _check_weights(weights, inputs)
    return jnp.sign(_products(weights, inputs))


def _products(weights, inputs) -> jax.Array:
    # A sum: a matrix product of 16 bits has 16 bits, and GPUs round that of floats.
    inputs = inputs.astype(weights.dtype)
    return jnp.sum(jnp.broadcast_to(weights, inputs.shape) * inputs, axis=-1)


def update(
    weights: Num[Array, "*_"], x: Num[Array, "*_"], label: Num[Array, ""]
) -> tuple[Num[Array, " weights"], Bool[Array, ""]]:
    """Rosenblatt's rule for one example.

    A mistake is y (w . x) <= 0: the example is on the wrong side, or on the line. After
    a mistake w' = w + y x, else w' = w. The step size is 1: from weights 0, any other
    only scales them.

    Args:
      weights: w; the sums are of their type, integers of 8 or 16 bits in 32.
      x: the inputs, with a 1 for the bias.
      label: y, -1 or 1.

    Returns:
      w', and whether there was a mistake.

    Raises:
      InputError: if there are not as many inputs as weights, or for a label other than
        -1 and 1.

    References:
      Rosenblatt, "The perceptron", 1958; Novikoff, "On convergence proofs for
      perceptrons", 1962.
    """
    _check_examples(weights, x[None], label[None])
    mistake = label * predict(weights, x) <= 0
    correction = jnp.where(mistake, label, 0).astype(weights.dtype)
    return weights + correction * x.astype(weights.dtype), mistake


def epoch(
    weights: Num[Array, "*_"], inputs: Num[Array, "*_"], labels: Num[Array, "*_"]
) -> Epoch:
    """One pass of the rule (`update`) over examples, in their order.

    An epoch without a mistake leaves the weights as they were, and so do all after it:
    the perceptron has converged.

    Args:
      weights: w.
      inputs: one example a row, [examples weights].
      labels: -1 or 1 for each, [examples].

    Raises:
      InputError: if the shapes do not fit, or for a label other than -1 and 1.
    """
    _check_examples(weights, inputs, labels)

    def one_example(weights, example):
        weights, mistake = update(weights, *example)
        return weights, (mistake, weights)

    weights, (mistakes, path) = jax.lax.scan(one_example, weights, (inputs, labels))
    return Epoch(weights, jnp.sum(mistakes, dtype=jnp.int32), path)


class Ensemble(NamedTuple):
    """Perceptrons that learn different functions of the same examples.

    Attributes:
      weights: one perceptron a column.
      mistakes: made so far.
      last_mistake: number of the epoch of the last one, counted from 1; 0 before any.
    """

    weights: Num[Array, "weights functions"]
    mistakes: Int32[Array, " functions"]
    last_mistake: Int32[Array, " functions"]


def init_ensemble(num_weights: int, num_functions: int) -> Ensemble:
    """Perceptrons with weights 0, whole numbers of 16 bits.

    |w|^2 <= R^2 mistakes, where R is the length of the longest example, so they hold
    the weights of 2^30 / R^2 mistakes; the sums of `update` have 32 bits. Weights of 32
    bits make an epoch of 65,536 perceptrons take three times as long.
    """
    return Ensemble(
        jnp.zeros((num_weights, num_functions), jnp.int16),
        jnp.zeros(num_functions, jnp.int32),
        jnp.zeros(num_functions, jnp.int32),
    )


def ensemble_epoch(
    ensemble: Ensemble,
    inputs: Num[Array, "*_"],
    labels: Num[Array, "*_"],
    number: Int32[Array, ""],
) -> tuple[Ensemble, Num[Array, "examples weights functions"]]:
    """One `epoch` of every perceptron, in one order of the examples.

    Args:
      ensemble: before.
      inputs: one example a row, [examples weights].
      labels: -1 or 1, [examples functions].
      number: of this epoch, counted from 1.

    Returns:
      The ensemble afterwards, and its weights after each example.

    Raises:
      InputError: as `epoch`.
    """
    check_labels(labels)
    axes = Epoch._make((1, 0, 2))
    of_each = jax.vmap(epoch, in_axes=(1, None, 1), out_axes=axes)
    weights, mistakes, path = of_each(ensemble.weights, inputs, labels)
    last_mistake = jnp.where(mistakes > 0, number, ensemble.last_mistake)
    return Ensemble(weights, ensemble.mistakes + mistakes, last_mistake), path


def num_right(
    weights: Num[Array, "weights functions"],
    inputs: Num[Array, "examples weights"],
    labels: Num[Array, "examples functions"],
) -> Int32[Array, " functions"]:
    """Number of examples that each perceptron has right; one on the line is wrong."""
    outputs = jax.vmap(predict, in_axes=(1, None), out_axes=1)(weights, inputs)
    return jnp.sum(labels * outputs > 0, axis=0, dtype=jnp.int32)


def novikoff_bound(
    vector: Num[Array, "*_"], inputs: Num[Array, "*_"], labels: Num[Array, "*_"]
) -> Float[Array, ""]:
    """Novikoff's bound on the mistakes of a perceptron that starts at zero.

    (R / gamma)^2 = max_i |x_i|^2 |w|^2 / min_i (y_i w . x_i)^2, where R is the length
    of the longest example and gamma the distance of the nearest one from the hyperplane
    of w. It holds for every separating w, every order of the examples, any number of
    epochs. Whole numbers below 2^24 enter without rounding.

    Args:
      vector: w, of any length.
      inputs: one example a row, [examples weights].
      labels: -1 or 1 for each, [examples].

    Returns:
      The bound, 1 or more; infinite if w does not separate the examples.

    Raises:
      InputError: as `epoch`.

    References:
      Novikoff, "On convergence proofs for perceptrons", 1962.
    """
    _check_examples(vector, inputs, labels)
    w, x, y = (jnp.asarray(a, jnp.float32) for a in (vector, inputs, labels))
    margin = jnp.min(y * _products(w, x))
    squares = jnp.max(jnp.sum(x**2, axis=1)) * jnp.sum(w**2)
    positive = margin > 0
    return jnp.where(positive, squares / jnp.where(positive, margin, 1) ** 2, jnp.inf)
