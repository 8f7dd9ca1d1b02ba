"""Stacks of layers that were trained one at a time, as one feed-forward net."""

from collections.abc import Sequence

from jaxtyping import Array, Float

from jaxdl.models.mlps import forward
from jaxdl.types import Params


def rbm_layer(params: Params) -> Params:
    """A Boltzmann machine as the layer of its hidden probabilities, sigmoid(c + v W).

    Args:
      params: of the machine (`models.rbm`).

    Returns:
      {"kernel" [visible hidden], "bias" [hidden]}.
    """
    return {"kernel": params["kernel"], "bias": params["hidden_bias"]}


def encoder_layer(params: Params) -> Params:
    """The encoder of an autoencoder of one layer (`models.autoencoder`)."""
    (layer,) = params["encoder"]
    return layer


def stack_features(
    layers: Sequence[Params], x: Float[Array, "*batch in"], *, hidden: str
) -> Float[Array, "*batch _"]:
    """Outputs of the uppermost layer; the inputs where there is no layer.

    Args:
      layers: lowest first, each {"kernel", "bias"}.
      x: inputs of the lowest.
      hidden: name of every layer's activation (`ops.activations`).

    Raises:
      InputError: if the sizes of the layers do not chain.
    """
    if not layers:
        return x
    return forward(list(layers), x, hidden=hidden, output=hidden).activations[-1]
