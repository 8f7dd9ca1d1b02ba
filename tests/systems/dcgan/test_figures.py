"""Figures of a convolutional GAN show what they say."""

import types

import jax
import jax.numpy as jnp
import numpy as np
from drawing import drawn, faults_of_texts, images, series

from jaxdl.adversarial.sampler import Sampler
from jaxdl.systems.dcgan.figures import (
    SIGN_GAP,
    THIN_GAP,
    dcgan_figures,
    figure_of_spectra,
    figure_of_sums,
)
from jaxdl.systems.dcgan.latent_arithmetic import ArithmeticImages
from jaxdl.systems.dcgan.pictures import make_dcgan_pictures, make_spectra
from jaxdl.train.log import History


class FakeSampler:
    """Images at random; notes which parameters it was asked for."""

    seen = set()

    def images(self, gen_params, key, num):
        self.seen.add(gen_params)
        return images(num, 16, 16, 3)

    def interpolate(self, gen_params, key, rows, columns):
        return images(rows * columns, 16, 16, 3).reshape(rows, columns, 16, 16, 3)


def sums(rows=2):
    rng = np.random.default_rng(0)
    shapes = (rows, 3, 4, 16, 16, 3), (rows, 3, 16, 16, 3), (rows, 16, 16, 3)
    return ArithmeticImages(*(rng.uniform(size=shape) for shape in shapes))


def drawn_figures(record, sampler, arithmetic):
    """Figures of the first seed's generator."""
    ways = Sampler(None, sampler.images, sampler.interpolate)
    drawn = ways, record.states[0].gen_params, record.data, jax.random.key(0)
    return dcgan_figures(record, make_dcgan_pictures(*drawn, arithmetic))


def test_dcgan_figures():
    names = ("disc_loss", "gen_loss", "value", "d_real", "d_fake")
    held_out = series(4, 2, names[2:])
    held_out.values["samples"] = images(160, 16, 16, 3).reshape(4, 2, 20, 16, 16, 3)
    split = types.SimpleNamespace(image=jnp.asarray(images(30, 16, 16, 3)))
    record = types.SimpleNamespace(
        states=[types.SimpleNamespace(gen_params=i) for i in range(2)],
        data=types.SimpleNamespace(train=split, validation=split),
        history=History(series(30, 2, names), held_out),
        config=types.SimpleNamespace(seed=5, steps=1234),
    )
    asked = []

    def arithmetic(gen_params, key, num_trials):
        asked.append((gen_params, num_trials))
        return types.SimpleNamespace(figure=sums(num_trials))

    sampler = FakeSampler()
    figures = drawn_figures(record, sampler, arithmetic)
    assert sampler.seen == {0} and asked == [(0, 6)]  # the first seed's generator
    gan_names = {"samples", "progress", "nearest", "interpolation", "curves"}
    assert figures.keys() == gan_names | {"spectrum", "arithmetic"}
    assert len(figures["curves"].axes) == 3  # there is no Parzen window
    assert "seed 5" in figures["arithmetic"].axes[0].get_title()
    for name in ("samples", "spectrum", "arithmetic"):
        pixels = drawn(figures[name])
        assert pixels.shape[1] == 1000 and pixels.std() > 1, name
    assert np.ptp(drawn(figures["samples"]).astype(int), axis=-1).max() > 50  # colours
    without = ArithmeticImages(*(part[:0] for part in sums()))
    no_sums = lambda *args: types.SimpleNamespace(figure=without)  # noqa: E731
    assert "arithmetic" not in drawn_figures(record, sampler, no_sums)


def test_sums_stand_in_their_order():
    found = sums()
    figure = figure_of_sums(found, seed=3)
    (axes,) = figure.axes
    shown = np.asarray(axes.images[0].get_array())
    as_bytes = lambda x: np.round(255 * x).astype(np.uint8)  # noqa: E731
    second = shown[64 + 2 + 1 : -1, 1:-1]  # four examples of 16 pixels above each other
    term = 16 + THIN_GAP + 64 + SIGN_GAP
    assert second.shape == (64, 3 * term + 64, 3)
    for i in range(3):
        begin = i * term
        examples = np.concatenate(list(as_bytes(found.exemplars[1, i])))
        np.testing.assert_array_equal(second[:, begin : begin + 16], examples)
        end = begin + term - SIGN_GAP
        mean = second[:, end - 64 : end]
        for part in (mean[::4, ::4], mean[3::4, 3::4]):
            np.testing.assert_array_equal(part, as_bytes(found.means[1, i]))
        assert (second[:, end : end + SIGN_GAP] == 255).all()
    np.testing.assert_array_equal(second[::4, -64::4], as_bytes(found.results[1]))
    signs = [text.get_text() for text in axes.texts]
    assert signs == ["−", "−", "+", "+", "=", "="]
    drawn(figure)
    assert faults_of_texts(figure) == []
    labels = [text.get_text().partition(":")[0] for text in axes.get_xticklabels()]
    assert labels == ["red 3", "red 7", "blue 7", "the sum"]
    assert axes.get_xticks()[-1] == shown.shape[1] - 1 - 32  # below the result


def test_a_checkerboard_is_a_spike():
    plain = images(50, 16, 16)
    board = np.indices((16, 16)).sum(axis=0)[..., None] % 2
    rows = np.indices((16, 16))[0][..., None] % 2
    patterned = np.clip(plain // 2 + 40 * board + 80 * rows, 0, 255).astype(np.uint8)
    axes = figure_of_spectra(make_spectra(plain, patterned)).axes[0]
    lines = {line.get_label(): line.get_xydata() for line in axes.lines}
    assert lines["samples"][-1, 0] == 0.5
    for name, spike in (("images", False), ("samples", True)):
        above = lines[name][-1, 1] - np.median(lines[name][:-1, 1])
        assert bool(above > 10) is spike
