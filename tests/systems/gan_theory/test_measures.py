"""The game's bound against formulas, closed forms and SciPy's integrals."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import log_expit, log_softmax, rel_entr

from jaxdl.ops import gaussian_log_density
from jaxdl.systems.gan_theory import measures
from jaxdl.systems.gan_theory.data import annulus
from jaxdl.systems.gan_theory.measures import (
    cover,
    make_likelihood_evaluate,
    make_sampled_evaluate,
    make_theory_evaluate,
    optimal_logits,
    play,
)

LOG_4 = np.log(4)
played = jax.jit(play)


class Players(NamedTuple):
    gen_params: Any
    disc_params: Any


class Alone(NamedTuple):
    params: Any


rows = st.lists(st.floats(-30, 30), min_size=6, max_size=6)


@given(rows, rows, rows)
@settings(deadline=None, max_examples=60)
def test_the_bound_holds_and_is_attained(a, b, logits):
    with jax.enable_x64(True):
        log_p, log_q = (log_softmax(np.array(x)) for x in (a, b))
        game = played(log_p, log_q, np.array(logits))
    game = jax.tree.map(float, game)
    p, q, s = np.exp(log_p), np.exp(log_q), np.array(logits)
    value = (p * log_expit(s) + q * log_expit(-s)).sum()
    np.testing.assert_allclose(game.value, value, rtol=1e-9)
    m = (p + q) / 2  # SciPy's jensenshannon takes the root of what may round below 0
    jsd = (rel_entr(p, m) + rel_entr(q, m)).sum() / 2
    np.testing.assert_allclose(game.jsd, jsd, atol=1e-12)
    np.testing.assert_allclose(game.bound, 2 * game.jsd - LOG_4, atol=1e-12)
    np.testing.assert_allclose(game.optimal_value, game.bound, atol=1e-12)
    assert game.value <= game.bound + 1e-12


def test_the_ends():
    with jax.enable_x64(True):
        same = np.log(np.array([0.2, 0.3, 0.5]))
        won = played(same, same, np.zeros(3))
        apart = played(
            np.array([0.0, -np.inf]),
            np.array([-np.inf, 0.0]),
            np.array([100.0, -100.0]),
        )
    won, apart = (jax.tree.map(float, game) for game in (won, apart))
    np.testing.assert_allclose([won.value, won.bound], -LOG_4, rtol=1e-12)
    np.testing.assert_allclose([apart.value, apart.bound], 0, atol=1e-12)
    np.testing.assert_allclose(apart.jsd, np.log(2), rtol=1e-12)


def test_optimal_logits():
    log_p, log_q = (
        jnp.array([-1.0, -jnp.inf, -2.0, -jnp.inf]),
        jnp.array([-2.0, -1.0, -jnp.inf, -jnp.inf]),
    )
    got = optimal_logits(log_p, log_q)
    np.testing.assert_array_equal(got, [1.0, -np.inf, np.inf, 0.0])


def normal(mean, sd=1.0):
    """Log-density of a round Gaussian."""

    def log_density(x):
        at = jnp.asarray(mean, x.dtype)
        return gaussian_log_density(x, at, jnp.eye(2, dtype=x.dtype) * sd**2)

    return log_density


def shifted(params, x):
    """Log-density of N(params, I)."""
    return gaussian_log_density(x, params, jnp.eye(2, dtype=x.dtype))


def linear(params, x):
    """A discriminator whose logits are linear."""
    return x @ params["slope"] + params["offset"]


def test_two_gaussians():
    """For N(0, I) against N((2, 0), I) the best logit is 2 - 2x, and JSD is that of one
    dimension."""
    evaluate = make_theory_evaluate(shifted, linear, normal([0.0, 0.0]), 9.0)
    best = {"slope": jnp.array([-2.0, 0.0]), "offset": jnp.array(2.0)}
    state = Players(jnp.array([2.0, 0.0]), best)
    found = evaluate(state, None, None, False)

    def density(x, mean):
        return np.exp(-((x - mean) ** 2) / 2) / np.sqrt(2 * np.pi)

    def term(x):
        p, q = density(x, 0), density(x, 2)
        return p * np.log(2 * p / (p + q)) / 2 + q * np.log(2 * q / (p + q)) / 2

    expected = quad(term, -9, 11, epsabs=1e-12)[0]
    np.testing.assert_allclose(found["jsd"], expected, atol=1e-6)
    np.testing.assert_allclose(found["value"], found["bound"], atol=1e-6)
    np.testing.assert_allclose([found["kl_data"], found["kl_generator"]], 2, rtol=1e-4)
    assert found["attained"] < 1e-6 and found["covered"] == 1
    worse = state._replace(disc_params=best | {"offset": jnp.array(0.0)})
    assert evaluate(worse, None, None, True)["gap"] > 0.1
    alone = make_likelihood_evaluate(shifted, normal([0.0, 0.0]), 9.0)
    assert alone(Alone(state.gen_params), None, None, False)["jsd"] == found["jsd"]


@pytest.mark.parametrize(
    ("sd", "cells", "holds"),
    [(0.1, 160, True), (1.0, 320, True), (0.0005, 1280, False)],
)
def test_grids_widen_and_refine_until_the_mass_is_there(sd, cells, holds):
    with jax.enable_x64(True):
        covering = cover([jax.jit(normal([0.1, 0.1], sd))], 2.0)
    assert len(covering.grid.points) == cells**2
    assert covering.holds_all is holds
    assert (abs(covering.masses[0] - 1) < 1e-3) is holds


def test_estimates_from_samples():
    """Of data against themselves, and against a point."""
    density = annulus()
    best = {"slope": jnp.zeros(2), "offset": jnp.array(0.0)}

    def own(params, z):
        angle = jnp.arctan2(z[:, 0], z[:, 1])
        r = 2 + 0 * params
        noise = 0.2 * jax.random.normal(jax.random.key(5), z.shape)
        return jnp.stack([r * jnp.cos(angle), r * jnp.sin(angle)], 1) + noise

    evaluate = make_sampled_evaluate(own, linear, 2, density)
    found = evaluate(Players(jnp.array(0.0), best), None, jax.random.key(0), True)
    np.testing.assert_allclose(found["value_estimate"], -LOG_4, rtol=1e-5)
    assert found["counts_map"].sum() > 99_990
    floor = found["jsd_estimate_floor"]
    assert 0 < floor < 0.01 and abs(found["jsd_estimate"] - floor) < 0.1 * floor
    point = make_sampled_evaluate(lambda params, z: 0 * z, linear, 2, density)
    far = point(Players(jnp.array(0.0), best), None, jax.random.key(0), True)
    np.testing.assert_allclose(far["jsd_estimate"], np.log(2), rtol=1e-3)


def test_each_density_has_its_own_mass(monkeypatch):
    monkeypatch.setattr(measures, "GRIDS", ((1, 60),))
    whole = normal([0.0, 0.0])
    covering = cover([whole, lambda x: whole(x) - jnp.log(2.0)], 9.0)
    np.testing.assert_allclose(covering.masses, (1, 0.5), rtol=1e-3)
    assert not covering.holds_all
