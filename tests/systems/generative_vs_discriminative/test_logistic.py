import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.systems.generative_vs_discriminative.logistic import (
    Linear,
    fit_logistic,
    linear_logits,
    logistic_objective,
)

RNG = np.random.default_rng(1)
X = RNG.normal(size=(60, 4))
LABELS = (X @ [2, -1, 0, 0.5] + RNG.logistic(size=60) > 0.3).astype(int)
WEIGHTS = RNG.integers(0, 4, 60).astype(float)


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


@functools.partial(jax.jit, static_argnames="penalty")
def fit(x, labels, weights, *, penalty=0.1):
    return fit_logistic(x, labels, weights, penalty=penalty)


def scikit(x, labels, weights, penalty):
    from sklearn.linear_model import LogisticRegression

    theirs = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000)
    return theirs.fit(x, labels, sample_weight=weights)


@pytest.mark.parametrize("penalty", [1e-3, 0.1, 10.0])
def test_equals_scikit_learn(penalty):
    theirs = scikit(X, LABELS, WEIGHTS, penalty)
    found = fit(X, LABELS, WEIGHTS, penalty=penalty)
    np.testing.assert_allclose(found.linear.weights, theirs.coef_[0], atol=1e-5)
    np.testing.assert_allclose(found.linear.bias, theirs.intercept_[0], atol=1e-5)
    assert found.gradient < 1e-6 and found.steps < 12


def test_variants(variant):
    def bare(x):
        weights = jnp.ones(60)
        return fit_logistic(x, jnp.asarray(LABELS), weights, penalty=0.1).linear.weights

    theirs = scikit(X, LABELS, np.ones(60), 0.1).coef_[0]
    np.testing.assert_allclose(variant(bare)(jnp.asarray(X)), theirs, atol=1e-5)


def test_separable_points_far_apart():
    x = np.array([[-300.0], [-0.01], [0.01], [500.0]])
    labels = np.array([0, 0, 1, 1])
    found = fit(x, labels, np.ones(4), penalty=1e-6)
    assert found.gradient < 1e-6 and found.steps < 50
    logits = jax.jit(linear_logits)(found.linear, x)
    assert np.array_equal(np.asarray(logits) > 0, labels)


def test_whole_steps_would_diverge():
    """Two heavy-tailed inputs and few points of class 1: seed 297 is one of the few
    in a thousand on which Newton's method without smaller steps goes to infinity."""
    rng = np.random.default_rng(297)
    x = rng.standard_cauchy((30, 2)).round(1)
    labels = (rng.random(30) < 0.1).astype(int)
    found = fit(x, labels, np.ones(30), penalty=1e-3)
    assert found.gradient < 1e-6 * np.abs(x).max() and found.steps < 50


def test_objective_by_a_loop():
    w, b = np.array([0.5, -1, 2, 0]), 0.3
    expected = 0.1 / 2 * np.sum(w**2)
    for row, label, weight in zip(X, LABELS, WEIGHTS, strict=True):
        p = 1 / (1 + np.exp(-(row @ w + b)))
        expected -= weight * np.log(p if label else 1 - p)
    line = Linear(w, np.array(b))
    objective = jax.jit(logistic_objective, static_argnames="penalty")
    got = objective(line, X, LABELS, WEIGHTS, penalty=0.1)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_objective_far_out_is_finite():
    line = Linear(np.array([1e4]), np.array(0.0))
    arrays = np.array([[1.0], [-1.0]]), np.array([0, 0]), np.ones(2)
    objective = functools.partial(logistic_objective, penalty=0.0)
    value, grads = jax.jit(jax.value_and_grad(objective))(line, *arrays)
    np.testing.assert_allclose(value, 1e4)
    np.testing.assert_allclose(grads.weights, [1.0])


def test_single_precision():
    with jax.enable_x64(False):
        found = fit(np.float32(X), LABELS, np.ones(60, np.float32))
    assert found.linear.weights.dtype == np.float32
    theirs = scikit(X, LABELS, np.ones(60), 0.1).coef_[0]
    np.testing.assert_allclose(found.linear.weights, theirs, atol=2e-3)


@pytest.mark.parametrize("penalty", [0.0, -1.0, float("nan")])
def test_refuses_a_penalty(penalty):
    with pytest.raises(InputError, match="expected a number above 0"):
        fit(X, LABELS, WEIGHTS, penalty=penalty)


def test_refuses_lengths():
    with pytest.raises((InputError, TypeError)):
        fit(X, LABELS[:3], WEIGHTS)
