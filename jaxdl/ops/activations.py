"""Activation functions, and one table that knows their mathematics.

What `jax.nn` has is used, except where another formula was measured to be faster and is
as accurate (`benchmarks/activations.py`); what is between two numbers is said there. At
a kink a derivative here is what `jax.grad` gives: a value between those of the two
sides.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxdl.errors import InputError

ArrayFn = Callable[[Array], Array]


def _in_float32(fn: ArrayFn) -> ArrayFn:
    """`fn` with 16-bit numbers taken to float32, and its result rounded back.

    One rounding in place of one after every operation: more accurate, and on CPU, which
    rounds to bfloat16 by some ten integer operations, up to four times faster.
    """

    @functools.wraps(fn)
    def wide(z: jax.Array) -> jax.Array:
        if z.dtype.itemsize > 2:
            return fn(z)
        return fn(z.astype(jnp.float32)).astype(z.dtype)

    return wide


def _with_jvp(rule: Callable[..., Array]) -> Callable[[ArrayFn], ArrayFn]:
    """Gives a function of one array the tangent `rule(tangent, y, z)` of its result y.

    The rules here read z and y, which exist anyway. Where XLA is left to differentiate
    the formula, it writes what forward and backward share (an exponential) to an array
    of its own, and a large array costs more than the exponential.
    """

    def decorate(fn: ArrayFn) -> ArrayFn:
        differentiable = jax.custom_jvp(fn)
        differentiable.defjvps(rule)
        return differentiable

    return decorate


def unit_step(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Unit step: f(z) = 0 for z < 0, 1/2 at 0, 1 for z > 0.

    Its derivative is 0 wherever it has one, so nothing can be learned through it.
    """
    return jnp.heaviside(z, jnp.asarray(0.5, z.dtype))


def linear(z: Inexact[Array, "*batch"]) -> Inexact[Array, "*batch"]:
    """Identity: f(z) = z. Layers with nothing else between them are one layer."""
    return z


@_in_float32
def piecewise_linear(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """f(z) = 0 for z <= -1/2, z + 1/2 between, 1 for z >= 1/2."""
    return jnp.clip(z + 0.5, 0, 1)


@_in_float32
def sigmoid(z: Inexact[Array, "*batch"]) -> Inexact[Array, "*batch"]:
    """Logistic sigmoid: f(z) = 1 / (1 + exp(-z)), in (0, 1)."""
    return jax.nn.sigmoid(z)


@_in_float32
def tanh(z: Inexact[Array, "*batch"]) -> Inexact[Array, "*batch"]:
    """Hyperbolic tangent: f(z) = (e^z - e^-z) / (e^z + e^-z), in (-1, 1)."""
    return jnp.tanh(z)


@_in_float32
def leaky_relu(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Leaky rectifier: f(z) = z for z >= 0, z / 100 below.

    References:
      Maas et al., "Rectifier nonlinearities improve neural network acoustic models",
        2013.
    """
    return jax.nn.leaky_relu(z)


@_in_float32
@_with_jvp(lambda tangent, y, z: tangent * jax.nn.sigmoid(z))
def softplus(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Smooth rectifier: f(z) = log(1 + exp(z)), above 0.

    Computed as max(z, 0) + log(1 + t) with t = exp(-|z|) at most 1, where
    log(1 + t) = 2 artanh(s) = 2 s (1 + s^2/3 + s^4/5 + ...) with s = t / (2 + t) at
    most 1/3: a few terms reach the last bits. `jnp.logaddexp`, through `log1p`, takes
    up to four times as long on CPU.

    References:
      Dugas et al., "Incorporating second-order functional knowledge for better option
        pricing", 2000.
    """
    t = jnp.exp(-jnp.abs(z))
    twice_s = 2 * t / (2 + t)  # s itself would underflow before t
    num_terms = 16 if z.dtype == jnp.float64 else 7  # the next: below 2^-54, 2^-25
    series = jnp.zeros_like(z)
    for k in reversed(range(num_terms)):
        series = series * (twice_s / 2) ** 2 + 1 / (2 * k + 1)
    return jnp.maximum(z, 0) + twice_s * series


@_in_float32
@_with_jvp(
    lambda tangent, y, z: y * (tangent - jnp.sum(y * tangent, -1, keepdims=True))
)
def softmax(z: Float[Array, "*batch classes"]) -> Float[Array, "*batch classes"]:
    """Probabilities from logits: f(z)_i = exp(z_i) / sum_j exp(z_j)."""
    return jax.nn.softmax(z)


@_in_float32
def softsign(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """f(z) = z / (1 + |z|), in (-1, 1).

    References:
      Bergstra et al., "Quadratic polynomials learn better image features", 2009.
    """
    return jax.nn.soft_sign(z)


@_in_float32
@_with_jvp(lambda tangent, y, z: tangent * jnp.where(z > 0, 1, y + 1))
def elu(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Exponential linear unit: f(z) = z for z >= 0, exp(z) - 1 below.

    exp(z) - 1 = 2 t / (1 - t) with t = tanh(z/2), which cancels nothing for z < 0 and
    on CPU takes about 2/3 of the time of `expm1`.

    References:
      Clevert et al., "Fast and accurate deep network learning by exponential linear
        units", 2016.
    """
    t = jnp.tanh(z / 2)
    return jnp.where(z > 0, z, 2 * t / (1 - t))


@_in_float32
def gelu(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Gaussian error linear unit: f(z) = z Phi(z).

    Phi(z) = (1 + erf(z / sqrt(2))) / 2 is the normal distribution function: this is the
    exact unit, not its approximation by `tanh`. By `erfc`, as in `jax.nn`, the tail
    below -3 would keep its relative accuracy, not only the absolute one, and forward
    and backward would take about twice as long on CPU.

    References:
      Hendrycks & Gimpel, "Gaussian error linear units", 2016.
    """
    return z * (1 + jax.lax.erf(z * math.sqrt(0.5))) / 2


def _silu_tangent(tangent, y, z):
    t = jnp.tanh(z / 2)  # the sigmoid is (1 + t) / 2
    return tangent * (1 + t + z * (1 - t**2) / 2) / 2


@_in_float32
@_with_jvp(_silu_tangent)
def silu(z: Inexact[Array, "*batch"]) -> Inexact[Array, "*batch"]:
    """Sigmoid linear unit, or swish: f(z) = z / (1 + exp(-z)).

    References:
      Elfwing et al., "Sigmoid-weighted linear units for neural network function
        approximation in reinforcement learning", 2018.
    """
    return jax.nn.silu(z)


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


def _identities(z, size: int):
    """An identity matrix for each row of z."""
    return jnp.broadcast_to(jnp.eye(size, dtype=z.dtype), (*z.shape[:-1], size, size))


def _softmax_derivative(z):
    y = jax.nn.softmax(z)
    return y[..., :, None] * (_identities(z, z.shape[-1]) - y[..., None, :])


def _maxout_derivative(z):
    pieces = jnp.stack(jnp.split(z, 2, axis=-1))
    half = jnp.asarray(0.5, z.dtype)
    shares = jnp.heaviside(pieces - pieces[::-1], half)
    eye = _identities(z, pieces.shape[-1])
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
            sigmoid,
            "1 / (1 + exp(-z))",
            _sigmoid_derivative,
            "f(z) (1 - f(z))",
            0,
            1,
            analytic=True,
        ),
        Activation(
            "tanh",
            tanh,
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
            leaky_relu,
            "max(0.01 z, z)",
            lambda z: jnp.where(z >= 0, 1, 0.01).astype(z.dtype),
            "0.01 (z < 0), 1 (z > 0)",
            -math.inf,
            math.inf,
            kinks=(0,),
        ),
        Activation(
            "softplus",
            softplus,
            "log(1 + exp(z))",
            jax.nn.sigmoid,
            "1 / (1 + exp(-z))",
            0,
            math.inf,
        ),
        Activation(
            "softmax",
            softmax,
            "exp(z_i) / sum_j exp(z_j)",
            _softmax_derivative,
            "f_i (1[i = j] - f_j)",
            0,
            1,
            elementwise=False,
        ),
        Activation(
            "softsign",
            softsign,
            "z / (1 + |z|)",
            lambda z: 1 / (1 + jnp.abs(z)) ** 2,
            "1 / (1 + |z|)^2",
            -1,
            1,
            second_kinks=(0,),
        ),
        Activation(
            "elu",
            elu,
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
            silu,
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
