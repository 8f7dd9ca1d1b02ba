"""Figures of a GAN show what they say."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import drawn, images, series

from jaxdl.adversarial.figures import gan_figures
from jaxdl.adversarial.pictures import make_gan_pictures
from jaxdl.adversarial.sampler import Sampler
from jaxdl.figures.grids import image_grid
from jaxdl.train.log import History, Series


def gan_record(num_train, num_evaluations, num_seeds=2):
    train = series(num_train, num_seeds, ("disc_loss", "gen_loss", "value"))
    train.values.update(series(num_train, num_seeds, ("d_real", "d_fake")).values)
    if num_train == 0:
        train = Series(np.zeros(0, int), {})  # as the log of a run without steps
    names = ("value", "d_real", "d_fake", "parzen_validation", "parzen_sigma")
    held_out = series(num_evaluations, num_seeds, names)
    shape = num_evaluations, num_seeds, 20, 8, 8, 1
    held_out.values["samples"] = np.random.default_rng(0).integers(
        0, 256, shape, np.uint8
    )
    return types.SimpleNamespace(
        states=[types.SimpleNamespace(gen_params=i) for i in range(num_seeds)],
        data=types.SimpleNamespace(
            train=types.SimpleNamespace(image=jnp.asarray(images(30, 8, 8)))
        ),
        history=History(train, held_out),
        config=types.SimpleNamespace(seed=5, steps=1234),
    )


class FakeSampler:
    """Training images in a known order; notes which parameters it was asked for."""

    def __init__(self):
        self.seen = []

    def images(self, gen_params, key, num):
        self.seen.append(gen_params)
        return images(30, 8, 8)[np.arange(num) % 30]

    def interpolate(self, gen_params, key, rows, columns):
        self.seen.append(gen_params)
        return images(rows * columns, 8, 8).reshape(rows, columns, 8, 8, 1)


def drawn_figures(record, sampler):
    """Figures of the first seed's generator."""
    params, image = record.states[0].gen_params, record.data.train.image
    ways = Sampler(None, sampler.images, sampler.interpolate)
    pictures = make_gan_pictures(ways, params, image, jax.random.key(0))
    return gan_figures(record, pictures)


@pytest.mark.parametrize(
    ("num_train", "num_evaluations"), [(30, 40), (0, 1)], ids=["run", "no_steps"]
)
def test_gan_figures(num_train, num_evaluations):
    record, sampler = gan_record(num_train, num_evaluations), FakeSampler()
    figures = drawn_figures(record, sampler)
    names = {"samples", "progress", "nearest", "interpolation", "curves"}
    assert set(figures) == names
    assert set(sampler.seen) == {0}  # the first seed's generator
    for name, figure in figures.items():
        pixels = drawn(figure)
        assert pixels.shape[1] == 1000 and pixels.std() > 1, name
        if name != "curves":
            assert "seed 5" in figure.axes[0].get_title()
    assert "1,234 steps" in figures["samples"].axes[0].get_title()


def test_gan_figures_show_what_they_say():
    record = gan_record(30, 40)
    figures = drawn_figures(record, FakeSampler())

    def grid(name):
        return np.asarray(figures[name].axes[0].images[0].get_array())

    # Samples that are training images have themselves as the nearest.
    rows = grid("nearest").reshape(4, 10, -1)
    np.testing.assert_array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[2], rows[3])
    np.testing.assert_array_equal(rows[0], image_grid([images(30, 8, 8)[:12]]))
    np.testing.assert_array_equal(rows[2], image_grid([images(30, 8, 8)[12:24]]))
    # Twelve evaluations from the first to the last, of the first seed.
    axes = figures["progress"].axes[0]
    labels = [int(text.get_text().replace(",", "")) for text in axes.get_yticklabels()]
    assert len(labels) == 12 and (labels[0], labels[-1]) == (10, 400)
    steps, values = record.history.evaluations
    at = [int(np.flatnonzero(steps == label)[0]) for label in labels]
    strips = values["samples"][at, 0]
    np.testing.assert_array_equal(grid("progress"), image_grid(list(strips)))


def test_gan_curves_have_units_and_reference_lines():
    figure = drawn_figures(gan_record(30, 40), FakeSampler())["curves"]
    heights = {}
    for axes in figure.axes:
        assert axes.get_xlabel().startswith("step") and axes.get_title()
        label = axes.get_ylabel()
        assert "nats" in label or "probability" in label
        for line in axes.lines:
            if len(set(line.get_ydata())) == 1:
                heights[line.get_label()] = line.get_ydata()[0]
    assert sorted(heights.values()) == pytest.approx([-np.log(4), 0.5, np.log(4)])
    assert any("1/2" in name for name in heights) and "-log 4" in heights
