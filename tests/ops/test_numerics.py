"""The edges of domains, where values and gradients must stay finite."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.ops.numerics import is_known, safe_sqrt


def test_square_root_at_and_below_zero(variant):
    x = jnp.array([4.0, 0.0, -1.0, 1e-12])
    np.testing.assert_allclose(variant(safe_sqrt)(x), [2, 0, 0, 1e-6], rtol=1e-6)
    slopes = jax.grad(lambda x: variant(safe_sqrt)(x).sum())(x)
    np.testing.assert_allclose(slopes, [0.25, 0, 0, 5e5], rtol=1e-6)


def test_values_are_known_outside_of_transformations_only():
    seen = []

    def look(x):
        seen.append(is_known(x, jnp.ones(2)))
        return x

    look(1.0 * jnp.ones(()))
    jax.jit(look)(1.0)
    jax.grad(look)(1.0)
    assert seen == [True, False, False]
