"""What a classifier takes for what, and where it is worst."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdl.ops.losses import check_labels, softmax_cross_entropy


class Worst(NamedTuple):
    """Examples with the largest losses, the worst first.

    Attributes:
      index: of the example.
      label: its class.
      predicted: the class of the largest logit; it may be the right one.
      probability: of its class, by the softmax of the logits.
    """

    index: Int[Array, " count"]
    label: Int[Array, " count"]
    predicted: Int[Array, " count"]
    probability: Float[Array, " count"]


def confusion_matrix(
    logits: Float[Array, "n classes"], labels: Int[Array, " n"]
) -> Int[Array, "classes classes"]:
    """Counts of examples by class (row) and by largest logit (column).

    Rows sum to the number of examples of a class; errors are off the diagonal.

    Raises:
      InputError: see `check_labels`.
    """
    check_labels(labels, logits.shape[1])
    return _confusion_matrix(logits, labels)


@jax.jit
def _confusion_matrix(logits: jax.Array, labels: jax.Array) -> jax.Array:
    classes = logits.shape[1]
    matrix = jnp.zeros((classes, classes), jnp.int32)
    return matrix.at[labels, jnp.argmax(logits, axis=1)].add(1)


def worst_examples(
    logits: Float[Array, "n classes"], labels: Int[Array, " n"], count: int
) -> Worst:
    """The examples whose class gets the least probability; equal ones in their order.

    Args:
      logits: of each example.
      labels: their classes.
      count: of examples to give; all, if there are fewer.

    Raises:
      InputError: see `check_labels`.
    """
    check_labels(labels, logits.shape[1])
    return _worst_examples(logits, labels, count)


@functools.partial(jax.jit, static_argnames="count")
def _worst_examples(logits: jax.Array, labels: jax.Array, count: int) -> Worst:
    losses = softmax_cross_entropy(logits, labels)
    index = jnp.argsort(-losses, stable=True)[:count]
    return Worst(
        index,
        labels[index],
        jnp.argmax(logits[index], axis=1),
        jnp.exp(-losses[index]),
    )
