"""Is there a hyperplane between two classes? A proof for either answer.

A linear program finds the proof, and whole-number arithmetic checks it: a verdict here
never rests on the solver's word or on a tolerance.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, Int64

from jaxdl.errors import InputError, RunError

BLOCKS = 200  # functions in one program; measured: 50 to 800 cost the same, 1 15 times
DENOMINATORS = 1000  # common denominators tried when fractions become whole numbers
LARGEST = 2**20  # products of numbers up to here, summed, stay exact in 64 bits


class Separability(NamedTuple):
    """For each labelling of the examples, a proof; all of them are checked.

    Attributes:
      separable: whether `vectors` holds a separating vector.
      unseparable: whether `multipliers` holds a certificate that there is none. Neither
        is true of a labelling whose proof did not pass its check.
      vectors: w with y_i w . x_i > 0 for all i, zeros where none was found.
      multipliers: lambda >= 0, not all 0, with sum_i lambda_i y_i x_i = 0; else zeros.
    """

    separable: Bool[np.ndarray, " functions"]
    unseparable: Bool[np.ndarray, " functions"]
    vectors: Int64[np.ndarray, "weights functions"]
    multipliers: Int64[np.ndarray, "examples functions"]


def is_separating(
    vectors: Int[np.ndarray, "weights functions"],
    inputs: Int[np.ndarray, "examples weights"],
    labels: Int[np.ndarray, "examples functions"],
) -> Bool[np.ndarray, " functions"]:
    """True if y_i w . x_i > 0 for every example i, exactly."""
    sides = inputs.astype(np.int64) @ vectors.astype(np.int64)
    return np.all(labels * sides > 0, axis=0)


def is_certificate(
    multipliers: Int[np.ndarray, "examples functions"],
    inputs: Int[np.ndarray, "examples weights"],
    labels: Int[np.ndarray, "examples functions"],
) -> Bool[np.ndarray, " functions"]:
    """True if lambda >= 0, lambda != 0 and sum_i lambda_i y_i x_i = 0, exactly.

    Then no w separates the examples: sum_i lambda_i (y_i w . x_i) = 0 for every w, and
    a separating one would make each factor positive (Gordan 1873). The labels' opposite
    has the same certificate.
    """
    sums = inputs.astype(np.int64).T @ (labels * multipliers.astype(np.int64))
    nonnegative = np.all(multipliers >= 0, axis=0) & np.any(multipliers > 0, axis=0)
    return nonnegative & np.all(sums == 0, axis=0)


def separability(
    inputs: Int[np.ndarray, "*_"], labels: Int[np.ndarray, "*_"]
) -> Separability:
    """Separability of the examples by a hyperplane, for each of many labellings.

    One linear program per labelling, many of them to a block-diagonal one:

        max t  subject to  y_i w . x_i >= t for all i, and -1 <= w_j <= 1.

    If t > 0, w separates with the largest margin for its largest weight. If t = 0, the
    multipliers of the constraints are Gordan's: lambda >= 0, sum_i lambda_i = 1, and by
    duality sum_j |sum_i lambda_i y_i x_ij| = t = 0. Both are corners of polyhedra with
    whole-number coefficients, so fractions; brought to a common denominator, they are
    checked by `is_separating` and `is_certificate`. Opposite labellings share a
    program. All Boolean functions of four inputs take three seconds. Many inputs of
    many digits may have certificates without a small common denominator; such
    labellings are left undecided.

    Args:
      inputs: one example a row, whole numbers, [examples weights]; a column of ones
        gives the hyperplane a bias, without it it passes through the origin.
      labels: -1 or 1, one labelling a column, [examples functions].

    Raises:
      InputError: if the shapes do not fit, for a label other than -1 and 1, or inputs
        beyond 2^20.
      RunError: if the solver fails.

    References:
      Gordan, "Ueber die Aufloesung linearer Gleichungen mit reellen Coefficienten",
      1873.
    """
    _check(inputs, labels)
    # Labellings that agree up to sign, each with label 1 for the first example.
    first = labels[0].astype(np.int64)
    folded, index = np.unique(labels * labels[0], axis=1, return_inverse=True)
    index = index.reshape(-1)
    parts = [
        _solve(inputs, folded[:, start : start + BLOCKS])
        for start in range(0, folded.shape[1], BLOCKS)
    ]
    vectors, multipliers = (np.concatenate(p, axis=1) for p in zip(*parts, strict=True))
    exact = _whole(vectors)
    # A vector may be rounded, a certificate may not.
    vectors = np.where(np.any(exact, axis=0), exact, np.rint(vectors * LARGEST))
    vectors = vectors.astype(np.int64)[:, index] * first
    multipliers = _whole(multipliers)[:, index]
    separable = is_separating(vectors, inputs, labels)
    unseparable = is_certificate(multipliers, inputs, labels)
    return Separability(
        separable, unseparable, vectors * separable, multipliers * unseparable
    )


def _check(inputs: np.ndarray, labels: np.ndarray) -> None:
    shapes = inputs.shape, labels.shape
    if inputs.ndim != 2 or labels.ndim != 2 or shapes[0][0] != shapes[1][0]:
        raise InputError(
            f"inputs have shape {shapes[0]} and labels {shapes[1]}: expected "
            "(examples, weights) and (examples, functions)"
        )
    if 0 in (*shapes[0], *shapes[1]):
        raise InputError(
            f"inputs have shape {shapes[0]} and labels {shapes[1]}: expected at least "
            "one example, one weight and one function"
        )
    wrong = labels[np.abs(labels) != 1]
    if wrong.size:
        raise InputError(f"a label is {wrong[0]}: expected -1 or 1")
    if np.abs(inputs.astype(np.int64)).max() > LARGEST:
        raise InputError(f"an input is beyond {LARGEST}: expected smaller numbers")


def _solve(inputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors and multipliers of the program of each labelling, as floats."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    (num_examples, size), num = inputs.shape, labels.shape[1]
    # t - y_i w . x_i <= 0; the variables of a block are w and t.
    rows = np.empty((num, num_examples, size + 1))
    rows[..., :size] = -labels.T[..., None].astype(float) * inputs
    rows[..., size] = 1
    columns = np.arange(num)[:, None, None] * (size + 1) + np.arange(size + 1)
    columns = np.broadcast_to(columns, rows.shape)
    starts = np.arange(num * num_examples + 1) * (size + 1)
    matrix = csr_array((rows.ravel(), columns.ravel(), starts))
    cost = np.tile([0.0] * size + [-1.0], num)
    bounds = np.tile([[-1.0, 1.0]] * size + [[-np.inf, np.inf]], (num, 1))
    limits = np.zeros(len(starts) - 1)
    # The simplex method, since it ends in a corner.
    found = linprog(cost, matrix, limits, bounds=bounds, method="highs-ds")
    if found.status != 0:
        raise RunError(f"the linear program was not solved: {found.message}")
    vectors = found.x.reshape(num, size + 1)[:, :size]
    multipliers = -found.ineqlin.marginals.reshape(num, num_examples)
    return vectors.T, multipliers.T


def _whole(columns: np.ndarray) -> np.ndarray:
    """Small whole numbers in the same proportion; zeros for a column that has none."""
    magnitudes = np.where(np.abs(columns) > 1e-9, np.abs(columns), np.inf)
    smallest = magnitudes.min(axis=0)
    left = np.isfinite(smallest)
    scaled = columns / np.where(left, smallest, 1)
    whole = np.zeros(columns.shape, np.int64)
    for denominator in range(1, DENOMINATORS + 1):
        if not left.any():
            break
        candidate = np.rint(scaled * denominator)
        close = np.abs(scaled * denominator - candidate).max(axis=0) < 1e-6
        close &= left & (np.abs(candidate).max(axis=0) <= LARGEST)
        whole[:, close] = candidate[:, close]
        left &= ~close
    return whole
