"""Narrow floats on the way from an argument to the value."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxdl.gradcheck.comparison import check
from jaxdl.gradcheck.precision import dtype_name, narrowest
from jaxdl.gradcheck.problem import Case


def narrow(x):
    return x.astype(jnp.float32)


def in_scan(x, y):
    def step(carry, x_t):
        return carry + narrow(x_t), carry * y

    last, ys = lax.scan(step, jnp.float32(0), x)
    return last.astype(y.dtype) + jnp.sum(ys.astype(y.dtype))


def round_the_loop(x, y):
    """Only in the second round do narrow numbers reach the sum."""

    def body(_, state):
        a, b, total = state
        return b, b, total + jnp.sum(a)

    start = (x, narrow(y).astype(y.dtype), jnp.zeros(()))
    return lax.fori_loop(0, 3, body, start)[2]


def in_while(x, y):
    def body(state):
        return state[0] + 1, narrow(state[1]).astype(x.dtype)

    return lax.while_loop(lambda s: s[0] < 2, body, (0, x))[1] + y


def in_while_up_to(x, y):
    """The limit decides how often, and has no derivative."""

    def body(state):
        return state[0] + 1, narrow(state[1]).astype(x.dtype)

    start = (jnp.zeros(()), x)
    return lax.while_loop(lambda s: s[0] < narrow(y[0]), body, start)[1]


def in_cond(x, y):
    branches = lambda x: x, lambda x: narrow(x).astype(x.dtype)  # noqa: E731
    return lax.cond(y[0] > 0, *branches, x) + y


@pytest.mark.parametrize(
    ("fn", "bits"),
    [
        (lambda x, y: x + y, (52, 52)),
        (lambda x, y: narrow(x) + y, (23, 52)),
        (lambda x, y: narrow(x), (23, 52)),
        (lambda x, y: x.astype(jnp.bfloat16).astype(x.dtype) * y, (7, 52)),
        (lambda x, y: narrow(x.astype(jnp.float16)) * narrow(y), (10, 23)),
        (lambda x, y: jnp.where(narrow(x) > 0, y, 2 * y), (52, 52)),
        (lambda x, y: narrow(x).astype(int) * y, (52, 52)),
        (lambda x, y: (narrow(x), y)[1], (52, 52)),
        (lambda x, y: jax.jit(narrow)(x) + y, (23, 52)),
        (lambda x, y: jax.checkpoint(narrow)(x) + y, (23, 52)),
        (lambda x, y: jax.nn.relu(narrow(x)) + y, (23, 52)),
        (lambda x, y: lax.reduce_precision(x, 11, 30) + y, (30, 52)),
        (lambda x, y: x + np.float32(3) * y, (52, 52)),
        (in_scan, (23, 52)),
        (round_the_loop, (52, 23)),
        (in_while, (23, 52)),
        (in_while_up_to, (23, 52)),
        (in_cond, (23, 52)),
    ],
)
def test_narrowest(fn, bits):
    with jax.enable_x64(True):
        program = jax.make_jaxpr(fn)(jnp.ones(3), jnp.ones(3))
    assert [min(column) for column in zip(*narrowest(program), strict=True)] == [*bits]


def test_names():
    assert [dtype_name(bits) for bits in (23, 10, 7)] == [
        "float32",
        "float16",
        "bfloat16",
    ]
    assert dtype_name(30) == "numbers with a mantissa of 30 bits"


def checked(fn, *args):
    names = ("x", "y")[: len(args)]
    return check("f", Case(fn, args, names), jax.random.key(0))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_right_function_in_narrow_floats_is_unchecked(dtype):
    x = np.random.default_rng(0).normal(size=3)
    (leaf,) = checked(lambda x: jnp.sum(jnp.sin(x.astype(dtype))), x)
    assert leaf.status == "unchecked" and leaf.failed and leaf.errors == {}
    assert leaf.why.startswith(f"computed in {dtype}, too coarse")


def test_only_what_is_narrow_is_unchecked():
    x, y = np.random.default_rng(0).normal(size=(2, 3))
    first, second = checked(lambda x, y: jnp.sum(x**2 * jnp.sin(narrow(y))), x, y)
    assert first.status == "ok" and first.second is not None
    assert second.status == "unchecked" and "float32" in second.why


def test_half_precision_inputs_are_checked_in_float64():
    (leaf,) = checked(jnp.sin, np.array([0.5, -1.5], np.float16))
    assert leaf.status == "ok" and leaf.worst < 1e-9


def test_a_narrow_backward_pass_is_unchecked():
    @jax.custom_vjp
    def fn(x):
        return jnp.sum(x**3)

    def backward(x, c):
        return (c * 3 * narrow(x).astype(x.dtype) ** 2,)

    fn.defvjp(lambda x: (fn(x), x), backward)
    (leaf,) = checked(fn, np.random.default_rng(0).normal(size=3))
    assert leaf.status == "unchecked" and "float32" in leaf.why


def test_a_narrow_backward_pass_names_its_leaf():
    @jax.custom_vjp
    def fn(x, y):
        return jnp.sum(x**2) + jnp.sum(y**3)

    def backward(args, c):
        x, y = args
        return c * 2 * x, c * 3 * narrow(y).astype(y.dtype) ** 2

    fn.defvjp(lambda x, y: (fn(x, y), (x, y)), backward)
    first, second = checked(fn, *np.random.default_rng(0).normal(size=(2, 3)))
    assert first.status == "ok"
    assert second.status == "unchecked" and "float32" in second.why
