"""LeNet and distortions of images among the subjects of `jaxdl gradcheck`."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxdl.gradcheck.convolutions import with_xlas_own
from jaxdl.gradcheck.problem import Case, draw_normal, draw_normals
from jaxdl.models.lenet import LeNet, enlarge_inputs, lenet5, modern_lenet
from jaxdl.models.lenet_layers import PartialConv, TrainablePool, scaled_tanh
from jaxdl.systems.lenet.distortions import Affine, Distortion, affine_images, distort
from jaxdl.types import PRNGKey

_MAPS = (1, 6, 6, 2)


def _scaled_tanh(key):
    (z,) = draw_normals(key, (12,))

    def hand(cotangent, z):
        y = scaled_tanh(z) / 1.7159
        return (cotangent * 1.7159 * (2 / 3) * (1 - y**2),)

    return Case(scaled_tanh, (2 * z,), ("z",), True, hand)


def _net(
    make_net: Callable[[], LeNet], layers: tuple[str, ...]
) -> Callable[[PRNGKey], Case]:
    """The small leaves of the lower layers, through all that is above; one image.

    Kernels, which are large, are checked where their layers are.
    """

    def make(key):
        net = make_net()
        leaves, treedef = jax.tree.flatten(jax.eval_shape(net.init, key))
        draws = draw_normals(key, *(leaf.shape for leaf in leaves))
        scales = [math.prod(leaf.shape[:-1]) ** -0.5 for leaf in leaves]
        params = jax.tree.unflatten(treedef, map(jnp.multiply, draws, scales))
        x = jax.nn.sigmoid(draw_normal(jax.random.fold_in(key, 99), (1, 28, 28, 1)))
        small = {
            name: {k: y for k, y in params[name].items() if k != "kernel"}
            for name in layers
        }

        def fn(small):
            merged = {name: params[name] | small[name] for name in layers}
            found = net.activity(params | merged, x)
            return found.f6, found.logits

        return Case(fn, (small,), ("params",), plain=with_xlas_own(fn))

    return make


def _layer(layer, shape: tuple[int, ...]) -> Callable[[PRNGKey], Case]:
    """A Linen module at a point."""

    def make(key):
        (x,) = draw_normals(key, shape)
        like = jax.eval_shape(layer.init, key, x)
        leaves, treedef = jax.tree.flatten(like)
        draws = draw_normals(jax.random.fold_in(key, 1), *(y.shape for y in leaves))
        params = jax.tree.unflatten(treedef, draws)
        plain = with_xlas_own(layer.apply)
        return Case(layer.apply, (params, x), ("params", "x"), plain=plain)

    return make


def _enlarge_inputs(key):
    """Of something linear in place of a net."""
    x, weights = draw_normals(key, (1, 3, 3, 1), (28, 28))

    def apply(params, x):
        return jnp.sum(params[None, :, :, None] * x, axis=(1, 2, 3))

    net = enlarge_inputs(LeNet(lambda key: None, apply, apply, apply))
    return Case(lambda x: net.apply(weights, x), (x,), ("x",), True)


def _affine_images(key):
    """Maps at random, so that no point is at a pixel, where the derivative jumps."""
    x, turns, shift = draw_normals(key, (2, 4, 5, 1), (2, 2, 2), (2, 2))
    matrix = jnp.eye(2)[None] + 0.2 * turns

    def fn(x, matrix, shift):
        return affine_images(x, Affine(matrix, shift))

    return Case(fn, (x, matrix, shift), ("x", "matrix", "shift"))


def _distort(key):
    (x,) = draw_normals(key, (2, 4, 5, 1))
    bounds = Distortion(1.0, 20.0, 0.2, 0.1, 0.2)
    return Case(lambda x: distort(key, x, bounds), (x,), ("x",))


def _rows() -> list[tuple[str, tuple[str, ...], Callable[[PRNGKey], Case]]]:
    room, layers, ops = (
        "models.lenet.",
        "models.lenet_layers.",
        "systems.lenet.distortions.",
    )
    few = ((0,), (0, 1))
    return [
        ("scaled_tanh", (layers + "scaled_tanh",), _scaled_tanh),
        ("TrainablePool", (layers + "TrainablePool",), _layer(TrainablePool(), _MAPS)),
        ("PartialConv", (layers + "PartialConv",), _layer(PartialConv(few), _MAPS)),
        (
            "lenet5",
            (room + "lenet5", room + "LeNet"),
            _net(lenet5, ("s2",)),
        ),
        (
            "modern_lenet",
            (room + "modern_lenet",),
            _net(lambda: modern_lenet(maps=(2, 3)), ("c1",)),
        ),
        ("enlarge_inputs", (room + "enlarge_inputs",), _enlarge_inputs),
        ("affine_images", (ops + "affine_images",), _affine_images),
        ("distort", (ops + "distort",), _distort),
    ]


LENET = _rows()
"""Name, covered functions and `make` of each subject."""
