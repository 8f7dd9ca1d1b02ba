"""Ways to train a GAN that are compared: how each changes losses and steps."""

import functools
from typing import Any, Literal, NamedTuple

import jax
import optax

from jaxdl.adversarial import losses
from jaxdl.adversarial.networks import GAN
from jaxdl.adversarial.objectives import critic_measures, make_gan_losses
from jaxdl.adversarial.step import make_gan_init, make_gan_step
from jaxdl.systems.gan_modes.gradient_penalty import wgan_gp_penalty
from jaxdl.systems.gan_modes.networks import pacgan
from jaxdl.systems.gan_modes.step import against_params, make_simultaneous_step
from jaxdl.systems.gan_modes.unrolled import make_unrolled_generator_loss
from jaxdl.types import BatchFn, InitFn, StepFn

MethodName = Literal["gan", "pacgan", "unrolled", "wgan_gp", "minibatch"]
UNROLLED_STEPS = 5
CRITIC_STEPS = 5
WASSERSTEIN: dict[str, Any] = dict(
    generator_loss=losses.wasserstein_generator_loss,
    discriminator_loss=losses.wasserstein_critic_loss,
    # The weight that its authors' code has for such mixtures.
    penalty=functools.partial(wgan_gp_penalty, weight=0.1),
    measures=critic_measures,
)


class Training(NamedTuple):
    """The networks of a method, and the functions that train them."""

    gan: GAN
    init: InitFn
    step: StepFn
    batch: BatchFn


def make_training(cfg: Any) -> Training:
    """The training by one method, with one size of pack.

    Args:
      cfg: with `methods` and `packs` (one of each), `learning_rate` and `batch_size`.
    """
    (method,), (pack,) = cfg.methods, cfg.packs
    gan = pacgan(pack, minibatch=method == "minibatch")
    wasserstein, unrolled = method == "wgan_gp", method == "unrolled"
    gen_loss_fn, disc_loss_fn = make_gan_losses(
        gan.generator.apply,
        gan.discriminator.apply,
        gan.latent_size,
        real=lambda points: points,
        pack=pack,
        apart=method == "minibatch",
        **(WASSERSTEIN if wasserstein else {}),
    )
    # The unrolled GAN differentiates Adam's square root.
    eps_root = 1e-16 if unrolled else 0.0
    optimizer = optax.adam(cfg.learning_rate, b1=0.8, eps_root=eps_root)
    if unrolled:
        gen_loss_fn = make_unrolled_generator_loss(
            gen_loss_fn, disc_loss_fn, optimizer, UNROLLED_STEPS
        )
    elif not wasserstein:
        gen_loss_fn = against_params(gen_loss_fn)
    make_step = make_gan_step if wasserstein else make_simultaneous_step
    disc_steps = CRITIC_STEPS if wasserstein else 1

    def batch(data, key, step):
        num = disc_steps * cfg.batch_size * pack
        points = data.draw(jax.random.fold_in(key, step), num)
        return points.reshape(disc_steps, cfg.batch_size, -1)

    return Training(
        gan,
        init=make_gan_init(*gan[:2], optimizer, optimizer),
        step=make_step(gen_loss_fn, disc_loss_fn, optimizer, optimizer),
        batch=batch,
    )
