"""Cells that solve equally much can be told apart."""

from types import SimpleNamespace

import numpy as np
from drawing import drawn, faults_of_texts

from jaxdl.systems.rnn_memory.figures import memory_figures

LAGS = (10, 20, 50, 100)


def record(cell, lag, seeds):
    per_seed = {
        "solved": [1.0] * seeds,
        "log10_gradient": list(-np.arange(1.0, seeds + 1)),
        "log10_gradient_initial": [-1.0] * seeds,
    }
    config = dict(cells=(cell,), lags=(lag,), hidden_size=16, steps=2000, seeds=seeds)
    metrics = {name: {"per_seed": values} for name, values in per_seed.items()}
    return SimpleNamespace(
        config=SimpleNamespace(**config), result={"metrics": metrics}
    )


def figure(seeds):
    cells = "rnn", "gru", "lstm"
    records = {f"{c}-{lag}": record(c, lag, seeds) for c in cells for lag in LAGS}
    return memory_figures(records)["memory"]


def test_equal_shares_stand_side_by_side():
    found = figure(10)
    drawn(found)
    left = found.axes[0]
    lines = [container.lines[0] for container in left.containers]
    assert len({line.get_marker() for line in lines}) == 3
    places = np.stack(
        [line.get_transform().transform(line.get_xydata()) for line in lines]
    )
    for lag in range(len(LAGS)):
        x = np.sort(places[:, lag, 0])
        assert (np.diff(x) > 6).all()  # pixels, as markers are wide
        between = places[:, lag, 1]
        assert np.ptp(between) == 0
    # A cell's places at one lag are nearer than those at the next.
    assert places[2, :-1, 0].max() < places[0, -1, 0]
    assert faults_of_texts(found) == []


def test_title_counts_seeds():
    assert "10 seeds (bands: all)" in figure(10).get_suptitle()
    assert figure(1).get_suptitle().endswith("one seed")
