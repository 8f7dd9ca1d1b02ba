"""Variational autoencoders and principal components for `jaxdl gradcheck`."""

import types
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.gradcheck.problem import Case, draw_normals, draw_params
from jaxdl.gradcheck.subjects import Subject, subject
from jaxdl.systems.autoencoder import pca
from jaxdl.systems.autoencoder.networks import variational_autoencoder
from jaxdl.systems.autoencoder.objective import make_variational_loss
from jaxdl.types import PRNGKey

NOT_DIFFERENTIABLE = {
    "systems.autoencoder.pca.fit_pca": (
        "equal singular values have no derivative, and none is used"
    )
}
"""Functions that no gradient goes through, and why."""


def _model(key):
    model = variational_autoencoder(4, [3], 2)
    return model, draw_params(key, model.init, 0.5)


def _network(part: str, method: str, in_size: int) -> Callable[[PRNGKey], Case]:
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


def _principal(fn: Callable[..., Any], size: int) -> Callable[[PRNGKey], Case]:
    def make(key):
        mean, components, x = draw_normals(key, (4,), (2, 4), (3, size))

        def of_leaves(mean, components, x):
            return fn(pca.Pca(mean, components, jnp.zeros(2, x.dtype)), x)

        args = mean, components, x
        return Case(of_leaves, args, ("mean", "components", "x"), True)

    return make


def _logistic_pca(key):
    """Through the fit of the codes; its later steps may choose between equal ones."""
    model = pca.logistic_pca(4, 2, ridge=0.5, iterations=1)
    (x,) = draw_normals(jax.random.fold_in(key, 9), (3, 4))
    args = draw_params(key, model.init, 0.7), jax.nn.sigmoid(x)
    return Case(model.apply, args, ("params", "x"))


def subjects() -> list[Subject]:
    """Both halves of the network, its loss, and principal components."""
    room, pcas = "systems.autoencoder.", "systems.autoencoder.pca."
    return [
        *(
            subject(
                room + "networks.variational_autoencoder",
                _network(part, method, in_size),
                name=f"variational_autoencoder[{method}]",
            )
            for part, method, in_size in (
                ("encoder", "encode", 4),
                ("decoder", "decode", 2),
            )
        ),
        subject(
            room + "objective.make_variational_loss", _loss, name="variational_loss"
        ),
        subject(pcas + "pca_encode", _principal(pca.pca_encode, 4)),
        subject(pcas + "pca_decode", _principal(pca.pca_decode, 2)),
        subject(pcas + "logistic_pca", _logistic_pca),
    ]
