"""Objective of a model of sequences, with what it carries from window to window."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.ops.losses import softmax_cross_entropy
from jaxdl.types import ApplyFn, Batch, Metrics, Params

CarriedLossFn = Callable[[Params, Any, Batch], tuple[jax.Array, tuple[Any, Metrics]]]
"""`loss_fn(params, carry, batch) -> (scalar, (carry, metrics))`."""


def make_next_character_loss(apply_fn: ApplyFn) -> CarriedLossFn:
    """Mean negative log-likelihood of each next character, over one window of time.

    L = -1/(BT) sum_{b,t} log p(x_{b,t+1} | what was read), in nats. The carry comes in
    as a constant: the gradient of a window ends where the window begins, which is
    truncated backpropagation through time. Where `batch.fresh` it is zero.

    Args:
      apply_fn: `apply_fn(params, codes, carry=carry) -> (logits, carry)`, with a carry
        of arrays [batch size], codes [batch time] and logits [batch time characters].

    Returns:
      `loss_fn(params, carry, batch) -> (scalar, (carry, metrics))`; `batch` has
      `inputs`, `targets` and `fresh` (`data.text.Windows`), the metric is `loss`.

    References:
      Williams & Peng, "An efficient gradient-based algorithm for on-line training of
        recurrent network trajectories", 1990.
    """

    def loss_fn(params, carry, batch):
        carry = jax.tree.map(
            lambda leaf: jnp.where(batch.fresh[:, None], 0, leaf), carry
        )
        logits, carry = apply_fn(params, batch.inputs, carry=carry)
        loss = jnp.mean(softmax_cross_entropy(logits, batch.targets))
        return loss, (carry, {"loss": loss})

    return loss_fn
