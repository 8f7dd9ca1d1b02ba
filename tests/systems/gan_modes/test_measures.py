"""Mode coverage, against loops and closed forms."""

import math
import types

import jax
import numpy as np
import pytest
import scipy.stats

from jaxdl.adversarial.networks import GAN
from jaxdl.errors import InputError
from jaxdl.systems.gan_modes.data import grid, ring
from jaxdl.systems.gan_modes.measures import (
    make_modes_evaluate,
    make_sample,
    mode_coverage,
)
from jaxdl.types import Model

SQUARE = np.array([[0, 0], [4, 0], [0, 4], [4, 4]], float)


def brute_force(samples, centres, sd, weights):
    found, good, counts = set(), 0, [0] * len(centres)
    for sample in samples:
        distances = [math.dist(sample, centre) for centre in centres]
        nearest = distances.index(min(distances))
        counts[nearest] += 1
        if min(distances) < 3 * sd:
            good += 1
            found.add(nearest)
    shares = np.array(counts) / len(samples)
    divergence = scipy.stats.entropy(shares, weights)
    return len(found), good / len(samples), divergence


@pytest.mark.parametrize("seed", range(5))
def test_equals_brute_force(seed):
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 2, (rng.integers(1, 9), 2))
    samples = rng.normal(0, 2, (200, 2))
    weights = rng.dirichlet(np.ones(len(centres)))
    got = mode_coverage(samples, centres, 0.2, weights)
    np.testing.assert_allclose(
        got, brute_force(samples, centres, 0.2, weights), rtol=1e-9, atol=1e-12
    )


def test_by_hand():
    # Two good samples at one mode, one far from its nearest, one exactly 3 sd away.
    samples = [[0.0, 0.1], [0.2, 0.0], [3.0, 3.0], [4.0, 0.75]]
    got = mode_coverage(samples, SQUARE, 0.25)
    assert (got.modes, got.high_quality) == (1, 0.5)
    expected = 0.5 * math.log(2) + 0.5 * math.log(1)
    assert got.reverse_kl == pytest.approx(expected)


def test_extremes():
    one = mode_coverage(np.zeros((10, 2)), SQUARE, 0.1)
    assert one == (1, 1.0, pytest.approx(math.log(4)))
    assert mode_coverage(SQUARE, SQUARE, 0.1) == (4, 1.0, 0.0)
    far = mode_coverage(1e6 * np.ones((3, 2)), SQUARE, 0.1)
    assert far.modes == 0 and far.high_quality == 0


@pytest.mark.parametrize("make", [ring, grid])
def test_true_samples(make):
    target = make()
    samples = target.draw(jax.random.key(1), 20_000)
    got = mode_coverage(samples, target.centres, target.sd)
    assert got.modes == len(target.centres)
    # P(chi_2 < 3) = 1 - exp(-9/2); its standard error here is 0.0007.
    assert abs(got.high_quality - (1 - math.exp(-4.5))) < 0.003
    assert got.reverse_kl < 0.002


BAD = {
    "no modes": (dict(centres=np.zeros((0, 2))), "at least one mode"),
    "no samples": (dict(samples=np.zeros((0, 2))), "at least one"),
    "one axis too many": (dict(samples=np.zeros((3, 3))), "rows of 2 numbers"),
    "nan": (dict(samples=np.full((3, 2), np.nan)), "not finite"),
    "sd 0": (dict(sd=0.0), "sd is 0.0: expected a finite number above 0"),
    "sd below 0": (dict(sd=-0.1), "sd is -0.1"),
    "sd nan": (dict(sd=math.nan), "sd is nan"),
    "a weight of 0": (dict(weights=[0.5, 0.5, 0, 0]), "4 numbers above 0"),
    "too few weights": (dict(weights=[0.5, 0.5]), "4 numbers above 0"),
    "weights of sum 2": (dict(weights=[0.5] * 4), "sum 2: expected 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    change, said = BAD[name]
    given = dict(samples=np.zeros((3, 2)), centres=SQUARE, sd=0.1) | change
    with pytest.raises(InputError, match=said):
        mode_coverage(**given)


def test_evaluate():
    target = ring()
    evaluate = make_modes_evaluate(lambda params, key, num: target.draw(key, num))
    state = types.SimpleNamespace(gen_params={})
    found = evaluate(state, target, jax.random.key(0), False)
    assert found["modes"] == 8 and 97.5 < found["high_quality"] < 100
    assert 0 < found["reverse_kl"] < 0.01
    assert found["samples"].shape == (1000, 2)


def test_statistics_and_samples_have_latents_of_their_own():
    """A generator that shows how far its samples are from what statistics saw."""

    def apply(params, z, *, statistics=None, with_statistics=False):
        return (z, z[:50]) if with_statistics else params * (z - statistics)

    gan = GAN(Model(abs, apply), Model(abs, abs), 2)
    sample, key = make_sample(gan), jax.random.key(3)
    first, second = sample(1.0, key, 50), sample(2.0, key, 50)
    np.testing.assert_allclose(2 * first, second)
    assert np.abs(first).min() > 0
    assert np.std(first) == pytest.approx(np.sqrt(2), rel=0.2)
