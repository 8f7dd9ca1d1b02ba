"""Images with what a net that was trained before knows of them."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Float, Int32, UInt8

from jaxdl.data.load import Images, Split
from jaxdl.measures.chunks import in_chunks

CHUNK = 250  # images at a time


class Examples(NamedTuple):
    """Images, their classes and, if there are any, features of each.

    Attributes:
      image: intensities from 0 to 255.
      label: classes from 0.
      features: from a net; None without one.
    """

    image: UInt8[Array, "n height width channels"]
    label: Int32[Array, " n"]
    features: Float[Array, "n features"] | None


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["train", "held_out", "pretrained"],
    meta_fields=["name", "checksum"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class FeaturedImages:
    """Images to train on and to measure on, with a net that was trained before.

    Attributes:
      train, held_out: no image is in both.
      pretrained: arrays of the net; None without one.
      name: name of the data set.
      checksum: sha256, in hex, of the images' checksum and of what the features depend
        on besides.
    """

    train: Examples
    held_out: Examples
    pretrained: Any
    name: str
    checksum: str


def featured_images(
    images: Images,
    held_out: Split,
    *,
    pretrained: Any = None,
    features_fn: Callable[[Any, Array], Array] | None = None,
    depends_on: str = "",
) -> FeaturedImages:
    """The training split and a held-out one, with features that are computed once.

    Args:
      images: where `train` comes from.
      held_out: another split.
      pretrained: arrays of a net, kept beside the images.
      features_fn: `features_fn(pretrained, image)` for images of bytes; none are
        computed without it.
      depends_on: what the features depend on besides the images; joins the checksum.
    """
    compute = None if features_fn is None else jax.jit(features_fn)

    def examples(split: Split) -> Examples:
        features = None
        if compute is not None:
            fn = functools.partial(compute, pretrained)
            features = in_chunks(fn, split.image, size=CHUNK)
        return Examples(split.image, split.label, features)

    digest = hashlib.sha256(f"{images.checksum} {depends_on}".encode()).hexdigest()
    return FeaturedImages(
        examples(images.train), examples(held_out), pretrained, images.name, digest
    )
