"""Images of a configuration, in their colours and size."""

from typing import Any, Literal

from jaxdl.data.load import IMAGE_SHAPES, Images, load_images
from jaxdl.systems.dcgan.coloured import PREFIX, coloured
from jaxdl.systems.dcgan.resized import resized

DataName = Literal[
    "digits",
    "mnist",
    "fashion_mnist",
    "cifar10_subset",
    "coloured_digits",
    "coloured_mnist",
]


def load(cfg: Any) -> Images:
    """The images, tinted and resized as asked for.

    Args:
      cfg: with `data`, `image_size`, `data_dir` and `source_dir`.

    Raises:
      InputError: as `load_images` does.
    """
    name = cfg.data.removeprefix(PREFIX)
    data = load_images(name, data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    return resized(data if name == cfg.data else coloured(data), cfg.image_size)


def image_shape(cfg: Any) -> tuple[int, int, int]:
    """Height, width and channels of these images, without reading them."""
    if cfg.data.startswith(PREFIX):
        return cfg.image_size, cfg.image_size, 3
    return cfg.image_size, cfg.image_size, IMAGE_SHAPES[cfg.data][2]
