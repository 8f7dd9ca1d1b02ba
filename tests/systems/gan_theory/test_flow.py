"""A flow's density against its own Jacobian, and an integral."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from jaxdl.errors import InputError
from jaxdl.systems.gan_theory.flow import coupling_flow
from jaxdl.systems.gan_theory.quadrature import grid_mass, make_grid


def trained_like(flow, scale=0.3):
    """Parameters away from the identity that training begins with."""
    rng = np.random.default_rng(1)
    params = jax.jit(flow.init)(jax.random.key(0))
    return jax.tree.map(lambda x: x + scale * rng.normal(size=x.shape), params)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_density_by_the_change_of_variables(size):
    flow = coupling_flow(size, num_layers=3, hidden_size=4)
    with jax.enable_x64(True):
        params = jax.tree.map(np.float64, trained_like(flow))
        z = np.random.default_rng(2).normal(size=(6, size))

        @jax.jit
        def measured(params, z):
            def one(z):
                return flow.apply(params, z[None])[0]

            x = flow.apply(params, z)
            return x, jax.vmap(jax.jacfwd(one))(z), flow.log_density(params, x)

        x, jacobians, got = measured(params, z)
    own = multivariate_normal(np.zeros(size)).logpdf(z)
    expected = own - np.linalg.slogdet(jacobians)[1]
    np.testing.assert_allclose(got, expected, rtol=1e-10)
    assert np.abs(np.asarray(x) - z).max() > 0.1


def test_density_has_mass_one():
    flow = coupling_flow(2, num_layers=4, hidden_size=8)
    grid = make_grid(12.0, 400)
    log_density = jax.jit(flow.log_density)(trained_like(flow, 0.15), grid.points)
    np.testing.assert_allclose(grid_mass(log_density, grid.area), 1, atol=1e-3)


def test_begins_as_the_identity():
    flow = coupling_flow(2)
    params = jax.jit(flow.init)(jax.random.key(0))
    z = jnp.array([[0.3, -1.2], [2.0, 0.5]])
    np.testing.assert_array_equal(jax.jit(flow.apply)(params, z), z)


@pytest.mark.parametrize(("size", "layers"), [(1, 4), (2, 1)])
def test_refuses(size, layers):
    with pytest.raises(InputError, match="expected 2 or more of both"):
        coupling_flow(size, num_layers=layers)
