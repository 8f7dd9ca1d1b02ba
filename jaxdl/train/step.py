"""Ready-made batch functions and train steps, for the runner's compiled blocks."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import optax

from jaxdl.errors import InputError
from jaxdl.train.state import TrainState
from jaxdl.types import Batch, LossFn, Metrics, Model, PRNGKey


@dataclasses.dataclass(frozen=True)
class UniformBatch:
    """A batch function (`jaxdl.types.BatchFn`): examples drawn with replacement.

    Equal ones count as one function, so that JAX compiles them once.

    Attributes:
      batch_size: examples in each minibatch.
      num_batches: if given, so many minibatches along a new leading axis.
    """

    batch_size: int
    num_batches: int | None = None

    def __call__(self, data: Any, key: PRNGKey, step: Any, /) -> Batch:
        """The examples of `data.train` that step number `step` uses."""
        num_examples = jax.tree.leaves(data.train)[0].shape[0]
        if self.batch_size > num_examples:
            raise InputError(
                f"batch_size is {self.batch_size}: expected at most {num_examples}, "
                "the number of training examples"
            )
        shape = (self.batch_size,)
        if self.num_batches is not None:
            shape = (self.num_batches, self.batch_size)
        indices = jax.random.randint(
            jax.random.fold_in(key, step), shape, 0, num_examples
        )
        return jax.tree.map(lambda leaf: leaf[indices], data.train)


def make_uniform_batch(
    batch_size: int, *, num_batches: int | None = None
) -> UniformBatch:
    """Minibatches of training examples drawn uniformly with replacement.

    Args:
      batch_size: examples in each minibatch.
      num_batches: if given, so many independent minibatches along a new leading axis.

    Returns:
      `batch_fn(data, key, step)`, a pure function of a tree `data.train` with a leading
      axis of examples; it raises InputError if there are fewer than `batch_size`.
    """
    return UniformBatch(batch_size, num_batches)


def make_init(
    model: Model, optimizer: optax.GradientTransformation
) -> Callable[..., TrainState]:
    """`init(key, data, previous) -> TrainState` for one model and its optimizer."""

    def init(key: PRNGKey, data, previous) -> TrainState:
        del data, previous
        key, params_key = jax.random.split(key)
        params = model.init(params_key)
        return TrainState(key, params, optimizer.init(params))

    return init


def make_train_step(
    loss_fn: LossFn, optimizer: optax.GradientTransformation
) -> Callable[[TrainState, Batch], tuple[TrainState, Metrics]]:
    """One step of descent on a loss.

    Args:
      loss_fn: `(params, batch, key) -> (scalar, metrics)`.
      optimizer: makes the step from the gradient.

    Returns:
      `train_step(state, batch) -> (state, metrics)`.
    """

    def train_step(state: TrainState, batch) -> tuple[TrainState, Metrics]:
        key, loss_key = jax.random.split(state.key)
        grads, metrics = jax.grad(loss_fn, has_aux=True)(state.params, batch, loss_key)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return TrainState(key, params, opt_state), dict(metrics)

    return train_step
