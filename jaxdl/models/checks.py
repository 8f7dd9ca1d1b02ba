"""Shared networks as subjects of `jaxdl gradcheck`."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.gradcheck import backprop
from jaxdl.gradcheck.problem import Case, draw_normal, draw_normals, draw_params
from jaxdl.gradcheck.subjects import Subject, subject
from jaxdl.models.autoencoders import autoencoder, squared_jacobian
from jaxdl.models.lenet import LeNet, enlarge_inputs, lenet5, modern_lenet
from jaxdl.models.lenet_layers import PartialConv, TrainablePool, scaled_tanh
from jaxdl.models.mlps import forward, mlp
from jaxdl.models.sequence import lstm_1997_readout
from jaxdl.ops import losses
from jaxdl.ops.activations import ACTIVATIONS
from jaxdl.types import Model, PRNGKey

_DEEP = "its layers are checked, and tests hold its gradients against PyTorch's"
_INITIAL = "it draws initial weights"
_CHAINS = "it draws 0 and 1"

NOT_DIFFERENTIABLE = {
    "models.lenet.build_lenet": "it chooses among nets, which are checked",
    "models.lenet_layers.lecun_uniform": _INITIAL,
    "models.lenet_layers.uniform": _INITIAL,
    "models.mobilenets.mobilenet": _DEEP,
    "models.mobilenets.mobilenet_features": _DEEP,
    "models.squeezenets.squeezenet": _DEEP,
    "models.squeezenets.squeezenet_features": _DEEP,
    "models.rbm.init_rbm": _INITIAL,
    "models.rbm.start_chains": _CHAINS,
    "models.rbm.gibbs_step": _CHAINS,
    "models.rbm.gibbs_chain": _CHAINS,
}
"""Functions that no gradient goes through, and why."""


# Fully connected nets


def _mlp_point(
    key: PRNGKey, hidden: str, sizes=(3, 4, 3, 2)
) -> tuple[Model, tuple[Any, ...]]:
    model = mlp(list(sizes), hidden=hidden)
    x, targets = draw_normals(jax.random.fold_in(key, 1), (4, sizes[0]), (4, sizes[-1]))
    return model, (
        draw_params(jax.random.fold_in(key, 0), model.init),
        x,
        targets,
    )


def _mlp(hidden: str) -> Subject:
    """A net with squared error, held against the chain rule by hand."""

    def make(key):
        model, args = _mlp_point(key, hidden, (3, 4, 2))

        def fn(params, x, targets):
            return jnp.mean(losses.half_squared_error(model.apply(params, x), targets))

        def hand(cotangent, params, x, targets):
            del cotangent  # 1: the error is a scalar
            trace = forward(params, x, hidden=hidden)
            grads = (trace.activations[-1] - targets) / len(x)
            steps = backprop.backward(params, trace, grads, hidden=hidden)
            _, by_hand = backprop.squared_error_and_grad(
                params, x, targets, hidden=hidden
            )
            return by_hand, steps.activation_grads[0], -grads

        analytic = ACTIVATIONS[hidden].analytic
        return Case(fn, args, ("params", "x", "targets"), analytic, hand)

    return Subject(f"mlp[{hidden}]", ("models.mlps.mlp",), make)


def _forward(key):
    _, (params, x, _) = _mlp_point(key, "tanh")
    return Case(forward, (params, x), ("params", "x"), True)


# LeNet


_MAPS = (1, 6, 6, 2)


def _scaled_tanh(key):
    (z,) = draw_normals(key, (12,))

    def hand(cotangent, z):
        y = scaled_tanh(z) / 1.7159
        return (cotangent * 1.7159 * (2 / 3) * (1 - y**2),)

    return Case(scaled_tanh, (2 * z,), ("z",), True, hand)


def _lenet(
    make_net: Callable[..., LeNet], layers: tuple[str, ...]
) -> Callable[[PRNGKey], Case]:
    """The small leaves of the lower layers, through all that is above; one image.

    Kernels, which are large, are checked where their layers are.
    """

    def make(key):
        net = make_net()
        params = draw_params(key, net.init)
        x = jax.nn.sigmoid(draw_normal(jax.random.fold_in(key, 99), (1, 28, 28, 1)))
        small = {
            name: {k: y for k, y in params[name].items() if k != "kernel"}
            for name in layers
        }

        def outputs_of(net):
            def fn(small):
                merged = {name: params[name] | small[name] for name in layers}
                found = net.activity(params | merged, x)
                return found.f6, found.logits

            return fn

        plain = outputs_of(make_net(implementation="xla"))
        return Case(outputs_of(net), (small,), ("params",), plain=plain)

    return make


def _layer(
    layer, shape: tuple[int, ...], *, plain: nn.Module | None = None
) -> Callable[[PRNGKey], Case]:
    """A Linen module at a point, held against the same module in its plain form."""

    def make(key):
        (x,) = draw_normals(key, shape)
        param_key = jax.random.fold_in(key, 1)
        params = draw_params(param_key, lambda key: layer.init(key, x), 1.0)
        apply = None if plain is None else plain.apply
        return Case(layer.apply, (params, x), ("params", "x"), plain=apply)

    return make


def _enlarge_inputs(key):
    """Of something linear in place of a net."""
    x, weights = draw_normals(key, (1, 3, 3, 1), (28, 28))

    def apply(params, x):
        return jnp.sum(params[None, :, :, None] * x, axis=(1, 2, 3))

    same: Any = apply  # in place of functions of the maps, which nothing calls
    net = enlarge_inputs(LeNet(lambda key: None, apply, same, same))
    return Case(lambda x: net.apply(weights, x), (x,), ("x",), True)


# Autoencoders and readouts of sequences


def _autoencoder(tied: bool) -> Callable[[PRNGKey], Case]:
    def make(key):
        model = autoencoder(4, [3], 2, tied=tied)
        (x,) = draw_normals(jax.random.fold_in(key, 9), (3, 4))
        return Case(
            model.apply, (draw_params(key, model.init, 0.7), x), ("params", "x")
        )

    return make


def _jacobian(hidden_sizes: tuple[int, ...], latent: str) -> Callable[[PRNGKey], Case]:
    def make(key):
        model = autoencoder(4, hidden_sizes, 2, latent=latent)
        (x,) = draw_normals(jax.random.fold_in(key, 9), (3, 4))
        args = draw_params(key, model.init, 0.7)["encoder"], x

        def fn(layers, x):
            return squared_jacobian(layers, x, latent=latent)

        return Case(fn, args, ("layers", "x"))

    return make


def _lstm_1997_readout(key):
    """With the whole gradient: the truncated one is not the derivative."""
    model = lstm_1997_readout(2, 1, [0.0], truncated=False)
    (inputs,) = draw_normals(jax.random.fold_in(key, 1), (2, 3, 2))
    mask = jnp.array([[True, True, True], [True, True, False]])

    def fn(params, inputs):
        return model.apply(params, inputs, mask=mask)

    params = draw_params(jax.random.fold_in(key, 0), model.init)
    return Case(fn, (params, inputs), ("params", "inputs"))


def subjects() -> list[Subject]:
    """Fully connected nets, LeNet, autoencoders, readouts."""
    return [
        subject("models.mlps.forward", _forward),
        *map(_mlp, ACTIVATIONS),
        *_lenets(),
        *_autoencoders(),
        subject(
            "models.sequence.lstm_1997_readout",
            _lstm_1997_readout,
            "models.sequence.sequence_readout",
        ),
    ]


def _lenets() -> Iterator[Subject]:
    room, layers = "models.lenet.", "models.lenet_layers."
    few = ((0,), (0, 1))
    small = _lenet(functools.partial(modern_lenet, maps=(2, 3)), ("c1",))
    yield subject(layers + "scaled_tanh", _scaled_tanh)
    yield subject(layers + "TrainablePool", _layer(TrainablePool(), _MAPS))
    partial = _layer(PartialConv(few), _MAPS, plain=PartialConv(few, "xla"))
    yield subject(layers + "PartialConv", partial)
    yield subject(room + "lenet5", _lenet(lenet5, ("s2",)), room + "LeNet")
    yield subject(room + "modern_lenet", small)
    yield subject(room + "enlarge_inputs", _enlarge_inputs)


def _autoencoders() -> Iterator[Subject]:
    nets = ("models.autoencoders.autoencoder", "models.autoencoders.Autoencoder")
    yield Subject("autoencoder", nets, _autoencoder(tied=False))
    yield Subject("autoencoder[tied]", nets, _autoencoder(tied=True))
    for variant, make in {
        "one layer": _jacobian((), "sigmoid"),
        "deep": _jacobian((3,), "tanh"),
    }.items():
        name = f"squared_jacobian[{variant}]"
        yield subject("models.autoencoders.squared_jacobian", make, name=name)
