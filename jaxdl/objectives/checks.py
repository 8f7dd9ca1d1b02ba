"""Losses of networks as subjects of `jaxdl gradcheck`."""

import types

import jax
import jax.numpy as jnp

from jaxdl.gradcheck.problem import Case, draw_normal, draw_normals, draw_params
from jaxdl.gradcheck.subjects import Subject, subject
from jaxdl.models.autoencoders import autoencoder
from jaxdl.models.mlps import mlp
from jaxdl.objectives import reconstruction
from jaxdl.objectives.classification import make_classification_loss
from jaxdl.objectives.contrastive_divergence import (
    make_contrastive_divergence_loss,
    make_free_energy_loss,
)
from jaxdl.ops import corruption
from jaxdl.ops.boltzmann import free_energy
from jaxdl.types import Params, PRNGKey

NOT_DIFFERENTIABLE = {
    "objectives.contrastive_divergence.visible_values": "it draws 0 and 1"
}
"""Functions that no gradient goes through, and why."""

_SHAPE = (4, 3)
_SIZES = dict(kernel=(3, 2), visible_bias=(3,), hidden_bias=(2,))


def _classification_loss(key):
    model = mlp([4, 3, 3])
    labels = jnp.array([0, 2, 1])
    batch = types.SimpleNamespace(image=_images(key), label=labels)
    loss_fn = make_classification_loss(model.apply)

    def fn(params):
        return loss_fn(params, batch, key)[0]

    params = draw_params(jax.random.fold_in(key, 0), model.init)
    return Case(fn, (params,), ("params",))


def _images(key: PRNGKey) -> jax.Array:
    return jax.random.bits(key, (3, 2, 2, 1), jnp.uint8)


def _sigmoid_squared_error(key):
    logits, others = draw_normals(key, _SHAPE, _SHAPE)

    def hand(cotangent, logits, targets):
        p = jax.nn.sigmoid(logits)
        grads = 2 * cotangent[:, None] * (p - targets)
        return grads * p * (1 - p), -grads

    args, names = (logits, jax.nn.sigmoid(others)), ("logits", "targets")
    return Case(reconstruction.sigmoid_squared_error, args, names, hand=hand)


def _sparsity(key):
    (logits,) = draw_normals(key, _SHAPE)

    def hand(cotangent, logits):  # by way of the means themselves
        p = jax.nn.sigmoid(logits)
        mean = p.mean(axis=0, keepdims=True)
        slopes = (0.9 / (1 - mean) - 0.1 / mean) / len(logits)
        return (cotangent * slopes * p * (1 - p),)

    def fn(logits):
        return reconstruction.sparsity_divergence(logits, 0.1)

    return Case(fn, (logits,), ("logits",), hand=hand)


def _reconstruction_loss(key):
    """Corrupted, with a penalty; squared error of the sigmoid."""
    model = autoencoder(4, [3], 2)
    loss_fn = reconstruction.make_reconstruction_loss(
        model.apply,
        reconstruction.sigmoid_squared_error,
        corrupt=lambda key, x: corruption.masking_noise(key, x, 0.4),
        penalty=lambda params, x: jnp.mean(model.encode(params, x) ** 2),
    )
    batch = types.SimpleNamespace(image=_images(key))
    args = (draw_params(key, model.init, 0.7),)
    return Case(lambda params: loss_fn(params, batch, key)[0], args, ("params",))


def _boltzmann_loss(key: PRNGKey, persistent: bool) -> Case:
    """By hand: statistics of the samples less those of the data, and the decay."""
    keys = [jax.random.fold_in(key, i) for i in range(5)]
    params = {
        name: draw_normal(k, shape)
        for k, (name, shape) in zip(keys, _SIZES.items(), strict=False)
    }
    data, samples = (draw_normal(k, (4, 3)) for k in keys[3:])
    data = jax.nn.sigmoid(data)
    samples = (samples > 0).astype(data.dtype)
    options = dict(inputs_of=lambda batch: batch, weight_decay=0.1)

    def chain(key, params, visible, num_steps):
        return samples, samples

    if persistent:
        loss_fn = make_free_energy_loss(free_energy, **options)
    else:
        loss_fn = make_contrastive_divergence_loss(free_energy, chain, **options)

    def fn(params):
        args = (samples, key) if persistent else (key,)
        return loss_fn(params, data, *args)[0]

    def statistics(params: Params, visible: jax.Array) -> Params:
        hidden = jax.nn.sigmoid(
            visible @ params["kernel"] + params["hidden_bias"][None]
        )
        kernel = visible.T @ hidden / len(visible)
        means = visible.mean(0), hidden.mean(0)
        return dict(kernel=kernel, visible_bias=means[0], hidden_bias=means[1])

    def hand(cotangent, params):
        grads = jax.tree.map(
            lambda model, real: cotangent * (model - real),
            statistics(params, samples),
            statistics(params, data),
        )
        kernel = grads["kernel"] + cotangent * 0.1 * params["kernel"]
        return (grads | dict(kernel=kernel),)

    return Case(fn, (params,), ("params",), hand=hand)


def _contrastive_divergence(key):
    return _boltzmann_loss(key, persistent=False)


def _free_energy_difference(key):
    return _boltzmann_loss(key, persistent=True)


def subjects() -> list[Subject]:
    """Classification, reconstruction, contrastive divergence."""
    room, energies = "objectives.reconstruction.", "objectives.contrastive_divergence."
    return [
        subject(
            "objectives.classification.make_classification_loss",
            _classification_loss,
            name="classification_loss",
        ),
        subject(room + "sigmoid_squared_error", _sigmoid_squared_error),
        subject(room + "sparsity_divergence", _sparsity),
        subject(room + "make_reconstruction_loss", _reconstruction_loss),
        subject(
            energies + "make_contrastive_divergence_loss",
            _contrastive_divergence,
            name="contrastive_divergence_loss",
        ),
        subject(
            energies + "make_free_energy_loss",
            _free_energy_difference,
            name="free_energy_loss",
        ),
    ]
