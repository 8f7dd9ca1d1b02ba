"""Figures of mixtures stay within the bounds of what they show."""

from types import SimpleNamespace

import numpy as np
import pytest
from drawing import drawn, faults_of_texts

from jaxdl.systems.gan_modes.figures import mode_figures
from jaxdl.types import History, Series

SIDE = np.arange(-2.0, 3.0)
CENTRES = np.stack(np.meshgrid(SIDE, SIDE), axis=-1).reshape(-1, 2)


def record(seeds):
    """Of three evaluations; all but the first seed find nearly everything."""
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(3, seeds, 50, 2))
    samples[:, :, :5] = 100
    values = {
        "samples": samples,
        "modes": np.full((3, seeds), 25.0),
        "high_quality": np.full((3, seeds), 99.0),
        "reverse_kl": np.full((3, seeds), 1e-3),
    }
    values["modes"][:, 0], values["high_quality"][:, 0] = 20, 60
    values["reverse_kl"][:, 0], values["reverse_kl"][0, -1] = 2.0, -1e-8
    return SimpleNamespace(
        config=SimpleNamespace(seed=0, seeds=seeds, steps=5000),
        data=SimpleNamespace(centres=CENTRES, sd=0.05, name="grid"),
        history=History(None, Series(np.array([500, 1000, 5000]), values)),
    )


@pytest.fixture(scope="module")
def figures():
    return mode_figures({"gan": record(10), "pacgan2": record(10)})


def test_bands_stay_within_bounds(figures):
    bounds = (0, 25), (0, 100), (0, np.inf)
    for axes, (low, high) in zip(figures["coverage"].axes, bounds, strict=True):
        for band in axes.collections:
            heights = band.get_paths()[0].vertices[:, 1]
            assert low <= heights.min() < heights.max() <= high
    assert "mean of 10 seeds" in figures["coverage"].get_suptitle()


def test_one_seed_has_no_band():
    figure = mode_figures({"gan": record(1)})["coverage"]
    assert not any(axes.collections for axes in figure.axes)
    assert figure.get_suptitle() == "Modes of the grid: one seed"


def test_a_share_outside_stands_below_and_hides_nothing(figures):
    for name in ("seeds", "training"):
        axes = figures[name].axes[0]
        assert axes.get_xlabel() == "10 % outside" and not axes.texts
        drawn(figures[name])
        assert faults_of_texts(figures[name]) == []
