import jax
import numpy as np
import pytest
from scipy.stats import norm

from jaxdl.data import load_images
from jaxdl.errors import InputError
from jaxdl.systems.generative_vs_discriminative.data import (
    COMPUTED,
    computed_problem,
    image_problem,
    images_of,
    mixture_problem,
)
from jaxdl.systems.generative_vs_discriminative.populations import people

LINES = [([1.0, 0.5, 0.0], 0.2), ([-0.3, 2.0, 1.0], -1.0)]


@pytest.fixture(scope="module")
def digits():
    return load_images("digits")


def drawn(problem, seed, num):
    return jax.jit(problem.draw, static_argnums=1)(jax.random.key(seed), num)


@pytest.mark.parametrize("name", COMPUTED)
def test_error_is_the_share_of_wrong_decisions(name):
    problem = computed_problem(name, 3)
    x, labels = map(np.asarray, drawn(problem, 0, 100_000))
    np.testing.assert_array_equal(labels[:4], [0, 1, 0, 1])
    error = jax.jit(problem.error)
    for weights, bias in LINES:
        wrong = np.mean((x @ weights + bias > 0) != labels)
        got = error(np.array(weights), np.array(bias))
        np.testing.assert_allclose(got, wrong, atol=0.005)  # 3 standard errors


def test_error_of_one_gaussian_a_class_by_hand():
    problem = computed_problem("independent", 2)
    error = jax.jit(problem.error)
    got = error(np.array([2.0, 0.0]), np.array(-1.0))
    np.testing.assert_allclose(got, (norm.cdf(-1.5) + norm.cdf(-0.5)) / 2, rtol=1e-5)
    assert float(error(np.zeros(2), np.array(1.0))) == 0.5


@pytest.mark.parametrize("name", COMPUTED[:2])
def test_no_line_errs_less_than_the_lowest(name):
    problem = computed_problem(name, 2)
    angles = np.linspace(0, 2 * np.pi, 361)
    lines = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    errors = jax.jit(jax.vmap(problem.error, (0, None)))(lines, np.array(0.0))
    np.testing.assert_allclose(np.asarray(errors).min(), problem.lowest, atol=1e-4)
    assert computed_problem("clusters", 2).lowest is None


def test_noise_inputs_change_nothing():
    few, many = computed_problem("correlated", 2), computed_problem("correlated", 9)
    assert many.num_inputs == 9
    np.testing.assert_allclose(few.lowest, many.lowest)


def test_components_have_their_shares():
    means = np.array([[[-9.0], [9.0]], [[0.0], [30.0]]])
    problem = mixture_problem(np.array([[0.2, 0.8], [0.5, 0.5]]), means, np.eye(1))
    x, labels = map(np.asarray, drawn(problem, 1, 20_000))
    np.testing.assert_allclose(np.mean(x[labels == 0] > 0), 0.8, atol=0.015)
    np.testing.assert_allclose(np.mean(x[labels == 1] > 15), 0.5, atol=0.015)


def test_images_are_drawn_once_each_from_those_for_training(digits):
    problem = image_problem(digits, (2, 3))
    x, labels = map(np.asarray, drawn(problem, 0, problem.most))
    for label, digit in enumerate((2, 3)):
        found = {row.tobytes() for row in np.asarray(x, np.float32)[labels == label]}
        known = {r.tobytes() for r in images_of(digits.train, digit).astype("float32")}
        assert len(found) == problem.most // 2 and found <= known
    y, _ = drawn(problem, 1, problem.most)
    assert not np.array_equal(x, y)


def test_error_on_images_by_a_loop(digits):
    problem = image_problem(digits, (0, 1))
    weights = np.random.default_rng(0).normal(size=64)
    shares = []
    for label in (0, 1):
        wrong = [
            (image.ravel() / 255 @ weights + 0.1 > 0) != label
            for split in (digits.validation, digits.test)
            for image in np.asarray(split.image)[np.asarray(split.label) == label]
        ]
        shares.append(np.mean(wrong))
    got = jax.jit(problem.error)(weights, np.array(0.1))
    np.testing.assert_allclose(got, np.mean(shares), atol=1e-6)


def test_people():
    x = np.asarray(jax.jit(people, static_argnums=1)(jax.random.key(0), 50_000))
    np.testing.assert_allclose(x[:, 0].mean(), 170, atol=0.2)
    np.testing.assert_allclose(x[:, 0].std(), 9, atol=0.15)
    logs = np.log(x[:, 1] / (x[:, 0] / 100) ** 2)
    np.testing.assert_allclose(
        [logs.mean(), logs.std()], [np.log(23), 0.15], atol=0.003
    )
    assert abs(np.corrcoef(logs, x[:, 0])[0, 1]) < 0.02


def test_refuses():
    with pytest.raises(InputError, match="no problem 'moons': expected one of in"):
        computed_problem("moons", 2)
    with pytest.raises(InputError, match="1 inputs were given: expected 2 or more"):
        computed_problem("clusters", 1)
