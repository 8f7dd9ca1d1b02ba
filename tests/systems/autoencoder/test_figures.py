"""Figures of autoencoders say what they were given."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import drawn, faults_of_texts, images

from jaxdl.systems.autoencoder.figures import autoencoder_figures, spread
from jaxdl.systems.autoencoder.measures import Coder
from jaxdl.systems.autoencoder.pictures import make_pictures
from jaxdl.train.log import History, Series

SPLIT = SimpleNamespace(
    image=jnp.asarray(images(30, 4, 5)), label=jnp.arange(30, dtype=jnp.int32) % 3
)
DATA = SimpleNamespace(train=SPLIT, test=SPLIT, image_shape=(4, 5, 1))
# The code is the image's first two pixels; the picture shows the first number alone.
CODER = Coder(
    lambda params, x: x[:, :2],
    lambda params, codes: jnp.repeat(codes[:, :1], 20, axis=1),
    pixels=lambda outputs: outputs,
)


def record(size, error, steps=0, by_size=None):
    values = {"validation_squared_error": np.full((3, 1), error)}
    if by_size is not None:
        values["squared_error_by_size"] = by_size[None, None]
    series = Series(np.arange(3), values)
    train = Series(np.arange(3), {"squared_error": np.full((3, 1), error)})
    metric = {"mean": error, "per_seed": [error], "protocol": {"code_size": size}}
    return SimpleNamespace(
        states=[SimpleNamespace(params={})],
        data=DATA,
        config=SimpleNamespace(steps=steps, seed=0),
        history=History(train, series),
        result={"metrics": {"test_squared_error": metric}},
    )


def figures_of(records):
    key = jax.random.key(0)
    pictures = {
        name: make_pictures(name, CODER, {}, DATA, key, lambda key, x: x)
        for name in records
    }
    return autoencoder_figures(records, pictures)


@pytest.fixture(scope="module")
def figures():
    records = {
        "pca": record(2, 3.0, by_size=np.arange(6.0, 0, -1)),
        "deep": record(4, 1.0, steps=10),
        "two": record(2, 2.0, steps=10),
        "deep-3": record(3, 1.5, steps=10),
    }
    return figures_of(records)


def test_figures_of_the_cases_that_there_are(figures):
    names = {"reconstructions", "training", "latent_map", "latent_grid", "code_size"}
    assert figures.keys() == names
    only = {"pca": record(2, 3.0, by_size=np.ones(6))}
    assert figures_of(only).keys() == {"reconstructions", "latent_map"}


def test_code_sizes_are_in_order_and_pca_ends_with_them(figures):
    deep, pca = figures["code_size"].axes[0].lines
    np.testing.assert_array_equal(deep.get_xydata(), [[2, 2], [3, 1.5], [4, 1]])
    np.testing.assert_array_equal(pca.get_xydata(), [[1, 6], [2, 5], [3, 4], [4, 3]])


def test_reconstructions_are_labelled_with_their_errors(figures):
    (axes,) = figures["reconstructions"].axes
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert labels == ["test images", "pca: 3", "deep: 1", "two: 2", "deep-3: 1.5"]


def test_training_leaves_out_pca_and_further_sizes(figures):
    _, curves = figures["training"].axes
    assert [line.get_label() for line in curves.lines] == ["deep", "two"]
    assert curves.get_title() == "Squared error on validation images"


def test_map_has_a_colour_a_class_and_the_vote(figures):
    axes, _ = figures["latent_map"].axes
    assert axes.get_title().startswith("pca\n")
    points = np.concatenate([each.get_offsets() for each in axes.collections])
    assert len(axes.collections) == 3 and len(points) == 30


@pytest.mark.parametrize("num", [2, 10])
@pytest.mark.parametrize("where", ["equal", "corner", "random"])
def test_places_are_spread(num, where):
    places = {
        "equal": np.full((num, 2), 0.4),
        "corner": np.zeros((num, 2)),
        "random": np.random.default_rng(0).uniform(0.3, 0.5, (num, 2)),
    }[where]
    found = spread(places, 0.07)
    between = np.abs(found[:, None] - found[None]).max(axis=-1)
    assert (between[~np.eye(num, dtype=bool)] >= 0.07 - 1e-9).all()
    assert np.abs(found - places).max() < 0.25  # near where they were
    assert 0.035 <= found.min() and found.max() <= 0.965


def test_places_that_are_apart_stay():
    places = np.array([[0.2, 0.2], [0.2, 0.3], [0.9, 0.5]])
    np.testing.assert_allclose(spread(places, 0.07), places, atol=1e-5)


def test_names_of_classes_do_not_hide_each_other():
    """All classes have the same codes: their names stand side by side."""
    figure = figures_of({"pca": record(2, 3.0, by_size=np.ones(6))})["latent_map"]
    drawn(figure)
    assert len(figure.axes[0].texts) == 3 and faults_of_texts(figure) == []


def test_grid_goes_right_with_the_first_number(figures):
    (image,) = figures["latent_grid"].axes[0].get_images()
    rows = np.asarray(image.get_array())[3 :: 4 + 2]
    first = rows[:, 3 :: 5 + 2]
    assert first.shape == (16, 16)
    assert (np.diff(first.astype(int), axis=1) > 0).all()  # the picture is that number
    assert (first == first[0]).all()
