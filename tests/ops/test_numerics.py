"""The edges of domains, where values and gradients must stay finite."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.ops.numerics import is_known, safe_sqrt, within


def test_square_root_at_and_below_zero(variant):
    x = jnp.array([4.0, 0.0, -1.0, 1e-12, jnp.nan])
    expected = [2, 0, 0, 1e-6, np.nan]
    np.testing.assert_allclose(variant(safe_sqrt)(x), expected, rtol=1e-6)
    slopes = jax.grad(lambda x: variant(safe_sqrt)(x).sum())(x)
    np.testing.assert_allclose(slopes, [0.25, 0, 0, 5e5, np.nan], rtol=1e-6)


def test_rounding_out_of_a_range_keeps_the_gradient(variant):
    x = jnp.array([-7e-8, 0.0, 0.5, 1.0, 1 + 2e-7, jnp.nan])
    got = variant(lambda x: within(x, 0, 1))(x)
    np.testing.assert_array_equal(got, [0, 0, 0.5, 1, 1, np.nan])
    slopes = jax.grad(lambda x: variant(lambda x: within(x, 0, 1))(x).sum())(x)
    np.testing.assert_array_equal(slopes, np.ones(6))
    np.testing.assert_array_equal(variant(lambda x: within(x, 0, np.inf))(x)[:1], [0])


def test_values_are_known_outside_of_transformations_only():
    seen = []

    def look(x):
        seen.append(is_known(x, jnp.ones(2)))
        return x

    look(1.0 * jnp.ones(()))
    jax.jit(look)(1.0)
    jax.grad(look)(1.0)
    assert seen == [True, False, False]
