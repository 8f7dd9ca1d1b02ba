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
from jaxdl.data.splits import (
    Arrays,
    balanced_order,
    from_arrays,
    mnist_basic,
    train_on_all,
)

__all__ = [
    "IMAGE_SHAPES",
    "Arrays",
    "DataName",
    "Images",
    "Sequences",
    "Split",
    "Task",
    "adding",
    "balanced_order",
    "from_arrays",
    "latch",
    "load_images",
    "make_draws",
    "mnist_basic",
    "prepare",
    "train_on_all",
    "temporal_order",
]
