"""Autoencoders and their losses among the subjects of `jaxdl gradcheck`."""

import types
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxdl.gradcheck.problem import Case, draw_normals
from jaxdl.models.autoencoder import Autoencoder, autoencoder, squared_jacobian
from jaxdl.objectives import reconstruction
from jaxdl.ops import corruption, losses
from jaxdl.systems.autoencoder import pca
from jaxdl.systems.greedy_pretraining.pretrained_stack import stack_features
from jaxdl.types import PRNGKey

_SHAPE = (4, 3)


def _point(model: Autoencoder, key: PRNGKey):
    """Normal numbers in place of parameters."""
    leaves, treedef = jax.tree.flatten(jax.eval_shape(model.init, key))
    draws = draw_normals(key, *(leaf.shape for leaf in leaves))
    return jax.tree.unflatten(treedef, [0.7 * x for x in draws])


def _squared_error(key):
    def hand(cotangent, outputs, targets):
        grads = 2 * cotangent[:, None] * (outputs - targets)
        return grads, -grads

    args, names = tuple(draw_normals(key, _SHAPE, _SHAPE)), ("outputs", "targets")
    return Case(losses.squared_error, args, names, True, hand)


def _pixels(fn: Callable, hand: Callable) -> Callable[[PRNGKey], Case]:
    """A loss of logits and pixels in (0, 1)."""

    def make(key):
        logits, others = draw_normals(key, _SHAPE, _SHAPE)
        args = logits, jax.nn.sigmoid(others)
        return Case(fn, args, ("logits", "targets"), hand=hand)

    return make


def _bernoulli_by_hand(cotangent, logits, targets):
    c = cotangent[:, None]
    return c * (jax.nn.sigmoid(logits) - targets), -c * logits


def _sigmoid_error_by_hand(cotangent, logits, targets):
    p = jax.nn.sigmoid(logits)
    grads = 2 * cotangent[:, None] * (p - targets)
    return grads * p * (1 - p), -grads


def _corrupted(fn: Callable) -> Callable[[PRNGKey], Case]:
    def make(key):
        (x,) = draw_normals(key, _SHAPE)
        return Case(lambda x: fn(key, x, 0.4), (x,), ("x",))

    return make


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


def _loss(key):
    """Corrupted, with a penalty; squared error of the sigmoid."""
    model = autoencoder(4, [3], 2)
    loss_fn = reconstruction.make_reconstruction_loss(
        model.apply,
        reconstruction.sigmoid_squared_error,
        corrupt=lambda key, x: corruption.masking_noise(key, x, 0.4),
        penalty=lambda params, x: jnp.mean(model.encode(params, x) ** 2),
    )
    image = jax.random.bits(key, (3, 2, 2, 1), jnp.uint8)
    batch = types.SimpleNamespace(image=image)
    args = (_point(model, key),)
    return Case(lambda params: loss_fn(params, batch, key)[0], args, ("params",))


def _network(tied: bool) -> Callable[[PRNGKey], Case]:
    def make(key):
        model = autoencoder(4, [3], 2, tied=tied)
        (x,) = draw_normals(jax.random.fold_in(key, 9), (3, 4))
        return Case(model.apply, (_point(model, key), x), ("params", "x"))

    return make


def _jacobian(hidden_sizes: tuple[int, ...], latent: str) -> Callable:
    def make(key):
        model = autoencoder(4, hidden_sizes, 2, latent=latent)
        (x,) = draw_normals(jax.random.fold_in(key, 9), (3, 4))
        args = _point(model, key)["encoder"], x

        def fn(layers, x):
            return squared_jacobian(layers, x, latent=latent)

        return Case(fn, args, ("layers", "x"))

    return make


def _stack(key):
    draws = draw_normals(key, (4, 3), (3,), (3, 2), (2,), (5, 4))
    layers = [dict(kernel=draws[i], bias=draws[i + 1]) for i in (0, 2)]

    def fn(layers, x):
        return stack_features(layers, x, hidden="sigmoid")

    return Case(fn, (layers, draws[4]), ("layers", "x"))


def _principal(fn: Callable, size: int) -> Callable[[PRNGKey], Case]:
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
    args = _point(model, key), jax.nn.sigmoid(x)
    return Case(model.apply, args, ("params", "x"))


def _rows() -> list[tuple[str, tuple[str, ...], Callable[[PRNGKey], Case]]]:
    bernoulli = _pixels(losses.bernoulli_cross_entropy, _bernoulli_by_hand)
    error_fn = reconstruction.sigmoid_squared_error
    sigmoid_error = _pixels(error_fn, _sigmoid_error_by_hand)
    nets = ("models.autoencoder.autoencoder", "models.autoencoder.Autoencoder")
    room, jacobian = "objectives.reconstruction.", "models.autoencoder.squared_jacobian"
    rows = [
        ("squared_error", ("ops.losses.squared_error",), _squared_error),
        ("bernoulli_cross_entropy", ("ops.losses.bernoulli_cross_entropy",), bernoulli),
        ("sigmoid_squared_error", (room + "sigmoid_squared_error",), sigmoid_error),
        ("sparsity_divergence", (room + "sparsity_divergence",), _sparsity),
        ("make_reconstruction_loss", (room + "make_reconstruction_loss",), _loss),
        ("autoencoder", nets, _network(tied=False)),
        ("autoencoder[tied]", nets, _network(tied=True)),
        ("squared_jacobian[one layer]", (jacobian,), _jacobian((), "sigmoid")),
        ("squared_jacobian[deep]", (jacobian,), _jacobian((3,), "tanh")),
        (
            "stack_features",
            ("systems.greedy_pretraining.pretrained_stack.stack_features",),
            _stack,
        ),
        (
            "pca_encode",
            ("systems.autoencoder.pca.pca_encode",),
            _principal(pca.pca_encode, 4),
        ),
        (
            "pca_decode",
            ("systems.autoencoder.pca.pca_decode",),
            _principal(pca.pca_decode, 2),
        ),
        ("logistic_pca", ("systems.autoencoder.pca.logistic_pca",), _logistic_pca),
    ]
    for name in ("masking_noise", "gaussian_noise", "salt_and_pepper"):
        fn = getattr(corruption, name)
        rows.append((name, (f"ops.corruption.{name}",), _corrupted(fn)))
    return rows


AUTOENCODERS = _rows()
"""Name, covered functions and `make` of each subject."""
