"""Against SciPy, PyTorch and integrals on a grid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from jaxdl.errors import InputError
from jaxdl.ops import gaussians, hellinger_distance, make_grid

NAMES = ("cross_entropy", "kl", "jeffreys", "hellinger")


def problem(dim, seed=0):
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(2, dim))
    roots = rng.normal(size=(2, dim, dim + 2)) / np.sqrt(dim + 2)
    covs = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(dim)
    return means[0], covs[0], means[1], covs[1]


@pytest.mark.parametrize(("dtype", "limit"), [("float32", 1e-6), ("float64", 1e-12)])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_density_and_entropy_equal_scipy(dim, dtype, limit, variant):
    mean, cov, other, _ = problem(dim)
    x = np.stack([mean, other, mean + 1]).reshape(3, 1, dim)
    with jax.enable_x64(dtype == "float64"):
        args = (jnp.asarray(a, dtype) for a in (x, mean, cov))
        density = variant(gaussians.gaussian_log_density)(*args)
        entropy = gaussians.gaussian_entropy(jnp.asarray(cov, dtype))
    expected = multivariate_normal(mean, cov)
    assert density.shape == (3, 1) and density.dtype == dtype
    shaped = np.reshape(expected.logpdf(x), (3, 1))
    np.testing.assert_allclose(density, shaped, rtol=10 * limit, atol=limit)
    np.testing.assert_allclose(entropy, expected.entropy(), rtol=10 * limit)


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_kl_equals_torch(dim):
    torch = pytest.importorskip("torch")
    args = problem(dim)
    mean_p, cov_p, mean_q, cov_q = map(torch.tensor, args)
    normal = torch.distributions.MultivariateNormal
    expected = torch.distributions.kl_divergence(
        normal(mean_p, cov_p), normal(mean_q, cov_q)
    )
    for dtype, limit in (("float32", 2e-6), ("float64", 1e-12)):
        with jax.enable_x64(dtype == "float64"):
            ours = [jnp.asarray(x, dtype) for x in args]
            got = gaussians.gaussian_kl(*ours)
            cross = gaussians.gaussian_cross_entropy(*ours)
            own = gaussians.gaussian_entropy(ours[1])
        np.testing.assert_allclose(got, expected.numpy(), rtol=limit)
        np.testing.assert_allclose(cross - own, got, rtol=30 * limit)


def test_divergences_equal_integrals():
    with jax.enable_x64(True):
        args = [jnp.asarray(x) for x in problem(2)]
        grid = make_grid(12.0, 600)
        p, q = (
            gaussians.gaussian_log_density(grid.points, *args[i : i + 2])
            for i in (0, 2)
        )
        log_cells = [x + np.log(grid.area) for x in (p, q)]
        expected = {
            "kl": jnp.sum(jnp.exp(p) * (p - q)) * grid.area,
            "jeffreys": jnp.sum((jnp.exp(p) - jnp.exp(q)) * (p - q)) * grid.area,
            "cross_entropy": -jnp.sum(jnp.exp(p) * q) * grid.area,
            "hellinger": hellinger_distance(*log_cells),
        }
        for name in NAMES:
            got = getattr(gaussians, f"gaussian_{name}")(*args)
            np.testing.assert_allclose(got, expected[name], rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_at_equality(name):
    mean, cov, *_ = (jnp.asarray(x, jnp.float32) for x in problem(3))
    fn = getattr(gaussians, f"gaussian_{name}")
    value, grads = jax.value_and_grad(fn, argnums=(0, 1, 2, 3))(mean, cov, mean, cov)
    expected = gaussians.gaussian_entropy(cov) if name == "cross_entropy" else 0
    np.testing.assert_allclose(
        value, expected, atol=1e-3 if name == "hellinger" else 1e-6
    )
    assert all(np.isfinite(g).all() for g in grads)


@pytest.mark.parametrize(
    ("cov", "said"),
    [
        ([[1.0, 0.5], [0.2, 1.0]], "differs from its transpose by 0.3"),
        ([[1.0, 2.0], [2.0, 1.0]], "the lowest eigenvalue of a covariance is -1"),
        ([[1.0, 1.0], [1.0, 1.0]], "positive definite"),
        ([[1.0, np.nan], [np.nan, 1.0]], "finite"),
        ([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], r"expected \[dim dim\]"),
    ],
)
def test_refuses_what_is_no_covariance(cov, said):
    cov, mean = jnp.array(cov), jnp.zeros(2)
    with pytest.raises(InputError, match=said):
        gaussians.check_covariance(cov)
    if cov.shape[0] == cov.shape[1]:
        with pytest.raises(InputError, match=said):
            gaussians.gaussian_kl(mean, cov, mean, jnp.eye(2))
        with pytest.raises(InputError, match=said):
            gaussians.gaussian_log_density(mean[None], mean, cov)
