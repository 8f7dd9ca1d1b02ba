"""Ready-made batch functions and train steps, for the runner's compiled blocks."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import optax

from jaxdl.errors import InputError
from jaxdl.train.state import GanState, TrainState
from jaxdl.types import Batch, LossFn, Model, Params, PRNGKey, State


@functools.lru_cache(maxsize=16)  # equal batches are one function, compiled once
def make_uniform_batch(batch_size: int, *, num_batches: int | None = None) -> Callable:
    """Minibatches of training examples drawn uniformly with replacement.

    Args:
      batch_size: examples in each minibatch.
      num_batches: if given, so many independent minibatches along a new leading axis.

    Returns:
      `batch_fn(data, key, step)`, a pure function: the examples of `data.train` (a tree
      with a leading axis of examples) that step number `step` uses.

    Raises:
      InputError: from `batch_fn`, if there are fewer than `batch_size` examples.
    """
    shape = (batch_size,) if num_batches is None else (num_batches, batch_size)

    def batch_fn(data, key: PRNGKey, step) -> Batch:
        num_examples = jax.tree.leaves(data.train)[0].shape[0]
        if batch_size > num_examples:
            raise InputError(
                f"batch_size is {batch_size}: expected at most {num_examples}, the "
                "number of training examples"
            )
        indices = jax.random.randint(
            jax.random.fold_in(key, step), shape, 0, num_examples
        )
        return jax.tree.map(lambda leaf: leaf[indices], data.train)

    return batch_fn


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
) -> Callable[[TrainState, Batch], tuple[TrainState, dict]]:
    """One step of descent on a loss.

    Args:
      loss_fn: `(params, batch, key) -> (scalar, metrics)`.
      optimizer: makes the step from the gradient.

    Returns:
      `train_step(state, batch) -> (state, metrics)`.
    """

    def train_step(state: TrainState, batch) -> tuple[TrainState, dict]:
        key, loss_key = jax.random.split(state.key)
        grads, metrics = jax.grad(loss_fn, has_aux=True)(state.params, batch, loss_key)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return TrainState(key, params, opt_state), dict(metrics)

    return train_step


def make_gan_init(
    generator: Model,
    discriminator: Model,
    gen_optimizer: optax.GradientTransformation,
    disc_optimizer: optax.GradientTransformation,
    *,
    adapt: Callable[[Params, Any], Params] | None = None,
) -> Callable[..., GanState]:
    """`init(key, data, previous) -> GanState` for two networks and their optimizers.

    Args:
      generator, discriminator: the networks.
      gen_optimizer, disc_optimizer: their optimizers.
      adapt: `adapt(gen_params, data)` replaces the generator's fresh parameters. Where
        `data` is None only the form of the state is wanted, and it is left out.
    """

    def init(key: PRNGKey, data, previous) -> GanState:
        del previous
        key, gen_key, disc_key = jax.random.split(key, 3)
        gen_params, disc_params = generator.init(gen_key), discriminator.init(disc_key)
        if adapt is not None and data is not None:
            gen_params = adapt(gen_params, data)
        return GanState(
            key=key,
            gen_params=gen_params,
            disc_params=disc_params,
            gen_opt_state=gen_optimizer.init(gen_params),
            disc_opt_state=disc_optimizer.init(disc_params),
        )

    return init


def make_gan_step(
    gen_loss_fn: Callable,
    disc_loss_fn: Callable,
    gen_optimizer: optax.GradientTransformation,
    disc_optimizer: optax.GradientTransformation,
    *,
    simultaneous: bool = False,
    with_disc_opt_state: bool = False,
) -> Callable[[State, Batch], tuple[State, dict]]:
    """Alternating descent: k discriminator steps, then one of the generator.

    Algorithm 1 of Goodfellow et al., "Generative adversarial nets", 2014.

    Args:
      gen_loss_fn: `(gen_params, disc_params, batch, key) -> (scalar, metrics)`.
      disc_loss_fn: `(disc_params, gen_params, batch, key) -> (scalar, metrics)`.
      gen_optimizer, disc_optimizer: their optimizers.
      simultaneous: the generator's step is against the discriminator as it was before
        its last step, on the same latents: both gradients are taken at one point.
      with_disc_opt_state: `gen_loss_fn` gets `(disc_params, disc_opt_state)` where it
        else gets the parameters (`jaxdl.objectives.make_unrolled_generator_loss`).

    Returns:
      `train_step(state, batches) -> (state, metrics)`. `batches` has a leading axis of
      k minibatches, one for each discriminator step; the generator's step draws as much
      noise as one minibatch has examples. Metrics of the discriminator are those of its
      last step.
    """

    def train_step(state: GanState, batches) -> tuple[GanState, dict]:
        disc_steps = jax.tree.leaves(batches)[0].shape[0]
        keys = jax.random.split(state.key, disc_steps + 2)
        disc_params, disc_opt_state = state.disc_params, state.disc_opt_state
        for i in range(
            disc_steps
        ):  # unrolled: k is small, and a loop in a loop is slow
            batch = jax.tree.map(lambda leaf, i=i: leaf[i], batches)
            opponent = disc_params, disc_opt_state
            grads, disc_metrics = jax.grad(disc_loss_fn, has_aux=True)(
                disc_params, state.gen_params, batch, keys[i]
            )
            updates, disc_opt_state = disc_optimizer.update(
                grads, disc_opt_state, disc_params
            )
            disc_params = optax.apply_updates(disc_params, updates)
        gen_key = keys[-3]  # of the last discriminator step
        if not simultaneous:
            opponent, gen_key = (disc_params, disc_opt_state), keys[-2]
        if not with_disc_opt_state:
            opponent, _ = opponent
        grads, gen_metrics = jax.grad(gen_loss_fn, has_aux=True)(
            state.gen_params, opponent, batch, gen_key
        )
        updates, gen_opt_state = gen_optimizer.update(
            grads, state.gen_opt_state, state.gen_params
        )
        state = GanState(
            key=keys[-1],
            gen_params=optax.apply_updates(state.gen_params, updates),
            disc_params=disc_params,
            gen_opt_state=gen_opt_state,
            disc_opt_state=disc_opt_state,
        )
        return state, {**disc_metrics, **gen_metrics}

    return train_step
