"""Boltzmann machines small enough to enumerate: log Z, likelihoods, exact gradients.

The states of the smaller layer are enumerated, the other layer is summed out in closed
form. Numbers have the parameters' precision: enable float64 for more than six digits.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.ops import boltzmann
from jaxdl.ops.numerics import is_known
from jaxdl.types import Params

MAX_UNITS = 20
_BLOCK_UNITS = 12  # 4,096 states at a time


def all_states(num_units: int) -> Float[Array, "states units"]:
    """Every state of some binary units; the first unit is the most significant bit.

    Raises:
      InputError: for more than 20 units.
    """
    _require_few(num_units, "units")
    return _states(jnp.arange(2**num_units), num_units)


def exact_log_partition(params: Params) -> Float[Array, ""]:
    """Log partition function: log Z = log sum_{v, h} exp(-E(v, h)), in nats.

    Raises:
      InputError: if the smaller layer has more than 20 units.
    """
    params = _with_smaller_hidden_layer(params)
    return _log_partition(params)


def exact_log_likelihood(
    params: Params, visible: Float[Array, "batch visible"]
) -> Float[Array, " batch"]:
    """log p(v) = -F(v) - log Z of each row, in nats.

    Raises:
      InputError: as `exact_log_partition`, and if the rows do not fit the machine.
    """
    return -boltzmann.free_energy(params, visible) - exact_log_partition(params)


def exact_gradient(params: Params, visible: Float[Array, "batch visible"]) -> Params:
    """Gradient of the mean log-likelihood, with the model's term enumerated.

    d/dW_ij = mean over the data of v_i p(h_j = 1 | v), less the same under the model:
    E[v_i h_j]; likewise v_i and h_j for the biases.

    Returns:
      In the form of the parameters, in nats.

    Raises:
      InputError: as `exact_log_likelihood`.
    """
    model = model_statistics(params)
    hidden = jax.nn.sigmoid(boltzmann.hidden_logits(params, visible))
    data = dict(
        kernel=visible.T @ hidden / len(visible),
        visible_bias=jnp.mean(visible, axis=0),
        hidden_bias=jnp.mean(hidden, axis=0),
    )
    return jax.tree.map(jnp.subtract, data, model)


def model_statistics(params: Params) -> Params:
    """E[v h^T], E[v] and E[h] under the model, in the form of the parameters.

    Raises:
      InputError: as `exact_log_partition`.
    """
    swapped = _is_swapped(params)
    params = _with_smaller_hidden_layer(params)
    log_z = _log_partition(params)

    def add(sums, hidden):
        logits = boltzmann.visible_logits(params, hidden)
        share = jnp.exp(_log_weights(params, hidden) - log_z)
        visible = jax.nn.sigmoid(logits)
        block = dict(
            kernel=(visible * share[:, None]).T @ hidden,
            visible_bias=share @ visible,
            hidden_bias=share @ hidden,
        )
        return jax.tree.map(jnp.add, sums, block)

    zeros = jax.tree.map(jnp.zeros_like, params)
    sums = _over_hidden_states(params, add, zeros)
    return _swap(sums) if swapped else sums


def expected_cd_gradient(
    params: Params, visible: Float[Array, "batch visible"], num_steps: int
) -> Params:
    """Expected gradient of CD-k over all chains of k Gibbs steps.

    The gradient of mean F(v_data) - mean E[F(v_k)] with the law of v_k held constant.
    It comes from the matrix p(v' | v) of one step among all visible states, so that
    layer has to be small.

    Args:
      params: of the machine.
      visible: binary rows, where the chains begin.
      num_steps: k, at least 1.

    Raises:
      InputError: if k is below 1, there are more than 10 visible units or more than 20
        in both layers together, or a value is not 0 or 1.
    """
    if num_steps < 1:
        raise InputError(f"num_steps is {num_steps}: expected 1 or more Gibbs steps")
    num_visible, num_hidden = params["kernel"].shape
    _require_few(num_visible, "visible units", 10)
    _require_few(num_visible + num_hidden, "units in both layers together")
    if is_known(visible) and not bool(jnp.all((visible == 0) | (visible == 1))):
        raise InputError("visible rows hold other values than 0 and 1: binarise them")
    every, hidden = all_states(num_visible), all_states(num_hidden)
    hidden_given_visible = _bernoulli_table(
        boltzmann.hidden_logits(params, every), hidden
    )
    visible_given_hidden = _bernoulli_table(
        boltzmann.visible_logits(params, hidden), every
    )
    transition = hidden_given_visible @ visible_given_hidden
    powers = 2 ** jnp.arange(num_visible)[::-1]
    start = (visible @ powers.astype(visible.dtype)).astype(int)
    law = jnp.mean(jax.nn.one_hot(start, len(every), dtype=visible.dtype), axis=0)
    law = law @ jnp.linalg.matrix_power(transition, num_steps)

    def objective(params):
        data = jnp.mean(boltzmann.free_energy(params, visible))
        return data - law @ boltzmann.free_energy(params, every)

    return jax.grad(objective)(params)


def _bernoulli_table(logits: Array, states: Array) -> Array:
    """p(state | row of logits) of independent units, [rows states]."""
    return jnp.exp(
        jax.nn.log_sigmoid(logits) @ states.T
        + jax.nn.log_sigmoid(-logits) @ (1 - states).T
    )


def _log_partition(params: Params) -> Array:
    def add(log_sum, hidden):
        block = jax.nn.logsumexp(_log_weights(params, hidden))
        return jnp.logaddexp(log_sum, block)

    start = jnp.full((), -jnp.inf, params["kernel"].dtype)
    return _over_hidden_states(params, add, start)


def _log_weights(params: Params, hidden: Array) -> Array:
    """log sum_v exp(-E(v, h)): the free energy with the layers' roles exchanged."""
    return -boltzmann.free_energy(_swap(params), hidden)


def _over_hidden_states(
    params: Params, add: Callable[[Any, Array], Any], start: Any
) -> Any:
    """Folds `add(sums, states)` over all hidden states, a block at a time."""
    num_hidden = params["kernel"].shape[1]
    low = min(num_hidden, _BLOCK_UNITS)

    @jax.checkpoint  # a gradient would keep what every block computed
    def body(sums, block):
        index = block * 2**low + jnp.arange(2**low)
        return add(sums, _states(index, num_hidden).astype(params["kernel"].dtype))

    blocks = jnp.arange(2 ** (num_hidden - low))
    return jax.lax.scan(lambda s, b: (body(s, b), None), start, blocks)[0]


def _states(index: Array, num_units: int) -> Array:
    shifts = jnp.arange(num_units)[::-1]
    return (index[:, None] >> shifts[None] & 1).astype(jnp.result_type(float))


def _is_swapped(params: Params) -> bool:
    num_visible, num_hidden = params["kernel"].shape
    return num_visible < num_hidden


def _with_smaller_hidden_layer(params: Params) -> Params:
    smaller = min(params["kernel"].shape)
    _require_few(smaller, "units in the smaller layer")
    return _swap(params) if _is_swapped(params) else params


def _swap(params: Params) -> Params:
    """The same machine with its layers' names exchanged."""
    return dict(
        kernel=params["kernel"].T,
        visible_bias=params["hidden_bias"],
        hidden_bias=params["visible_bias"],
    )


def _require_few(num_units: int, what: str, most: int = MAX_UNITS) -> None:
    if num_units > most:
        raise InputError(
            f"there are {num_units} {what}: expected at most {most} to enumerate "
            "their states; estimate log Z by annealed importance sampling instead"
        )
