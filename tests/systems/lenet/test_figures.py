"""Figures of LeNet show what they say."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import drawn, images, series

from jaxdl.models.lenet import modern_lenet
from jaxdl.systems.lenet.confusion import Worst
from jaxdl.systems.lenet.figures import (
    figure_of_confusion,
    figure_of_worst,
    lenet_figures,
)
from jaxdl.train.log import History, Series

NET = modern_lenet(3, maps=(2, 3))


@pytest.fixture(scope="module")
def record():
    """Two seeds of a net that was not trained, and thirty images of three classes."""
    init = jax.jit(NET.init)
    keys = jax.random.split(jax.random.key(0), 2)
    held_out = series(10, 2, ("validation_loss", "validation_error"))
    test = types.SimpleNamespace(
        image=jnp.asarray(images(30, 28, 28)), label=jnp.arange(30) % 3
    )
    return types.SimpleNamespace(
        states=[types.SimpleNamespace(params=init(key)) for key in keys],
        data=types.SimpleNamespace(test=test),
        history=History(Series(np.zeros(0, int), {}), held_out),
        config=types.SimpleNamespace(seed=5),
    )


@pytest.fixture(scope="module")
def figures(record):
    return lenet_figures(record, NET)


def test_figures_are_pictures(figures):
    assert set(figures) == {"maps", "filters", "worst", "confusion", "curves"}
    for name, figure in figures.items():
        pixels = drawn(figure)
        assert pixels.shape[1] == 1000 and pixels.std() > 1, name


def test_confusions_are_those_of_all_seeds(figures):
    axes = figures["confusion"].axes[0]
    assert "2 seeds together" in axes.get_title()
    counts = np.zeros((3, 3), int)
    for text in axes.texts:
        column, row = text.get_position()
        counts[row, column] = int(text.get_text())
    np.testing.assert_array_equal(counts.sum(axis=1), [20, 20, 20])
    np.testing.assert_array_equal(
        axes.images[0].get_array(), np.where(np.eye(3, dtype=bool), 0, counts)
    )


def test_a_matrix_without_errors_is_drawn():
    figure = figure_of_confusion(np.diag([3, 4]), "title")
    assert [text.get_text() for text in figure.axes[0].texts] == ["3", "4"]
    assert drawn(figure).std() > 1


def test_worst_images_are_named():
    pictures = images(9, 8, 8)
    worst = Worst(
        np.array([7, 2]), np.array([4, 1]), np.array([9, 1]), np.array([0.125, 0.5])
    )
    figure = figure_of_worst(pictures, worst, "title")
    first, second, *rest = figure.axes
    assert first.get_title() == "4, read as 9\np(4) = 0.12"
    assert second.get_title() == "1, read as 1\np(1) = 0.5"
    np.testing.assert_array_equal(first.images[0].get_array(), pictures[7, ..., 0])
    assert not any(axes.images for axes in rest)


def test_maps_are_those_of_the_net(figures, record):
    """The first row of maps is C1's, one gray scale for all of them."""
    image = record.data.test.image[:1]
    maps = NET.activity(record.states[0].params, jnp.asarray(image / 255.0)).c1[0]
    titles = [axes.get_title() for axes in figures["maps"].axes]
    assert titles[0] == "image" and titles[1] == "C1: 2 maps of 28x28"
    shown = np.asarray(figures["maps"].axes[1].images[0].get_array(), float)[1:29, 1:29]
    low, high = float(maps.min()), float(maps.max())
    expected = 255 * (np.asarray(maps[..., 0]) - low) / (high - low)
    np.testing.assert_allclose(shown, expected, atol=1)
