"""Figures of a Boltzmann machine show what they say."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import drawn, images, series
from scipy.special import expit

from jaxdl.models import rbm
from jaxdl.systems.rbm.figures import rbm_figures
from jaxdl.systems.rbm.measures import fantasies, shown
from jaxdl.train.log import History, Series
from jaxdl.train.seeds import seed_keys

NUM_PIXELS = 20


def machine(num_hidden):
    init = jax.jit(rbm.init_rbm, static_argnums=(1, 2))
    params = init(jax.random.key(0), NUM_PIXELS, num_hidden)
    return jax.tree.map(lambda x: jnp.asarray(50 * np.asarray(x)), params)


def record(num_hidden, num_train, name="free_energy_difference"):
    train = series(num_train, 2, (name,))
    if num_train == 0:
        train = Series(np.zeros(0, int), {})  # as the log of a run without steps
    names = ("free_energy_train", "free_energy_validation", "free_energy_gap")
    held_out = series(5, 2, (*names, "reconstruction_error"))
    states = [types.SimpleNamespace(params=machine(num_hidden)), None]
    test = types.SimpleNamespace(image=jnp.asarray(images(30)))
    return types.SimpleNamespace(
        states=states,
        data=types.SimpleNamespace(test=test),
        history=History(train, held_out),
        config=types.SimpleNamespace(seed=5, steps=1234),
    )


def figures_of(record):
    key = seed_keys(record.config.seed).figures
    params, image = record.states[0].params, record.data.test.image
    return rbm_figures(record, shown(key, params, image))


@pytest.mark.parametrize(
    ("num_hidden", "num_train"), [(120, 30), (3, 0)], ids=["run", "few_no_steps"]
)
def test_figures(num_hidden, num_train):
    figures = figures_of(record(num_hidden, num_train))
    assert set(figures) == {"filters", "fantasies", "reconstructions", "curves"}
    for name, figure in figures.items():
        pixels = drawn(figure)
        assert pixels.shape[1] == 1000 and pixels.std() > 1, name
        if name != "curves":
            assert "seed 5" in figure.axes[0].get_title()
    labels = [t.get_text() for t in figures["fantasies"].axes[0].get_yticklabels()]
    later = ["1", "10", "100", "1,000"]
    assert labels == ["noise", *later, "images", *later]
    for axes in figures["curves"].axes:
        assert "nats" in axes.get_ylabel() or "squared error" in axes.get_ylabel()


def test_curves_of_contrastive_divergence():
    """It logs reconstructions in place of a difference of free energies."""
    curves = figures_of(record(3, 30, "reconstruction_error"))["curves"]
    assert "Reconstruction" in curves.axes[0].get_title()
    assert len(curves.axes[0].lines) == 1


def test_figures_show_the_images_they_name():
    figures = figures_of(record(3, 30))

    def grid(name, rows):
        shown = figures[name].axes[0].images[0].get_array()
        return np.asarray(shown).reshape(rows, 6, 12, 7)[:, 1:-1, :, 1:-1]

    originals = images(30)[..., 0]
    shown = grid("reconstructions", 4)
    for row, part in ((0, originals[:12]), (2, originals[12:24])):
        np.testing.assert_array_equal(shown[row].swapaxes(0, 1), part)
    pixels = np.float32(originals[12:24].reshape(12, -1) / 255)
    params = machine(3)
    hidden = expit(np.asarray(jax.jit(rbm.hidden_logits)(params, pixels)))
    visible = np.asarray(jax.jit(rbm.visible_logits)(params, hidden))
    rebuilt = expit(visible).reshape(12, 4, 5)
    found = shown[3].swapaxes(0, 1) / 255
    np.testing.assert_allclose(found, rebuilt, atol=0.51 / 255)
    starts = grid("fantasies", 10)
    assert set(np.unique(starts[[0, 5]])) == {0, 255}
    agreement = np.corrcoef(starts[5].swapaxes(0, 1).ravel(), originals[:12].ravel())
    assert agreement[0, 1] > 0.4  # drawn from the images


def test_fantasies_are_probabilities_of_the_chain():
    params, start = machine(3), jnp.zeros((2, NUM_PIXELS))
    rows = fantasies(jax.random.key(0), params, start)
    assert rows.shape == (5, 2, NUM_PIXELS)
    rows = np.asarray(rows)
    np.testing.assert_array_equal(rows[0], start)
    visible, step = start, jax.jit(rbm.gibbs_step)
    for i in range(10):  # the chain goes on: ten steps are not nine more of another
        key = jax.random.fold_in(jax.random.key(0), i)
        visible, probabilities = step(key, params, visible)
        if i == 0:
            np.testing.assert_allclose(rows[1], probabilities, rtol=1e-5)
    np.testing.assert_allclose(rows[2], probabilities, rtol=1e-5)
