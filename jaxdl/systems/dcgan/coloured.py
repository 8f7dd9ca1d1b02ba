"""Coloured digits: grey images tinted red, green or blue, both attributes known."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxdl.data.load import Images, Split, images_checksum, load_images
from jaxdl.errors import InputError

COLOURS = ("red", "green", "blue")
"""Names of the colours, in the order of the channels and of `colour_of`."""

DIGITS = 10

PREFIX = "coloured_"
"""Of the names of coloured data sets."""


def coloured(images: Images) -> Images:
    """Grey images, each in one of three pure colours; the label tells both attributes.

    Within a split, the j-th image of a digit (j = 0, 1, ...) gets colour j mod 3: its
    intensities stand in that channel, the other two are 0. So the colours of a digit
    are equally common, but for one image, and nothing is drawn: the checksum depends on
    the images alone. The label is digit + 10 * colour; `digit_of` and `colour_of` take
    it apart.

    Args:
      images: with one channel and at most ten classes. A data set of n bytes becomes
        one of 3 n.

    Returns:
      Images of the name `coloured_<name>`, with three channels.

    Raises:
      InputError: for images of more than one channel, or more classes.
    """
    if (channels := images.image_shape[-1]) != 1:
        raise InputError(
            f"{images.name} has {channels} channels: expected grey images, with one"
        )
    splits = [
        _tinted(np.asarray(split.image), np.asarray(split.label), images.name)
        for split in (images.train, images.validation, images.test)
    ]
    checksum = images_checksum(splits)
    name = f"{PREFIX}{images.name}"
    train, validation, test = (
        Split(jnp.asarray(image), jnp.asarray(label)) for image, label in splits
    )
    return Images(train, validation, test, name, checksum)


def load_coloured_mnist(
    *, data_dir: str | Path | None = None, source_dir: str | Path | None = None
) -> Images:
    """MNIST, `coloured`, on the default device; splits and arguments of `load_images`.

    Raises:
      InputError: as `load_images` does.
    """
    return coloured(load_images("mnist", data_dir=data_dir, source_dir=source_dir))


def digit_of(label: Int[Array | np.ndarray, "*n"]) -> Int[Array | np.ndarray, "*n"]:
    """The digit that a label of coloured images tells."""
    return label % DIGITS


def colour_of(label: Int[Array | np.ndarray, "*n"]) -> Int[Array | np.ndarray, "*n"]:
    """The colour that a label of coloured images tells: its place in `COLOURS`."""
    return label // DIGITS


def colour_of_image(
    images: Float[Array | np.ndarray, "n height width 3"], *, margin: float = 0.2
) -> Int[Array | np.ndarray, " n"]:
    """The colour of each image: its place in `COLOURS`, or -1 if none stands out.

    Of the sum of all intensities, the brightest channel must have at least `margin`
    more than the next one: pure colours differ by 1, greys and yellows by 0. A black
    image has no colour.

    Args:
      images: intensities in [0, 1].
      margin: above 0, to 1.

    Raises:
      InputError: for another margin.
    """
    if not 0 < margin <= 1:
        raise InputError(f"margin is {margin}: expected a share above 0, at most 1")
    sums = images.sum(axis=(1, 2))
    ordered = jnp.sort(sums, axis=-1)
    lead = ordered[:, 2] - ordered[:, 1]
    stands_out = (lead > 0) & (lead >= margin * ordered.sum(axis=-1))
    return jnp.where(stands_out, jnp.argmax(sums, axis=-1), -1)


def _tinted(
    image: np.ndarray, label: np.ndarray, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """A split with the j-th image of each class in colour j mod 3."""
    colour = np.empty_like(label)
    for digit in np.unique(label):
        if not 0 <= digit < DIGITS:
            raise InputError(
                f"{name} has an image of class {digit}: expected classes from 0 to "
                f"{DIGITS - 1}"
            )
        here = label == digit
        colour[here] = np.arange(here.sum()) % len(COLOURS)
    tinted = np.zeros((*image.shape[:3], len(COLOURS)), np.uint8)
    tinted[np.arange(len(image)), :, :, colour] = image[..., 0]
    return tinted, (label + DIGITS * colour).astype(np.int32)
