"""How the cases of autoencoders are trained and measured: rates, fits and splits."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import Images, Split
from jaxdl.systems.autoencoder import cases
from jaxdl.systems.autoencoder.config import Config


def rates(optimizer, num):
    """Step sizes of Adam: a gradient that stays 1 moves by them."""

    def body(state, _):
        update, state = optimizer.update(1.0, state)
        return state, -update

    run = functools.partial(jax.lax.scan, body, length=num)
    return np.asarray(jax.jit(run)(optimizer.init(0.0))[1])


def cosine(num):
    return (1 + np.cos(np.pi * np.arange(num) / num)) / 2


@pytest.mark.parametrize(("steps", "rising"), [(80, 4), (20_000, 500)])
def test_rates_rise_for_a_twentieth_of_the_steps_and_fall(steps, rising):
    """But for 500 at most."""
    adam = cases.make_adam(Config(steps=steps, learning_rate=0.3))
    expected = np.append(np.arange(rising) / rising, cosine(steps - rising))
    found = rates(adam, rising + 60)
    np.testing.assert_allclose(found, 0.3 * expected[: rising + 60], rtol=2e-3)


def split(seed):
    """Images of four pixels, some of which go together; another law for each split."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 80, (9, 1)) * rng.integers(1, 4, 4)[None]
    image = image + rng.integers(0, 9, (9, 4))
    image = jnp.asarray(image, jnp.uint8).reshape(9, 2, 2, 1)
    return Split(image, jnp.zeros(9, jnp.int32))


DATA = Images(split(0), split(1), split(2), "toy", "")


def test_logistic_components_begin_at_a_hundredth(monkeypatch):
    seen = []
    monkeypatch.setattr(cases, "make_train_step", lambda *args: seen.append(args[1]))
    cfg = Config(cases=("logistic-pca",), logistic_steps=50, latent_size=2)
    cases.make_logistic_pca(cfg, DATA)
    np.testing.assert_allclose(rates(*seen, 50), 0.01 * cosine(50), rtol=2e-3)


def test_components_are_of_training_and_their_errors_of_test(monkeypatch):
    monkeypatch.setattr(cases, "make_evaluate", lambda *args: lambda *args: {})
    experiment = cases.make_pca(Config(cases=("pca",), latent_size=2), DATA)
    state = experiment.init(jax.random.key(0), DATA, None)
    assert experiment.evaluate(state, DATA, None, False) == {}
    found = experiment.evaluate(state, DATA, None, True)["squared_error_by_size"]
    train, test = (
        np.asarray(part.image).reshape(9, 4) / 255 for part in (DATA.train, DATA.test)
    )
    mean = train.mean(axis=0)
    components = np.linalg.svd(train - mean)[2]
    for size in range(4):
        codes = (test - mean) @ components[: size + 1].T
        errors = ((mean + codes @ components[: size + 1] - test) ** 2).sum(axis=1)
        assert float(found[size]) == pytest.approx(errors.mean(), abs=1e-5)


@pytest.mark.parametrize("train_on", ["train", "all"])
def test_images_that_are_trained_on_are_called_watched(train_on, monkeypatch):
    seen = []

    def remember(*args, **options):
        seen.append(options)
        return abs

    monkeypatch.setattr(cases, "make_reconstruction_evaluate", remember)
    cases.make_evaluate(Config(train_on=train_on), cases.Coder(abs, abs), abs)
    name = {"train": "validation", "all": "watched"}[train_on]
    assert seen == [{"watched": name, "neighbours": 10}]
