"""Images with the features that a pretrained net has of them."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32, UInt8

from jaxdl.data import Images, Split, load_images, train_on_all
from jaxdl.errors import InputError
from jaxdl.measures.chunks import in_chunks
from jaxdl.systems.transfer.config import Config
from jaxdl.systems.transfer.learners import CLASSES, Net
from jaxdl.systems.transfer.networks import Pretrained, read_features

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
    meta_fields=["name", "checksum", "weights_sha256"],
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
      weights_sha256: digest of the net's weights; None without one.
    """

    train: Examples
    held_out: Examples
    pretrained: Any
    name: str
    checksum: str
    weights_sha256: str | None = None


def rows(examples: Examples, index: Any) -> Examples:
    """Some of the examples."""
    return jax.tree.map(lambda leaf: leaf[index], examples)


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


def load_data(cfg: Config, make_net: Callable[[], Net]) -> FeaturedImages:
    """The images of a configuration, with the pretrained net where a method needs it.

    Args:
      cfg: names the images, the methods and the weights.
      make_net: gives the net.

    Raises:
      InputError: for training sizes that the images cannot give, or weights that are
        needed and not given.
    """
    images = load_images(
        "cifar10_subset", data_dir=cfg.data_dir, source_dir=cfg.source_dir
    )
    held_out = images.validation
    if cfg.train_on == "all":
        images, held_out = train_on_all(images), images.test
    _require_sizes(cfg, images)
    if not {"frozen", "tuned"} & set(cfg.methods):
        return featured_images(images, held_out)
    if cfg.weights is None:
        raise InputError(
            f"the methods frozen and tuned need the weights of {cfg.net}: give "
            "--weights with their folder or file, or --methods scratch small"
        )
    net = make_net()
    found = net.load(cfg.weights)
    pretrained = Pretrained(found.params, found.statistics)
    data = featured_images(
        images,
        held_out,
        pretrained=jax.tree.map(jnp.asarray, pretrained),
        features_fn=functools.partial(read_features, net.body(cfg.image_size)),
        depends_on=f"{cfg.net} {found.digest}",
    )
    return dataclasses.replace(data, weights_sha256=found.digest)


def _require_sizes(cfg: Config, images: Images) -> None:
    most = len(images.train.label)
    for size in cfg.sizes:
        if not CLASSES <= size <= most:
            raise InputError(
                f"a training size is {size}: expected {CLASSES}, one image a class, to "
                f"{most}, all that there are with --train-on {cfg.train_on}"
            )
