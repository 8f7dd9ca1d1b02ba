"""The kit of generative adversarial networks: networks, losses, steps, measures."""

from typing import TYPE_CHECKING

from jaxdl.lazy import lazily

if TYPE_CHECKING:
    from jaxdl.adversarial.health import gan_verdict as gan_verdict
    from jaxdl.adversarial.losses import discriminator_loss as discriminator_loss
    from jaxdl.adversarial.losses import gan_value as gan_value
    from jaxdl.adversarial.losses import (
        hinge_discriminator_loss as hinge_discriminator_loss,
    )
    from jaxdl.adversarial.losses import (
        least_squares_discriminator_loss as least_squares_discriminator_loss,
    )
    from jaxdl.adversarial.losses import (
        least_squares_generator_loss as least_squares_generator_loss,
    )
    from jaxdl.adversarial.losses import (
        minimax_generator_loss as minimax_generator_loss,
    )
    from jaxdl.adversarial.losses import (
        non_saturating_generator_loss as non_saturating_generator_loss,
    )
    from jaxdl.adversarial.losses import (
        wasserstein_critic_loss as wasserstein_critic_loss,
    )
    from jaxdl.adversarial.losses import (
        wasserstein_generator_loss as wasserstein_generator_loss,
    )
    from jaxdl.adversarial.networks import GAN as GAN
    from jaxdl.adversarial.networks import gan_networks as gan_networks
    from jaxdl.adversarial.networks import mlp_gan as mlp_gan
    from jaxdl.adversarial.objectives import make_gan_losses as make_gan_losses
    from jaxdl.adversarial.sampler import make_sampler as make_sampler
    from jaxdl.adversarial.state import GanState as GanState
    from jaxdl.adversarial.step import make_gan_init as make_gan_init
    from jaxdl.adversarial.step import make_gan_step as make_gan_step
else:
    _LOSSES = """discriminator_loss gan_value hinge_discriminator_loss
        least_squares_discriminator_loss least_squares_generator_loss
        minimax_generator_loss non_saturating_generator_loss wasserstein_critic_loss
        wasserstein_generator_loss"""
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "health": ["gan_verdict"],
            "losses": _LOSSES.split(),
            "networks": ["GAN", "gan_networks", "mlp_gan"],
            "objectives": ["make_gan_losses"],
            "sampler": ["make_sampler"],
            "state": ["GanState"],
            "step": ["make_gan_init", "make_gan_step"],
        },
    )
