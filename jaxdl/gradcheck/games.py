"""What belongs to adversarial training, among the subjects of `jaxdl gradcheck`.

Penalties on slopes and unrolled steps are gradients themselves: their derivatives are
of the second order, and those of the second order of the third.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.adversarial.objectives import critic_measures, game_measures, make_gan_losses
from jaxdl.gradcheck.problem import Case, draw_normals
from jaxdl.models.mlp import mlp
from jaxdl.nn.batch_norm import BatchNorm, Moments, moments, population_statistics
from jaxdl.nn.batch_norm import batch_norm as normalise
from jaxdl.nn.linen import from_linen
from jaxdl.systems.gan_modes.gradient_penalty import (
    r1_penalty,
    squared_slopes,
    wgan_gp_penalty,
)
from jaxdl.systems.gan_modes.minibatch_discrimination import (
    MinibatchDiscrimination,
    closeness,
)
from jaxdl.systems.gan_modes.networks import pacgan
from jaxdl.systems.gan_modes.unrolled import make_unrolled_generator_loss
from jaxdl.types import Model, PRNGKey


def _params(model: Model, key: PRNGKey) -> Any:
    """Normal numbers in place of parameters; kernels keep the size of their inputs."""
    leaves, treedef = jax.tree.flatten(jax.eval_shape(model.init, key))
    draws = draw_normals(jax.random.fold_in(key, 9), *(leaf.shape for leaf in leaves))
    scales = [math.prod(leaf.shape[:-1]) ** -0.5 for leaf in leaves]
    return jax.tree.unflatten(treedef, map(jnp.multiply, draws, scales))


def _batch_norm(key):
    def fn(x, scale, shift):
        return normalise(x, scale, shift, moments(x))

    def hand(cotangent, x, scale, shift):
        def mean(x):
            return x.mean(axis=0, keepdims=True)

        deviation = jnp.sqrt(x.var(axis=0, keepdims=True) + 1e-5)
        unit = (x - mean(x)) / deviation
        own = cotangent - mean(cotangent) - unit * mean(cotangent * unit)
        own = scale[None] / deviation * own
        return own, (cotangent * unit).sum(axis=0), cotangent.sum(axis=0)

    args = tuple(draw_normals(key, (4, 3), (3,), (3,)))
    return Case(fn, args, ("x", "scale", "shift"), hand=hand)


def _fixed_statistics(key):
    def fn(x, scale, shift, mean, variance):
        return normalise(x, scale, shift, Moments(mean, variance))

    *args, logs = draw_normals(key, (2, 3), (3,), (3,), (3,), (3,))
    names = ("x", "scale", "shift", "mean", "variance")
    return Case(fn, (*args, jnp.exp(logs)), names)


def _population(key):
    model = from_linen(BatchNorm(), example=jnp.zeros((1, 3)))

    def fn(params, x, inputs):
        found = population_statistics(model.apply, params, inputs)
        return model.apply(params, x, statistics=found)

    args = _params(model, key), *draw_normals(key, (2, 3), (5, 3))
    return Case(fn, args, ("params", "x", "inputs"))


def _closeness(key):
    return Case(closeness, tuple(draw_normals(key, (3, 2, 2))), ("projected",))


def _layer(key):
    layer = MinibatchDiscrimination(num_kernels=2, kernel_size=2)
    model = from_linen(layer, example=jnp.zeros((1, 3)))
    args = _params(model, key), *draw_normals(key, (3, 3))
    return Case(model.apply, args, ("params", "x"))


def _network(key):
    discriminator = pacgan(2, gen_size=3, disc_size=2).discriminator
    (x,) = draw_normals(key, (3, 4))
    return Case(discriminator.apply, (_params(discriminator, key), x), ("params", "x"))


def _discriminator() -> tuple[Model, Callable]:
    model = mlp([2, 3, 1], hidden="tanh")

    def apply(params, x, *, key=None):
        del key
        return model.apply(params, x)[:, 0]

    return model, apply


def _penalty(penalty: Callable) -> Callable[[PRNGKey], Case]:
    """Of the weights but the last bias, which no slope depends on."""
    model, apply = _discriminator()

    def make(key):
        first, last = _params(model, key)

        def fn(first, kernel, real, fake):
            params = [first, {**last, "kernel": kernel}]
            return penalty(functools.partial(apply, params), real, fake, key)

        args = first, last["kernel"], *draw_normals(key, (3, 2), (3, 2))
        names = "first", "kernel", "real", "fake"
        if penalty is wgan_gp_penalty:
            return Case(fn, args, names)
        return Case(lambda *a: fn(*a, None), args[:-1], names[:-1])

    return make


def _squared_slopes(disc, real, fake, key):
    del fake, key
    return squared_slopes(disc, real)


def _measures(measures: Callable) -> Callable[[PRNGKey], Case]:
    def make(key):
        return Case(measures, tuple(draw_normals(key, (4,), (4,))), ("real", "fake"))

    return make


def _players(key, **options):
    """Two small networks, their parameters and losses, and points for a batch."""
    generator, (model, apply) = mlp([2, 3, 1], hidden="tanh"), _discriminator()
    losses = make_gan_losses(
        generator.apply, apply, 2, real=lambda batch: batch, pack=2, **options
    )
    return (
        losses,
        (_params(generator, key), _params(model, key)),
        draw_normals(key, (3, 2)),
    )


def _packed_loss(key):
    """The discriminator's, in two passes and with a penalty."""
    losses, args, (batch,) = _players(key, apart=True, penalty=wgan_gp_penalty)

    def fn(gen_params, disc_params):
        return losses[1](disc_params, gen_params, batch, jax.random.key(0))[0]

    return Case(fn, args, ("gen_params", "disc_params"))


def _unrolled_loss(key):
    losses, args, (batch,) = _players(key)
    optimizer = optax.sgd(0.5)

    def fn(gen_params, disc_params):
        loss_fn = make_unrolled_generator_loss(*losses, optimizer, 2)
        disc = disc_params, optimizer.init(disc_params)
        return loss_fn(gen_params, disc, batch, jax.random.key(0))[0]

    return Case(fn, args, ("gen_params", "disc_params"))


_NORM = ("nn.batch_norm.batch_norm", "nn.batch_norm.moments")
_STATISTICS = ("nn.batch_norm.population_statistics", "nn.batch_norm.BatchNorm")
_CLOSE = (
    "systems.gan_modes.minibatch_discrimination.closeness",
    "systems.gan_modes.minibatch_discrimination.MinibatchDiscrimination",
)
_SLOPES = "systems.gan_modes.gradient_penalty."
_LOSSES = ("adversarial.objectives.make_gan_losses",)
_UNROLLED = ("systems.gan_modes.unrolled.make_unrolled_generator_loss",)

GAMES = [
    ("batch_norm", _NORM, _batch_norm),
    ("batch_norm[fixed statistics]", _NORM, _fixed_statistics),
    ("population_statistics", _STATISTICS, _population),
    ("closeness", _CLOSE[:1], _closeness),
    ("minibatch_discrimination", _CLOSE, _layer),
    ("pacgan", ("systems.gan_modes.networks.pacgan",), _network),
    ("squared_slopes", (_SLOPES + "squared_slopes",), _penalty(_squared_slopes)),
    ("wgan_gp_penalty", (_SLOPES + "wgan_gp_penalty",), _penalty(wgan_gp_penalty)),
    ("r1_penalty", (_SLOPES + "r1_penalty",), _penalty(r1_penalty)),
    *(
        (fn.__name__, (f"adversarial.objectives.{fn.__name__}",), _measures(fn))
        for fn in (game_measures, critic_measures)
    ),
    ("gan_losses[packed]", _LOSSES, _packed_loss),
    ("unrolled_generator_loss", _UNROLLED, _unrolled_loss),
]
"""Name, covered functions and `make` of each subject."""
