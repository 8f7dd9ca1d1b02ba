"""A function as a scalar one: its cotangent, and random numbers in blocks."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from jaxdl.gradcheck.problem import Case, draw_normal, make_problem


def test_the_cotangent_weighs_outputs_differently():
    """Errors of opposite sign in two entries do not cancel in <c, y>."""
    with jax.enable_x64(True):
        case = Case(lambda x: (x, 2 * x), (np.ones(50),), ("x",))
        problem = make_problem(case, jax.random.key(0))
        one = make_problem(Case(jnp.sin, (np.ones(50),), ("x",)), jax.random.key(0))
        number = make_problem(Case(jnp.sum, (np.ones(50),), ("x",)), jax.random.key(0))
        value = problem.objective(problem.leaves)
    first, second = map(np.asarray, problem.cotangent)
    for cotangent in (first, second, np.asarray(one.cotangent)):
        assert len({*cotangent}) == 50
        assert stats.kstest(cotangent, "norm").pvalue > 0.01
    assert abs(stats.pearsonr(first, second).statistic) < 0.5
    np.testing.assert_allclose(value, np.sum(first) + 2 * np.sum(second), rtol=1e-12)
    assert number.cotangent == 1


def test_normal_numbers_do_not_repeat():
    numbers = np.asarray(draw_normal(jax.random.key(0), (3, 3000)))
    assert len({*numbers.ravel()}) > 8990  # float32: a few coincide
    assert stats.kstest(numbers.ravel(), "norm").pvalue > 0.01
