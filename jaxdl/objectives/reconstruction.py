"""Objectives of autoencoders: give the image back."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.ops.images import image_rows
from jaxdl.ops.losses import squared_error
from jaxdl.types import ApplyFn, Batch, LossFn, Params, PRNGKey


def sigmoid_squared_error(
    logits: Float[Array, "*batch out"], targets: Float[Array, "*batch out"]
) -> Float[Array, "*batch"]:
    """Squared error of pixels in [0, 1]: sum_k (t_k - sigmoid(logit_k))^2.

    Raises:
      InputError: if the shapes differ.
    """
    return squared_error(jax.nn.sigmoid(logits), targets)


def make_reconstruction_loss(
    apply_fn: ApplyFn,
    error_fn: Callable[[Array, Array], Array],
    *,
    corrupt: Callable[[PRNGKey, Array], Array] | None = None,
    penalty: Callable[[Params, Array], Array] | None = None,
    inputs_of: Callable[[Batch], Array] = image_rows,
    pixels: Callable[[Array], Array] = jax.nn.sigmoid,
) -> LossFn:
    """Mean error of reconstructions, and a penalty on how they come about.

    L = 1/N sum_n error(f(c(x_n)), x_n) + penalty: a corrupted image in, the clean one
    to give back.

    Args:
      apply_fn: `apply_fn(params, x)` maps flat images [batch pixels] to the logits of
        their pixels.
      error_fn: of logits and images, one value an image:
        `ops.losses.bernoulli_cross_entropy` (nats) or `sigmoid_squared_error`.
      corrupt: `corrupt(key, x)` of the images (`ops.corruption`); None leaves them.
      penalty: `penalty(params, x)`, a scalar with its weight in it, of what the model
        is given.
      inputs_of: from a batch to what is given and wanted back, [batch in]; by default
        the images' pixels in [0, 1].
      pixels: from logits to values like those of the inputs, for the metric.

    Returns:
      `loss_fn(params, batch, key) -> (scalar, metrics)`. The metrics are means over the
      batch: `loss`, the error without the penalty; `squared_error` of pixels(logits),
      summed over an image; and `penalty`, where there is one.
    """

    def loss_fn(params, batch, key):
        clean = inputs_of(batch)
        x = clean if corrupt is None else corrupt(key, clean)
        logits = apply_fn(params, x)
        loss = jnp.mean(error_fn(logits, clean))
        squared = jnp.mean(squared_error(pixels(logits), clean))
        metrics = {"loss": loss, "squared_error": squared}
        if penalty is None:
            return loss, metrics
        extra = penalty(params, x)
        return loss + extra, metrics | {"penalty": extra}

    return loss_fn


def sparsity_divergence(
    logits: Float[Array, "batch latent"], target: float
) -> Float[Array, ""]:
    """Divergence of units from being active as rarely as wanted.

    sum_j KL(rho || rho_j), with rho_j the mean over the batch of unit j's activation
    sigmoid(logit_j) and KL between Bernoulli variables, in nats: 0 where all means are
    the target. Both log rho_j and log(1 - rho_j) come from the logits, so that value
    and gradient stay finite where every sigmoid is 0 or 1 in its last bit.

    Args:
      logits: of the code units.
      target: rho, in (0, 1).

    Raises:
      InputError: if the target is not in (0, 1).

    References:
      Ng, "Sparse autoencoder", CS294A lecture notes, 2011.
    """
    if not 0 < target < 1:
        raise InputError(
            f"the target activation is {target}: expected a number between 0 and 1, "
            "such as 0.05"
        )
    log_count = math.log(len(logits))
    log_on, log_off = (
        jax.nn.logsumexp(jax.nn.log_sigmoid(z), axis=0) - log_count
        for z in (logits, -logits)
    )
    kl = target * (math.log(target) - log_on)
    kl += (1 - target) * (math.log1p(-target) - log_off)
    return jnp.sum(kl)
