"""Data sets: loaded or computed once, kept on the device (images as uint8)."""

from jaxdl.data.coloured import (
    COLOURS,
    colour_of,
    colour_of_image,
    coloured,
    digit_of,
    load_coloured_mnist,
)
from jaxdl.data.densities import DENSITIES, Density, annulus, two_moons
from jaxdl.data.load import (
    IMAGE_SHAPES,
    DataName,
    Images,
    Split,
    load_images,
    prepare,
)
from jaxdl.data.long_lag import (
    Sequences,
    Task,
    adding,
    latch,
    make_draws,
    temporal_order,
)
from jaxdl.data.mixtures import Mixture, grid, ring
from jaxdl.data.resized import resized
from jaxdl.data.splits import balanced_order, mnist_basic, train_on_all
from jaxdl.data.synthetic import Examples, Table, xor_table
from jaxdl.data.text import Text, TextName, load_text

__all__ = [
    "COLOURS",
    "DENSITIES",
    "IMAGE_SHAPES",
    "DataName",
    "Density",
    "Examples",
    "Images",
    "Mixture",
    "Sequences",
    "Split",
    "Table",
    "Text",
    "TextName",
    "Task",
    "adding",
    "annulus",
    "balanced_order",
    "colour_of",
    "colour_of_image",
    "coloured",
    "digit_of",
    "grid",
    "latch",
    "load_coloured_mnist",
    "load_images",
    "load_text",
    "make_draws",
    "mnist_basic",
    "prepare",
    "resized",
    "ring",
    "train_on_all",
    "temporal_order",
    "two_moons",
    "xor_table",
]
