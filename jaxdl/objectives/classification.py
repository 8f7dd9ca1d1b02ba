"""Objective of a classifier of images."""

from collections.abc import Callable

import jax.numpy as jnp

from jaxdl.ops.images import unit_pixels
from jaxdl.ops.losses import softmax_cross_entropy
from jaxdl.types import LossFn


def make_classification_loss(apply_fn: Callable) -> LossFn:
    """Mean negative log-likelihood of the true classes.

    L = -1/N sum_n log softmax(f(x_n))[label_n], in nats.

    Args:
      apply_fn: `apply_fn(params, x)` maps flat images [batch pixels] in [0, 1] to
        logits [batch classes].

    Returns:
      `loss_fn(params, batch, key) -> (scalar, metrics)`; `batch` has uint8 images and
      their labels (`data.Split`), the metrics are `loss` and `accuracy` (0 to 1).
    """

    def loss_fn(params, batch, key):
        del key  # this objective draws nothing
        logits = apply_fn(params, unit_pixels(batch.image))
        loss = jnp.mean(softmax_cross_entropy(logits, batch.label))
        accuracy = jnp.mean(jnp.argmax(logits, axis=-1) == batch.label)
        return loss, {"loss": loss, "accuracy": accuracy}

    return loss_fn
