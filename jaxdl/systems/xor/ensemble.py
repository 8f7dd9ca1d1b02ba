"""Many nets of one kind at once: their axis lives in the state."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import optax

from jaxdl.types import Batch, InitFn, Metrics, Model, Params, PRNGKey, StepFn


class Ensemble(NamedTuple):
    """The state of independent nets: every leaf has a leading axis of nets.

    Attributes:
      params: parameters.
      opt_state: the optimizer's state.
    """

    params: Params
    opt_state: optax.OptState


def make_ensemble_init(
    model: Model, optimizer: optax.GradientTransformation, num_nets: int
) -> InitFn:
    """`init(key, data, previous) -> Ensemble`, each net drawn for itself."""

    def init_net(key: PRNGKey) -> Ensemble:
        params = model.init(key)
        return Ensemble(params, optimizer.init(params))

    def init(key: PRNGKey, data, previous) -> Ensemble:
        del data, previous
        return jax.vmap(init_net)(jax.random.split(key, num_nets))

    return init


def make_ensemble_step(
    value_and_grad_fn: Callable[[Params, Batch], tuple[jax.Array, Params]],
    optimizer: optax.GradientTransformation,
    *,
    shared_batch: bool,
) -> StepFn:
    """One step of every net on its own gradient.

    Args:
      value_and_grad_fn: `(params, batch) -> (scalar, grads)` of one net.
      optimizer: makes the step from the gradient.
      shared_batch: whether all nets see the same batch, or the batch has a leading axis
        of nets.

    Returns:
      `train_step(state, batch) -> (state, metrics)`; `loss` is the mean over nets.
    """

    def step_net(net: Ensemble, batch):
        loss, grads = value_and_grad_fn(net.params, batch)
        updates, opt_state = optimizer.update(grads, net.opt_state, net.params)
        return Ensemble(optax.apply_updates(net.params, updates), opt_state), loss

    def train_step(state: Ensemble, batch) -> tuple[Ensemble, Metrics]:
        axes = 0, None if shared_batch else 0
        state, losses = jax.vmap(step_net, in_axes=axes)(state, batch)
        return state, {"loss": losses.mean()}

    return train_step
