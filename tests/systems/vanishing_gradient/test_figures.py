"""Figures on activations and deep nets show what they say."""

import types

import numpy as np
import pytest
from drawing import drawn, faults_of_texts

from jaxdl.ops import ACTIVATIONS
from jaxdl.systems.vanishing_gradient.figures import (
    activation_gallery,
    vanishing_gradient_figures,
)
from jaxdl.train.log import History, Series

DEPTHS = (1, 3)
NETS = types.SimpleNamespace(
    activations=("sigmoid", "relu"),
    initializers=("standard", "glorot", "he", "orthogonal"),
)


def test_gallery_has_every_activation_and_its_derivative():
    figure = activation_gallery()
    titles = [axes.get_title() for axes in figure.axes]
    assert [title.split("\n")[0] for title in titles] == list(ACTIVATIONS)
    by_name = dict(zip(ACTIVATIONS, figure.axes, strict=True))
    f, slope = by_name["tanh"].lines
    np.testing.assert_allclose(f.get_ydata(), np.tanh(f.get_xdata()), atol=1e-6)
    np.testing.assert_allclose(
        slope.get_ydata(), 1 - np.tanh(f.get_xdata()) ** 2, atol=1e-6
    )
    # A jump is no vertical line.
    for name in ("unit_step", "sign", "relu", "maxout"):
        assert np.isnan(by_name[name].lines[1].get_ydata()).any(), name
    assert drawn(figure).shape[1] == 1000


def record(seeds=2):
    rng = np.random.default_rng(0)
    norms = rng.random((1, seeds, 2, 4, 2, 4)) + 0.1
    norms[..., 0, 2:] = np.nan  # a net of one hidden layer has no more
    values = {
        "gradient_norm": norms,
        "singular_values": rng.random((1, seeds, 2, 4, 2, 5)) + 0.1,
        "dead": rng.random((1, seeds, 2, 4, 3)),
        "saturated": rng.random((1, seeds, 2, 4, 3)),
    }
    return types.SimpleNamespace(
        history=History(None, Series(np.zeros(1, int), values))
    )


def trained(seeds=2):
    rng = np.random.default_rng(1)
    values = {
        "validation_error": rng.random((5, seeds)) * 100,
        "gradient_norm": rng.random((5, seeds, 4)),
        "saturated": rng.random((5, seeds, 3)),
    }
    train = Series(np.arange(6), {"loss": rng.random((6, seeds))})
    errors = [1.5, 2.5]
    metric = {"mean": 2.0, "ci95": [1.0, 3.0], "per_seed": errors}
    return types.SimpleNamespace(
        history=History(train, Series(np.arange(1, 6), values)),
        result={"metrics": {"test_error": metric}},
    )


def test_figures_of_untrained_nets():
    records = {"initialisation": record()}
    figures = vanishing_gradient_figures(records, NETS, DEPTHS, {})
    assert set(figures) == {
        "activations",
        "gradients_by_layer",
        "gradients_by_depth",
        "units",
        "singular_values",
    }
    values = records["initialisation"].history.evaluations.values
    standard = figures["gradients_by_layer"].axes[0]
    assert "standard" in standard.get_title() and standard.get_yscale() == "log"
    sigmoid = standard.lines[0]
    assert sigmoid.get_label() == "sigmoid"
    np.testing.assert_allclose(
        sigmoid.get_ydata(),
        np.median(values["gradient_norm"][0, :, 0, 0, 1, :3], axis=0),
    )
    depth = figures["gradients_by_depth"].axes[2].lines[1]
    assert list(depth.get_xdata()) == [1, 3]
    np.testing.assert_allclose(
        depth.get_ydata(), np.median(values["gradient_norm"][0, :, 1, 2, :, 0], axis=0)
    )
    low, high = figures["singular_values"].axes[0].get_ylim()
    shown = values["singular_values"][..., 1, :]
    assert low < shown.min() and high > shown.max()
    assert "3 hidden layers" in figures["units"].get_suptitle()


@pytest.mark.parametrize("published", [{}, {"tanh": 1.76}])
def test_figures_of_training(published):
    records = {"tanh": trained(), "relu-he": trained()}
    figures = vanishing_gradient_figures(records, NETS, DEPTHS, published)
    assert set(figures) == {"activations", "test_error", "training", "signals_training"}
    axes = figures["test_error"].axes[0]
    labels = {line.get_label(): line for line in axes.lines}
    assert ("published" in labels) == bool(published)
    if published:
        assert labels["published"].get_xdata() == pytest.approx([1.76])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["tanh", "relu-he"]
    for name, figure in figures.items():
        assert drawn(figure).shape[1] == 1000, name
        assert faults_of_texts(figure) == [], name


def test_a_curve_below_the_cut_is_named_so():
    values = record().history.evaluations.values
    values["singular_values"][:, :, 0] = 1e-30  # the first activation's
    records = {"initialisation": record()}
    records["initialisation"].history.evaluations.values.update(values)
    figures = vanishing_gradient_figures(records, NETS, DEPTHS, {})
    said = {
        name: figures[name].legends[0].get_texts()[0].get_text()
        for name in ("singular_values", "gradients_by_layer")
    }
    assert said == {
        "singular_values": "sigmoid (below 1e-20)",
        "gradients_by_layer": "sigmoid",
    }
