"""Greedy training: one layer at a time, on the features of the layers below."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import optax

from jaxdl.train.state import TrainState
from jaxdl.train.step import make_train_step
from jaxdl.types import Batch, InitFn, LossFn, Metrics, Params, PRNGKey, StepFn


class GreedyState(NamedTuple):
    """A stack whose uppermost layer is being trained.

    Attributes:
      below: the layers that are trained already, lowest first; they stay as they are.
      top: the state of the layer in training.
    """

    below: tuple[Any, ...]
    top: TrainState


def make_greedy_init(
    init_fn: Callable[[PRNGKey, Any], Params],
    layer_of: Callable[[Params], Any],
    optimizer: optax.GradientTransformation,
) -> InitFn:
    """`init(key, data, previous) -> GreedyState`: a new layer on those before.

    Args:
      init_fn: `init_fn(key, data) -> params` of the new layer.
      layer_of: `layer_of(params)`, the part of a trained layer that is kept.
      optimizer: of its parameters.
    """

    def init(key: PRNGKey, data, previous) -> GreedyState:
        below = trained_layers(previous, layer_of)
        key, params_key = jax.random.split(key)
        params = init_fn(params_key, data)
        return GreedyState(below, TrainState(key, params, optimizer.init(params)))

    return init


def make_greedy_step(
    loss_fn: LossFn,
    inputs_of: Callable[[tuple[Any, ...], Batch], Any],
    optimizer: optax.GradientTransformation,
) -> StepFn:
    """One step of descent of the layer in training.

    Args:
      loss_fn: `(params, inputs, key) -> (scalar, metrics)`.
      inputs_of: `inputs_of(below, batch)`, features of a batch after the layers below.
      optimizer: makes the step from the gradient.

    Returns:
      `train_step(state, batch) -> (state, metrics)`.
    """
    train_step = make_train_step(loss_fn, optimizer)

    def step(state: GreedyState, batch) -> tuple[GreedyState, Metrics]:
        top, metrics = train_step(state.top, inputs_of(state.below, batch))
        return state._replace(top=top), metrics

    return step


def trained_layers(
    previous: GreedyState | None, layer_of: Callable[[Params], Any]
) -> tuple[Any, ...]:
    """All layers of a finished phase, lowest first; none before the first."""
    if previous is None:
        return ()
    return (*previous.below, layer_of(previous.top.params))
