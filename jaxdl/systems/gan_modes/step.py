"""Simultaneous descent of two players, as in PacGAN's code."""

from collections.abc import Callable

import optax

from jaxdl.adversarial.state import GanState
from jaxdl.adversarial.step import (
    PlayerLossFn,
    discriminator_steps,
    generator_step,
    step_keys,
)
from jaxdl.types import Batch, Metrics


def make_simultaneous_step(
    gen_loss_fn: PlayerLossFn,
    disc_loss_fn: PlayerLossFn,
    gen_optimizer: optax.GradientTransformation,
    disc_optimizer: optax.GradientTransformation,
) -> Callable[[GanState, Batch], tuple[GanState, Metrics]]:
    """Descent of both players from one point.

    The generator's step is against the discriminator as it was before its last step,
    and draws the same latents: both gradients are taken at one point.

    Args:
      gen_loss_fn: `(gen_params, (disc_params, disc_opt_state), batch, key) -> (scalar,
        metrics)`, as from `make_unrolled_generator_loss` or `against_params`.
      disc_loss_fn: `(disc_params, gen_params, batch, key) -> (scalar, metrics)`.
      gen_optimizer, disc_optimizer: their optimizers.

    Returns:
      `train_step(state, batches) -> (state, metrics)`, with batches as for
      `jaxdl.adversarial.step.make_gan_step`.
    """

    def train_step(state: GanState, batches: Batch) -> tuple[GanState, Metrics]:
        keys = step_keys(state, batches)
        played = discriminator_steps(disc_loss_fn, disc_optimizer, state, batches, keys)
        return generator_step(
            gen_loss_fn,
            gen_optimizer,
            state,
            played,
            opponent=played.before,
            key=keys[-3],  # of the last discriminator step: the same latents
            next_key=keys[-1],
        )

    return train_step


def against_params(gen_loss_fn: PlayerLossFn) -> PlayerLossFn:
    """A generator's loss that leaves the discriminator's optimizer unread.

    Args:
      gen_loss_fn: `(gen_params, disc_params, batch, key) -> (scalar, metrics)`.
    """

    def loss_fn(gen_params, disc, batch, key):
        disc_params, _ = disc
        return gen_loss_fn(gen_params, disc_params, batch, key)

    return loss_fn
