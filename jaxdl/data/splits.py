"""Splits of arrays of one's own, and other splits of the same images."""

import dataclasses
import functools
import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Int32

from jaxdl.data.load import Images, Split, images_checksum
from jaxdl.errors import InputError
from jaxdl.types import PRNGKey


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["train", "validation", "test"],
    meta_fields=["name", "checksum"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class Arrays:
    """A data set of any arrays: a pytree, as the runner wants it.

    Attributes:
      train: a tree of arrays with one leading axis of examples.
      validation, test: likewise; None for none.
      name: name of the data set.
      checksum: sha256, in hex, over name, shape, dtype and bytes of each array.
    """

    train: Any
    validation: Any
    test: Any
    name: str
    checksum: str


def from_arrays(
    name: str, train: Any, *, validation: Any = None, test: Any = None
) -> Arrays:
    """Arrays of one's own as the runner wants its data, with their checksum.

    Args:
      name: of the data set; it is part of the run's folder.
      train: an array or a tree of arrays, such as {"x": x, "label": label}, whose
        leading axes are the examples.
      validation, test: likewise.

    Raises:
      InputError: if a split holds anything but arrays, or its arrays are not of as many
        examples.
    """
    splits = {"train": train, "validation": validation, "test": test}
    for split, tree in splits.items():
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
        sizes = {leaf.shape[:1] for leaf in leaves}
        given = ", ".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in leaves)
        numbers = all(leaf.dtype.kind in "biufcV" for leaf in leaves)
        if (
            not numbers
            or len(sizes) > 1
            or () in sizes
            or (split == "train" and not leaves)
        ):
            raise InputError(
                f"{split} of {name} holds {given or 'no arrays'}: expected arrays of "
                "numbers, all with the same number of examples along their first axis"
            )
    leaves = jax.tree_util.tree_leaves_with_path(jax.tree.map(np.asarray, splits))
    names = [jax.tree_util.keystr(path, simple=True) for path, _ in leaves]
    digest = f"{names} {images_checksum([leaf for _, leaf in leaves])}"
    checksum = hashlib.sha256(digest.encode()).hexdigest()
    return Arrays(**jax.device_put(splits), name=name, checksum=checksum)


def train_on_all(data: Images) -> Images:
    """The images of training and validation together as those to train on.

    The validation split is left as it is: what is measured on it in training is then
    measured on images that are trained on, and can choose nothing.
    """
    return dataclasses.replace(data, train=_joined(data.train, data.validation))


def mnist_basic(data: Images) -> Images:
    """Few training images, many test images: the sizes of "MNIST basic".

    10,000 images for training, 2,000 for validation, 50,000 for test, as in Larochelle
    et al., "An empirical evaluation of deep architectures on problems with many factors
    of variation", 2007. Their draw from MNIST is not known here: ours takes, in the
    order of the files, the first 10,000 and the next 2,000 training images, and for
    test the last 40,000 training images with the 10,000 test images.

    Args:
      data: MNIST, or what has its sizes.

    Raises:
      InputError: if there are not 60,000 images beside those for test.
    """
    every = _joined(data.train, data.validation)
    if (num := len(every.image)) != 60_000:
        raise InputError(
            f"{data.name} has {num} images beside those for test: expected 60,000, as "
            "MNIST has"
        )
    first, last = _part(every, 0, 10_000), _part(every, 20_000, 60_000)
    middle, test = _part(every, 10_000, 12_000), _joined(last, data.test)
    checksum = images_checksum([first, middle, test])
    return Images(first, middle, test, f"{data.name}_basic", checksum)


def balanced_order(
    key: PRNGKey, labels: Int[Array, " n"], *, num_classes: int
) -> Int32[Array, " n"]:
    """A random order of examples whose every start has as many of each class.

    The first k C of C classes are k of each, as long as there are k of each; starts are
    nested. Within a class, and among the k-th of their classes, the order is uniform.

    Args:
      key: decides the order.
      labels: from 0 to C - 1.
      num_classes: C.
    """
    own_key, class_key = jax.random.split(key)
    n = len(labels)
    by_class = jnp.lexsort((jax.random.uniform(own_key, (n,)), labels))
    first = jnp.searchsorted(labels[by_class], jnp.arange(num_classes))
    rank = jnp.arange(n) - first[labels[by_class]]  # the place within its class
    rank = jnp.zeros(n, jnp.int32).at[by_class].set(rank)
    order = jnp.lexsort((jax.random.uniform(class_key, (n,)), rank))
    return order.astype(jnp.int32)


def _joined(first: Split, second: Split) -> Split:
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), first, second)


def _part(split: Split, start: int, stop: int) -> Split:
    return jax.tree.map(lambda leaf: leaf[start:stop], split)
