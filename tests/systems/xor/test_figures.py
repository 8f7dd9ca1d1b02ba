"""Figures of ensembles on a truth table show what they say."""

import types

import jax.numpy as jnp
import numpy as np
from drawing import drawn

from jaxdl.measures.statistics import wilson_ci95
from jaxdl.systems.xor.data import xor_table
from jaxdl.systems.xor.figures import xor_figures, xor_sweep_figures
from jaxdl.train.log import History, Series


def ensemble_record(outputs, **fields):
    """A finished run of nets whose parameters are their four outputs."""
    outputs = jnp.array(outputs, float)[:, :, None]
    config = dict(activations=("tanh",), hidden_sizes=(2,), steps=3, nets=len(outputs))
    config |= dict(update="batch", seed=0) | fields
    values = {"loss_quantiles": np.sort(np.random.default_rng(0).random((4, 1, 5)))}
    for name in ("loss", "solved", "solved_low", "solved_high"):
        values[name] = np.linspace(0.1, 0.4, 4)[:, None]
    return types.SimpleNamespace(
        config=types.SimpleNamespace(**config),
        states=[types.SimpleNamespace(params=outputs)],
        data=xor_table(),
        history=History(Series(np.arange(0), {}), Series(np.arange(4), values)),
    )


def each_outputs(params, x):
    """Of four examples what the parameters say; elsewhere the first of them."""
    if x.shape == (4, 2):
        return params
    return jnp.broadcast_to(params[0], (*x.shape[:-1], 1))


def test_regions_are_of_solved_and_other_nets():
    right, wrong = [0.1, 0.9, 0.8, 0.2], [0.6, 0.9, 0.8, 0.2]
    record = ensemble_record([wrong, right, *[wrong] * 5, right])
    figure = xor_figures(record, each_outputs)["regions"]
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    solved = [f"net {i}: solved" for i in (1, 7)]
    assert titles == solved + [f"net {i}: not solved" for i in (0, 2, 3, 4)]
    assert drawn(figure).shape[1] == 1000


def test_regions_without_a_solved_net():
    figure = xor_figures(ensemble_record([[0.5] * 4]), each_outputs)["regions"]
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["net 0: not solved"]


def test_loss_of_an_ensemble():
    record = ensemble_record([[0.5] * 4] * 3, hidden_sizes=(1,), update="online")
    figure = xor_figures(record, each_outputs)["loss"]
    assert figure.get_suptitle() == (
        "3 nets with 1 hidden tanh unit, online updates (seed 0)"
    )
    left, right = figure.axes
    lines = {line.get_label(): line.get_ydata() for line in left.lines}
    values = record.history.evaluations.values
    np.testing.assert_array_equal(lines["median"], values["loss_quantiles"][:, 0, 2])
    np.testing.assert_array_equal(lines["mean"], values["loss"][:, 0])
    np.testing.assert_array_equal(right.lines[0].get_ydata(), values["solved"][:, 0])
    bands = [
        np.asarray(band.get_paths()[0].vertices)[:, 1] for band in left.collections
    ]
    for band, (low, high) in zip(bands, ((0, 4), (1, 3)), strict=True):
        ends = values["loss_quantiles"][:, 0, [low, high]]
        assert set(band) == set(ends.ravel())


def test_sweep_counts_seeds_together():
    shares = {("tanh", 2): [0.5, 0.75], ("tanh", 8): [1.0, 1.0], ("relu", 8): [0, 0.25]}
    records = {}
    for (name, size), per_seed in shares.items():
        record = ensemble_record(
            [[0.5] * 4] * 4, activations=(name,), hidden_sizes=(size,)
        )
        record.result = {"metrics": {"solved": {"per_seed": per_seed}}}
        records[f"{name}-{size}"] = record
    figure = xor_sweep_figures(records)["solved"]
    tanh, relu = figure.axes
    assert (tanh.get_title(), relu.get_title()) == ("tanh", "relu")
    assert [text.get_text() for text in relu.get_xticklabels()] == ["2", "8"]
    for axes, expected in ((tanh, [5, 8]), (relu, [1])):
        (bars,) = axes.containers
        x, y = bars.lines[0].get_data()
        np.testing.assert_array_equal(x, [0, 1] if axes is tanh else [1])
        np.testing.assert_allclose(y, np.array(expected) / 8)
        segments = bars.lines[2][0].get_segments()
        for segment, successes in zip(segments, expected, strict=True):
            np.testing.assert_allclose(segment[:, 1], wilson_ci95(successes, 8)[1:])
