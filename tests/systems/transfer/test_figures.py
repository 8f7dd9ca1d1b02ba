"""Figures of transfer learning, from results that are made up."""

from types import SimpleNamespace

import numpy as np
import pytest
from drawing import drawn, faults_of_texts

from jaxdl.measures.statistics import bounded_ci95
from jaxdl.systems.transfer.figures import transfer_figures

ERRORS = {"frozen": (60, 40, 3), "scratch": (85, 75, 50)}


@pytest.fixture(scope="module")
def records():
    """Two methods, three sizes, three seeds, twelve images."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (12, 32, 32, 3), np.uint8)
    held_out = SimpleNamespace(image=image, label=np.arange(12) % 10)
    found, one = {}, {"per_seed": [0.0]}
    for method, errors in ERRORS.items():
        for size, error in zip((10, 100, 1000), errors, strict=True):
            metric = dict(per_seed=[error - 2.0, error, error + 2.0])
            guesses = np.tile(np.arange(12) % 10, (1, 3, 1))
            guesses[0, 0, 1] = 3 if size == 1000 else 4
            series = SimpleNamespace(values={"guesses": guesses})
            found[f"{method}-{size}"] = SimpleNamespace(
                config=SimpleNamespace(
                    methods=(method,), sizes=(size,), net="squeezenet", seeds=3
                ),
                result={"metrics": {"trained_error": one, "test_error": metric}},
                history=SimpleNamespace(evaluations=series),
                data=SimpleNamespace(held_out=held_out),
            )
    return found


def test_curves_show_means_and_intervals(records):
    figure = transfer_figures(records)["curves"]
    (axes,) = figure.axes
    containers = axes.containers
    assert len(containers) == len(ERRORS)
    for container, errors in zip(containers, ERRORS.values(), strict=True):
        line, _, (bars,) = container.lines
        assert tuple(line.get_ydata()) == errors
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        wanted = [bounded_ci95([e - 2, e, e + 2], 0, 100)[1:] for e in errors]
        np.testing.assert_allclose(ends, wanted)
        assert ends.min() > 0  # the plain interval of 1, 3, 5 begins at -1.97
        np.testing.assert_allclose(line.get_xdata(), (10, 100, 1000), rtol=0.1)
    assert axes.get_xscale() == "log" and axes.get_ylabel() == "test error (%)"
    drawn(figure)
    assert faults_of_texts(figure) == []


def test_a_wrong_guess_is_red_and_comes_from_the_largest_size(records):
    figure = transfer_figures(records)["guesses"]
    titles = [axes.title for axes in figure.axes]
    assert len(titles) == 20
    for row in (titles[:10], titles[10:]):
        assert row[0].get_text() == "airplane" and row[0].get_color() == "tab:green"
        assert row[1].get_text() == "cat" and row[1].get_color() == "tab:red"
    assert figure.axes[0].get_ylabel() == "frozen\n1,000 images"


def test_one_seed_has_no_interval(records):
    one = dict(mean=50.0, ci95=None, per_seed=[50.0])
    record = records["frozen-10"]
    alone = SimpleNamespace(
        **vars(record) | {"result": {"metrics": {"test_error": one}}}
    )
    figure = transfer_figures({"frozen-10": alone})["curves"]
    (container,) = figure.axes[0].containers
    (bars,) = container.lines[2]
    np.testing.assert_allclose(bars.get_segments()[0][:, 1], 50)
    record.config.seeds = 1
    title = transfer_figures({"frozen-10": alone})["curves"].get_suptitle()
    record.config.seeds = 3
    assert title.endswith("(one seed)")
