"""Signals in the layers of a deep net: gradient norms, dead and saturated units.

For fully connected nets (`models.mlp`) whose hidden activation is elementwise.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdl.models.mlps import forward
from jaxdl.ops.activations import Activation, activation
from jaxdl.ops.images import unit_pixels
from jaxdl.ops.losses import softmax_cross_entropy
from jaxdl.types import Params

SATURATED = 0.05

ForwardFn = Callable[..., Any]
"""`forward(params, x, ...)` with `preactivations` and `activations` (`models.mlp`)."""


class Signals(NamedTuple):
    """Signals of a batch in each layer of a net, first layer first.

    Attributes:
      gradient_norm: root mean square, over the examples, of |dE_n/dz_l|, with E_n the
        cross-entropy of example n in nats.
      dead: share of the hidden units whose derivative is 0 for every example.
      saturated: share of the (example, hidden unit) pairs whose derivative is less than
        a twentieth of the largest that the activation has.
    """

    gradient_norm: Float[Array, " layers"]
    dead: Float[Array, " hidden_layers"]
    saturated: Float[Array, " hidden_layers"]


def layer_signals(
    forward_fn: ForwardFn,
    params: Params,
    x: Float[Array, "batch in"],
    labels: Int[Array, " batch"],
    hidden: Activation,
) -> Signals:
    """Gradient norm and state of the units in each layer.

    Args:
      forward_fn: `forward_fn(params, x)` with `preactivations` and `activations` of
        each layer (`models.forward`).
      params: a list with {"kernel", "bias"} for each layer.
      x, labels: the batch.
      hidden: the hidden layers' activation.
    """
    kernels = [layer["kernel"] for layer in params]

    def loss(biases, row, label):
        net = [{"kernel": k, "bias": b} for k, b in zip(kernels, biases, strict=True)]
        logits = forward_fn(net, row).activations[-1]
        return softmax_cross_entropy(logits, label)

    # An example's dE/db is its dE/dz.
    biases = [layer["bias"] for layer in params]
    deltas = jax.vmap(jax.grad(loss), in_axes=(None, 0, 0))(biases, x, labels)
    norms = [jnp.sqrt(jnp.mean(jnp.sum(delta**2, axis=-1))) for delta in deltas]
    grid = jnp.linspace(-10, 10, 4001, dtype=x.dtype)
    steepest = jnp.max(jnp.abs(hidden.derivative(grid)))
    dead, saturated = [], []
    for z in forward_fn(params, x).preactivations[:-1]:
        slope = jnp.abs(hidden.derivative(z))
        dead.append(jnp.mean(jnp.all(slope == 0, axis=0)))
        saturated.append(jnp.mean(slope < SATURATED * steepest))
    return Signals(*(jnp.array(values) for values in (norms, dead, saturated)))


def make_split_signals(
    hidden: str, *, examples: int = 200
) -> Callable[[Params, Any], dict[str, Array]]:
    """`signals(params, split)`, compiled: the fields of `Signals` by name.

    Args:
      hidden: name of the hidden layers' activation.
      examples: images of the split that are sent through the net, its first ones.
    """
    compiled = jax.jit(
        functools.partial(
            layer_signals,
            functools.partial(forward, hidden=hidden),
            hidden=activation(hidden),
        )
    )

    def signals(params: Params, split: Any) -> dict[str, Array]:
        image, label = split.image[:examples], split.label[:examples]
        return compiled(params, unit_pixels(image), label)._asdict()

    return signals
