"""Activation functions, and one table that knows their mathematics.

What `jax.nn` has is used as it is. At a kink a derivative here is what `jax.grad`
gives: a value between those of the two sides.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.errors import InputError


def unit_step(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Unit step: f(z) = 0 for z < 0, 1/2 at 0, 1 for z > 0.

    Its derivative is 0 wherever it has one, so nothing can be learned through it.
    """
    return jnp.heaviside(z, jnp.asarray(0.5, z.dtype))


def linear(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Identity: f(z) = z. Layers with nothing else between them are one layer."""
    return z


def piecewise_linear(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """f(z) = 0 for z <= -1/2, z + 1/2 between, 1 for z >= 1/2."""
    return jnp.clip(z + 0.5, 0, 1)


def gelu(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Gaussian error linear unit: f(z) = z Phi(z).

    Phi is the normal distribution function: this is the exact unit (through `erfc`),
    not its approximation by `tanh`.

    References:
      Hendrycks & Gimpel, "Gaussian error linear units", 2016.
    """
    return jax.nn.gelu(z, approximate=False)


def maxout(
    z: Float[Array, "*batch in"], *, num_pieces: int = 2
) -> Float[Array, "*batch out"]:
    """Largest of each unit's pieces.

    f(z)_u = max_k z[k * num_units + u]: piece 0 of all units, then piece 1, and so on.

    Written as a chain of pairwise maxima: over a whole training step on CPU a reduction
    by `max` costs 3 % more, and 14 % more with a unit's pieces side by side. At a tie a
    pair shares its gradient in halves, so the pieces' shares always sum to 1.

    Args:
      z: the pieces, as one dense layer gives them.
      num_pieces: how many features each unit takes the largest of.

    Raises:
      ValueError: if the features of `z` are not a multiple of `num_pieces`.

    References:
      Goodfellow et al., "Maxout networks", 2013.
    """
    if num_pieces < 1 or z.shape[-1] % num_pieces:
        raise ValueError(
            f"{z.shape[-1]} features do not divide into {num_pieces} pieces a unit"
        )
    pieces = jnp.split(z, num_pieces, axis=-1)
    largest = pieces[0]
    for piece in pieces[1:]:
        largest = jnp.maximum(largest, piece)
    return largest


class Activation(NamedTuple):
    """An activation function and its mathematics.

    Attributes:
      name: its key in `ACTIVATIONS`.
      fn: the function, on floating arrays of any shape; softmax and maxout act on the
        last axis.
      formula: f(z) in plain text.
      derivative: f'(z), in closed form, of the shape of z; for softmax and maxout the
        Jacobian dy_i/dz_j, of shape [*batch out in].
      derivative_formula: f'(z) in plain text.
      low, high: ends of its range, never passed but by rounding.
      kinks: where f or f' jumps.
      second_kinks: where f'' jumps or does not exist and f' does not jump.
      analytic: whether f, as it is computed, continues to complex z near the real axis,
        so that a complex step gives its derivative.
      elementwise: whether y_i depends on z_i alone.
      pieces: how many features each unit takes from the layer before.
    """

    name: str
    fn: Callable[[jax.Array], jax.Array]
    formula: str
    derivative: Callable[[jax.Array], jax.Array]
    derivative_formula: str
    low: float
    high: float
    kinks: tuple[float, ...] = ()
    second_kinks: tuple[float, ...] = ()
    analytic: bool = False
    elementwise: bool = True
    pieces: int = 1


def _step_between(z, low: float, high: float):
    """1 between two kinks, 1/2 on them, 0 outside."""
    half = jnp.asarray(0.5, z.dtype)
    return jnp.heaviside(z - low, half) * jnp.heaviside(high - z, half)


def _sigmoid_derivative(z):
    return jax.nn.sigmoid(z) * jax.nn.sigmoid(-z)  # 1 - f(z) would cancel


def _tanh_derivative(z):
    return 4 * _sigmoid_derivative(2 * z)  # 1 - tanh(z)^2 would cancel


def _gelu_derivative(z):
    distribution = jax.lax.erfc(-z * math.sqrt(0.5)) / 2
    return distribution + z * jnp.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def _silu_derivative(z):
    return jax.nn.sigmoid(z) + z * _sigmoid_derivative(z)


def _elu_derivative(z):
    return jnp.where(z > 0, jnp.ones_like(z), jnp.exp(jnp.minimum(z, 0)))


def _softmax_derivative(z):
    y = jax.nn.softmax(z)
    eye = jnp.eye(z.shape[-1], dtype=z.dtype)
    return y[..., :, None] * (eye - y[..., None, :])


def _maxout_derivative(z):
    pieces = jnp.stack(jnp.split(z, 2, axis=-1))
    half = jnp.asarray(0.5, z.dtype)
    shares = jnp.heaviside(pieces - pieces[::-1], half)
    eye = jnp.eye(pieces.shape[-1], dtype=z.dtype)
    return jnp.concatenate([share[..., :, None] * eye for share in shares], axis=-1)


ACTIVATIONS: dict[str, Activation] = {
    row.name: row
    for row in (
        Activation(
            "unit_step",
            unit_step,
            "0 (z < 0), 1/2 (z = 0), 1 (z > 0)",
            jnp.zeros_like,
            "0 (z != 0)",
            0,
            1,
            kinks=(0,),
        ),
        Activation(
            "sign",
            jnp.sign,
            "-1 (z < 0), 0 (z = 0), 1 (z > 0)",
            jnp.zeros_like,
            "0 (z != 0)",
            -1,
            1,
            kinks=(0,),
        ),
        Activation(
            "linear",
            linear,
            "z",
            jnp.ones_like,
            "1",
            -math.inf,
            math.inf,
            analytic=True,
        ),
        Activation(
            "piecewise_linear",
            piecewise_linear,
            "0 (z <= -1/2), z + 1/2 (between), 1 (z >= 1/2)",
            lambda z: _step_between(z, -0.5, 0.5),
            "1 (|z| < 1/2), 0 (|z| > 1/2)",
            0,
            1,
            kinks=(-0.5, 0.5),
        ),
        Activation(
            "sigmoid",
            jax.nn.sigmoid,
            "1 / (1 + exp(-z))",
            _sigmoid_derivative,
            "f(z) (1 - f(z))",
            0,
            1,
            analytic=True,
        ),
        Activation(
            "tanh",
            jnp.tanh,
            "(exp(z) - exp(-z)) / (exp(z) + exp(-z))",
            _tanh_derivative,
            "1 - f(z)^2",
            -1,
            1,
            analytic=True,
        ),
        Activation(
            "relu",
            jax.nn.relu,
            "max(0, z)",
            lambda z: (z > 0).astype(z.dtype),
            "0 (z < 0), 1 (z > 0)",
            0,
            math.inf,
            kinks=(0,),
        ),
        Activation(
            "leaky_relu",
            jax.nn.leaky_relu,
            "max(0.01 z, z)",
            lambda z: jnp.where(z >= 0, 1, 0.01).astype(z.dtype),
            "0.01 (z < 0), 1 (z > 0)",
            -math.inf,
            math.inf,
            kinks=(0,),
        ),
        Activation(
            "softplus",
            jax.nn.softplus,
            "log(1 + exp(z))",
            jax.nn.sigmoid,
            "1 / (1 + exp(-z))",
            0,
            math.inf,
        ),
        Activation(
            "softmax",
            jax.nn.softmax,
            "exp(z_i) / sum_j exp(z_j)",
            _softmax_derivative,
            "f_i (1[i = j] - f_j)",
            0,
            1,
            elementwise=False,
        ),
        Activation(
            "softsign",
            jax.nn.soft_sign,
            "z / (1 + |z|)",
            lambda z: 1 / (1 + jnp.abs(z)) ** 2,
            "1 / (1 + |z|)^2",
            -1,
            1,
            second_kinks=(0,),
        ),
        Activation(
            "elu",
            jax.nn.elu,
            "exp(z) - 1 (z < 0), z (z >= 0)",
            _elu_derivative,
            "exp(z) (z < 0), 1 (z >= 0)",
            -1,
            math.inf,
            second_kinks=(0,),
        ),
        Activation(
            "gelu",
            gelu,
            "z Phi(z), Phi the normal distribution function",
            _gelu_derivative,
            "Phi(z) + z exp(-z^2 / 2) / sqrt(2 pi)",
            -0.1699712074799037,
            math.inf,
        ),
        Activation(
            "silu",
            jax.nn.silu,
            "z / (1 + exp(-z))",
            _silu_derivative,
            "s(z) + z s(z) (1 - s(z)), s the sigmoid",
            -0.2784645427610738,
            math.inf,
            analytic=True,
        ),
        Activation(
            "maxout",
            maxout,
            "max over the unit's two pieces",
            _maxout_derivative,
            "1 (largest piece), 0 (the other)",
            -math.inf,
            math.inf,
            elementwise=False,
            pieces=2,
        ),
    )
}
"""Every activation by name, in the order of the course's table, then the later ones.

maxout's kinks are ties between pieces, wherever these lie.
"""


def activation(name: str) -> Activation:
    """The row of `ACTIVATIONS` with that name.

    Raises:
      InputError: if there is none.
    """
    if name not in ACTIVATIONS:
        raise InputError(
            f"no activation is called {name!r}: expected one of "
            f"{', '.join(ACTIVATIONS)}"
        )
    return ACTIVATIONS[name]
