"""Ready-made batch functions and train steps, for the runner's compiled blocks."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.errors import InputError
from jaxdl.train.pieces import require_metrics
from jaxdl.train.state import TrainState
from jaxdl.train.words import form, is_array, kind, named
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
        num_examples = _num_examples(getattr(data, "train", None))
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


def _num_examples(train: Any) -> int:
    """The size of the leading axis that all arrays of the training split share."""
    sizes = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(train)}
    if len(sizes) != 1 or () in sizes:
        raise InputError(
            f"the data has {form(train)} in train, where minibatches are drawn from: "
            "expected arrays with as many examples each along their first axis, or a "
            "batch function in Experiment(batch=...)"
        )
    return sizes.pop()[0]


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
      `train_step(state, batch) -> (state, metrics)`; it raises InputError if the loss
      gives something else than a scalar and its metrics.
    """

    def checked_loss(params, batch, key):
        found = loss_fn(params, batch, key)
        giver, pair = named("the loss", loss_fn), isinstance(found, tuple)
        if not pair or len(found) != 2:
            raise InputError(
                f"{giver} gives {kind(found)}: expected a pair (loss, metrics), such "
                "as (loss, {'loss': loss})"
            )
        if not is_array(found[0]) or jnp.shape(found[0]) != ():
            raise InputError(
                f"{giver} gives {kind(found[0])} as the loss: expected a scalar, such "
                "as its mean over the batch"
            )
        require_metrics(giver, found[1])
        return found

    def train_step(state: TrainState, batch) -> tuple[TrainState, Metrics]:
        key, loss_key = jax.random.split(state.key)
        grad_fn = jax.grad(checked_loss, has_aux=True)
        grads, metrics = grad_fn(state.params, batch, loss_key)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return TrainState(key, params, opt_state), dict(metrics)

    return train_step
