"""Fully connected nets (multilayer perceptrons), written out layer by layer."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.nn.initializers import INITIALIZERS
from jaxdl.ops.activations import activation
from jaxdl.types import Model, Params, PRNGKey


class Trace(NamedTuple):
    """Every value of a forward pass, first layer first.

    Attributes:
      preactivations: z_l = a_(l-1) W_l + b_l of each layer, [*batch units].
      activations: a_0 = x, then a_l = f_l(z_l) of each layer; the last is the output.
    """

    preactivations: tuple[Float[Array, "*batch _"], ...]
    activations: tuple[Float[Array, "*batch _"], ...]


def forward(
    params: Params,
    x: Float[Array, "*batch in"],
    *,
    hidden: str = "tanh",
    output: str = "linear",
) -> Trace:
    """Forward pass of a fully connected net, with all its intermediate values.

    a_0 = x; z_l = a_(l-1) W_l + b_l; a_l = f_l(z_l).

    Args:
      params: a list with {"kernel" [in out], "bias" [out]} for each layer.
      x: inputs.
      hidden: name of the hidden layers' activation (`ops.activations`).
      output: name of the last layer's.

    Raises:
      InputError: for an unknown activation, or if the sizes of the layers do not chain.
    """
    if not params:
        raise InputError("a net has no layers: expected at least one")
    names = [hidden] * (len(params) - 1) + [output]
    preactivations, activations = [], [x]
    for i, (layer, name) in enumerate(zip(params, names, strict=True)):
        kernel, bias, a = layer["kernel"], layer["bias"], activations[-1]
        if kernel.ndim != 2 or kernel.shape[0] != a.shape[-1]:
            source = f"layer {i} gives" if i else "the inputs have"
            raise InputError(
                f"layer {i + 1} has a kernel of shape {kernel.shape}: expected "
                f"({a.shape[-1]}, units), since {source} {a.shape[-1]} values"
            )
        if bias.shape != kernel.shape[1:]:
            raise InputError(
                f"layer {i + 1} has a bias of shape {bias.shape}: expected "
                f"{kernel.shape[1:]}, one for each column of its kernel"
            )
        z = jnp.einsum("...i,io->...o", a, kernel)
        preactivations.append(z + jnp.broadcast_to(bias, z.shape))
        activations.append(activation(name).fn(preactivations[-1]))
    return Trace(tuple(preactivations), tuple(activations))


def mlp(
    sizes: Sequence[int],
    *,
    hidden: str = "tanh",
    output: str = "linear",
    kernel_init: Initializer = INITIALIZERS["glorot"],
    bias_init: Initializer | None = None,
) -> Model:
    """Fully connected net of any depth.

    Args:
      sizes: of the inputs, of each hidden layer, of the outputs.
      hidden: name of the hidden layers' activation (`ops.activations`); a layer of
        maxout units has twice as many columns as units.
      output: name of the last layer's.
      kernel_init: draws the kernels (`nn.initializers`).
      bias_init: draws the biases; zeros by default.

    Returns:
      `Model(init, apply)`; params are a list with {"kernel" [in out], "bias" [out]} for
      each layer, and `apply` maps [*batch in] to [*batch out].

    Raises:
      InputError: for an unknown activation, or fewer than two sizes, or one below 1.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise InputError(
            f"sizes are {list(sizes)}: expected those of the inputs, of any hidden "
            "layers and of the outputs, each 1 or more"
        )
    names = [hidden] * (len(sizes) - 2) + [output]
    widths = [
        n * activation(name).pieces for n, name in zip(sizes[1:], names, strict=True)
    ]

    def init(key: PRNGKey) -> Params:
        keys = jax.random.split(key, 2 * len(widths))
        biases = bias_init or jax.nn.initializers.zeros
        return [
            {
                "kernel": kernel_init(keys[2 * i], (sizes[i], width)),
                "bias": biases(keys[2 * i + 1], (width,)),
            }
            for i, width in enumerate(widths)
        ]

    def apply(params: Params, x: Float[Array, "*batch in"]) -> Float[Array, "*batch _"]:
        return forward(params, x, hidden=hidden, output=output).activations[-1]

    return Model(init, apply)
