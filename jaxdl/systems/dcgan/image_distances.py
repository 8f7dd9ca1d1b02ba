"""Distances between two sets of images, in the features of a network."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxdl.errors import InputError
from jaxdl.measures.chunks import chunks

CHUNK = 1000  # rows of a kernel in memory at once


class KernelDistance(NamedTuple):
    """A kernel distance, and its standard error over draws of both sets."""

    value: float
    standard_error: float


def feature_sets(*sets: ArrayLike, at_least: int) -> list[np.ndarray]:
    """Sets of features in double precision, [rows features] each, once they fit.

    Raises:
      InputError: if a set is no matrix, has fewer than `at_least` rows or a value that
        is not finite, or if the sets differ in their number of features.
    """
    arrays = [np.asarray(each, np.float64) for each in sets]
    shapes = [array.shape for array in arrays]
    if any(len(shape) != 2 or shape[1] != shapes[0][-1] for shape in shapes):
        raise InputError(
            f"sets of features have the shapes {shapes}: expected one row for each "
            "image, and the same features in each set"
        )
    if min(shapes)[0] < at_least or not shapes[0][1]:
        raise InputError(
            f"sets of features have the shapes {shapes}: expected at least "
            f"{at_least} rows in each set, and at least one feature"
        )
    if not all(np.isfinite(array).all() for array in arrays):
        raise InputError(
            "features hold values that are not finite: the images or the network that "
            "they come from do so too"
        )
    return arrays


def frechet_distance(features_a: ArrayLike, features_b: ArrayLike) -> float:
    """Frechet distance of two sets, as if each were drawn from a normal distribution.

    |mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)): the squared 2-Wasserstein
    distance of normal distributions with the sets' means and covariances (divided by
    n - 1). Singular covariances have one too.

    It is at least 0, in squared units of the features, and blind to all but the first
    two moments. Small sets come out too far apart, by about 1 / n: compare distances
    over equal numbers of images only.

    Args:
      features_a, features_b: one image a row, [n features] and [m features]; two rows
        or more in each.

    Raises:
      InputError: as `feature_sets` does.

    References:
      Heusel et al., "GANs trained by a two time-scale update rule converge to a local
      Nash equilibrium", 2017.
    """
    a, b = feature_sets(features_a, features_b, at_least=2)
    root_a, root_b = _root(a), _root(b)
    # tr (S_a S_b)^(1/2) is the sum of the singular values of R_a R_b^T, S = R^T R. It
    # keeps the precision that roots of nearly zero eigenvalues of S_a S_b would lose.
    cross = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    means = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    distance = means + np.sum(root_a**2) + np.sum(root_b**2) - 2 * cross
    return max(0.0, float(distance))  # but for rounding


def _root(features: np.ndarray) -> np.ndarray:
    """R with R^T R the covariance."""
    covariance = np.atleast_2d(np.cov(features, rowvar=False))
    values, vectors = np.linalg.eigh(covariance)
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T


def kernel_distance(features_a: ArrayLike, features_b: ArrayLike) -> KernelDistance:
    """Squared maximum mean discrepancy of two sets under a cubic kernel.

    mean_{i != j} k(a_i, a_j) + mean_{i != j} k(b_i, b_j) - 2 mean_{i, j} k(a_i, b_j),
    with k(x, y) = (x . y / d + 1)^3 for d features. It sees the first three moments.

    It is unbiased at every number of images: near 0, of either sign, for sets of one
    distribution. The standard error is the jackknife's: each image is left out once.
    Where the distributions are equal it is too large rather than too small.

    Args:
      features_a, features_b: one image a row, [n features] and [m features]; three rows
        or more in each. Ten thousand rows in each take seconds.

    Raises:
      InputError: as `feature_sets` does.

    References:
      Binkowski et al., "Demystifying MMD GANs", 2018; Gretton et al., "A kernel
      two-sample test", 2012, lemma 6.
    """
    a, b = feature_sets(features_a, features_b, at_least=3)
    n, m = len(a), len(b)
    # Sums over other images: without k(x, x), and so without bias.
    in_a = _kernel_sums(a, a)[0] - _cubic(np.mean(a * a, axis=1))
    in_b = _kernel_sums(b, b)[0] - _cubic(np.mean(b * b, axis=1))
    a_to_b, b_to_a = _kernel_sums(a, b)
    mean_a, mean_b = in_a.sum() / (n * (n - 1)), in_b.sum() / (m * (m - 1))
    across = a_to_b.sum()
    value = mean_a + mean_b - 2 * across / (n * m)
    # The distance without one image of a, and without one of b.
    left_a = (in_a.sum() - 2 * in_a) / ((n - 1) * (n - 2)) + mean_b
    left_a -= 2 * (across - a_to_b) / ((n - 1) * m)
    left_b = (in_b.sum() - 2 * in_b) / ((m - 1) * (m - 2)) + mean_a
    left_b -= 2 * (across - b_to_a) / ((m - 1) * n)
    variance = (n - 1) * np.var(left_a) + (m - 1) * np.var(left_b)
    return KernelDistance(float(value), float(np.sqrt(variance)))


def _kernel_sums(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of k(a_i, b_j) over j, one for each i, and over i, one for each j."""
    rows, columns = [], np.zeros(len(b))
    for part in chunks(a, CHUNK):
        kernel = _cubic(part @ b.T / a.shape[1])
        rows.append(kernel.sum(axis=1))
        columns += kernel.sum(axis=0)
    return np.concatenate(rows), columns


def _cubic(product: np.ndarray) -> np.ndarray:
    return (product + 1) * (product + 1) * (product + 1)  # a power takes far longer
