"""Training of a GAN on images: losses and optimizers by name."""

from typing import Any

import optax

from jaxdl.adversarial import losses
from jaxdl.adversarial.networks import GAN, with_mean_image
from jaxdl.adversarial.objectives import make_gan_losses
from jaxdl.adversarial.step import make_gan_init, make_gan_step
from jaxdl.ops.images import mean_image
from jaxdl.systems.gan.max_column_norm import max_column_norm
from jaxdl.types import InitFn, StepFn

GENERATOR_LOSSES = {
    "non_saturating": losses.non_saturating_generator_loss,
    "minimax": losses.minimax_generator_loss,
}
OPTIMIZERS = {"adam": optax.adam, "sgd": optax.sgd}


def make_training(cfg: Any, gan: GAN) -> tuple[InitFn, StepFn]:
    """`init` and `step` of a pair of networks.

    The generator starts with outputs around the training images' mean. The bound on
    weights, if there is one, holds for the discriminator.

    Args:
      cfg: with `generator_loss`, `optimizer`, `learning_rate` (which falls linearly to
        0 over the updates of each player), `momentum`, `max_norm`, `steps` and
        `disc_steps`.
      gan: the networks.
    """
    loss_fns = make_gan_losses(
        gan.generator.apply,
        gan.discriminator.apply,
        gan.latent_size,
        generator_loss=GENERATOR_LOSSES[cfg.generator_loss],
    )

    def optimizer(num_updates: int) -> optax.GradientTransformation:
        schedule = optax.linear_schedule(cfg.learning_rate, 0, max(num_updates, 1))
        return OPTIMIZERS[cfg.optimizer](schedule, cfg.momentum)

    bound = () if cfg.max_norm is None else (max_column_norm(cfg.max_norm),)
    disc_optimizer = optax.chain(optimizer(cfg.steps * cfg.disc_steps), *bound)
    optimizers = optimizer(cfg.steps), disc_optimizer

    def adapt(gen_params, data):
        return with_mean_image(gen_params, mean_image(data.train.image))

    return (
        make_gan_init(gan.generator, gan.discriminator, *optimizers, adapt=adapt),
        make_gan_step(*loss_fns, *optimizers),
    )
