"""Bound and estimate against integrals over codes of two numbers."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data.load import Images, Split
from jaxdl.errors import InputError
from jaxdl.measures.binary_pixels import held_out_pixels
from jaxdl.systems.autoencoder import variational_measures as module
from jaxdl.systems.autoencoder.networks import variational_autoencoder
from jaxdl.systems.autoencoder.variational_measures import (
    active_units,
    evidence_lower_bound,
    importance_weighted_log_likelihood,
    make_variational_evaluate,
    variational_protocols,
)
from jaxdl.systems.gan_theory.quadrature import make_grid

MODEL = variational_autoencoder(6, [4], 2)
X = jnp.asarray(np.random.default_rng(1).integers(0, 2, (7, 6)), jnp.float32)
REPEATS = 40


@pytest.fixture(scope="module")
def params():
    """Codes that matter, under a posterior somewhat wider than the true one."""
    params = jax.jit(MODEL.init)(jax.random.key(0))
    decoder = jax.tree.map(lambda leaf: 2 * np.asarray(leaf) + 0.1, params["decoder"])
    return {"encoder": params["encoder"], "decoder": decoder}


def log_bernoulli(logits, x):
    """By probabilities in float64, not by the softplus."""
    p = 1 / (1 + np.exp(-np.asarray(logits, np.float64)))
    return np.log(np.where(np.asarray(x) == 1, p, 1 - p)).sum(-1)


@pytest.fixture(scope="module")
def exact(params):
    """log p(x), and the bound, of each image: sums over a grid of codes."""
    grid = make_grid(7.0, 200)
    z = np.asarray(grid.points, np.float64)
    logits = jax.jit(MODEL.decode)(params, grid.points)
    posterior = jax.jit(MODEL.encode)(params, X)
    means, log_variances = (np.asarray(a, np.float64) for a in posterior)
    prior = np.exp(-(z**2).sum(1) / 2) / (2 * np.pi)
    found = []
    for x, mean, log_variance in zip(np.asarray(X), means, log_variances, strict=True):
        log_p = log_bernoulli(logits, x)
        variance = np.exp(log_variance)
        squares = ((z - mean) ** 2 / variance).sum(1)
        q = np.exp(-squares / 2) / (2 * np.pi * np.sqrt(variance.prod()))
        evidence = np.log(np.sum(np.exp(log_p) * prior) * grid.area)
        kept = q > 0
        terms = (log_p + np.log(prior))[kept] - np.log(q[kept])
        found.append((evidence, np.sum(q[kept] * terms) * grid.area))
    return np.array(found).T


def repeated(fn, params, num_samples):
    """The function with many keys: [repeats images]."""
    keys = jax.random.split(jax.random.key(5), REPEATS)

    @jax.jit
    def all_of_them(keys):
        return jax.lax.map(lambda key: fn(key, MODEL, params, X, num_samples), keys)

    return jax.tree.map(np.asarray, all_of_them(keys))


def test_the_estimate_agrees_with_the_integral(params, exact):
    # Of a likelihood, not of its logarithm, the estimate has no bias.
    log_p = repeated(importance_weighted_log_likelihood, params, 100)
    ratios = np.exp(log_p - exact[0])
    error = ratios.std(axis=0, ddof=1) / np.sqrt(REPEATS)
    assert (error < 0.06).all() and (error > 0).all()
    assert (np.abs(ratios.mean(axis=0) - 1) < 4 * error).all()


def test_the_bound_agrees_with_its_integral(params, exact):
    found = repeated(evidence_lower_bound, params, 100)
    bounds = found.bound
    error = bounds.std(axis=0, ddof=1) / np.sqrt(REPEATS)
    assert (error < 0.06).all()
    assert (np.abs(bounds.mean(axis=0) - exact[1]) < 4 * error).all()
    np.testing.assert_allclose(bounds, found.reconstruction - found.kl, rtol=1e-6)
    assert (found.kl > 0).all()


def test_bound_estimate_and_likelihood_stand_in_this_order(params, exact):
    log_p, bound = exact
    assert (bound < log_p - 1e-3).all()
    single, few, many = (
        np.mean(repeated(importance_weighted_log_likelihood, params, k), axis=1)
        for k in (1, 5, 50)
    )  # over the images; of one code the expectation is the bound
    error = single.std(ddof=1) / np.sqrt(REPEATS)
    assert abs(single.mean() - bound.mean()) < 4 * error < 0.6
    assert bound.mean() < few.mean() < many.mean() < log_p.mean() + 0.01


@pytest.mark.parametrize("num_samples", [1, 21])
def test_groups_of_codes_are_all_of_them(params, num_samples):
    """One group of all codes, or several with a rest: the same number of terms."""
    flat = types.SimpleNamespace(
        encode=MODEL.encode, decode=lambda params, z: jnp.zeros((*z.shape[:-1], 6))
    )
    # What is decoded does not depend on z: log p(x) = -6 log 2 if q is the prior.
    flat.encode = lambda params, x: (jnp.zeros(2), jnp.zeros(2))
    key = jax.random.key(0)

    @jax.jit
    def measured(key, params, x):
        return tuple(
            fn(key, flat, params, x, num_samples)
            for fn in (importance_weighted_log_likelihood, evidence_lower_bound)
        )

    log_p, bound = measured(key, params, X)
    np.testing.assert_allclose(log_p, -6 * np.log(2), rtol=1e-6)
    np.testing.assert_allclose(bound.bound, -6 * np.log(2), rtol=1e-6)
    np.testing.assert_array_equal(bound.kl, 0)


def test_images_keep_their_codes_whatever_the_chunk(params, monkeypatch):
    def found():
        return jax.jit(
            lambda key: importance_weighted_log_likelihood(key, MODEL, params, X, 3)
        )(jax.random.key(0))

    whole = found()
    monkeypatch.setattr(module, "_IMAGES", 3)
    np.testing.assert_allclose(found(), whole, rtol=1e-5)


def test_far_codes_stay_finite(params):
    """Logits of 1e4: likelihoods that underflow, in logarithms."""
    hard = params | {"decoder": jax.tree.map(lambda x: 1e4 * x, params["decoder"])}
    key = jax.random.key(0)
    log_p = jax.jit(
        lambda params: importance_weighted_log_likelihood(key, MODEL, params, X, 3)
    )(hard)
    assert np.isfinite(log_p).all() and (log_p < -1e3).any()


@pytest.mark.parametrize(
    "fn", [evidence_lower_bound, importance_weighted_log_likelihood]
)
def test_no_samples_are_refused(fn, params):
    with pytest.raises(InputError, match="num_samples is 0: expected 1 or more"):
        fn(jax.random.key(0), MODEL, params, X, 0)


def test_active_units():
    rng = np.random.default_rng(0)
    means = rng.normal(size=(1000, 3)) * [1.0, 0.09, 0.11] + [0, 5, 5]
    assert active_units(jnp.asarray(means, jnp.float32)) == 2


def split(num, seed):
    image = np.random.default_rng(seed).integers(0, 256, (num, 2, 3, 1), np.uint8)
    return Split(jnp.asarray(image), jnp.zeros(num, jnp.int32))


DATA = Images(split(9, 0), split(8, 1), split(11, 2), name="toy", checksum="c0ffee")


@pytest.fixture(scope="module")
def evaluate():
    """Compiled once."""
    return make_variational_evaluate(MODEL, 40)


def test_evaluate_measures_every_seed_on_the_same_bits(params, evaluate, monkeypatch):
    seen = []
    original = module.held_out_pixels
    monkeypatch.setattr(
        module, "held_out_pixels", lambda *a: seen.append(original(*a)) or seen[-1]
    )
    state = types.SimpleNamespace(params=params)
    keys = jax.random.key(1), jax.random.key(2)
    first, second = (evaluate(state, DATA, key, True) for key in keys)
    seen = [np.asarray(x) for x in seen]
    np.testing.assert_array_equal(seen[0], seen[2])
    np.testing.assert_array_equal(seen[1], seen[3])
    assert [len(x) for x in seen] == [8, 11, 8, 11]
    for values in (first, second):
        assert values["test_log_likelihood"] > values["test_bound"]
        assert all(np.ndim(value) == 0 for value in values.values())
    assert first["test_kl"] == second["test_kl"]  # exact, on the same bits
    assert first["test_bound"] != second["test_bound"]  # of other codes
    x = held_out_pixels(DATA.test.image, "test")
    own = jax.random.split(keys[0], 3)[2]
    expected = jax.jit(
        lambda params: importance_weighted_log_likelihood(own, MODEL, params, x, 40)
    )(params)
    np.testing.assert_allclose(
        first["test_log_likelihood"], np.mean(expected), rtol=1e-5
    )


def test_evaluate_leaves_the_test_split_alone_before_the_end(params, evaluate):
    data = types.SimpleNamespace(validation=DATA.validation)  # has no test split
    state = types.SimpleNamespace(params=params)
    values = evaluate(state, data, jax.random.key(0), False)
    assert set(values) == {"validation_bound", "validation_kl", "active_units"}


def test_protocols_name_what_is_measured(params, evaluate):
    state = types.SimpleNamespace(params=params)
    values = evaluate(state, DATA, jax.random.key(0), True)
    protocols = variational_protocols("toy", 9, 11, 5, {"model": "6-4-2"})
    assert set(protocols) <= set(values)
    for fields in protocols.values():
        assert fields["model"] == "6-4-2" and fields["test_images"] == 11
    assert protocols["test_log_likelihood"]["codes_an_image"] == 5
