"""Training on the samples of Markov chains that go on from step to step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import optax

from jaxdl.types import Batch, InitFn, Metrics, Params, PRNGKey, StepFn


class ChainState(NamedTuple):
    """The state of a model trained against samples of its own.

    Attributes:
      key: split at every step; the next step's randomness.
      params: parameters.
      opt_state: the optimizer's state.
      chains: where each chain stands.
    """

    key: PRNGKey
    params: Params
    opt_state: optax.OptState
    chains: Any


def make_chain_init(
    init_fn: Callable[[PRNGKey, Any], Params],
    start_fn: Callable[[PRNGKey, Params], Any],
    optimizer: optax.GradientTransformation,
) -> InitFn:
    """`init(key, data, previous) -> ChainState`.

    Args:
      init_fn: `init_fn(key, data) -> params`; `data` is None where only the form of the
        state is wanted.
      start_fn: `start_fn(key, params) -> chains`.
      optimizer: the parameters' optimizer.
    """

    def init(key: PRNGKey, data, previous) -> ChainState:
        del previous
        key, params_key, chain_key = jax.random.split(key, 3)
        params = init_fn(params_key, data)
        chains = start_fn(chain_key, params)
        return ChainState(key, params, optimizer.init(params), chains)

    return init


def make_chain_step(
    loss_fn: Callable[[Params, Batch, Any, PRNGKey], tuple[jax.Array, Metrics]],
    move_fn: Callable[[PRNGKey, Params, Any], Any],
    optimizer: optax.GradientTransformation,
) -> StepFn:
    """Move the chains, then one step of descent against where they stand.

    Args:
      loss_fn: `(params, batch, chains, key) -> (scalar, metrics)`.
      move_fn: `move_fn(key, params, chains) -> chains`.
      optimizer: makes the step from the gradient.

    Returns:
      `train_step(state, batch) -> (state, metrics)`.

    References:
      Tieleman, "Training restricted Boltzmann machines using approximations to the
        likelihood gradient", 2008.
    """

    def train_step(state: ChainState, batch) -> tuple[ChainState, Metrics]:
        key, move_key, loss_key = jax.random.split(state.key, 3)
        chains = move_fn(move_key, state.params, state.chains)
        grads, metrics = jax.grad(loss_fn, has_aux=True)(
            state.params, batch, chains, loss_key
        )
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return ChainState(key, params, opt_state, chains), dict(metrics)

    return train_step
