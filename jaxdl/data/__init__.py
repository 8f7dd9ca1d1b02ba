"""Data sets: loaded or computed once, kept on the device (images as uint8)."""

from jaxdl.data.load import (
    IMAGE_SHAPES,
    DataName,
    Images,
    Split,
    load_images,
    prepare,
)
from jaxdl.data.synthetic import Examples, Table, xor_table

__all__ = [
    "IMAGE_SHAPES",
    "DataName",
    "Examples",
    "Images",
    "Split",
    "Table",
    "load_images",
    "prepare",
    "xor_table",
]
