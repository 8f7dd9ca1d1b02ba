"""Against SciPy, PyTorch and integrals on a grid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from jaxdl.errors import InputError
from jaxdl.ops import gaussians, hellinger_distance
from jaxdl.systems.gan_theory.quadrature import make_grid

NAMES = ("cross_entropy", "kl", "jeffreys", "hellinger")


def problem(dim, seed=0):
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(2, dim))
    roots = rng.normal(size=(2, dim, dim + 2)) / np.sqrt(dim + 2)
    covs = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(dim)
    return means[0], covs[0], means[1], covs[1]


def arrays(dtype, *values):
    return [jax.device_put(np.asarray(x, dtype)) for x in values]


@pytest.mark.parametrize(("dtype", "limit"), [("float32", 1e-6), ("float64", 1e-12)])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_density_and_entropy_equal_scipy(dim, dtype, limit, variant):
    mean, cov, other, _ = problem(dim)
    x = np.stack([mean, other, mean + 1]).reshape(3, 1, dim)
    with jax.enable_x64(dtype == "float64"):
        args = arrays(dtype, x, mean, cov)
        density = variant(gaussians.gaussian_log_density)(*args)
        entropy = gaussians.gaussian_entropy(args[2])
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

    @jax.jit
    def entropies(*args):
        cross = gaussians.gaussian_cross_entropy(*args)
        own = gaussians.gaussian_entropy(args[1])
        return gaussians.gaussian_kl(*args), cross - own

    for dtype, limit in (("float32", 2e-6), ("float64", 1e-12)):
        with jax.enable_x64(dtype == "float64"):
            got, difference = entropies(*arrays(dtype, *args))
        np.testing.assert_allclose(got, expected.numpy(), rtol=limit)
        np.testing.assert_allclose(difference, got, rtol=30 * limit)


def test_divergences_equal_integrals():
    @jax.jit
    def found(points, *args):
        densities = [
            gaussians.gaussian_log_density(points, *args[i : i + 2]) for i in (0, 2)
        ]
        hellinger = hellinger_distance(*(x + np.log(grid.area) for x in densities))
        closed = [getattr(gaussians, f"gaussian_{name}")(*args) for name in NAMES]
        return *densities, hellinger, closed

    with jax.enable_x64(True):
        grid = make_grid(12.0, 600)
        p, q, hellinger, closed = found(grid.points, *problem(2))
    p, q = np.asarray(p), np.asarray(q)
    expected = {
        "kl": np.sum(np.exp(p) * (p - q)) * grid.area,
        "jeffreys": np.sum((np.exp(p) - np.exp(q)) * (p - q)) * grid.area,
        "cross_entropy": -np.sum(np.exp(p) * q) * grid.area,
        "hellinger": hellinger,
    }
    for name, got in zip(NAMES, closed, strict=True):
        np.testing.assert_allclose(got, expected[name], rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_at_equality(name):
    fn = getattr(gaussians, f"gaussian_{name}")

    @jax.jit
    def at(mean, cov):
        args = mean, cov, mean, cov
        found = jax.value_and_grad(fn, argnums=(0, 1, 2, 3))(*args)
        return *found, gaussians.gaussian_entropy(cov)

    value, grads, entropy = at(*arrays("float32", *problem(3)[:2]))
    expected = entropy if name == "cross_entropy" else 0
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
    cov, mean, eye = arrays("float32", cov, np.zeros(2), np.eye(2))
    with pytest.raises(InputError, match=said):
        gaussians.check_covariance(cov)
    if cov.shape[0] == cov.shape[1]:
        with pytest.raises(InputError, match=said):
            gaussians.gaussian_kl(mean, cov, mean, eye)
        with pytest.raises(InputError, match=said):
            gaussians.gaussian_log_density(eye, mean, cov)


def rows(seed=0, shape=(2, 4, 3)):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(("dtype", "limit"), [("float32", 1e-6), ("float64", 1e-13)])
def test_independent_gaussians_equal_torch(dtype, limit, variant):
    torch = pytest.importorskip("torch")
    x, mean, log_variance = (rows(i) for i in range(3))
    normal = torch.distributions.Normal
    q = normal(torch.tensor(mean), torch.tensor(log_variance / 2).exp())
    prior = normal(torch.zeros(3).double(), torch.ones(3).double())
    kl = torch.distributions.kl_divergence(q, prior).sum(-1).numpy()
    log_p = q.log_prob(torch.tensor(x)).sum(-1).numpy()
    with jax.enable_x64(dtype == "float64"):
        x, mean, log_variance = arrays(dtype, x, mean, log_variance)
        got_kl = variant(gaussians.standard_normal_kl)(mean, log_variance)
        density = gaussians.diagonal_gaussian_log_density
        got_log_p = variant(density)(x, mean, log_variance)
    assert got_kl.shape == got_log_p.shape == (2, 4) and got_kl.dtype == dtype
    np.testing.assert_allclose(got_kl, kl, rtol=10 * limit)
    np.testing.assert_allclose(got_log_p, log_p, rtol=10 * limit, atol=limit)


def test_independent_gaussians_equal_those_with_a_covariance():
    @jax.jit
    def found(mean, log_variance, x):
        cov, eye = jnp.diag(jnp.exp(log_variance)), jnp.eye(3)
        kl = gaussians.gaussian_kl(mean, cov, jnp.zeros(3), eye)
        log_p = gaussians.gaussian_log_density(x, mean, cov)
        each = [jnp.broadcast_to(a, x.shape) for a in (mean, log_variance)]
        return (
            (gaussians.standard_normal_kl(mean, log_variance), kl),
            (gaussians.diagonal_gaussian_log_density(x, *each), log_p),
        )

    with jax.enable_x64(True):
        pairs = found(rows(1)[0, 0], rows(2)[0, 0], rows(3))
    for got, expected in pairs:
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_standard_normal_kl_at_its_edges():
    kl = gaussians.standard_normal_kl
    log_variances = np.float32([[0.0], [-1e4], [88.0], [1e-3]])
    found = jax.jit(jax.vmap(jax.value_and_grad(kl, argnums=(0, 1))))(
        np.zeros((4, 1), np.float32), log_variances
    )
    value, grads = jax.tree.map(np.asarray, found)
    assert value[0] == 0 and grads[0][0] == 0 and grads[1][0] == 0
    np.testing.assert_allclose(value[1], 5e3 - 0.5)
    np.testing.assert_allclose(value[3], 2.5e-7, rtol=1e-3)  # lv^2 / 4
    assert np.isfinite(value).all() and np.isfinite(grads).all()


def test_independent_gaussians_refuse_other_shapes():
    mean, wide = arrays("float32", np.zeros((2, 3)), np.zeros((2, 1)))
    with pytest.raises((InputError, TypeError)):
        gaussians.standard_normal_kl(mean, wide)
    with pytest.raises((InputError, TypeError)):
        gaussians.diagonal_gaussian_log_density(mean, mean, wide)
