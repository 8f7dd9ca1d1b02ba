"""Objectives of Boltzmann machines: data against samples of the model."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.ops.images import image_rows
from jaxdl.ops.losses import squared_error
from jaxdl.ops.numerics import is_known
from jaxdl.types import Batch, LossFn, Metrics, Params, PRNGKey

FreeEnergy = Callable[[Params, Array], Array]


def make_free_energy_loss(
    free_energy: FreeEnergy,
    *,
    inputs_of: Callable[[Batch], Array] = image_rows,
    binarise: bool = False,
    weight_decay: float = 0.0,
) -> Callable[[Params, Batch, Array, PRNGKey], tuple[Array, Metrics]]:
    """Mean free energy of data less that of samples of the model.

    L = mean F(v_data) - mean F(v_model) + lambda/2 |W|^2, v_model held constant. With
    v_model drawn from the model its gradient is that of the negative log-likelihood, up
    to the samples' noise; with those of a Gibbs chain from the data it is contrastive
    divergence, with those of chains that go on from step to step its persistent kind.
    The free energy has summed the hidden units out, so the statistics hold their
    probabilities, not samples of them, at the last half step too: less noise for the
    same mean.

    Args:
      free_energy: `free_energy(params, visible)`, one value a row.
      inputs_of: from a batch to rows [batch visible] in [0, 1]: the images' pixels, or
        what a lower layer makes of them.
      binarise: draw each value 0 or 1 with the probability that it is; else the
        probabilities stand for the values, as in Hinton & Salakhutdinov 2006.
      weight_decay: lambda, on the weights between the layers only.

    Returns:
      `loss_fn(params, batch, samples, key) -> (scalar, metrics)`; the metric is
      `free_energy_difference` in nats, without the decay.

    Raises:
      InputError: if the decay is below 0; where values are known, from the loss, if one
        is not in [0, 1].

    References:
      Tieleman, "Training restricted Boltzmann machines using approximations to the
        likelihood gradient", 2008.
    """
    if not weight_decay >= 0:
        raise InputError(f"weight_decay is {weight_decay}: expected 0 or more")

    def loss_fn(params: Params, batch, samples, key: PRNGKey):
        data = visible_values(batch, key, inputs_of=inputs_of, binarise=binarise)
        return _difference(free_energy, params, data, samples, weight_decay)

    return loss_fn


def make_contrastive_divergence_loss(
    free_energy: FreeEnergy,
    gibbs_chain: Callable[[PRNGKey, Params, Array, int], tuple[Array, Array]],
    *,
    num_steps: int = 1,
    inputs_of: Callable[[Batch], Array] = image_rows,
    binarise: bool = False,
    weight_decay: float = 0.0,
) -> LossFn:
    """CD-k: the free energy of data less that of k Gibbs steps from it.

    Args:
      free_energy: `free_energy(params, visible)`, one value a row.
      gibbs_chain: `gibbs_chain(key, params, visible, num_steps) -> (visible,
        probabilities)`.
      num_steps: k, at least 1.
      inputs_of, binarise, weight_decay: as for `make_free_energy_loss`.

    Returns:
      `loss_fn(params, batch, key) -> (scalar, metrics)`. The metric is
      `reconstruction_error`, the squared distance of data from the last visible
      probabilities, summed over the values of one example; the difference of free
      energies says nothing here, and would cost a tenth of a step.

    Raises:
      InputError: if k is below 1, or as for `make_free_energy_loss`.

    References:
      Hinton, "Training products of experts by minimizing contrastive divergence", 2002.
    """
    if num_steps < 1:
        raise InputError(f"num_steps is {num_steps}: expected 1 or more Gibbs steps")
    if not weight_decay >= 0:
        raise InputError(f"weight_decay is {weight_decay}: expected 0 or more")

    def loss_fn(params: Params, batch, key: PRNGKey):
        data_key, chain_key = jax.random.split(key)
        data = visible_values(batch, data_key, inputs_of=inputs_of, binarise=binarise)
        fixed = jax.lax.stop_gradient(params)
        samples, probabilities = gibbs_chain(chain_key, fixed, data, num_steps)
        loss, _ = _difference(free_energy, params, data, samples, weight_decay)
        error = jnp.mean(squared_error(probabilities, data))
        return loss, {"reconstruction_error": error}

    return loss_fn


def visible_values(
    batch: Batch,
    key: PRNGKey,
    *,
    inputs_of: Callable[[Batch], Array] = image_rows,
    binarise: bool = False,
) -> Float[Array, "batch visible"]:
    """Rows of visible values of a batch: probabilities, or 0 and 1 drawn from them.

    Raises:
      InputError: where values are known, if one is not in [0, 1].
    """
    values = inputs_of(batch)
    check_unit_interval(values)
    if not binarise:
        return values
    return jax.random.bernoulli(key, values).astype(values.dtype)


def check_unit_interval(values: Float[Array, "..."]) -> None:
    """Refuse values that are no probabilities; under `jit` they cannot be looked at.

    Raises:
      InputError: if a value is below 0, above 1 or not a number.
    """
    if is_known(values) and values.size:
        known = np.asarray(values)  # under `jit` jnp would trace even constants
        low, high = float(known.min()), float(known.max())
        if not (low >= 0 and high <= 1):
            raise InputError(
                f"visible values are from {low:.4g} to {high:.4g}: expected 0 to 1, as "
                "binary units need; divide bytes by 255"
            )


def _difference(
    free_energy: FreeEnergy,
    params: Params,
    data: Array,
    samples: Array,
    weight_decay: float,
) -> tuple[Array, dict[str, Array]]:
    """The loss and its metric."""
    samples = jax.lax.stop_gradient(samples)
    difference = jnp.mean(free_energy(params, data)) - jnp.mean(
        free_energy(params, samples)
    )
    loss = difference
    if weight_decay:
        loss += weight_decay / 2 * jnp.sum(params["kernel"] ** 2)
    return loss, {"free_energy_difference": difference}
