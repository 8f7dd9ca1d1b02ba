"""Losses and networks of GANs as subjects of `jaxdl gradcheck`."""

import types
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.adversarial import losses
from jaxdl.adversarial.networks import GAN, mlp_gan, with_mean_image
from jaxdl.adversarial.objectives import critic_measures, game_measures, make_gan_losses
from jaxdl.gradcheck.problem import Case, draw_normals, draw_params
from jaxdl.gradcheck.subjects import Subject, subject
from jaxdl.models.mlps import mlp
from jaxdl.types import Model, PRNGKey

NOT_DIFFERENTIABLE = {
    "adversarial.health": "it judges what a run has logged",
    "adversarial.networks.gan_networks": "it names two networks",
    "adversarial.population_statistics": "it fixes statistics of nets after training",
    "adversarial.sampler": "it runs a generator in chunks, without gradients",
    "adversarial.step": "it applies gradients of losses, which are checked",
}
"""Functions, and whole modules, that no gradient goes through, and why."""


# Losses


def _game(
    fn: Callable[..., Any], *grads: Callable[..., Any]
) -> Callable[[PRNGKey], Case]:
    """A loss of logits; `grads` are d loss / d logit, of real (if any) and of fake."""
    names = ("real_logits", "fake_logits")[-len(grads) :]

    def make(key):
        def hand(cotangent, *logits):
            return tuple(cotangent * g(s) for g, s in zip(grads, logits, strict=True))

        return Case(
            fn, tuple(draw_normals(key, *[(5,)] * len(grads))), names, hand=hand
        )

    return make


def _measures(measures: Callable[..., Any]) -> Callable[[PRNGKey], Case]:
    def make(key):
        return Case(measures, tuple(draw_normals(key, (4,), (4,))), ("real", "fake"))

    return make


# Networks


def _network(model_of: Callable[[], Model], in_size: int, *, draws: bool = False):
    """A model on two inputs; with a key of its own if it draws random numbers."""

    def make(key):
        model = model_of()
        (x,) = draw_normals(jax.random.fold_in(key, 1), (2, in_size))
        options = {"key": jax.random.fold_in(key, 2)} if draws else {}

        def fn(params, x):
            return model.apply(params, x, **options)

        return Case(
            fn,
            (draw_params(jax.random.fold_in(key, 0), model.init), x),
            ("params", "x"),
        )

    return make


def gan_subjects(
    covered: str, gan_of: Callable[[], GAN], latent_size: int
) -> list[Subject]:
    """Both networks of a GAN of images of four pixels."""
    name = covered.rpartition(".")[2]
    generator = _network(lambda: gan_of().generator, latent_size)
    discriminator = _network(lambda: gan_of().discriminator, 4, draws=True)
    return [
        subject(covered, make, "nn.linen.from_linen", name=f"{name}[{player}]")
        for player, make in (
            ("generator", generator),
            ("discriminator", discriminator),
        )
    ]


def _toy_gan() -> GAN:
    return mlp_gan(4, latent_size=3, hidden_size=5)


def _with_mean_image(key):
    def fn(means):
        return with_mean_image({"out": {"bias": jnp.zeros(5)}}, means)["out"]["bias"]

    def domain(logits):
        return (jax.nn.sigmoid(logits),)

    def hand(c, m):
        return (c / (m * (1 - m)),)

    means = domain(*draw_normals(key, (5,)))
    return Case(fn, means, ("means",), hand=hand, domain=domain)


# Losses of networks


def _gan_losses(player: int) -> Callable[[PRNGKey], Case]:
    def make(key):
        gan = _toy_gan()
        loss_fns = make_gan_losses(
            gan.generator.apply, gan.discriminator.apply, gan.latent_size
        )
        loss_key = jax.random.fold_in(key, 2)
        image = jax.random.bits(key, (3, 2, 2, 1), jnp.uint8)
        batch = types.SimpleNamespace(image=image)
        models = (gan.generator, gan.discriminator)
        own, other = (
            draw_params(
                jax.random.fold_in(jax.random.fold_in(key, i), 0), models[i].init
            )
            for i in (player, 1 - player)
        )

        def fn(own, other):
            return loss_fns[player](own, other, batch, loss_key)[0]

        names = ("gen_params", "disc_params")
        return Case(fn, (own, other), (names[player], names[1 - player]))

    return make


def small_discriminator() -> tuple[Model, Callable[..., Any]]:
    """A discriminator of points of the plane, and its logits."""
    model = mlp([2, 3, 1], hidden="tanh")

    def apply(params, x, *, key=None):
        del key
        return model.apply(params, x)[:, 0]

    return model, apply


def small_players(key: PRNGKey, **options):
    """Two small networks, their parameters and losses, and points for a batch."""
    generator, (model, apply) = mlp([2, 3, 1], hidden="tanh"), small_discriminator()
    loss_fns = make_gan_losses(
        generator.apply, apply, 2, real=lambda batch: batch, pack=2, **options
    )
    param_key = jax.random.fold_in(key, 9)
    params = tuple(draw_params(param_key, net.init) for net in (generator, model))
    return loss_fns, params, draw_normals(key, (3, 2))


def _packed_loss(key):
    """The discriminator's, in two passes and with a penalty on slopes."""

    def penalty(disc, real, fake, key):
        slopes = jax.grad(lambda x: jnp.sum(disc(x)))((real + fake) / 2)
        return jnp.sum(slopes**2, axis=-1)

    loss_fns, args, (batch,) = small_players(key, apart=True, penalty=penalty)

    def fn(gen_params, disc_params):
        return loss_fns[1](disc_params, gen_params, batch, jax.random.key(0))[0]

    return Case(fn, args, ("gen_params", "disc_params"))


def subjects() -> list[Subject]:
    """Losses of logits, networks, losses of networks."""
    return [*_losses(), *_networks(), *_losses_of_networks()]


def _losses() -> Iterator[Subject]:
    sigmoid = jax.nn.sigmoid
    for fn, *grads in (
        (
            losses.gan_value,
            lambda s: sigmoid(-s) / s.size,
            lambda s: -sigmoid(s) / s.size,
        ),
        (losses.discriminator_loss, lambda s: -sigmoid(-s), sigmoid),
        (losses.minimax_generator_loss, lambda s: -sigmoid(s)),
        (losses.non_saturating_generator_loss, lambda s: -sigmoid(-s)),
        (losses.least_squares_discriminator_loss, lambda s: s - 1, lambda s: s),
        (losses.least_squares_generator_loss, lambda s: s - 1),
        (
            losses.hinge_discriminator_loss,
            lambda s: -1.0 * (s < 1),
            lambda s: 1.0 * (s > -1),
        ),
        (losses.wasserstein_critic_loss, lambda s: -jnp.ones_like(s), jnp.ones_like),
        (losses.wasserstein_generator_loss, lambda s: -jnp.ones_like(s)),
    ):
        yield subject(f"adversarial.losses.{fn.__name__}", _game(fn, *grads))
    for fn in (game_measures, critic_measures):
        yield subject(f"adversarial.objectives.{fn.__name__}", _measures(fn))


def _networks() -> Iterator[Subject]:
    yield from gan_subjects("adversarial.networks.mlp_gan", _toy_gan, 3)
    yield subject("adversarial.networks.with_mean_image", _with_mean_image)


def _losses_of_networks() -> Iterator[Subject]:
    for name, make in {
        "packed": _packed_loss,
        "generator": _gan_losses(0),
        "discriminator": _gan_losses(1),
    }.items():
        yield subject(
            "adversarial.objectives.make_gan_losses", make, name=f"gan_losses[{name}]"
        )
