"""Further points: their distribution, domains, and what only they show."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxdl.gradcheck.comparison import check
from jaxdl.gradcheck.methods import QUICK_SIZE
from jaxdl.gradcheck.points import NUM_WIDE, WIDE, further_points, latin_hypercube
from jaxdl.gradcheck.problem import Case, make_problem


def test_latin_hypercube():
    """One number of each entry in each quarter of the normal distribution."""
    draws = latin_hypercube(jax.random.key(0), 4, 1000)
    quarters = np.floor(4 * stats.norm.cdf(draws))
    once = [[quarter] * 1000 for quarter in range(4)]
    np.testing.assert_array_equal(np.sort(quarters, axis=0), once)
    assert len({tuple(column) for column in quarters.T}) == 24  # all orders
    assert stats.kstest(draws.ravel(), "norm").pvalue > 0.01


def drawn(*args, domain=None, seed=0):
    with jax.enable_x64(True):
        case = Case(lambda *x: x, args, ("x", "y")[: len(args)], domain=domain)
        problem = make_problem(case, jax.random.key(0))
        return further_points(problem, jax.random.key(seed))


def test_further_points_are_as_wide_as_the_leaf():
    points = drawn(np.full(2000, 1e-3), np.zeros((5, 400)))
    assert len(points) == NUM_WIDE
    for leaf, scale, shape in ((0, 1e-3, (2000,)), (1, 1.0, (5, 400))):
        values = np.stack([point[leaf] for point in points])
        assert values.shape[1:] == shape
        np.testing.assert_allclose(values.std(), WIDE * scale, rtol=0.05)
        far = 0.67 * WIDE * scale
        assert np.all(values.min(axis=0) < -far) and np.all(values.max(axis=0) > far)
    again, other = drawn(np.ones(3)), drawn(np.ones(3), seed=1)
    np.testing.assert_array_equal(again[0][0], drawn(np.ones(3))[0][0])
    assert not np.array_equal(again[0][0], other[0][0])


def test_a_domain_is_kept():
    points = drawn(np.ones(50), domain=lambda x: (jnp.exp(x),))
    assert len(points) == NUM_WIDE and all(np.all(x > 0) for (x,) in points)
    assert drawn(np.ones(QUICK_SIZE + 1)) == []


def wrong_beyond(edge):
    """The sum of sines, whose gradient is wrong on one side of an edge only."""

    @jax.custom_vjp
    def fn(x):
        return jnp.sum(jnp.sin(x))

    def backward(x, c):
        wrong = x < edge if edge < 0 else x > edge
        return (c * jnp.cos(x) * jnp.where(wrong, 1.1, 1),)

    fn.defvjp(lambda x: (fn(x), x), backward)
    return fn


@pytest.mark.parametrize("edge", [-3.0, 3.0])
@pytest.mark.parametrize("shape", [(), (4,)], ids=["number", "vector"])
def test_a_gradient_wrong_only_far_out_is_caught(edge, shape):
    for seed in range(2):
        x = np.random.default_rng(seed).uniform(-1, 1, shape)
        case = Case(wrong_beyond(edge), (x,), ("x",))
        (leaf,) = check("f", case, jax.random.key(seed), branches_wanted=True)
        assert leaf.status == "over" and leaf.points == 5
        assert " at point " in leaf.worst_at
        assert [b.unseen for b in leaf.branches] == [()]


@jax.custom_vjp
def sines(x):
    return jnp.sum(jnp.sin(x))


def stopped_far_out(x, c):
    slopes = jnp.cos(x)
    return (c * jnp.where(x < -3, jax.lax.stop_gradient(slopes), slopes),)


sines.defvjp(lambda x: (sines(x), x), stopped_far_out)


def test_a_second_derivative_wrong_only_far_out_is_caught():
    x = np.random.default_rng(0).uniform(-1, 1, 4)
    (leaf,) = check("f", Case(sines, (x,), ("x",)), jax.random.key(0))
    assert leaf.status == "over" and leaf.worst < 1e-6 < leaf.second


def test_points_outside_the_domain_are_left_out_with_a_note():
    x = np.array([1.0, 2.0])
    (leaf,) = check("f", Case(jnp.log, (x,), ("x",)), jax.random.key(0))
    assert leaf.status == "ok" and leaf.points < 5
    assert leaf.notes == (f"not finite at {5 - leaf.points} of 5 points: left out",)
    case = Case(jnp.log, (x,), ("x",), domain=lambda x: (jnp.exp(x),))
    (leaf,) = check("f", case, jax.random.key(0))
    assert leaf.status == "ok" and leaf.points == 5 and leaf.notes == ()
