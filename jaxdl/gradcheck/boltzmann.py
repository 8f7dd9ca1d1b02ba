"""Boltzmann machines among the subjects of `jaxdl gradcheck`."""

from collections.abc import Callable

import jax

from jaxdl.gradcheck.problem import Case, draw_normal
from jaxdl.models import rbm
from jaxdl.objectives.contrastive_divergence import (
    make_contrastive_divergence_loss,
    make_free_energy_loss,
)
from jaxdl.types import Params, PRNGKey

_SIZES = dict(kernel=(3, 2), visible_bias=(3,), hidden_bias=(2,))
_BATCH = 4


def _point(key: PRNGKey, *shapes: tuple[int, ...]) -> tuple:
    """Parameters, and normal numbers for what else there is."""
    keys = [jax.random.fold_in(key, i) for i in range(len(_SIZES) + len(shapes))]
    params = {
        name: draw_normal(k, shape)
        for k, (name, shape) in zip(keys, _SIZES.items(), strict=False)
    }
    others = zip(keys[len(_SIZES) :], shapes, strict=True)
    return params, *(draw_normal(k, shape) for k, shape in others)


def _free_energy(key):
    def hand(cotangent, params, visible):
        hidden = jax.nn.sigmoid(
            visible @ params["kernel"] + params["hidden_bias"][None]
        )
        grads = dict(
            kernel=-(visible * cotangent[:, None]).T @ hidden,
            visible_bias=-cotangent @ visible,
            hidden_bias=-cotangent @ hidden,
        )
        inputs = -params["visible_bias"][None] - hidden @ params["kernel"].T
        return grads, cotangent[:, None] * inputs

    names = ("params", "visible")
    return Case(rbm.free_energy, _point(key, (_BATCH, 3)), names, hand=hand)


def _joint_energy(key):
    def hand(cotangent, params, visible, hidden):
        weighted = visible * cotangent[:, None]
        grads = dict(
            kernel=-weighted.T @ hidden,
            visible_bias=-cotangent @ visible,
            hidden_bias=-cotangent @ hidden,
        )
        to_visible = -params["visible_bias"][None] - hidden @ params["kernel"].T
        to_hidden = -params["hidden_bias"][None] - visible @ params["kernel"]
        return grads, *(cotangent[:, None] * x for x in (to_visible, to_hidden))

    args = _point(key, (_BATCH, 3), (_BATCH, 2))
    names = ("params", "visible", "hidden")
    return Case(rbm.joint_energy, args, names, True, hand)


def _logits(fn: Callable, bias: str, size: int) -> Callable[[PRNGKey], Case]:
    """The other layer's bias is left out: nothing depends on it."""

    def make(key):
        params, values = _point(key, (_BATCH, size))

        def of_its_own(kernel, own, values):
            return fn({**params, "kernel": kernel, bias: own}, values)

        args = params["kernel"], params[bias], values
        return Case(of_its_own, args, ("kernel", bias, "values"), True)

    return make


def _loss(key: PRNGKey, persistent: bool) -> Case:
    """By hand: statistics of the samples less those of the data, and the decay."""
    params, data, samples = _point(key, (_BATCH, 3), (_BATCH, 3))
    data = jax.nn.sigmoid(data)
    samples = (samples > 0).astype(data.dtype)
    options = dict(inputs_of=lambda batch: batch, weight_decay=0.1)

    def chain(key, params, visible, num_steps):
        return samples, samples

    if persistent:
        loss_fn = make_free_energy_loss(rbm.free_energy, **options)
    else:
        loss_fn = make_contrastive_divergence_loss(rbm.free_energy, chain, **options)

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
    return _loss(key, persistent=False)


def _free_energy_difference(key):
    return _loss(key, persistent=True)


def _rows() -> list[tuple[str, tuple[str, ...], Callable[[PRNGKey], Case]]]:
    objective = "objectives.contrastive_divergence"
    rows = [
        ("free_energy", "ops.boltzmann.free_energy", _free_energy),
        ("joint_energy", "ops.boltzmann.joint_energy", _joint_energy),
        (
            "hidden_logits",
            "ops.boltzmann.hidden_logits",
            _logits(rbm.hidden_logits, "hidden_bias", 3),
        ),
        (
            "visible_logits",
            "ops.boltzmann.visible_logits",
            _logits(rbm.visible_logits, "visible_bias", 2),
        ),
        (
            "contrastive_divergence_loss",
            f"{objective}.make_contrastive_divergence_loss",
            _contrastive_divergence,
        ),
        (
            "free_energy_loss",
            f"{objective}.make_free_energy_loss",
            _free_energy_difference,
        ),
    ]
    return [(name, (cover,), make) for name, cover, make in rows]


BOLTZMANN = _rows()
"""Name, covered functions and `make` of each subject."""
