"""Initial state and train step of two networks that play against each other."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import optax

from jaxdl.adversarial.state import GanState
from jaxdl.types import Batch, InitFn, Metrics, Model, Params, PRNGKey, StepFn


def make_gan_init(
    generator: Model,
    discriminator: Model,
    gen_optimizer: optax.GradientTransformation,
    disc_optimizer: optax.GradientTransformation,
    *,
    adapt: Callable[[Params, Any], Params] | None = None,
) -> InitFn:
    """`init(key, data, previous) -> GanState` for two networks and their optimizers.

    Args:
      generator, discriminator: the networks.
      gen_optimizer, disc_optimizer: their optimizers.
      adapt: `adapt(gen_params, data)` replaces the generator's fresh parameters.
    """

    def init(key: PRNGKey, data, previous) -> GanState:
        del previous
        key, gen_key, disc_key = jax.random.split(key, 3)
        gen_params, disc_params = generator.init(gen_key), discriminator.init(disc_key)
        if adapt is not None:
            gen_params = adapt(gen_params, data)
        return GanState(
            key=key,
            gen_params=gen_params,
            disc_params=disc_params,
            gen_opt_state=gen_optimizer.init(gen_params),
            disc_opt_state=disc_optimizer.init(disc_params),
        )

    return init


PlayerLossFn = Callable[[Params, Any, Batch, PRNGKey], tuple[jax.Array, Metrics]]
"""`(params, opponent, batch, key) -> (scalar, metrics)`; the opponent is constant."""


class Player(NamedTuple):
    """One network with the state of its optimizer."""

    params: Params
    opt_state: optax.OptState


class DiscriminatorSteps(NamedTuple):
    """The discriminator's part of a train step.

    Attributes:
      before: the discriminator ahead of its last step.
      after: the discriminator at the end.
      batch: the minibatch of the last step.
      metrics: those of the last step.
    """

    before: Player
    after: Player
    batch: Batch
    metrics: Metrics


def descend(
    loss_fn: PlayerLossFn,
    optimizer: optax.GradientTransformation,
    player: Player,
    opponent: Any,
    batch: Batch,
    key: PRNGKey,
) -> tuple[Player, Metrics]:
    """One step of one player, on `loss_fn(params, opponent, batch, key)`."""
    grads, metrics = jax.grad(loss_fn, has_aux=True)(
        player.params, opponent, batch, key
    )
    updates, opt_state = optimizer.update(grads, player.opt_state, player.params)
    return Player(optax.apply_updates(player.params, updates), opt_state), metrics


def step_keys(state: GanState, batches: Batch) -> jax.Array:
    """Keys of one train step: k discriminator steps, the generator's, the next state's.

    Args:
      state: whose key is split.
      batches: with a leading axis of k minibatches.
    """
    return jax.random.split(state.key, jax.tree.leaves(batches)[0].shape[0] + 2)


def discriminator_steps(
    disc_loss_fn: PlayerLossFn,
    disc_optimizer: optax.GradientTransformation,
    state: GanState,
    batches: Batch,
    keys: jax.Array,
) -> DiscriminatorSteps:
    """One step of the discriminator for each minibatch, against one generator.

    Args:
      disc_loss_fn: `(disc_params, gen_params, batch, key) -> (scalar, metrics)`.
      disc_optimizer: makes the steps.
      state: where the players stand.
      batches: with a leading axis of minibatches, at least one.
      keys: one for each minibatch, and possibly more, which are left alone.
    """
    after = Player(state.disc_params, state.disc_opt_state)
    # Unrolled: there are few minibatches, and a loop inside the runner's is slow.
    for i in range(jax.tree.leaves(batches)[0].shape[0]):
        batch = jax.tree.map(lambda leaf, i=i: leaf[i], batches)
        before = after
        after, metrics = descend(
            disc_loss_fn, disc_optimizer, before, state.gen_params, batch, keys[i]
        )
    return DiscriminatorSteps(before, after, batch, metrics)


def generator_step(
    gen_loss_fn: PlayerLossFn,
    gen_optimizer: optax.GradientTransformation,
    state: GanState,
    played: DiscriminatorSteps,
    *,
    opponent: Any,
    key: PRNGKey,
    next_key: PRNGKey,
) -> tuple[GanState, Metrics]:
    """The generator's part of a train step, and the end of it.

    Args:
      gen_loss_fn: `(gen_params, opponent, batch, key) -> (scalar, metrics)`.
      gen_optimizer: makes the step.
      state: before the train step.
      played: the discriminator's part.
      opponent: whatever the loss needs of the discriminator.
      key: of the loss.
      next_key: of the next state.

    Returns:
      The next state, and the metrics of both players.
    """
    generator = Player(state.gen_params, state.gen_opt_state)
    generator, metrics = descend(
        gen_loss_fn, gen_optimizer, generator, opponent, played.batch, key
    )
    state = GanState(
        key=next_key,
        gen_params=generator.params,
        disc_params=played.after.params,
        gen_opt_state=generator.opt_state,
        disc_opt_state=played.after.opt_state,
    )
    return state, {**played.metrics, **metrics}


def make_gan_step(
    gen_loss_fn: PlayerLossFn,
    disc_loss_fn: PlayerLossFn,
    gen_optimizer: optax.GradientTransformation,
    disc_optimizer: optax.GradientTransformation,
) -> StepFn:
    """Alternating descent: k discriminator steps, then one of the generator.

    Algorithm 1 of Goodfellow et al., "Generative adversarial nets", 2014.

    Args:
      gen_loss_fn: `(gen_params, disc_params, batch, key) -> (scalar, metrics)`.
      disc_loss_fn: `(disc_params, gen_params, batch, key) -> (scalar, metrics)`.
      gen_optimizer, disc_optimizer: their optimizers.

    Returns:
      `train_step(state, batches) -> (state, metrics)`. `batches` has a leading axis of
      k minibatches, one for each discriminator step; the generator's step draws as much
      noise as one minibatch has examples. Metrics of the discriminator are those of its
      last step.
    """

    def train_step(state: GanState, batches: Batch) -> tuple[GanState, Metrics]:
        keys = step_keys(state, batches)
        played = discriminator_steps(disc_loss_fn, disc_optimizer, state, batches, keys)
        return generator_step(
            gen_loss_fn,
            gen_optimizer,
            state,
            played,
            opponent=played.after.params,
            key=keys[-2],
            next_key=keys[-1],
        )

    return train_step
