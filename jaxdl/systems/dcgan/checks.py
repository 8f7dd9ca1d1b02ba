"""Convolutional GANs for `jaxdl gradcheck`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.gradcheck.problem import Case, draw_normal, draw_params
from jaxdl.gradcheck.subjects import Subject, subject
from jaxdl.nn.batch_norm import batch_norm, moments
from jaxdl.nn.linen import from_linen
from jaxdl.systems.dcgan.networks import Discriminator, Generator
from jaxdl.types import PRNGKey

NOT_DIFFERENTIABLE: dict[str, str] = {}
"""Functions that no gradient goes through, and why."""

_SIDES = (5, 3, 2)


def _net(
    module: Any, plain: Callable[..., Any], input_shape: tuple[int, int]
) -> Callable[[PRNGKey], Case]:
    """A network, held against the same one by XLA's own convolutions."""

    def make(key):
        model = from_linen(module, example=jnp.zeros(input_shape))
        params = draw_params(key, model.init)
        x = draw_normal(jax.random.fold_in(key, 99), input_shape)
        return Case(model.apply, (params, x), ("params", "x"), plain=plain)

    return make


def _normalised(x, layer, slope: float):
    y = batch_norm(x, layer["scale"], layer["shift"], moments(x))
    return jax.nn.leaky_relu(y, slope)


def _conv(x, kernel, stride: int):
    order = "NHWC", "HWIO", "NHWC"
    strides = stride, stride
    return jax.lax.conv_general_dilated(
        x, kernel, strides, "SAME", dimension_numbers=order
    )


def _transposed(x, layer, side: int):
    x = jax.lax.conv_transpose(x, layer["kernel"], (2, 2), "SAME")
    return x[:, :side, :side]


def _resized(x, layer, side: int):
    x = x.repeat(2, axis=1).repeat(2, axis=2)[:, :side, :side]
    return _conv(x, layer["kernel"], 1)


def _generator(enlarged: Callable[..., Any], first: str) -> Callable[..., Any]:
    """The generator by XLA's own convolutions."""

    def plain(params, z):
        x = (z @ params["Dense_0"]["kernel"]).reshape(-1, 2, 2, 2)
        x = _normalised(x, params["BatchNorm_0"], 0.0)
        x = enlarged(x, params[first], 3)
        x = _normalised(x, params["BatchNorm_1"], 0.0)
        x = enlarged(x, params["out"], 5) + params["out"]["bias"].reshape(1, 1, 1, -1)
        return jax.nn.sigmoid(2 * x.reshape(len(z), -1))

    return plain


def _discriminator(params, x):
    """The discriminator, likewise."""
    x = _conv(2 * x.reshape(-1, 5, 5, 1) - 1, params["Conv_0"]["kernel"], 2)
    x = jax.nn.leaky_relu(x + params["Conv_0"]["bias"].reshape(1, 1, 1, -1), 0.2)
    x = _conv(x, params["Conv_1"]["kernel"], 2)
    x = _normalised(x, params["BatchNorm_0"], 0.2).reshape(len(x), -1)
    return x @ params["out"]["kernel"][:, 0] + params["out"]["bias"]


def _features(params, x):
    """Of one layer with maps of 8x8 pixels: the largest of cells of 2x2."""
    x = _conv(2 * x.reshape(-1, 15, 15, 1) - 1, params["Conv_0"]["kernel"], 2)
    x = jax.nn.leaky_relu(x + params["Conv_0"]["bias"].reshape(1, 1, 1, -1), 0.2)
    return x.reshape(-1, 4, 2, 4, 2, 1).max(axis=(2, 4)).reshape(len(x), -1)


def subjects() -> list[Subject]:
    """Both generators, the discriminator and its features."""
    room = "systems.dcgan.networks."
    generator = (room + "dcgan", room + "Generator")
    discriminator = (room + "dcgan", room + "Discriminator")
    return [
        *(
            Subject(
                f"dcgan[{form}]",
                generator,
                _net(
                    Generator(_SIDES, 1, 1, form), _generator(enlarged, first), (3, 2)
                ),
            )
            for form, enlarged, first in (
                ("transposed", _transposed, "ConvTranspose_0"),
                ("resize", _resized, "Conv_0"),
            )
        ),
        Subject(
            "dcgan[discriminator]",
            discriminator,
            _net(Discriminator(_SIDES, 1, 1), _discriminator, (3, 25)),
        ),
        subject(
            room + "dcgan_features",
            _net(Discriminator((15, 8), 1, 1, pooled=True), _features, (1, 225)),
            name="dcgan_features[gan]",
        ),
    ]
