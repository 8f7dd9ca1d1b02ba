"""Energies of a Boltzmann machine of two layers of binary units, and what follows.

E(v, h) = -b.v - c.h - v.W h over v in {0, 1}^visible and h in {0, 1}^hidden; p(v, h) is
exp(-E) / Z. Parameters are `{"kernel": W [visible hidden], "visible_bias": b,
"hidden_bias": c}`.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.ops.activations import softplus
from jaxdl.ops.arguments import array_like
from jaxdl.types import Params


@array_like
def hidden_logits(
    params: Params, visible: Float[Array, "*batch visible"]
) -> Float[Array, "*batch hidden"]:
    """Log-odds of the hidden units given the visible ones: c + v W.

    Values between 0 and 1 may stand for binary ones, as activations of a lower layer.

    Raises:
      InputError: if there is not one value for each visible unit.
    """
    check_size(visible, params["kernel"].shape[0], "visible")
    return _biased(params["hidden_bias"], visible @ params["kernel"])


@array_like
def visible_logits(
    params: Params, hidden: Float[Array, "*batch hidden"]
) -> Float[Array, "*batch visible"]:
    """Log-odds of the visible units given the hidden ones: b + W h.

    Raises:
      InputError: if there is not one value for each hidden unit.
    """
    check_size(hidden, params["kernel"].shape[1], "hidden")
    return _biased(params["visible_bias"], hidden @ params["kernel"].T)


@array_like
def joint_energy(
    params: Params,
    visible: Float[Array, "*batch visible"],
    hidden: Float[Array, "*batch hidden"],
) -> Float[Array, "*batch"]:
    """Energy of both layers: E(v, h) = -b.v - c.h - v.W h, in nats.

    Raises:
      InputError: if a layer has not one value for each unit.
    """
    check_size(hidden, params["kernel"].shape[1], "hidden")
    logits = hidden_logits(params, visible)
    return -visible @ params["visible_bias"] - jnp.sum(logits * hidden, axis=-1)


@array_like
def free_energy(
    params: Params, visible: Float[Array, "*batch visible"]
) -> Float[Array, "*batch"]:
    """Free energy of visible values: F(v) = -log sum_h exp(-E(v, h)), in nats.

    F(v) = -b.v - sum_j log(1 + exp(c_j + (v W)_j)), so p(v) = exp(-F(v)) / Z. Its
    derivatives hold the hidden units' probabilities: dF/dW_ij = -v_i p(h_j = 1 | v).

    Raises:
      InputError: if there is not one value for each visible unit.
    """
    logits = hidden_logits(params, visible)
    return -visible @ params["visible_bias"] - jnp.sum(softplus(logits), axis=-1)


def _biased(bias: Array, product: Array) -> Array:
    return product + bias.reshape((1,) * (product.ndim - 1) + bias.shape)


def check_size(values: Array, size: int, layer: str) -> None:
    """Refuse values that are not one for each unit of a layer.

    Raises:
      InputError: naming the layer.
    """
    if values.shape[-1:] != (size,):
        raise InputError(
            f"the {layer} values have shape {values.shape}: expected {size} in the "
            f"last axis, one for each {layer} unit"
        )
