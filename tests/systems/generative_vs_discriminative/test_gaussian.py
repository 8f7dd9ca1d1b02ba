import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

from jaxdl.errors import InputError
from jaxdl.systems.generative_vs_discriminative.gaussian import (
    Gaussian,
    discriminant_line,
    discriminant_logits,
    fit_discriminant,
    fit_gaussian,
    sample_gaussian,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)) @ RNG.normal(size=(3, 3))
LABELS = RNG.integers(0, 3, 40)
PAIR = LABELS % 2


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


fit = jax.jit(fit_discriminant, static_argnames=("num_classes", "diagonal", "ridge"))
logits_of = jax.jit(discriminant_logits)


def fitted(labels, **options):
    weights = options.pop("weights", np.ones(len(labels)))
    return fit(X, labels, weights, **options)


# One Gaussian


def test_fit_equals_numpy(variant):
    mean, cov = variant(lambda x: fit_gaussian(x, ridge=0.5))(jnp.asarray(X))
    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        cov, np.cov(X.T, bias=True) + 0.5 * np.eye(3), rtol=1e-12
    )


@pytest.mark.parametrize(("num", "ridge"), [(0, 1.0), (3, 0.0)])
def test_too_few_points(num, ridge):
    with pytest.raises(InputError, match=f"{num} points in 3 dimensions"):
        fit_gaussian(jnp.asarray(X[:num]), ridge=ridge)
    fewest = jax.jit(lambda x: fit_gaussian(x, ridge=0.1))(X[:3])
    assert np.isfinite(fewest.cov).all()


def test_samples_have_its_moments():
    gaussian = Gaussian(np.array([1.0, -2.0]), np.array([[2.0, -0.6], [-0.6, 0.5]]))
    sample = jax.jit(sample_gaussian, static_argnums=2)
    x = np.asarray(sample(jax.random.key(0), gaussian, 100_000))
    np.testing.assert_allclose(x.mean(axis=0), gaussian.mean, atol=0.02)  # 4 errors
    np.testing.assert_allclose(np.cov(x.T), gaussian.cov, atol=0.04)


# A Gaussian for each class


def test_logits_equal_scikit_learns_discriminant():
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(X, LABELS)
    logits = logits_of(fitted(LABELS, num_classes=3), X)
    probabilities = softmax(logits, axis=1)
    np.testing.assert_allclose(probabilities, theirs.predict_proba(X), atol=1e-10)


def test_naive_bayes_with_scikit_learns_means_and_our_variance():
    from sklearn.naive_bayes import GaussianNB

    theirs = GaussianNB(var_smoothing=0.0).fit(X, LABELS)
    shares = np.bincount(LABELS) / len(LABELS)
    ours = fitted(LABELS, num_classes=3, diagonal=True)
    np.testing.assert_allclose(ours.means, theirs.theta_, rtol=1e-12)
    # One variance for all classes is the mean of theirs.
    np.testing.assert_allclose(ours.cov, np.diag(shares @ theirs.var_), atol=1e-12)
    theirs.var_[:] = shares @ theirs.var_
    probabilities = softmax(logits_of(ours, X), axis=1)
    np.testing.assert_allclose(probabilities, theirs.predict_proba(X), atol=1e-10)


@pytest.mark.parametrize("diagonal", [False, True])
def test_the_line_is_the_difference_of_the_logits(diagonal):
    model = fitted(PAIR, diagonal=diagonal, ridge=0.1)
    line = jax.jit(discriminant_line)(model)
    logits = np.asarray(logits_of(model, X))
    ours = X @ np.asarray(line.weights) + np.asarray(line.bias)
    np.testing.assert_allclose(ours, logits[:, 1] - logits[:, 0], atol=1e-9)


def test_weights_leave_points_out_and_count_them_twice():
    weights = np.array([0.0] * 10 + [2.0] * 5 + [1.0] * 25)
    ours = fitted(PAIR, weights=weights)
    times = np.repeat(np.arange(40), weights.astype(int))
    theirs = fit(X[times], PAIR[times], np.ones(len(times)))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_refuses():
    with pytest.raises(InputError, match="3 classes were given: expected 2"):
        discriminant_line(fitted(LABELS, num_classes=3))
    with pytest.raises((InputError, TypeError)):
        fit_discriminant(jnp.asarray(X), jnp.asarray(PAIR[:3]), jnp.ones(40))
