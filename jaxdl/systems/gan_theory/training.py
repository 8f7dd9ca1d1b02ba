"""Cases of the comparison: two players in the plane, or a flow alone."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.adversarial.health import point_health_remarks
from jaxdl.adversarial.losses import minimax_generator_loss
from jaxdl.adversarial.networks import gan_networks
from jaxdl.adversarial.objectives import make_gan_losses
from jaxdl.adversarial.step import make_gan_init, make_gan_step
from jaxdl.systems.gan_theory.data import Density
from jaxdl.systems.gan_theory.flow import Flow, coupling_flow
from jaxdl.systems.gan_theory.measures import (
    make_likelihood_evaluate,
    make_sampled_evaluate,
    make_theory_evaluate,
)
from jaxdl.systems.gan_theory.networks import plane_gan
from jaxdl.systems.gan_theory.protocols import theory_protocols
from jaxdl.train.experiment import Experiment
from jaxdl.train.step import make_init, make_train_step
from jaxdl.types import BatchFn, Model, Network


def make_flow(cfg: Any) -> Flow:
    """The flow of a configuration.

    Args:
      cfg: with `num_layers` and `hidden_size`.
    """
    return coupling_flow(2, num_layers=cfg.num_layers, hidden_size=cfg.hidden_size)


def make_game(cfg: Any, density: Density) -> Experiment:
    """A generator, the flow or a plain net, against a discriminator.

    Args:
      cfg: of the case.
      density: to learn.
    """
    gan = plane_gan(density.half_width, hidden_size=cfg.hidden_size)
    disc, flow = gan.discriminator, make_flow(cfg)
    optimizers = (
        optax.adam(falling(cfg.gen_learning_rate, cfg.steps), b1=0.5, b2=0.99),
        optax.adam(falling(cfg.disc_learning_rate, cfg.steps, to=0.1)),
    )
    if cfg.generators == ("flow",):
        generator = Model(flow.init, flow.apply)
        measured = make_theory_evaluate(
            flow.log_density, disc.apply, density.log_density, density.half_width
        )
    else:
        generator = gan.generator
        measured = make_sampled_evaluate(
            generator.apply, disc.apply, gan.latent_size, density
        )
    losses = make_gan_losses(
        generator.apply,
        disc.apply,
        gan.latent_size,
        generator_loss=minimax_generator_loss,
        real=lambda points: points,
    )
    return Experiment(
        init=make_gan_init(generator, disc, *optimizers),
        step=make_gan_step(*losses, *optimizers),
        evaluate=measured,
        figures=lambda record: {},
        batch=make_batch(density, cfg.disc_steps, cfg.batch_size),
        protocols=theory_protocols(cfg),
        remarks=point_health_remarks,
        networks=gan_networks(gan._replace(generator=generator)),
    )


def make_likelihood(cfg: Any, density: Density) -> Experiment:
    """The flow alone, fitted by maximum likelihood.

    Args:
      cfg: of the case.
      density: to learn.
    """
    flow = make_flow(cfg)
    optimizer = optax.adam(falling(cfg.likelihood_learning_rate, cfg.steps))

    def loss_fn(params, batch, key):
        del key  # this objective draws nothing
        loss = -jnp.mean(flow.log_density(params, batch))
        return loss, {"loss": loss}

    return Experiment(
        init=make_init(Model(flow.init, flow.apply), optimizer),
        step=make_train_step(loss_fn, optimizer),
        evaluate=make_likelihood_evaluate(
            flow.log_density, density.log_density, density.half_width
        ),
        figures=lambda record: {},
        batch=make_batch(density, cfg.batch_size),
        protocols=theory_protocols(cfg),
        networks={"flow": Network(flow, "normal latents [n 2] to points [n 2]")},
    )


def make_batch(density: Density, *shape: int) -> BatchFn:
    """`batch(data, key, step)`: new points in an array [*shape 2] for every step."""
    num = math.prod(shape)

    def batch(_, key, step):
        return density.draw(jax.random.fold_in(key, step), num).reshape(*shape, 2)

    return batch


def falling(learning_rate: float, steps: int, to: float = 0.0) -> optax.Schedule:
    """A step size that falls along a cosine, to a share `to` of the first."""
    return optax.cosine_decay_schedule(learning_rate, max(steps, 1), alpha=to)
