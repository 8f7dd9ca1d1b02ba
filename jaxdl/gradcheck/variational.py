"""What belongs to variational autoencoders, among the subjects of `jaxdl gradcheck`."""

import types
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxdl.gradcheck.problem import Case, draw_normals
from jaxdl.ops import gaussians
from jaxdl.systems.autoencoder.networks import variational_autoencoder
from jaxdl.systems.autoencoder.objective import make_variational_loss

_THREE = (2, 3)


def _standard_normal_kl(key):
    def hand(cotangent, mean, log_variance):
        c = cotangent[:, None]
        return c * mean, c * (jnp.exp(log_variance) - 1) / 2

    args, names = tuple(draw_normals(key, _THREE, _THREE)), ("mean", "log_variance")
    return Case(gaussians.standard_normal_kl, args, names, hand=hand)


def _diagonal_gaussian_log_density(key):
    def hand(cotangent, x, mean, log_variance):
        c = cotangent[:, None]
        slope = (x - mean) * jnp.exp(-log_variance)
        return -c * slope, c * slope, c * (slope * (x - mean) - 1) / 2

    args, names = (
        tuple(draw_normals(key, *(_THREE,) * 3)),
        ("x", "mean", "log_variance"),
    )
    return Case(gaussians.diagonal_gaussian_log_density, args, names, hand=hand)


def _model(key):
    model = variational_autoencoder(4, [3], 2)
    leaves, treedef = jax.tree.flatten(jax.eval_shape(model.init, key))
    draws = draw_normals(key, *(leaf.shape for leaf in leaves))
    return model, jax.tree.unflatten(treedef, [0.5 * x for x in draws])


def _network(part: str, method: str, in_size: int) -> Callable:
    def make(key):
        model, params = _model(key)
        (x,) = draw_normals(jax.random.fold_in(key, 9), (2, in_size))

        def fn(layers, x):
            return getattr(model, method)({part: layers}, x)

        return Case(fn, (params[part], x), (part, "x"))

    return make


def _loss(key):
    model, params = _model(key)
    loss_fn = make_variational_loss(model)
    image = jax.random.bits(key, (3, 2, 2, 1), jnp.uint8)
    batch = types.SimpleNamespace(image=image)
    return Case(lambda params: loss_fn(params, batch, key)[0], (params,), ("params",))


VARIATIONAL = [
    (
        "standard_normal_kl",
        ("ops.gaussians.standard_normal_kl",),
        _standard_normal_kl,
    ),
    (
        "diagonal_gaussian_log_density",
        ("ops.gaussians.diagonal_gaussian_log_density",),
        _diagonal_gaussian_log_density,
    ),
    *(
        (
            f"variational_autoencoder[{method}]",
            ("systems.autoencoder.networks.variational_autoencoder",),
            _network(part, method, in_size),
        )
        for part, method, in_size in (
            ("encoder", "encode", 4),
            ("decoder", "decode", 2),
        )
    ),
    (
        "variational_loss",
        ("systems.autoencoder.objective.make_variational_loss",),
        _loss,
    ),
]
"""Name, covered functions and `make` of each subject."""
