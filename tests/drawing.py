"""Pictures and series for the tests of figures."""

import io

import numpy as np
from PIL import Image

from jaxdl.train.log import Series


def images(num, height=4, width=5, channels=1, seed=0):
    """Random bytes [num height width channels]."""
    shape = num, height, width, channels
    return np.random.default_rng(seed).integers(0, 255, shape, np.uint8)


def drawn(figure) -> np.ndarray:
    """The figure as its PNG file shows it, [height width 3]."""
    file = io.BytesIO()
    figure.savefig(file)
    return np.asarray(Image.open(file).convert("RGB"))


def series(num_steps, num_seeds=2, names=("loss",)):
    """Random values of each name, [steps seeds]."""
    rng = np.random.default_rng(0)
    values = {name: rng.normal(size=(num_steps, num_seeds)) for name in names}
    return Series(np.arange(1, num_steps + 1) * 10, values)
