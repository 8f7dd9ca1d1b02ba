"""Data sets: loaded or computed once, kept on the device (images as uint8)."""

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
from jaxdl.data.synthetic import Examples, Table, xor_table
from jaxdl.data.text import Text, TextName, load_text

__all__ = [
    "IMAGE_SHAPES",
    "DataName",
    "Examples",
    "Images",
    "Sequences",
    "Split",
    "Table",
    "Text",
    "TextName",
    "Task",
    "adding",
    "latch",
    "load_images",
    "load_text",
    "make_draws",
    "prepare",
    "temporal_order",
    "xor_table",
]
