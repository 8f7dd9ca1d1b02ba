import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.test_util import check_grads
from sklearn.neighbors import KernelDensity

from jaxdl.systems.gan.parzen import parzen_log_likelihood, select_sigma

log_likelihood = jax.jit(
    parzen_log_likelihood, static_argnums=2, static_argnames="chunk_size"
)


def points(num, size, *, seed):
    return np.random.default_rng(seed).uniform(size=(num, size)).astype(np.float32)


def oracle(x, samples, sigma):
    """scikit-learn's kernel density in float64, tree search switched to exact."""
    density = KernelDensity(bandwidth=sigma, kernel="gaussian", atol=0, rtol=0)
    return density.fit(samples.astype(np.float64)).score_samples(x.astype(np.float64))


@pytest.mark.parametrize("sigma", [0.1, 1.0])
def test_equals_scikit_learn(variant, sigma):
    x, samples = points(7, 5, seed=0), points(20, 5, seed=1)
    f = variant(lambda x, samples: parzen_log_likelihood(x, samples, sigma))
    got = f(jnp.asarray(x), jnp.asarray(samples))
    # Squared distances about 1 with an error of 1e-6, over 2 * 0.1^2.
    np.testing.assert_allclose(got, oracle(x, samples, sigma), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("offset", [0, 100], ids=["unit", "far_from_zero"])
def test_accuracy_at_the_size_of_mnist(offset):
    x, samples = points(10, 784, seed=0), points(40, 784, seed=1)
    x[:5] = samples[:5] + 0.01 * x[:5]
    x, samples = x + np.float32(offset), samples + np.float32(offset)
    got = log_likelihood(x, samples, 0.1)
    # The docstring's bound: 1e-6 * (65 + 65) / 0.1^2.
    np.testing.assert_allclose(got, oracle(x, samples, 0.1), rtol=0, atol=0.013)


@pytest.mark.parametrize("chunk_size", [1, 3, 500])
def test_chunks_do_not_matter(chunk_size):
    x, samples = points(7, 5, seed=0), points(9, 5, seed=1)
    got = log_likelihood(x, samples, 0.2, chunk_size=chunk_size)
    np.testing.assert_allclose(got, oracle(x, samples, 0.2), 1e-4)


def test_memory_at_full_size():
    f = jax.jit(parzen_log_likelihood)
    images = jax.ShapeDtypeStruct((10_000, 784), jnp.float32)
    memory = f.lower(images, images, 0.2).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 250e6
    sigmas = jax.ShapeDtypeStruct((10,), jnp.float32)
    memory = jax.jit(select_sigma).lower(images, images, sigmas).compile()
    assert memory.memory_analysis().temp_size_in_bytes < 250e6


def test_gradients_to_order_two():
    with jax.enable_x64(True):
        x = points(3, 2, seed=0).astype(np.float64)
        samples = points(4, 2, seed=1).astype(np.float64)
        sigma = np.asarray(0.4)
        args = (x, samples, sigma)
        check_grads(jax.jit(parzen_log_likelihood), args, order=2, modes=["rev"])


def test_one_sample_is_one_gaussian():
    x, sample = points(6, 3, seed=0), points(1, 3, seed=1)
    got = log_likelihood(x, sample, 0.5)
    expected = scipy.stats.norm(sample, 0.5).logpdf(x).sum(axis=1)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_at_a_sample():
    samples = points(50, 784, seed=0)
    got = log_likelihood(samples[:3], samples, 0.1)
    # The others are 11 away, which is 110 sigma: only the sample itself counts.
    expected = -np.log(50) - 784 * np.log(0.1 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(got, np.full(3, expected), atol=0.013)


def test_far_from_every_sample():
    x, samples = jnp.full((1, 3), 1e4), jnp.zeros((5, 3))

    def f(x):
        return parzen_log_likelihood(x, samples, 0.1)[0]

    value, grad = jax.jit(jax.value_and_grad(f))(x)
    np.testing.assert_allclose(value, -3e8 / 0.02, rtol=1e-5)
    np.testing.assert_allclose(grad, np.full((1, 3), -1e4 / 0.01), rtol=1e-5)


def test_density_integrates_to_one():
    grid = np.linspace(-4, 5, 2001)
    samples = np.array([[-1.0], [0.0], [0.3], [2.0]])
    density = np.exp(log_likelihood(grid[:, None], samples, 0.4))
    np.testing.assert_allclose(np.trapezoid(density, grid), 1, rtol=1e-4)


def test_select_sigma_scores_each_candidate(variant):
    x, samples = jnp.asarray(points(7, 5, seed=0)), jnp.asarray(points(20, 5, seed=1))
    sigmas = jnp.asarray(np.logspace(-1, 0, 10))
    best, means = variant(select_sigma)(x, samples, sigmas)
    expected = [
        oracle(np.asarray(x), np.asarray(samples), s).mean() for s in sigmas.tolist()
    ]
    np.testing.assert_allclose(means, expected, rtol=1e-4, atol=1e-4)
    assert float(best) == np.asarray(sigmas)[np.argmax(expected)]


def test_select_sigma_finds_the_true_width():
    rng = np.random.default_rng(0)
    samples = 10 * rng.normal(size=(200, 8))
    x = samples + 0.3 * rng.normal(size=samples.shape)
    sigmas = np.float32([0.1, 0.2, 0.3, 0.5, 1.0])
    best, _ = jax.jit(select_sigma)(x, samples, sigmas)
    assert float(best) == sigmas[2]


@pytest.mark.parametrize("sigma", [0.0, -0.1, float("nan"), float("inf")])
def test_bad_sigma_is_refused(sigma):
    x = jnp.zeros((2, 3))
    with pytest.raises(ValueError, match="sigma must be"):
        parzen_log_likelihood(x, x, sigma)
    with pytest.raises(ValueError, match="sigma must be"):
        select_sigma(x, x, jnp.array([0.1, sigma]))


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match="at least one sample"):
        parzen_log_likelihood(jnp.zeros((2, 3)), jnp.zeros((0, 3)), 0.1)
