"""Annealed importance sampling against enumeration."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.models.rbm import init_rbm
from jaxdl.systems.rbm.annealed_importance_sampling import (
    annealed_importance_sampling,
    temperatures,
)
from jaxdl.systems.rbm.likelihood import (
    exact_gradient,
    exact_log_likelihood,
    exact_log_partition,
)

SHAPES = dict(kernel=(9, 6), visible_bias=(9,), hidden_bias=(6,))
NUM_SEEDS = 20
log_partition = jax.jit(exact_log_partition)


@functools.partial(jax.jit, static_argnums=2)
def estimates(params, seed, num_steps, base=None):
    """Of 100 chains, for each of as many keys as there are seeds."""
    options = dict(num_chains=100, num_steps=num_steps, base_visible_bias=base)
    return jax.vmap(lambda key: annealed_importance_sampling(key, params, **options))(
        jax.random.split(jax.random.key(seed), NUM_SEEDS)
    )


BASE = jnp.linspace(-1, 1, 9)


def random_machine():
    rng = np.random.default_rng(0)
    return {name: jax.device_put(rng.normal(size=s)) for name, s in SHAPES.items()}


def bars():
    """A bar or nothing in each column of 3x3 pixels, or in each row."""
    choices = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
    columns = np.tile(choices, 3)
    rows = np.repeat(choices, 3, axis=1)
    return jnp.asarray(np.concatenate([columns, rows]), jnp.float32)


@functools.cache
def trained_machine():
    """Bars learned by the exact gradient: weights of several nats, separate modes."""
    data = bars()

    def step(params, _):
        grads = exact_gradient(params, data)
        return jax.tree.map(lambda p, g: p + g, params, grads), None

    @jax.jit
    def train(key):
        params = init_rbm(key, 9, 6)
        params = {**params, "kernel": 10 * params["kernel"]}
        params = jax.lax.scan(step, params, length=1000)[0]
        return params, exact_log_likelihood(params, data)

    params, log_p = train(jax.random.key(1))
    assert np.mean(log_p) + 9 * np.log(2.0) > 2
    assert np.abs(np.asarray(params["kernel"])).max() > 3
    return params


MACHINES = dict(random=random_machine, trained=trained_machine)


@pytest.mark.parametrize("name", MACHINES)
def test_estimates_agree_with_enumeration_within_their_errors(name):
    """The errors are normal: 20 keys, none beyond 4, few beyond 2, none one-sided."""
    params = MACHINES[name]()
    exact = float(log_partition(params))
    found = jax.tree.map(np.asarray, estimates(params, 1, 1000))
    z = (np.asarray(found.log_partition) - exact) / np.asarray(found.standard_error)
    assert np.abs(z).max() < 4 and (np.abs(z) > 2).sum() <= 4
    assert 0.5 < z.std() < 1.5 and abs(z.mean()) < 4 / NUM_SEEDS**0.5
    inside = (found.low < exact) & (exact < found.high)
    assert inside.sum() >= NUM_SEEDS - 2
    size = np.asarray(found.effective_sample_size)
    assert (size > 20).all() and (size <= 100 * (1 + 1e-5)).all()


def test_weights_are_unbiased_however_few_the_steps():
    """The mean of all weights is Z, within 4 standard errors."""
    params = random_machine()
    found = estimates(params, 2, 5, BASE)
    ratios = np.exp(np.ravel(found.log_weights) - float(log_partition(params)))
    error = ratios.std() / len(ratios) ** 0.5
    assert error < 0.05 and abs(ratios.mean() - 1) < 4 * error


def test_weights_are_unbiased_from_a_base_that_is_the_opposite():
    """Units that are likely on there are likely off in the machine."""
    bias = jnp.where(jnp.arange(9) % 2, 1.0, -1.0)
    kernel = 0.3 * random_machine()["kernel"]
    params = dict(kernel=kernel, visible_bias=bias, hidden_bias=jnp.zeros(6))
    found = estimates(params, 2, 5, -bias)
    ratios = np.exp(np.ravel(found.log_weights) - float(log_partition(params)))
    error = ratios.std() / len(ratios) ** 0.5
    assert error < 0.08 and abs(ratios.mean() - 1) < 4 * error


def test_a_machine_without_weights_needs_no_chains():
    """The base is the machine: every weight is Z itself."""
    params = random_machine()
    params = {**params, "kernel": jnp.zeros((9, 6)), "hidden_bias": jnp.zeros(6)}
    found = estimates(params, 3, 5, params["visible_bias"])
    exact = float(log_partition(params))
    np.testing.assert_allclose(found.log_weights, exact, rtol=1e-6)
    np.testing.assert_allclose(found.effective_sample_size, 100, rtol=1e-5)


def test_summary_is_that_of_the_weights():
    found = estimates(random_machine(), 4, 5, BASE)
    found = jax.tree.map(lambda x: np.asarray(x)[0], found)
    w = np.exp(np.asarray(found.log_weights, np.float64))
    error = w.std(ddof=1) / np.sqrt(100) / w.mean()
    expected = [np.log(w.mean()), error, np.log(w.mean() * (1 + 3 * error))]
    np.testing.assert_allclose(
        [found.log_partition, found.standard_error, found.high], expected, rtol=1e-4
    )
    low = w.mean() * (1 - 3 * error)
    assert float(found.low) == pytest.approx(np.log(low) if low > 0 else -np.inf)
    size = w.sum() ** 2 / (w**2).sum()
    assert float(found.effective_sample_size) == pytest.approx(size, rel=1e-4)


def test_temperatures():
    betas = np.asarray(temperatures(14_500))
    assert betas.shape == (14_501,) and betas[0] == 0 and betas[-1] == 1
    np.testing.assert_allclose(betas[[500, 4500]], [0.5, 0.9], rtol=1e-5)
    for num in (1, 28, 29, 100):
        found = np.asarray(temperatures(num))
        assert len(found) == num + 1 and (np.diff(found) > 0).all()
        assert found[0] == 0 and found[-1] == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (dict(num_chains=1), "num_chains is 1: expected 2 or more"),
        (dict(num_steps=0), "num_steps is 0: expected 1 or more"),
        (dict(base_visible_bias=jnp.zeros(8)), r"shape \(8,\): expected \(9,\)"),
    ],
    ids=["chains", "steps", "base"],
)
def test_bad_input(options, sentence):
    options = dict(num_chains=2, num_steps=3) | options
    with pytest.raises(InputError, match=sentence):
        annealed_importance_sampling(jax.random.key(0), random_machine(), **options)
