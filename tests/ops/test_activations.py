import functools
import itertools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import special

from jaxdl.errors import InputError
from jaxdl.ops import ACTIVATIONS, activation, maxout

# In the order of the course's table, then the later ones; NumPy and SciPy, in float64.
ORACLES = {
    "unit_step": lambda z: np.heaviside(z, 0.5),
    "sign": np.sign,
    "linear": lambda z: z,
    "piecewise_linear": lambda z: np.interp(z, [-0.5, 0.5], [0, 1]),
    "sigmoid": special.expit,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, z / 100),
    "softplus": lambda z: np.logaddexp(0, z),
    "softmax": lambda z: special.softmax(z, axis=-1),
    "softsign": lambda z: z / (1 + np.abs(z)),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "gelu": lambda z: z * special.ndtr(z),
    "silu": lambda z: z * special.expit(z),
    "maxout": lambda z: np.maximum(*np.split(z, 2, axis=-1)),
}
ELEMENTWISE = [name for name, row in ACTIVATIONS.items() if row.elementwise]
each = pytest.mark.parametrize("name", ORACLES)
each_elementwise = pytest.mark.parametrize("name", ELEMENTWISE)
both_dtypes = pytest.mark.parametrize("dtype", ["float32", "bfloat16"])

# All kinks of the table, and points between.
KINKS = np.array([-0.5, 0.0, 0.5])
SMOOTH = np.array(
    [-30.25, -7.5, -3.0, -1.7, -0.9, -0.3, -0.01, 0.2, 0.45, 0.8, 1.3, 2.5, 6.0, 30.0]
)
POINTS = np.concatenate([SMOOTH, KINKS])
LARGE = np.array([1, 20, 50, 90, 1e3, 10_048])  # the last exact in bfloat16
HUGE = np.concatenate([-LARGE, KINKS, LARGE])


def rows_of_two(points):
    """Every ordered pair: for softmax and maxout, ties among them."""
    return np.array(list(itertools.product(points, points)))


def inputs(name, points, dtype=np.float64):
    points = points if ACTIVATIONS[name].elementwise else rows_of_two(points)
    return jax.device_put(points.astype(dtype))


class Float64(NamedTuple):
    """What an activation and its table say at a column of points, kinks last."""

    z: np.ndarray
    value: np.ndarray
    derivative: np.ndarray
    autodiff: np.ndarray
    second_reverse: np.ndarray
    second_forward: np.ndarray


@functools.cache
def float64(name):
    row = ACTIVATIONS[name]

    def at(z):
        second_reverse = jax.jacrev(jax.jacrev(row.fn))(z)
        second_forward = jax.jacfwd(jax.jacfwd(row.fn))(z)
        first = row.fn(z), row.derivative(z), jax.jacrev(row.fn)(z)
        return *first, second_reverse, second_forward

    with jax.enable_x64(True):
        z = inputs(name, POINTS)
        return Float64(*map(np.asarray, (z, *jax.jit(jax.vmap(at))(z))))


@functools.cache
def value_and_gradients(name, dtype):
    """At points small and huge, and both gradients: by autodiff and by the table."""
    row = ACTIVATIONS[name]

    @jax.jit
    def compute(z):
        y, pull = jax.vjp(row.fn, z)
        return y, *pull(jnp.ones_like(y)), row.derivative(z)

    points = np.concatenate([POINTS, HUGE])
    z = np.asarray(inputs(name, points, jnp.bfloat16))
    return [np.asarray(array) for array in compute(z.astype(dtype))]


def differences(f, z, step):
    """Central differences along each axis of z."""
    if z.ndim == 1:
        return (f(z + step) - f(z - step)) / (2 * step)
    columns = [(f(z + s) - f(z - s)) / (2 * step) for s in step * np.eye(2)]
    return np.stack(columns, axis=-1)


def away_from_kinks(name, z):
    """Which points are no kinks of any activation, nor ties of two pieces."""
    if ACTIVATIONS[name].elementwise:
        return ~np.isin(z, KINKS)
    return z[:, 0] != z[:, 1]


def test_order_of_the_table():
    assert list(ACTIVATIONS) == list(ORACLES)
    assert all(name == row.name for name, row in ACTIVATIONS.items())
    assert ELEMENTWISE == [n for n in ORACLES if n not in ("softmax", "maxout")]


@each
def test_equals_formula(name, variant):
    z = np.resize(POINTS, (3, 6))
    got = variant(ACTIVATIONS[name].fn)(jax.device_put(np.float32(z)))
    expected = ORACLES[name](np.float64(np.float32(z)))
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "ulp"),
    [("sigmoid", 3), ("tanh", 5), ("softplus", 4), ("softsign", 2), ("elu", 5)],
)
def test_last_bits_over_the_whole_range(name, ulp):
    tiny = np.finfo(np.float32).tiny
    z = np.concatenate(
        [
            np.linspace(-1e4, 1e4, 100_001),
            np.linspace(-90, 90, 100_001),
            np.linspace(-1, 1, 100_001),
        ]
    ).astype(np.float32)
    expected = ORACLES[name](z.astype(np.float64))
    z, expected = z[np.abs(expected) >= tiny], expected[np.abs(expected) >= tiny]
    got = np.asarray(jax.jit(ACTIVATIONS[name].fn)(z), np.float64)
    unit = np.spacing(np.abs(expected).astype(np.float32)).astype(np.float64)
    assert np.max(np.abs(got - expected) / unit) <= ulp


def test_softplus_at_zero_is_log_two():
    # Where its series converges slowest: a term less shows only here.
    at_zero = jax.jit(ACTIVATIONS["softplus"].fn)(np.zeros(1, np.float32))
    np.testing.assert_allclose(at_zero, np.log(2), rtol=6e-8)


@each
def test_float64_keeps_its_digits(name):
    got = float64(name)
    assert got.value.dtype == np.float64
    np.testing.assert_allclose(got.value, ORACLES[name](got.z), rtol=1e-13, atol=1e-14)


@each
def test_derivative_equals_autodiff_at_kinks_too(name):
    got = float64(name)
    assert got.derivative.shape == got.autodiff.shape
    np.testing.assert_allclose(got.derivative, got.autodiff, rtol=1e-12, atol=1e-14)


@each
def test_derivative_equals_differences_of_the_formula(name):
    got = float64(name)
    smooth = away_from_kinks(name, got.z)
    expected = differences(ORACLES[name], got.z[smooth], 1e-6)
    # What the difference of two numbers near 30 leaves: 30 * 2^-53 / 1e-6.
    np.testing.assert_allclose(got.derivative[smooth], expected, rtol=1e-7, atol=1e-8)


@each
def test_second_derivatives_equal_differences_of_the_formula(name):
    got = float64(name)
    smooth = away_from_kinks(name, got.z)
    z, step = got.z[smooth], 1e-3
    expected = differences(lambda z: differences(ORACLES[name], z, step), z, step)
    for second in (got.second_reverse, got.second_forward):
        # The difference itself is off by step^2 times the fourth derivative.
        np.testing.assert_allclose(second[smooth], expected, rtol=1e-5, atol=1e-5)


@each_elementwise
def test_kinks_are_where_it_or_its_derivative_jumps(name):
    row, step = ACTIVATIONS[name], 1e-3
    grid = np.arange(-4.0005, 4, step)  # kinks lie in the middle of a step
    slope = jax.grad(row.fn)
    with jax.enable_x64(True):
        orders = jax.jit(jax.vmap(lambda z: (row.fn(z), slope(z), jax.grad(slope)(z))))
        value, slope, curvature = orders(grid)

    def jumps(y):
        # No derivative in the table exceeds 6 where it exists, nor is a jump below 0.9.
        (where,) = np.nonzero(np.abs(np.diff(y)) > 10 * step)
        return set((grid[where] + step / 2).round(3))

    first = jumps(value) | jumps(slope)
    assert first == set(row.kinks)
    assert jumps(curvature) - first == set(row.second_kinks)


def test_no_kinks_are_listed_where_they_are_not_points():
    for row in ACTIVATIONS.values():
        assert row.elementwise or row.kinks == row.second_kinks == ()


@each
def test_range_is_filled_and_never_passed(name):
    row = ACTIVATIONS[name]
    grid = np.linspace(-3, 3, 601) if row.elementwise else SMOOTH
    z = inputs(name, np.concatenate([HUGE, grid]), np.float32)
    y = np.asarray(jax.jit(row.fn)(z))
    assert y.min() >= row.low - 1e-6
    assert y.max() <= row.high + 1e-6
    # Softsign is 1e-4 from its ends at +-1e4; the leaky rectifier is -100 there.
    assert y.min() <= (-99 if row.low == -math.inf else row.low + 2e-4)
    assert y.max() >= (9999 if row.high == math.inf else row.high - 2e-4)


ANALYTIC = [name for name, row in ACTIVATIONS.items() if row.analytic]


@pytest.mark.parametrize("name", ANALYTIC)
def test_complex_step_gives_the_derivative(name):
    row = ACTIVATIONS[name]
    with jax.enable_x64(True):
        z = inputs(name, POINTS)
        both = jax.jit(lambda z: (row.fn(z + 1e-30j).imag / 1e-30, row.derivative(z)))
        np.testing.assert_allclose(*both(z), rtol=1e-12)


def test_analytic_ones():
    assert ANALYTIC == ["linear", "sigmoid", "tanh", "silu"]


@each
@both_dtypes
def test_finite_and_of_its_dtype_from_minus_to_plus_ten_thousand(name, dtype):
    for array in value_and_gradients(name, dtype):
        assert array.dtype == dtype
        assert np.isfinite(array.astype(np.float32)).all()


@each
def test_bfloat16_is_float32_rounded_once(name):
    wide, got = (value_and_gradients(name, t)[:2] for t in ("float32", "bfloat16"))
    for narrow, expected in zip(got, wide, strict=True):
        np.testing.assert_array_equal(narrow, expected.astype(jnp.bfloat16))


@each
def test_elementwise_and_pieces(name):
    row = ACTIVATIONS[name]
    z = np.float32([0.3, -0.1, 0.2, 0.4])
    jacobian = np.asarray(jax.jit(jax.jacrev(row.fn))(z))
    assert jacobian.shape == (4 // row.pieces, 4)
    others = jacobian[~np.eye(*jacobian.shape, dtype=bool)]
    assert row.elementwise == bool((others == 0).all())


@each
def test_texts(name):
    row = ACTIVATIONS[name]
    assert row.formula and row.derivative_formula
    assert activation(name) is row


def test_unknown_activation_is_refused():
    with pytest.raises(InputError, match=r"'tahn': expected one of .*sigmoid, tanh"):
        activation("tahn")


# Five pieces of three units; the table's maxout has two.


def test_maxout_equals_reduction(variant):
    z = np.random.default_rng(0).normal(size=(4, 15)).astype(np.float32)
    got = variant(lambda z: maxout(z, num_pieces=5))(jax.device_put(z))
    np.testing.assert_array_equal(got, z.reshape(4, 5, 3).max(axis=1))


def test_maxout_gradients():
    with jax.enable_x64(True):
        z = np.random.default_rng(0).normal(size=(4, 15))
        f = jax.jit(lambda z: maxout(z, num_pieces=5))
        check_grads(f, (z,), order=1)


def test_maxout_shares_its_gradient_at_ties():
    for num_pieces in (2, 5):
        gradient = jax.jit(jax.grad(lambda z, n=num_pieces: maxout(z, num_pieces=n)[0]))
        shares = np.asarray(gradient(np.zeros(num_pieces, np.float32)))
        assert (shares > 0).all()
        assert shares.sum() == 1
        assert shares[0] == shares[1]


@pytest.mark.parametrize("num_pieces", [5, 0, -1])
def test_maxout_refuses_features_that_do_not_divide(num_pieces):
    message = f"14 features do not divide into {num_pieces} pieces"
    with pytest.raises(ValueError, match=message):
        maxout(jax.device_put(np.zeros((2, 14), np.float32)), num_pieces=num_pieces)
