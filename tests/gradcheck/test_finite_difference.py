"""Differences and the complex step, against derivatives that are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.gradcheck.finite_difference import (
    STEP,
    central_difference,
    complex_step,
    displace,
)


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def f(point):
    """Of a pytree, with an analytic continuation."""
    return jnp.sum(jnp.sin(point["a"]) @ jnp.exp(point["b"][0])) + point["b"][1] ** 3


def point_and_direction():
    rng = np.random.default_rng(0)

    def draw():
        a, b, c = (jnp.asarray(rng.normal(size=s)) for s in ((2, 3), (3,), ()))
        return {"a": a, "b": (b, c)}

    return draw(), draw()


def test_displace():
    x, u = point_and_direction()
    moved = displace(x, u, 0.5)
    assert jax.tree.structure(moved) == jax.tree.structure(x)
    np.testing.assert_allclose(moved["a"], x["a"] + 0.5 * u["a"])
    np.testing.assert_allclose(moved["b"][1], x["b"][1] + 0.5 * u["b"][1])


def test_central_difference_of_a_pytree():
    x, u = point_and_direction()
    exact = jax.jvp(f, (x,), (u,))[1]
    found = jax.jit(lambda x, u: central_difference(f, x, u, STEP))(x, u)
    np.testing.assert_allclose(found.value, exact, rtol=1e-11)
    assert 0 < found.spread < 1e-8 * abs(exact)


def test_complex_step_of_a_pytree():
    x, u = point_and_direction()
    exact = jax.jvp(f, (x,), (u,))[1]
    np.testing.assert_allclose(complex_step(f, x, u), exact, rtol=1e-14)


def test_outputs_keep_their_form():
    def g(x):
        return {"square": x**2, "sum": jnp.sum(x)}

    x, u = jnp.array([1.0, -2.0]), jnp.array([1.0, 3.0])
    for found in (central_difference(g, x, u, 0.01).value, complex_step(g, x, u)):
        np.testing.assert_allclose(found["square"], 2 * x * u, rtol=1e-12)
        np.testing.assert_allclose(found["sum"], 4, rtol=1e-12)


@pytest.mark.parametrize("degree", range(9))
def test_exact_for_polynomials_up_to_degree_8(degree):
    """A large step leaves no rounding to hide behind."""
    found = central_difference(lambda x: x**degree, jnp.array(0.7), jnp.ones(()), 0.25)
    np.testing.assert_allclose(
        found.value, degree * 0.7 ** (degree - 1), rtol=1e-12, atol=1e-13
    )


def test_error_falls_with_the_eighth_power_of_the_step():
    def error(step):
        found = central_difference(jnp.exp, jnp.zeros(()), jnp.ones(()), step)
        return abs(float(found.value) - 1)

    assert 200 < error(0.4) / error(0.2) < 300  # 2^8 = 256
    np.testing.assert_allclose(error(0.2), 0.2**8 / 630, rtol=0.05)


@pytest.mark.parametrize("where", [0.0, 0.5, 1.5, 2.5, 3.5, -0.5, -3.5])
@pytest.mark.parametrize(
    "kinked",
    [jnp.abs, jax.nn.relu, jnp.sign, jax.nn.elu, jax.nn.soft_sign],
    ids=["abs", "relu", "sign", "elu", "softsign"],
)
def test_spread_gives_a_kink_away(kinked, where):
    """On the point and within four steps, of f, of f' and of f''."""
    found = central_difference(kinked, jnp.array(where * 1e-2), jnp.ones(()), 1e-2)
    assert found.spread > 1e-7


def test_spread_bounds_the_error_by_a_single_kink():
    def kinked(x):
        return jnp.sin(3 * x) + 0.01 * jax.nn.relu(x)

    for x in np.linspace(-0.05, 0.05, 41):
        found = central_difference(kinked, jnp.array(x), jnp.ones(()), 1e-2)
        slopes = 3 * np.cos(3 * x) + np.array([0, 0.01])
        exact = slopes[int(x > 0)] if x else slopes
        error = np.abs(np.asarray(found.value) - exact).min()
        assert error <= found.spread + 1e-12


def test_what_is_constant_leaves_no_rounding():
    """Left in, 2^40 would leave 2^40 eps / h = 0.08 of a derivative of 1."""
    found = central_difference(
        lambda x: 2.0**40 + 2.0**-10 * jnp.round(2.0**10 * x),
        jnp.zeros(()),
        jnp.ones(()),
        2.0**-8,
    )
    assert found.value == pytest.approx(1, abs=1e-9) and found.spread < 1e-9


def stencil(places):
    """Weights of the derivative at 0 that are exact for polynomials, on 9 places."""
    weights = np.zeros(9)
    powers = np.vander(np.array(places, float), increasing=True).T
    weights[np.array(places) + 4] = np.linalg.solve(powers, np.eye(len(places))[1])
    return weights


@pytest.mark.parametrize("seed", range(3))
def test_value_and_spread_of_any_nine_values(seed):
    table = np.random.default_rng(seed).normal(size=(9, 20))
    sides = [range(-4, 5), range(-3, 4), range(-4, 1), range(5)]
    quotients = np.stack([stencil(places) for places in sides]) @ table / 0.5

    def look_up(x):
        return jnp.asarray(table)[jnp.round(x / 0.5).astype(int) + 4]

    found = central_difference(look_up, jnp.zeros(()), jnp.ones(()), 0.5)
    np.testing.assert_allclose(found.value, quotients[0], rtol=1e-10)
    np.testing.assert_allclose(found.spread, np.ptp(quotients, axis=0), rtol=1e-10)
