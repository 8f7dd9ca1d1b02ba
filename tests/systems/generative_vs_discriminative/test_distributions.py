import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxdl.errors import InputError
from jaxdl.systems.generative_vs_discriminative.distributions import (
    make_distributions_evaluate,
    outside_ellipsoid,
    outside_range,
    typicality,
)
from jaxdl.systems.generative_vs_discriminative.gaussian import (
    fit_gaussian,
    sample_gaussian,
)

RNG = np.random.default_rng(0)
FACTOR = RNG.normal(size=(3, 3))
X = RNG.normal(size=(500, 3)) @ FACTOR.T + 2
MEAN, COV = np.full(3, 2.0), FACTOR @ FACTOR.T


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_outside_equals_scipy(level):
    centred = X - MEAN
    squares = np.sum(centred @ np.linalg.inv(COV) * centred, axis=1)
    expected = np.mean(squares > stats.chi2.ppf(level, df=3))
    got = jax.jit(lambda *args: outside_ellipsoid(*args, level=level))(X, MEAN, COV)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    np.testing.assert_allclose(expected, 1 - level, atol=0.06)


def test_outside_range():
    x = jnp.array([[-0.2, 0.0, 1.0], [1.2, 0.5, 1.05]])
    np.testing.assert_allclose(outside_range(x, -0.1, 1.1), 2 / 6)


def test_typicality_equals_scipy():
    nats, own = jax.jit(typicality)(X, MEAN, COV)
    normal = stats.multivariate_normal(MEAN, COV)
    np.testing.assert_allclose(nats, normal.logpdf(X).mean(), rtol=1e-10)
    np.testing.assert_allclose(own, -normal.entropy(), rtol=1e-10)


@pytest.mark.parametrize("level", [0.0, 1.0, float("nan")])
def test_refuses(level):
    with pytest.raises(InputError, match="between 0 and 1"):
        outside_ellipsoid(*map(jnp.asarray, (X, MEAN, COV)), level=level)


def test_evaluate():
    die, num = (0.5, 0.25, 0.25, 0.0), 2000
    evaluate = make_distributions_evaluate(
        fit_gaussian,
        sample_gaussian,
        die=die,
        people=lambda key, num: jax.random.normal(key, (num, 2)),
        images=X,
        held_out=X[:50],
        ridge=0.01,
        num=num,
    )
    values = evaluate(None, None, jax.random.key(0), True)
    share = np.bincount(values["faces"], minlength=4) / num
    assert share[3] == 0  # and its log is no trouble
    expected = np.sum(share[:3] * np.log(share[:3] / die[:3]))
    np.testing.assert_allclose(values["die_kl"], expected, atol=1e-6)
    assert 0 < values["die_kl"] < 0.01
    cov = np.cov(X.T, bias=True) + 0.01 * np.eye(3)
    normal = stats.multivariate_normal(X.mean(axis=0), cov)
    logs = normal.logpdf(X[:50]).mean()
    np.testing.assert_allclose(values["image_nats"], logs, rtol=1e-8)
    assert 3 < values["people_outside"] < 7
    assert not np.array_equal(values["people"], values["people_samples"])
