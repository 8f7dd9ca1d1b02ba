"""How real generated images are, and how much of the real ones they cover."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxdl.errors import InputError
from jaxdl.measures.chunks import chunks
from jaxdl.systems.dcgan.image_distances import feature_sets

CHUNK = 1000  # rows of distances in memory at once
COVERED = 0.25  # of a class's real share, for it to count as covered


class PrecisionRecall(NamedTuple):
    """Shares from 0 to 1.

    Attributes:
      precision: of generated images that lie among the real ones.
      recall: of real images that lie among the generated ones.
    """

    precision: float
    recall: float


def precision_recall(
    real: ArrayLike, fake: ArrayLike, *, k: int = 3
) -> PrecisionRecall:
    """Precision and recall of generated images by nearest neighbours in features.

    A set's manifold is a union of balls: around each of its images one that reaches to
    the k-th nearest other image of the set (Euclidean distance, border included).
    Precision is the share of generated images in the real manifold; recall is the share
    of real images in the generated one.

    Two sets of one distribution do not give 1 and 1, but a little less. A larger set
    has smaller balls: compare over equal numbers of images only. Ten thousand images in
    each set take seconds.

    Args:
      real, fake: features, one image a row, [n features] and [m features]; more than k
        rows in each.
      k: which neighbour ends a ball, 1 or more.

    Raises:
      InputError: if k is below 1, and as `feature_sets` does.

    References:
      Kynkaanniemi et al., "Improved precision and recall metric for assessing
      generative models", 2019.
    """
    if k < 1:
        raise InputError(f"k is {k}: expected the number of a neighbour, 1 or more")
    real, fake = feature_sets(real, fake, at_least=k + 1)
    real_radii, fake_radii = _squared_radii(real, k), _squared_radii(fake, k)
    in_real, in_fake = [], np.zeros(len(real), bool)
    for part, radii in zip(chunks(fake, CHUNK), chunks(fake_radii, CHUNK), strict=True):
        squares = _squared_distances(part, real)
        in_real.append((squares <= real_radii[None]).any(axis=1))
        in_fake |= (squares <= radii[:, None]).any(axis=0)
    return PrecisionRecall(
        float(np.mean(np.concatenate(in_real))), float(in_fake.mean())
    )


def _squared_radii(features: np.ndarray, k: int) -> np.ndarray:
    """Squared distance of each row to the k-th nearest other row."""
    radii = []
    for part in chunks(features, CHUNK):
        squares = _squared_distances(part, features)
        radii.append(np.partition(squares, k, axis=1)[:, k])  # the nearest is itself
    return np.concatenate(radii)


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    # Of differences: |a|^2 + |b|^2 - 2 a.b would lose the digits of features that lie
    # close together and far from 0, and is no faster for the features of a small net.
    from scipy.spatial.distance import cdist

    return cdist(a, b, "sqeuclidean")


class ClassCoverage(NamedTuple):
    """Spread of generated images over the classes of the real ones.

    Attributes:
      shares: of the classes among generated images, by the classifier.
      covered: how many classes have at least a quarter of their real share.
      total_variation: sum_c |share - real share| / 2: 0 if all are as common as they
        should be, near 1 if all images are of one rare class.
      entropy: of the shares, in nats: log(classes) if they are equal, 0 for one class.
    """

    shares: np.ndarray
    covered: int
    total_variation: float
    entropy: float


def class_coverage(logits: ArrayLike, shares: ArrayLike | None = None) -> ClassCoverage:
    """Spread of images over classes, each image counted for its largest logit.

    Args:
      logits: a classifier's, one generated image a row, [n classes].
      shares: of the classes among real images, with sum 1; equal ones if not given. A
        class without real images is none to cover.

    Raises:
      InputError: if there are no images, a logit is not finite, or the shares are not
        as described.
    """
    (logits,) = feature_sets(logits, at_least=1)
    num = logits.shape[1]
    real = np.asarray(np.full(num, 1 / num) if shares is None else shares, np.float64)
    if real.shape != (num,) or not (real >= 0).all() or abs(real.sum() - 1) > 1e-6:
        raise InputError(
            f"real shares are {real.tolist()}: expected {num} numbers from 0 to 1 with "
            "sum 1, one for each class"
        )
    found = np.bincount(logits.argmax(axis=1), minlength=num) / len(logits)
    seen = found[found > 0]  # 0 log 0 = 0
    return ClassCoverage(
        shares=found,
        covered=int(np.sum((found >= COVERED * real) & (real > 0))),
        total_variation=float(np.abs(found - real).sum() / 2),
        entropy=max(0.0, float(-np.sum(seen * np.log(seen)))),  # no -0
    )
