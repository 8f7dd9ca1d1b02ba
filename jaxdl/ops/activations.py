"""Activation functions, and one table that knows their mathematics.

Values and first derivatives are within 1e-6 of themselves in float32, in the tails too
(`benchmarks/accuracy.py` tries numbers of all sizes): a derivative is computed from z
where the value has lost it, as y (1 - y) has where y rounds to 1. What `jax.nn`
has is used where it is that accurate and another formula was not measured to be faster
(`benchmarks/activations.py`). At a kink a derivative here is what `jax.grad` gives: a
value between those of the two sides. At NaN values and derivatives are NaN.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxdl.errors import InputError
from jaxdl.ops.arguments import array_like, as_array
from jaxdl.ops.numerics import in_float32

ArrayFn = Callable[[Array], Array]


def _with_jvp(rule: Callable[..., Array]) -> Callable[[ArrayFn], ArrayFn]:
    """Gives a function of one array the tangent `rule(tangent, y, z)` of its result y.

    The rules here read z and y, which exist anyway. Where XLA is left to differentiate
    the formula, it writes what forward and backward share (an exponential) to an array
    of its own, and a large array costs more than the exponential.

    A second derivative is that of the rule.
    """

    def decorate(fn: ArrayFn) -> ArrayFn:
        differentiable = jax.custom_jvp(fn)
        differentiable.defjvps(rule)
        return differentiable

    return decorate


# Exponentials that keep their digits in the tails


def _largest(z: jax.Array) -> Any:
    """The largest finite number of the type of z."""
    return jnp.finfo(z.dtype).max


def _exp(z):
    """exp(z) = r, of which r r stays a product: XLA would compute exp(2z) anew.

    That is slower, and 0 long before r.
    """
    return jnp.maximum(jnp.exp(z), 0)


@in_float32
def _sigmoid_derivative(z):
    """y (1 - y) without its cancellation: exp(-z) y y, in an order that holds."""
    if jnp.iscomplexobj(z):
        return jax.nn.sigmoid(z) * jax.nn.sigmoid(-z)
    y = _logistic(z)
    return jnp.minimum(jnp.exp(-z), _largest(z)) * y * y


@_with_jvp(lambda tangent, y, z: tangent * _sigmoid_derivative(z))
def _logistic(z):
    return jax.nn.sigmoid(z)


@in_float32
@_with_jvp(lambda tangent, y, z: -2 * tangent * jnp.tanh(z) * y)
def _tanh_derivative(z):
    """1 - tanh(z)^2 without its cancellation: the square of 1 / cosh(z)."""
    if jnp.iscomplexobj(z):
        return 1 / jnp.cosh(z) ** 2
    t = _exp(-jnp.abs(z))
    root = 2 * t / (1 + t * t)
    return root * root


_SMALL = 0.35


def _small_expm1(z):
    """exp(z) - 1 for |z| up to `_SMALL`, by its power series."""
    num_terms = 14 if z.dtype == jnp.float64 else 7  # the next: below 2^-54, 2^-25
    series = jnp.zeros_like(z)
    for k in reversed(range(1, num_terms + 1)):
        series = series * z + 1 / math.factorial(k)
    return z * series


def _half_bell(a):
    """exp(-a^2 / 4) for a >= 0.

    a^2 rounded would put the exponent off by up to 2^-24 of itself, which is more than
    1e-6 of the result for large a. The leading 12 bits of a have an exact square; what
    they leave out is small.
    """
    bits = jax.lax.bitcast_convert_type(a, jnp.int32) & -0x1000
    lead = jax.lax.bitcast_convert_type(bits, jnp.float32)
    rest = (a - lead) * (a + lead) / 4  # below 0.05
    factor = 1 - rest * (1 - rest / 2 * (1 - rest / 3 * (1 - rest / 4)))
    return jnp.exp(-lead * lead / 4) * factor


_MILLS = (0.139621403, 0.139861891, 0.119832709, 0.105508645, -0.0231113755)
_MILLS += (0.159176432, -0.255716268, 0.143972683, -0.0291461345)


def _normal_tail(z):
    """q and r with Phi(-|z|) = q r^2 and exp(-z^2 / 2) = r^2, of float32.

    q, half of the scaled complementary error function of |z| / sqrt(2), is u times a
    polynomial in u = 1 / (1 + 0.35 |z|), fitted to 3.2e-8 of itself up to |z| = 14.
    Further out r^2 is 0.
    """
    a = jnp.minimum(jnp.abs(z), 15)
    u = 1 / (1 + 0.35 * a)
    q = jnp.zeros_like(z)
    for coefficient in reversed(_MILLS):
        q = q * u + coefficient
    return q * u, _half_bell(a)


# Activations


def _flat(z):
    """A derivative of 0, and NaN at NaN."""
    return jnp.where(jnp.isnan(z), math.nan, jnp.zeros_like(z))


def _one(z):
    """A derivative of 1, and NaN at NaN."""
    return jnp.where(jnp.isnan(z), math.nan, jnp.ones_like(z))


@array_like
@_with_jvp(lambda tangent, y, z: tangent * _flat(z))
def unit_step(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Unit step: f(z) = 0 for z < 0, 1/2 at 0, 1 for z > 0.

    Its derivative is 0 wherever it has one, so nothing can be learned through it.
    """
    return jnp.heaviside(z, jnp.asarray(0.5, z.dtype))


@array_like
@_with_jvp(lambda tangent, y, z: tangent * _flat(z))
def sign(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Sign: f(z) = -1 for z < 0, 0 at 0, 1 for z > 0. Its derivative is 0."""
    return jnp.sign(z)


@array_like
def linear(z: Inexact[Array, "*batch"]) -> Inexact[Array, "*batch"]:
    """Identity: f(z) = z. Layers with nothing else between them are one layer."""
    return z


def _relu_tangent(tangent, y, z):
    return jnp.where(z <= 0, 0, tangent * _one(z))


@array_like
@_with_jvp(_relu_tangent)
def relu(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Rectifier: f(z) = max(0, z).

    References:
      Glorot, Bordes & Bengio, "Deep sparse rectifier neural networks", 2011.
    """
    return jax.nn.relu(z)


@array_like
@in_float32
@_with_jvp(lambda tangent, y, z: tangent * _step_between(z, -0.5, 0.5))
def piecewise_linear(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """f(z) = 0 for z <= -1/2, z + 1/2 between, 1 for z >= 1/2."""
    return jnp.clip(z + 0.5, 0, 1)


@array_like
@in_float32
@_with_jvp(lambda tangent, y, z: tangent * _sigmoid_derivative(z))
def sigmoid(z: Inexact[Array, "*batch"]) -> Inexact[Array, "*batch"]:
    """Logistic sigmoid: f(z) = 1 / (1 + exp(-z)), in (0, 1)."""
    return jax.nn.sigmoid(z)


@array_like
@in_float32
@_with_jvp(lambda tangent, y, z: tangent * _tanh_derivative(z))
def tanh(z: Inexact[Array, "*batch"]) -> Inexact[Array, "*batch"]:
    """Hyperbolic tangent: f(z) = (e^z - e^-z) / (e^z + e^-z), in (-1, 1)."""
    return jnp.tanh(z)


def _leaky_relu_tangent(tangent, y, z):
    return jnp.where(z < 0, 0.01 * tangent, tangent * _one(z))


@array_like
@in_float32
@_with_jvp(_leaky_relu_tangent)
def leaky_relu(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Leaky rectifier: f(z) = z for z >= 0, z / 100 below.

    References:
      Maas et al., "Rectifier nonlinearities improve neural network acoustic models",
        2013.
    """
    return jax.nn.leaky_relu(z)


@array_like
@in_float32
@_with_jvp(lambda tangent, y, z: tangent * _logistic(z))
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


@array_like
@in_float32
@_with_jvp(
    lambda tangent, y, z: y * (tangent - jnp.sum(y * tangent, -1, keepdims=True))
)
def softmax(z: Float[Array, "*batch classes"]) -> Float[Array, "*batch classes"]:
    """Probabilities from logits: f(z)_i = exp(z_i) / sum_j exp(z_j)."""
    return jax.nn.softmax(z)


@in_float32
def _softsign_derivative(z):
    return jnp.square(1 / (1 + jnp.abs(z)))


@array_like
@in_float32
@_with_jvp(lambda tangent, y, z: tangent * _softsign_derivative(z))
def softsign(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """f(z) = z / (1 + |z|), in (-1, 1).

    References:
      Bergstra et al., "Quadratic polynomials learn better image features", 2009.
    """
    z = jnp.clip(z, -_largest(z), _largest(z))  # of infinities the limits
    return z / (1 + jnp.abs(z))


@in_float32
def _elu_derivative(z):
    return jnp.where(z > 0, 1, jnp.exp(jnp.where(z > 0, 0, z)))


@array_like
@in_float32
@_with_jvp(lambda tangent, y, z: tangent * _elu_derivative(z))
def elu(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Exponential linear unit: f(z) = z for z >= 0, exp(z) - 1 below.

    exp(z) - 1 is that difference below -0.35, where no more than two bits cancel, and
    its power series above; the exponential is also the derivative.

    References:
      Clevert et al., "Fast and accurate deep network learning by exponential linear
        units", 2016.
    """
    small = _small_expm1(jnp.where(z <= -_SMALL, 0, z))
    return jnp.where(z > 0, z, jnp.where(z <= -_SMALL, jnp.exp(z) - 1, small))


# f'(z) of GELU around its zero, fitted to 2e-8 of itself: a polynomial in z - c, c the
# float32 nearest to the zero, |z - c| <= 0.3. The first coefficient is f'(c).
_GELU_ZERO = -0.7517915368080139
_GELU_NEAR = (-5.22731210e-9, 0.431493982, 0.388284809, -0.0181994744, -0.113992602)
_GELU_NEAR += (-0.0147738612, 0.0190726771, 0.00447910167)


@in_float32
@_with_jvp(lambda tangent, y, z: tangent * _gelu_second_derivative(z))
def _gelu_derivative(z):
    if z.dtype == jnp.float64:
        z = jnp.clip(z, -50, 50)
        bell = jnp.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        return jax.lax.erfc(-z * math.sqrt(0.5)) / 2 + z * bell
    q, r = _normal_tail(z)
    mixed = jnp.clip(z, -15, 15) / math.sqrt(2 * math.pi) + jnp.where(z > 0, -q, q)
    mixed = mixed * r * r
    d = z - _GELU_ZERO
    near = jnp.zeros_like(z)
    for coefficient in reversed(_GELU_NEAR):
        near = near * d + coefficient
    far = jnp.where(z > 0, 1 + mixed, mixed)
    return jnp.where(jnp.abs(d) < 0.3, near, far)


def _gelu_second_derivative(z):
    z = jnp.clip(z, -50, 50)
    return (2 - z * z) * jnp.exp(-z * z / 2) / math.sqrt(2 * math.pi)


@array_like
@in_float32
@_with_jvp(lambda tangent, y, z: tangent * _gelu_derivative(z))
def gelu(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Gaussian error linear unit: f(z) = z Phi(z).

    Phi(z) = (1 + erf(z / sqrt(2))) / 2 is the normal distribution function: this is the
    exact unit, not its approximation by `tanh`. Its tails are those of a fit to Mills'
    ratio times exp(-z^2 / 2), which the derivative needs anyway.

    References:
      Hendrycks & Gimpel, "Gaussian error linear units", 2016.
    """
    if z.dtype == jnp.float64:
        z = jnp.maximum(z, -50)
        return z * (jax.lax.erfc(-z * math.sqrt(0.5)) / 2)
    q, r = _normal_tail(z)
    tail = jnp.clip(z, -15, 15) * q * r * r
    return jnp.where(z > 0, z - tail, tail)


# f'(z) of SiLU is 0 where n(z) = 1 + z + exp(z) is: near this float32 c.
_SILU_ZERO = -1.2784645557403564
_SILU_EXP = 0.27846453914680381  # exp(c)
_SILU_REST = -1.65935526353034e-8  # n(c)


def _silu_parts(z):
    """t = exp(-|z|) as the square of r, and 1 / (1 + t); z not below -200."""
    r = _exp(-jnp.abs(z) / 2)
    return r, 1 / (1 + r * r), jnp.maximum(z, -200)


@in_float32
def _silu_derivative(z):
    """s (1 + z (1 - s)), s the sigmoid; below 0 exp(z) (1 + z + exp(z)) s(-z)^2.

    Near its zero the sum is n(c) + d + exp(c) (exp(d) - 1), with d = z - c exact and
    n(c) less than the last bit of c: nothing cancels.
    """
    if jnp.iscomplexobj(z):
        s = jax.nn.sigmoid(z)
        return s + z * _sigmoid_derivative(z)
    return _silu_slope(z)


@_with_jvp(lambda tangent, y, z: tangent * _silu_second_derivative(z))
def _silu_slope(z):
    r, u, low = _silu_parts(z)
    d = z - _SILU_ZERO
    is_near = jnp.abs(d) < _SMALL
    near = d + _SILU_EXP * _small_expm1(jnp.where(is_near, d, 0)) + _SILU_REST
    total = jnp.where(is_near, near, 1 + low + r * r)
    above = u * (1 + jnp.minimum(z, _largest(z)) * (r * r * u))
    return jnp.where(z > 0, above, total * r * r * u * u)


def _silu_second_derivative(z):
    z = jnp.clip(z, -200, 200)
    return _sigmoid_derivative(z) * (2 - z * jnp.tanh(z / 2))


@array_like
@in_float32
@_with_jvp(lambda tangent, y, z: tangent * _silu_derivative(z))
def silu(z: Inexact[Array, "*batch"]) -> Inexact[Array, "*batch"]:
    """Sigmoid linear unit, or swish: f(z) = z / (1 + exp(-z)).

    References:
      Elfwing et al., "Sigmoid-weighted linear units for neural network function
        approximation in reinforcement learning", 2018.
    """
    if jnp.iscomplexobj(z):
        return jax.nn.silu(z)
    r, u, low = _silu_parts(z)
    return jnp.where(z > 0, z, low * r * r) * u


@jax.custom_jvp
def _larger(a, b):
    return jnp.maximum(a, b)


@_larger.defjvp
def _larger_jvp(primals, tangents):
    (a, b), (of_a, of_b) = primals, tangents
    tie = jnp.where(a == b, 0.5, math.nan)
    share = jnp.where(a > b, 1, jnp.where(a < b, 0, tie)).astype(a.dtype)
    return _larger(a, b), share * of_a + (1 - share) * of_b


@array_like
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
        largest = _larger(largest, piece)
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


def _of_array(derivative: ArrayFn) -> ArrayFn:
    """A derivative of the table that takes what `array_like` functions take."""

    @functools.wraps(derivative)  # programs are called by the name
    def of_array(z):
        return derivative(as_array("z", z))

    return of_array


ACTIVATIONS: dict[str, Activation] = {
    row.name: row._replace(derivative=_of_array(row.derivative))
    for row in (
        Activation(
            "unit_step",
            unit_step,
            "0 (z < 0), 1/2 (z = 0), 1 (z > 0)",
            _flat,
            "0 (z != 0)",
            0,
            1,
            kinks=(0,),
        ),
        Activation(
            "sign",
            sign,
            "-1 (z < 0), 0 (z = 0), 1 (z > 0)",
            _flat,
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
            relu,
            "max(0, z)",
            lambda z: _relu_tangent(jnp.ones_like(z), z, z),
            "0 (z < 0), 1 (z > 0)",
            0,
            math.inf,
            kinks=(0,),
        ),
        Activation(
            "leaky_relu",
            leaky_relu,
            "max(0.01 z, z)",
            lambda z: _leaky_relu_tangent(jnp.ones_like(z), z, z),
            "0.01 (z < 0), 1 (z > 0)",
            -math.inf,
            math.inf,
            kinks=(0,),
        ),
        Activation(
            "softplus",
            softplus,
            "log(1 + exp(z))",
            _logistic,
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
            _softsign_derivative,
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
