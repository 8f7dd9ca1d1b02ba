"""Latent arithmetic with generators whose attributes are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.measures.statistics import wilson_ci95
from jaxdl.systems.dcgan.attribute_pools import exemplars, make_pool, random_concepts
from jaxdl.systems.dcgan.coloured import colour_of_image
from jaxdl.systems.dcgan.latent_arithmetic import latent_arithmetic, make_attributes

SIZE = 14  # ten numbers for the digit, three for the colour, one for nothing


@jax.jit
def generate(z):
    """Images of ten rows: the largest of ten latents tells which is lit, and colour."""
    lit = jax.nn.one_hot(jnp.argmax(z[:, :10], axis=1), 10)
    colour = jax.nn.one_hot(jnp.argmax(z[:, 10:13], axis=1), 3)
    return jnp.broadcast_to(
        lit[:, :, None, None] * colour[:, None, None], (500, 10, 2, 3)
    )


def digit_logits(grey):
    assert grey.shape == (500, 10, 2, 1)
    return grey.mean(axis=(2, 3))


classify = jax.jit(make_attributes(digit_logits, colour_of_image))


def arithmetic(seed=0, generate=generate, classify=classify, **options):
    key = jax.random.key(seed)
    return latent_arithmetic(key, generate, classify, SIZE, **options)


@pytest.fixture(scope="module")
def three():
    return arithmetic(num_trials=2000)


def simulated(rng, num):
    """Share of right answers of 2,000 x `num` sums, drawn by rejection."""

    def mean_of_three(digit, colour):
        z = rng.normal(size=(200_000, SIZE))
        here = (z[:, :10].argmax(1) == digit) & (z[:, 10:13].argmax(1) == colour)
        kept = z[here]
        return kept[: len(kept) // 3 * 3].reshape(-1, 3, SIZE).mean(axis=1)[:num]

    total = mean_of_three(3, 0) - mean_of_three(7, 0) + mean_of_three(7, 2)
    digit, colour = total[:, :10].argmax(1) == 3, total[:, 10:13].argmax(1) == 2
    return np.mean(digit & colour), digit.mean(), colour.mean()


def test_rates_equal_a_simulation(three):
    named = three.named
    expected = simulated(np.random.default_rng(0), 2000)
    got = np.array([named.success, named.digit, named.colour]) / named.trials
    np.testing.assert_allclose(got, expected, atol=0.05)
    # No axis is special here, so other digits and colours do as well.
    assert three.random.success / 2000 == pytest.approx(got[0], abs=0.05)


def test_many_exemplars_leave_no_failure():
    found = arithmetic(num_trials=200, num_exemplars=60)
    for outcome in (found.named, found.random):
        assert outcome.success == outcome.digit == outcome.colour == 200
        assert outcome.missing == outcome.third_alone == 0


def test_baselines(three):
    np.testing.assert_allclose(three.counts / 10_000, 1 / 30, atol=0.008)
    assert three.counts.sum() == 10_000
    assert three.named.chance == three.counts[3, 2] / 10_000
    assert three.random.chance == pytest.approx(1 / 30, abs=0.002)
    # The mean of three blue 7 is never a 3: the 7 stays the largest.
    assert three.named.third_alone == 0


def test_a_generator_without_attributes_is_at_chance():
    def hashed(images):
        number = np.abs(np.asarray(images, np.float64)[:, 0] * 1e5).astype(int)
        return number % 10, number // 10 % 3

    found = arithmetic(generate=lambda z: z, classify=hashed, num_trials=3000)
    for outcome in (found.named, found.random):
        _, low, high = wilson_ci95(outcome.success, outcome.trials)
        assert low - 0.01 < 1 / 30 < high + 0.01
        assert outcome.third_alone / 3000 == pytest.approx(1 / 30, abs=0.015)


def test_images_are_those_of_the_named_sums(three):
    images = three.figure
    assert images.exemplars.shape == (8, 3, 3, 10, 2, 3)
    assert images.means.shape == (8, 3, 10, 2, 3)
    assert images.results.shape == (8, 10, 2, 3)
    for i, (digit, colour) in enumerate([(3, 0), (7, 0), (7, 2)]):
        shown = images.exemplars[:, i]
        assert (shown[..., digit, :, colour] == 1).all() and shown.sum() == 8 * 3 * 2


def test_everything_comes_from_the_key(three):
    again, other = arithmetic(num_trials=2000), arithmetic(1, num_trials=2000)
    jax.tree.map(np.testing.assert_array_equal, again, three)
    assert other.named.success != three.named.success


def test_missing_exemplars_are_failures():
    def no_blue(images):
        digits, colours = classify(images)
        return digits, jnp.where(colours == 2, -1, colours)

    found = arithmetic(classify=no_blue, num_trials=300)
    assert found.named[:7] == (300, 0, 0, 0, 0, 300, 0.0)
    assert found.figure.results.shape == (0, 10, 2, 3)
    assert found.counts[:, 2].sum() == 0 < found.counts[:, 1].min()
    # Two of three pairs of colours need blue ones, of which there are none to sum.
    assert found.random.missing / 300 == pytest.approx(2 / 3, abs=0.1)
    assert 0 < found.random.success <= 300 - found.random.missing


def test_lengths(monkeypatch):
    seen = []

    def watched(z):
        seen.append(np.asarray(z))
        return generate(z)

    for rescale in (True, False):
        seen.clear()
        arithmetic(
            generate=watched, num_trials=500, num_candidates=500, rescale=rescale
        )
        lengths = np.linalg.norm(seen[1], axis=1)  # sums, after the candidates
        assert np.allclose(lengths, SIZE**0.5, rtol=1e-5) == rescale


def test_exemplars_differ_and_are_drawn_evenly():
    attributes = np.array([[3, 0]] * 4 + [[7, 0]] * 3 + [[-1, 0], [3, -1], [10, 2]])
    pool = make_pool(attributes[::-1])
    concepts = np.tile([(3, 0), (7, 0), (3, 0)], (4000, 1, 1))
    chosen = exemplars(jax.random.key(0), pool, concepts, 3)
    assert all(len(set(row)) == 3 for row in chosen.reshape(-1, 3))
    np.testing.assert_array_equal(np.unique(chosen[:, 0]), [6, 7, 8, 9])
    np.testing.assert_array_equal(np.unique(chosen[:, 1]), [3, 4, 5])
    for place in range(3):
        shares = np.bincount(chosen[:, 0, place], minlength=10)[6:] / 4000
        np.testing.assert_allclose(shares, 1 / 4, atol=0.03)


def test_random_concepts():
    concepts = random_concepts(jax.random.key(0), 6000)
    (a, p), (b, p_again), (b_again, q) = np.moveaxis(concepts, (1, 2), (0, 1))
    assert (p == p_again).all() and (b == b_again).all()
    assert (a != b).all() and (p != q).all()
    pairs = np.unique(np.stack([a, b, p, q], axis=1), axis=0)
    assert len(pairs) == 10 * 9 * 3 * 2


@pytest.mark.parametrize(
    "options",
    [{"num_trials": 0}, {"num_exemplars": 0}, {"num_candidates": 2}],
    ids=lambda options: next(iter(options)),
)
def test_too_small_numbers_are_refused(options):
    with pytest.raises(InputError, match="at least one trial and one exemplar"):
        arithmetic(**options)
