import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.nn.initializers import INITIALIZERS

IN, OUT = 300, 500
# A normal distribution cut at two deviations has 0.88 of its deviation left.
CUT = 0.87962566103423978

# Name -> (variance, bound) for a kernel of IN by OUT.
DOCUMENTED = {
    "standard": (1 / (3 * IN), 1 / IN**0.5),
    "glorot": (2 / (IN + OUT), (6 / (IN + OUT)) ** 0.5),
    "he": (2 / IN, 2 * (2 / IN) ** 0.5 / CUT),
}


def draw(name, shape, seed=0, dtype=jnp.float32):
    return np.asarray(INITIALIZERS[name](jax.random.key(seed), shape, dtype))


def test_names():
    assert list(INITIALIZERS) == ["standard", "glorot", "he", "orthogonal"]


@pytest.mark.parametrize("name", DOCUMENTED)
def test_variance_and_bound(name):
    variance, bound = DOCUMENTED[name]
    kernel = draw(name, (IN, OUT))
    assert kernel.shape == (IN, OUT) and kernel.dtype == np.float32
    # 150,000 draws: the variance is known to 0.4 % (one deviation), the mean likewise.
    np.testing.assert_allclose(kernel.var(), variance, rtol=0.015)
    assert abs(kernel.mean()) < 4 * (variance / kernel.size) ** 0.5
    assert np.abs(kernel).max() <= bound * (1 + 1e-6)
    assert np.abs(kernel).max() >= 0.99 * bound


@pytest.mark.parametrize("name", ["standard", "glorot"])
def test_uniform(name):
    bound = DOCUMENTED[name][1]
    counts, _ = np.histogram(draw(name, (IN, OUT)), bins=10, range=(-bound, bound))
    np.testing.assert_allclose(counts, IN * OUT / 10, rtol=0.04)


def test_he_is_bell_shaped():
    kernel = draw("he", (IN, OUT)) / ((2 / IN) ** 0.5 / CUT)
    within = [np.mean(np.abs(kernel) < d) for d in (0.5, 1, 1.5)]
    # P(|Z| < d) / P(|Z| < 2)
    np.testing.assert_allclose(within, [0.40118, 0.71523, 0.90772], atol=0.006)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4)])
def test_orthogonal(shape):
    with jax.enable_x64(True):
        kernel = draw("orthogonal", shape, dtype=jnp.float64)
    gram = kernel @ kernel.T if shape[0] <= shape[1] else kernel.T @ kernel
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-12)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_draws_follow_the_key(name):
    first = draw(name, (IN, OUT))
    np.testing.assert_array_equal(first, draw(name, (IN, OUT)))
    assert (first != draw(name, (IN, OUT), seed=1)).mean() > 0.99
