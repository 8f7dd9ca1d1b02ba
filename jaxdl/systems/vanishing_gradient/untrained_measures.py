"""Signals in nets as they are initialised: gradients, Jacobians, units, by depth."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxdl.measures.signals import ForwardFn, Signals, layer_signals
from jaxdl.ops.activations import activation
from jaxdl.ops.images import unit_pixels
from jaxdl.types import ApplyFn, EvaluateFn, Model, Params, PRNGKey


def jacobian_singular_values(
    apply_fn: ApplyFn, params: Params, x: Float[Array, "batch in"]
) -> Float[Array, "batch singular"]:
    """Singular values, largest first, of dy/dx at each input.

    All of them 1: the net turns small changes without stretching any (dynamical
    isometry). Saxe et al., "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks", 2014.
    """

    def jacobian(row):
        return jax.jacrev(lambda r: apply_fn(params, r))(row)

    return jnp.linalg.svd(jax.vmap(jacobian)(x), compute_uv=False)


def collapse_linear(params: Params) -> Params:
    """The one layer that equals a stack of linear layers.

    W = W_1 W_2 ... W_L; b = (...(b_1 W_2 + b_2) W_3 + ...) + b_L.
    """
    kernel, bias = params[0]["kernel"], params[0]["bias"]
    for layer in params[1:]:
        kernel = kernel @ layer["kernel"]
        bias = bias @ layer["kernel"] + layer["bias"]
    return [{"kernel": kernel, "bias": bias}]


class Nets(NamedTuple):
    """The nets that `initial_signals` studies.

    Attributes:
      make: `make(sizes, hidden, initializer) -> Model`, with a linear output layer.
      forward: `forward(params, x, hidden=name)` of such a net (`models.forward`).
      activations: names of hidden activations.
      initializers: names of initial weights.
    """

    make: Callable[..., Model]
    forward: ForwardFn
    activations: tuple[str, ...]
    initializers: tuple[str, ...]


def initial_signals(
    nets: Nets,
    key: PRNGKey,
    x: Float[Array, "batch in"],
    labels: Int[Array, " batch"],
    *,
    depths: tuple[int, ...],
    size: int,
) -> dict[str, np.ndarray]:
    """Gradients, units and Jacobians of nets as they are initialised.

    Nets are compared at equal draws: each depth has a key, the same for all activations
    and schemes. Call it in float64: fifty sigmoid layers leave the range of float32.

    Args:
      nets: what to make.
      key: draws the weights; biases are zero.
      x, labels: a batch to send through.
      depths: numbers of hidden layers.
      size: units in each hidden layer.

    Returns:
      With axes (activation, initializer): `gradient_norm`, with further axes (depth,
      layer), NaN beyond a net's layers; `dead` and `saturated`, with a further axis of
      the deepest net's hidden layers; `singular_values`, with further axes (depth,
      value), of the Jacobian of the last hidden layer with respect to the first one's
      preactivations at one input. Scalars `log10_gradient_<activation>_<initializer>`:
      how the gradient of the deepest net's first hidden layer compares with that of its
      last. `orthogonal_deviation`: largest |s - 1| over the singular values s of an
      orthogonal linear net of the largest depth. `collapse_deviation`: largest
      difference between three linear layers and the one that equals them, relative to
      the largest output.
    """
    axes = len(nets.activations), len(nets.initializers)
    deepest = max(depths)
    gradient_norm = np.full((*axes, len(depths), deepest + 1), np.nan)
    singular_values = np.full((*axes, len(depths), size), np.nan)
    units = np.full((2, *axes, deepest), np.nan)
    found: dict[str, np.ndarray] = {}
    for a, hidden in enumerate(nets.activations):
        for d, depth in enumerate(depths):
            sizes = [x.shape[1], *[size] * depth, 10]
            for i, initializer in enumerate(nets.initializers):
                model = nets.make(sizes, hidden, initializer)
                params = model.init(jax.random.fold_in(key, depth))
                layers = _signals(nets.forward, hidden, params, x, labels)
                gradient_norm[a, i, d, : depth + 1] = layers.gradient_norm
                spectrum = _hidden_spectrum(nets.forward, hidden, params, x[0])
                singular_values[a, i, d] = spectrum
                if depth == deepest:
                    units[:, a, i] = layers.dead, layers.saturated
                    first, last = layers.gradient_norm[0], layers.gradient_norm[-2]
                    ratio = np.asarray(np.log10(first / last))
                    found[f"log10_gradient_{hidden}_{initializer}"] = ratio
    found |= _linear_facts(nets, key, x, deepest, size)
    found |= {"gradient_norm": gradient_norm, "singular_values": singular_values}
    return found | {"dead": units[0], "saturated": units[1]}


@functools.partial(jax.jit, static_argnums=(0, 1))
def _signals(forward_fn: ForwardFn, hidden: str, params, x, labels) -> Signals:
    """`layer_signals`, compiled once for all initial weights and seeds."""
    forward_hidden = functools.partial(forward_fn, hidden=hidden)
    return layer_signals(forward_hidden, params, x, labels, activation(hidden))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _hidden_spectrum(forward_fn, hidden: str, params, x_row):
    """Singular values of da_L/dz_1: from the first hidden layer to the last."""
    first, *middle = params[:-1]

    def last_hidden(z):
        a = activation(hidden).fn(z)
        if not middle:
            return a
        return forward_fn(middle, a, hidden=hidden, output=hidden).activations[-1]

    z = x_row @ first["kernel"] + first["bias"]
    return jnp.linalg.svd(jax.jacrev(last_hidden)(z), compute_uv=False)


def _linear_facts(nets: Nets, key, x, depth: int, size: int) -> dict[str, np.ndarray]:
    def net(num_layers, sizes, initializer):
        model = nets.make(sizes, "linear", initializer)
        params = model.init(jax.random.fold_in(key, num_layers))
        return model.apply, params

    square = net(depth, [size] * (depth + 1), "orthogonal")
    row = jax.random.normal(key, (1, size), x.dtype)
    values = jacobian_singular_values(*square, row)
    apply, params = net(3, [x.shape[1], size, size, 10], "standard")
    three, one = apply(params, x), apply(collapse_linear(params), x)
    return {
        "orthogonal_deviation": np.asarray(jnp.abs(values - 1).max()),
        "collapse_deviation": np.asarray(
            jnp.abs(three - one).max() / jnp.abs(three).max()
        ),
    }


def make_study_evaluate(
    nets: Nets, depths: tuple[int, ...], size: int, *, examples: int = 64
) -> EvaluateFn:
    """`evaluate(state, data, key, final)`: `initial_signals` in float64.

    Nothing is trained: the state is the key that draws the weights.

    Args:
      nets, depths, size: as for `initial_signals`.
      examples: validation images to send through, the first ones.
    """

    def evaluate(state: PRNGKey, data, key, final: bool) -> dict[str, np.ndarray]:
        del key, final
        split = jax.tree.map(lambda leaf: leaf[:examples], data.validation)
        with jax.enable_x64(True):
            x = unit_pixels(split.image).astype(jnp.float64)
            return initial_signals(
                nets, state, x, split.label, depths=depths, size=size
            )

    return evaluate
