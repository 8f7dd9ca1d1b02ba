"""Errors of an autoencoder's images by hand, and its neighbours by brute force."""

import dataclasses
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import load_images
from jaxdl.ops import bernoulli_cross_entropy, squared_error
from jaxdl.systems.autoencoder.measures import (
    Coder,
    make_reconstruction_evaluate,
    neighbour_accuracy,
    squared_error_by_size,
)
from jaxdl.systems.autoencoder.pca import fit_pca, pca_decode, pca_encode

CODER = Coder(lambda w, x: x @ w, lambda w, codes: codes @ w.T)


@pytest.fixture(scope="module")
def data():
    return load_images("digits")


@pytest.fixture(scope="module")
def state():
    return SimpleNamespace(params=jax.random.normal(jax.random.key(0), (64, 3)) / 4)


def by_hand(split, weights):
    w, x = np.asarray(weights, np.float64), pixels(split)
    logits = x @ w @ w.T
    p = 1 / (1 + np.exp(-logits))
    loss = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1).mean()
    return loss, ((x - p) ** 2).sum(axis=1).mean()


def pixels(split):
    return np.asarray(split.image, np.float64).reshape(len(split.image), -1) / 255


def test_values_by_hand(data, state):
    evaluate = make_reconstruction_evaluate(
        CODER, bernoulli_cross_entropy, neighbours=10
    )
    before, values = (evaluate(state, data, None, final) for final in (False, True))
    names = {"validation_loss", "validation_squared_error"}
    assert before.keys() == names  # the test split is left alone before the end
    more = {"test_loss", "test_squared_error", "knn_accuracy_percent"}
    assert values.keys() == names | more
    for name in ("validation", "test"):
        loss, squared = by_hand(getattr(data, name), state.params)
        assert float(values[f"{name}_loss"]) == pytest.approx(loss, rel=1e-5)
        got = float(values[f"{name}_squared_error"])
        assert got == pytest.approx(squared, rel=1e-5)
    w = np.asarray(state.params, np.float64)
    share = vote(pixels(data.train) @ w, data.train, pixels(data.test) @ w, data.test)
    assert abs(float(values["knn_accuracy_percent"]) - share) <= 0.7  # two of 300


def test_neighbours_are_those_of_the_training_split(data, state):
    validation = data.validation._replace(label=(data.validation.label + 1) % 10)
    changed = dataclasses.replace(data, validation=validation)
    evaluate = make_reconstruction_evaluate(
        CODER, bernoulli_cross_entropy, neighbours=10
    )
    name = "knn_accuracy_percent"
    found = [evaluate(state, each, None, True)[name] for each in (data, changed)]
    assert found[0] == found[1] > 30


def vote(codes, split, test_codes, test_split, neighbours=10):
    """By the distance to every code; the smallest class wins a tie."""
    labels, right = np.asarray(split.label), 0
    for code, label in zip(test_codes, np.asarray(test_split.label), strict=True):
        nearest = np.argsort(((codes - code) ** 2).sum(axis=1))[:neighbours]
        right += np.bincount(labels[nearest]).argmax() == label
    return 100 * right / len(test_codes)


def test_names_and_pixels_are_as_told(data, state):
    coder = CODER._replace(pixels=lambda outputs: outputs)
    evaluate = make_reconstruction_evaluate(coder, squared_error, watched="watched")
    values = evaluate(state, data, None, True)
    assert values.keys() == {
        f"{a}_{b}" for a in ("watched", "test") for b in ("loss", "squared_error")
    }
    assert float(values["test_loss"]) == float(values["test_squared_error"])


def test_neighbours_of_points_apart():
    codes = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    labels = np.array([0, 0, 0, 1, 1, 1])
    test = np.array([[0.05], [5.3], [4.9], [0.3]])
    truth = np.array([0, 1, 0, 0])
    assert neighbour_accuracy(codes, labels, test, truth, neighbours=3) == 75


def test_error_by_size_is_that_of_the_first_components(data):
    x = jnp.asarray(pixels(data.test), jnp.float32)
    pca = fit_pca(jnp.asarray(pixels(data.train), jnp.float32), 64)
    got = squared_error_by_size(pca.mean, pca.components, x)
    for size in (1, 8, 30):
        first = pca._replace(components=pca.components[:size])
        back = pca_decode(first, pca_encode(first, x))
        expected = float(squared_error(back, x).mean())
        assert float(got[size - 1]) == pytest.approx(expected, rel=1e-3)
    assert got.shape == (64,) and float(got[-1]) < 1e-3
