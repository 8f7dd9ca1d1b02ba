"""What keeps a GAN from losing modes, for `jaxdl gradcheck`.

Penalties on slopes and unrolled steps are gradients themselves: their derivatives are
of the second order, and those of the second order of the third.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.adversarial.checks import small_discriminator, small_players
from jaxdl.gradcheck.problem import Case, draw_normals, draw_params
from jaxdl.gradcheck.subjects import Subject, subject
from jaxdl.nn.linen import from_linen
from jaxdl.systems.gan_modes.gradient_penalty import (
    r1_penalty,
    squared_slopes,
    wgan_gp_penalty,
)
from jaxdl.systems.gan_modes.networks import MinibatchDiscrimination, closeness, pacgan
from jaxdl.systems.gan_modes.unrolled import make_unrolled_generator_loss
from jaxdl.types import PRNGKey

NOT_DIFFERENTIABLE: dict[str, str] = {}
"""Functions that no gradient goes through, and why."""


def _closeness(key):
    return Case(closeness, tuple(draw_normals(key, (3, 2, 2))), ("projected",))


def _layer(key):
    layer = MinibatchDiscrimination(num_kernels=2, kernel_size=2)
    model = from_linen(layer, example=jnp.zeros((1, 3)))
    args = (
        draw_params(jax.random.fold_in(key, 9), model.init),
        *draw_normals(key, (3, 3)),
    )
    return Case(model.apply, args, ("params", "x"))


def _network(key):
    discriminator = pacgan(2, gen_size=3, disc_size=2).discriminator
    (x,) = draw_normals(key, (3, 4))
    params = draw_params(jax.random.fold_in(key, 9), discriminator.init)
    return Case(discriminator.apply, (params, x), ("params", "x"))


def _penalty(penalty: Callable[..., Any]) -> Callable[[PRNGKey], Case]:
    """Of the weights but the last bias, which no slope depends on."""
    model, apply = small_discriminator()

    def make(key):
        first, last = draw_params(jax.random.fold_in(key, 9), model.init)

        def fn(first, kernel, real, fake):
            params = [first, {**last, "kernel": kernel}]
            return penalty(functools.partial(apply, params), real, fake, key)

        args = first, last["kernel"], *draw_normals(key, (3, 2), (3, 2))
        names = "first", "kernel", "real", "fake"
        if penalty is wgan_gp_penalty:
            return Case(fn, args, names)

        def on_data(first, kernel, real):
            return fn(first, kernel, real, None)

        return Case(on_data, args[:-1], names[:-1])

    return make


def _squared_slopes(disc, real, fake, key):
    del fake, key
    return squared_slopes(disc, real)


def _unrolled_loss(key):
    losses, args, (batch,) = small_players(key)
    optimizer = optax.sgd(0.5)

    def fn(gen_params, disc_params):
        loss_fn = make_unrolled_generator_loss(*losses, optimizer, 2)
        disc = disc_params, optimizer.init(disc_params)
        return loss_fn(gen_params, disc, batch, jax.random.key(0))[0]

    return Case(fn, args, ("gen_params", "disc_params"))


def subjects() -> list[Subject]:
    """Minibatch discrimination, packed networks, penalties, unrolled steps."""
    room = "systems.gan_modes."
    close = room + "networks.closeness"
    penalty = room + "gradient_penalty."
    return [
        subject(close, _closeness),
        Subject(
            "minibatch_discrimination",
            (close, room + "networks.MinibatchDiscrimination"),
            _layer,
        ),
        subject(room + "networks.pacgan", _network),
        subject(penalty + "squared_slopes", _penalty(_squared_slopes)),
        subject(penalty + "wgan_gp_penalty", _penalty(wgan_gp_penalty)),
        subject(penalty + "r1_penalty", _penalty(r1_penalty)),
        subject(
            room + "unrolled.make_unrolled_generator_loss",
            _unrolled_loss,
            name="unrolled_generator_loss",
        ),
    ]
