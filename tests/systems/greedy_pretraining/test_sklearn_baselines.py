"""Support vector machine and random forest: that it is these, on the right splits."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxdl.data import load_images
from jaxdl.systems.greedy_pretraining import sklearn_baselines
from jaxdl.systems.greedy_pretraining.config import Config
from jaxdl.systems.greedy_pretraining.sklearn_baselines import forest_errors, svm_errors
from jaxdl.train.seeds import seed_keys


@pytest.fixture(scope="module")
def data():
    return load_images("digits")


def kernel_votes(data, penalty, gamma):
    """Test error of a machine that is given the kernel matrix itself."""
    from sklearn.svm import SVC

    def gaussian(a, b):
        squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
        return np.exp(-gamma * squares)

    train, test = (
        np.asarray(split.image).reshape(len(split.image), -1) / 255.0
        for split in (data.train, data.test)
    )
    model = SVC(C=penalty, kernel="precomputed")
    model.fit(gaussian(train, train), np.asarray(data.train.label))
    votes = model.predict(gaussian(test, train))
    return 100 * np.mean(votes != np.asarray(data.test.label))


def test_svm_has_a_gaussian_kernel_on_unit_pixels(data):
    found = svm_errors(data, penalty=2.0, gamma=0.05)
    assert found["test_error"] == pytest.approx(kernel_votes(data, 2.0, 0.05))
    assert found["test_error"] < 8 and found["validation_error"] < 5
    assert 100 < found["support_vectors"] < 1197


def test_forest_depends_on_its_seed_alone(data):
    one, same, other = (forest_errors(data, trees=20, seed=i) for i in (1, 1, 2))
    assert one == same and one != other
    assert one["test_error"] < 20


def test_labels_at_random_cannot_be_guessed(data):
    label = jax.random.permutation(jax.random.key(0), data.train.label)
    shuffled = dataclasses.replace(data, train=data.train._replace(label=label))
    assert forest_errors(shuffled, trees=10, seed=0)["test_error"] > 80


@pytest.mark.parametrize("case", ["svm", "forest"])
def test_a_forest_is_drawn_by_the_seeds_key(data, case, monkeypatch):
    asked = []

    def errors(data, **options):
        asked.append(options)
        return {}

    for name in ("svm_errors", "forest_errors"):
        monkeypatch.setattr(sklearn_baselines, name, errors)
    cfg = Config(cases=(case,), trees=7, svm_penalty=2.0, svm_gamma=0.5)
    evaluate = sklearn_baselines.make_baseline(cfg, data).evaluate
    keys = [seed_keys(seed).evaluate for seed in range(2)]
    for key in keys:
        assert evaluate(key, data, key, True) == {}
    if case == "svm":
        assert asked == [dict(penalty=2.0, gamma=0.5, watched="validation")] * 2
    else:
        seeds = [options.pop("seed") for options in asked]
        assert asked == [dict(trees=7, watched="validation")] * 2
        assert len(set(seeds)) == 2 and all(0 <= seed < 2**31 for seed in seeds)
