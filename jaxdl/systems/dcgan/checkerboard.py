"""How strong the grid is that upsampling leaves in generated images."""

import itertools

import numpy as np
from numpy.typing import ArrayLike

from jaxdl.errors import InputError
from jaxdl.measures.chunks import chunks

PERIODS = (2, 4)


def checkerboard_score(images: ArrayLike, *, period: int = 2) -> float:
    """Height of an upsampling grid's waves over their neighbours.

    With P(u, v) the mean squared magnitude of the images' two-dimensional Fourier
    transform at u / size and v / size waves per pixel, over the grid's frequencies:

        10 log10( sum P(u, v) / sum of what its neighbours let expect ), in decibels.

    The grid's frequencies are those of all patterns that repeat every `period` pixels:
    u and v are multiples of size / period, not both 0. With period 4, those of period 2
    are left to that score. What is expected is the geometric mean of P at a distance of
    size / 8 rounded down, but at most 2, to both sides: along both axes, or along one
    if the frequency along the other is 0.

    0 says that nothing stands out, whatever the images' brightness and contrast: so it
    is for constant images, for white noise, and nearly for a smooth spectrum. Real
    images have their own value, a little below 0; give it along. Far below 0 the waves
    are missing: repeating each pixel twice leaves none of period 2.

    A checkerboard a (-1)^(x + y) added to white noise of variance s^2 gives
    10 log10(1 + a^2 size^2 / (3 s^2)) with period 2: one of three frequencies has it.
    An upsampling by 2 leaves period 2; two of them leave periods 2 and 4.

    Odena et al. describe the pattern and where it comes from; the score is our own.

    Args:
      images: square, bytes or floats, [n size size channels]; the size is 8 or more. If
        it is no multiple of 4, the last rows and columns up to three are left out.
      period: of the pattern in pixels, 2 or 4.

    Raises:
      InputError: for another period, and for images that are not as described or not
        finite.

    References:
      Odena, Dumoulin & Olah, "Deconvolution and checkerboard artifacts", 2016.
    """
    if period not in PERIODS:
        raise InputError(f"period is {period}: expected 2 or 4 pixels")
    power = _power(images, multiple=4)
    size = len(power)
    # A wave may be missing, and all of them are in black images.
    log_power = np.log(power + 1e-12 * power.mean() + 1e-300)
    distance = min(2, size // 8)
    there = beside = 0.0
    for u, v in itertools.product(range(0, size, size // period), repeat=2):
        if u % (size // 2) == v % (size // 2) == 0 and (period == 4 or u == v == 0):
            continue
        steps = [(distance, 0)] * (u != 0) + [(0, distance)] * (v != 0)
        near = [
            log_power[(u + sign * i) % size, (v + sign * j) % size]
            for i, j in steps
            for sign in (-1, 1)
        ]
        there += np.exp(log_power[u, v])
        beside += np.exp(np.mean(near))
    return float(10 * np.log10(there / beside))


def checkerboard_spectrum(images: ArrayLike) -> np.ndarray:
    """Mean power of upright and level waves, by frequency; for a figure.

    The mean of P(u, 0) and P(0, u), as in `checkerboard_score`, for u from 0 to half
    the size: u / size waves per pixel. Patterns of period 2 stand at the end, those of
    period 4 in the middle.

    Args:
      images: as for `checkerboard_score`; no row is left out.

    Raises:
      InputError: as `checkerboard_score` does.
    """
    power = _power(images, multiple=1)
    return (power[0] + power[:, 0])[: len(power) // 2 + 1] / 2


def _power(images: ArrayLike, multiple: int) -> np.ndarray:
    """P of all frequencies, [size size]; the size cropped to a multiple."""
    images = np.asarray(images)
    shape = images.shape
    if images.ndim != 4 or shape[1] != shape[2] or shape[1] < 8 or 0 in shape:
        raise InputError(
            f"images have the shape {shape}: expected [n size size channels], at least "
            "one image, and a size of 8 or more"
        )
    if not np.isfinite(images).all():
        raise InputError("images hold values that are not finite: leave those out")
    size = shape[1] // multiple * multiple
    power = np.zeros((size, size))
    for part in chunks(images, 500):
        waves = np.fft.fft2(part[:, :size, :size].astype(np.float64), axes=(1, 2))
        power += np.sum(waves.real**2 + waves.imag**2, axis=(0, 3))
    return power / (len(images) * shape[3])
