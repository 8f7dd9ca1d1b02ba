"""Losses: one value per example, for the caller to average."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdl.errors import InputError


def half_squared_error(
    outputs: Float[Array, "*batch out"], targets: Float[Array, "*batch out"]
) -> Float[Array, "*batch"]:
    """Half the squared distance from the targets.

    E = 1/2 sum_k (target_k - out_k)^2, so dE/dout_k = out_k - target_k.

    Raises:
      InputError: if the shapes differ, which would broadcast unnoticed.
    """
    if outputs.shape != targets.shape:
        raise InputError(
            f"targets have shape {targets.shape}: expected {outputs.shape}, that of "
            "the outputs"
        )
    return jnp.sum((targets - outputs) ** 2, axis=-1) / 2


def softmax_cross_entropy(
    logits: Float[Array, "*batch classes"], labels: Int[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """Negative log-likelihood of the true classes.

    E = -log softmax(logits)[label], in nats, at least 0.

    Args:
      logits: one for each class.
      labels: classes from 0 on.

    Raises:
      InputError: if there is not one label for each row of logits.
    """
    if logits.shape[:-1] != labels.shape:
        raise InputError(
            f"labels have shape {labels.shape}: expected {logits.shape[:-1]}, one for "
            "each row of logits"
        )
    log_p = jax.nn.log_softmax(logits)
    chosen = jnp.take_along_axis(log_p, labels[..., None], axis=-1)
    return -chosen[..., 0]
