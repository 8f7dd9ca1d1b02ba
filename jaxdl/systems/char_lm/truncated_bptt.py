"""Training on the windows of long sequences, with a carry from one to the next."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import optax

from jaxdl.systems.char_lm.objective import CarriedLossFn
from jaxdl.types import InitFn, Metrics, Params, PRNGKey, StepFn


class CarriedState(NamedTuple):
    """The state of a recurrent network that reads contiguous windows.

    Attributes:
      params: parameters.
      opt_state: the optimizer's state.
      carry: what the network remembers of the windows before, for each sequence.
    """

    params: Params
    opt_state: optax.OptState
    carry: Any


def make_carried_init(
    init_fn: Callable[[PRNGKey], Params],
    initial_carry: Callable[[int], Any],
    optimizer: optax.GradientTransformation,
    batch_size: int,
) -> InitFn:
    """`init(key, data, previous) -> CarriedState`, the carry being zero.

    Args:
      init_fn: `init_fn(key) -> params`.
      initial_carry: `initial_carry(batch_size) -> carry`.
      optimizer: the parameters' optimizer.
      batch_size: sequences read side by side.
    """

    def init(key, data, previous) -> CarriedState:
        del data, previous
        params = init_fn(key)
        return CarriedState(params, optimizer.init(params), initial_carry(batch_size))

    return init


def make_carried_step(
    loss_fn: CarriedLossFn, optimizer: optax.GradientTransformation
) -> StepFn:
    """One step of descent on one window, by truncated backpropagation through time.

    Args:
      loss_fn: `(params, carry, batch) -> (scalar, (carry, metrics))`.
      optimizer: makes the step from the gradient.

    Returns:
      `train_step(state, batch) -> (state, metrics)`; the metrics are the loss's and
      `grad_norm`, of the whole gradient before the optimizer sees it.
    """

    def train_step(state: CarriedState, batch) -> tuple[CarriedState, Metrics]:
        grads, (carry, metrics) = jax.grad(loss_fn, has_aux=True)(
            state.params, state.carry, batch
        )
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        norm = optax.tree.norm(grads)
        return CarriedState(params, opt_state, carry), {**metrics, "grad_norm": norm}

    return train_step
