"""Data sets: loaded once, kept on the device as uint8."""

from jaxdl.data.load import (
    IMAGE_SHAPES,
    DataName,
    Images,
    Split,
    load_images,
    prepare,
)

__all__ = ["IMAGE_SHAPES", "DataName", "Images", "Split", "load_images", "prepare"]
