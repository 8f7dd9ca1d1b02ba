"""The checkerboard score, against closed forms and on digits."""

import numpy as np
import pytest

from jaxdl.data import load_images
from jaxdl.errors import InputError
from jaxdl.systems.dcgan.checkerboard import checkerboard_score, checkerboard_spectrum

SIGNS = (-1.0) ** np.arange(16)
CHECKERS = np.outer(SIGNS, SIGNS)[None, :, :, None]
QUARTERS = np.array([1.0, 1.0, -1.0, -1.0] * 4)  # all of it at 1/4 wave per pixel


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(0, 0.5, (4000, 16, 16, 1))


def scores(images):
    return [checkerboard_score(images, period=period) for period in (2, 4)]


def test_white_noise_has_none(noise):
    np.testing.assert_allclose(scores(noise), 0, atol=0.2)
    np.testing.assert_allclose(scores(100 + 7 * noise), scores(noise), atol=1e-9)
    colour = noise[:3999].reshape(-1, 16, 16, 3)
    np.testing.assert_allclose(scores(colour), 0, atol=0.3)


def test_a_checkerboard_raises_it_as_the_closed_form_says(noise):
    before, four = scores(noise)
    for amplitude in (0.02, 0.1, 0.5, 2.0):
        got = scores(noise + amplitude * CHECKERS)
        expected = 10 * np.log10(1 + amplitude**2 * 16**2 / 0.5**2 / 3)
        assert got[0] - before == pytest.approx(expected, abs=0.1)
        assert got[1] == pytest.approx(four, abs=1e-6)  # its neighbours are others


def test_stripes_of_either_period(noise):
    # Half of their power lies at each of two of the twelve frequencies.
    before, four = scores(noise)
    got = scores(noise + 0.3 * QUARTERS[None, None, :, None])
    expected = 10 * np.log10(1 + 0.3**2 * 16**2 / 0.5**2 / 12)
    assert got[1] - four == pytest.approx(expected, abs=0.1)
    assert got[0] == pytest.approx(before, abs=1e-6)
    level = scores(noise + 0.3 * QUARTERS[None, :, None, None])
    assert level[1] - four == pytest.approx(expected, abs=0.1)


def test_digits_have_little_and_upsampling_leaves_more():
    images = np.asarray(load_images("digits").train.image[:300], float)
    large = np.kron(images[..., 0], np.ones((2, 2)))[..., None]
    smooth = sum(np.roll(large, (i, j), (1, 2)) for i in (0, 1) for j in (0, 1)) / 4
    grown = [
        scores(smooth * (1 + amplitude * CHECKERS))[0]
        for amplitude in (0.001, 0.01, 0.1)
    ]
    assert -6 < scores(images)[0] < 0 and -3 < scores(images)[1] < 1
    assert scores(smooth)[0] < -20 and grown[0] < grown[1] < grown[2]
    assert grown[2] > 0


def test_sizes_that_are_no_multiples_of_four(noise):
    cut = noise[:, :15, :15] + 0.5 * CHECKERS[:, :15, :15]
    whole = cut[:, :12, :12]
    assert scores(cut) == scores(whole) and scores(cut)[0] > 2


def test_spectrum(noise):
    stripes = noise + 0.3 * SIGNS[None, :, None, None]
    got = checkerboard_spectrum(stripes)
    waves = np.abs(np.fft.fft2(stripes[..., 0])) ** 2
    expected = (waves[:, 0].mean(0) + waves[:, :, 0].mean(0))[:9] / 2
    np.testing.assert_allclose(got, expected)
    assert got.shape == (9,) and got.argmax() == 8
    whole = checkerboard_spectrum((40 * images_of_bytes()).astype(np.uint8))
    assert whole.shape == (5,)


def images_of_bytes():
    return np.random.default_rng(1).integers(0, 6, (3, 9, 9, 1))


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0])
def test_constant_images_have_none(value):
    np.testing.assert_allclose(scores(np.full((2, 16, 16, 3), value)), 0, atol=1e-6)


@pytest.mark.parametrize(
    "images, message",
    [
        (np.ones((2, 8, 9, 1)), r"\(2, 8, 9, 1\): expected \[n size size"),
        (np.ones((2, 7, 7, 1)), "size of 8 or more"),
        (np.ones((0, 8, 8, 1)), "at least one image"),
        (np.full((2, 8, 8, 1), np.nan), "not finite"),
    ],
)
def test_bad_images_are_refused(images, message):
    with pytest.raises(InputError, match=message):
        checkerboard_score(images)


def test_other_periods_are_refused(noise):
    with pytest.raises(InputError, match="period is 3: expected 2 or 4"):
        checkerboard_score(noise, period=3)
