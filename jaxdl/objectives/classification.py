"""Objective of a classifier of images."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxdl.ops.images import unit_pixels
from jaxdl.ops.losses import softmax_cross_entropy
from jaxdl.types import ApplyFn, LossFn, PRNGKey


def make_classification_loss(
    apply_fn: ApplyFn,
    *,
    inputs_of: Callable[[Array], Array] = unit_pixels,
    distort: Callable[[PRNGKey, Array], Array] | None = None,
    stochastic: bool = False,
) -> LossFn:
    """Mean negative log-likelihood of the true classes.

    L = -1/N sum_n log softmax(f(x_n))[label_n], in nats.

    Args:
      apply_fn: `apply_fn(params, x)` maps inputs, by default flat images [batch pixels]
        in [0, 1], to logits [batch classes].
      inputs_of: makes them of the bytes (`jaxdl.ops.unit_images` keeps the shape).
      distort: `distort(key, x)`, inputs drawn anew for each minibatch.
      stochastic: whether `apply_fn` draws random numbers from a keyword `key`.

    Returns:
      `loss_fn(params, batch, key) -> (scalar, metrics)`; `batch` has uint8 images and
      their labels (`data.Split`), the metrics are `loss` and `accuracy` (0 to 1).
    """

    def loss_fn(params, batch, key):
        x, draws = inputs_of(batch.image), {}
        if distort is not None:
            x = distort(jax.random.fold_in(key, 0), x)
        if stochastic:
            draws["key"] = jax.random.fold_in(key, 1)
        logits = apply_fn(params, x, **draws)
        loss = jnp.mean(softmax_cross_entropy(logits, batch.label))
        accuracy = jnp.mean(jnp.argmax(logits, axis=-1) == batch.label)
        return loss, {"loss": loss, "accuracy": accuracy}

    return loss_fn
