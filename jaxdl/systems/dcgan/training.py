"""Networks of a configuration, and how both players are trained."""

import math
from typing import Any

import optax

from jaxdl.adversarial.networks import GAN, mlp_gan, with_mean_image
from jaxdl.adversarial.objectives import make_gan_losses
from jaxdl.adversarial.sampler import Sampler, make_sampler_with_population_statistics
from jaxdl.adversarial.step import make_gan_init, make_gan_step
from jaxdl.ops.images import mean_image
from jaxdl.systems.dcgan.data import image_shape
from jaxdl.systems.dcgan.networks import dcgan
from jaxdl.types import InitFn, StepFn


def build(cfg: Any) -> tuple[GAN, Sampler]:
    """The networks, and ways to draw from them.

    Args:
      cfg: with `networks`, `latent_size`, `base_channels`, `upsampling`, and what
        `image_shape` needs.

    Raises:
      InputError: if images of this size do not fit.
    """
    shape = image_shape(cfg)
    if cfg.networks == "mlp":
        gan = mlp_gan(math.prod(shape), latent_size=cfg.latent_size)
    else:
        gan = dcgan(
            shape,
            latent_size=cfg.latent_size,
            base_channels=cfg.base_channels,
            upsampling=cfg.upsampling,
        )
    return gan, make_sampler_with_population_statistics(
        gan.generator, gan.latent_size, shape
    )


def make_training(cfg: Any, gan: GAN) -> tuple[InitFn, StepFn]:
    """`init` and `step` of both players, by Adam.

    Args:
      cfg: with `networks`, `learning_rate` and `momentum` (beta 1). Convolutional
        networks judge data and samples in passes of their own; a fully connected
        generator starts with outputs around the training images' mean.
      gan: the networks.
    """
    is_mlp = cfg.networks == "mlp"
    applies = gan.generator.apply, gan.discriminator.apply
    losses = make_gan_losses(*applies, gan.latent_size, apart=not is_mlp)
    optimizer = optax.adam(cfg.learning_rate, b1=cfg.momentum)

    def adapt(gen_params, data):
        return with_mean_image(gen_params, mean_image(data.train.image))

    init = make_gan_init(
        *gan[:2], optimizer, optimizer, adapt=adapt if is_mlp else None
    )
    return init, make_gan_step(*losses, optimizer, optimizer)
