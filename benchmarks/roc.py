"""Receiver operating characteristic: how well a score separates two kinds of cases."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxdl.errors import InputError


class RocCurve(NamedTuple):
    """Rates of the rule "positive if score >= threshold", for each threshold.

    Attributes:
      threshold: from infinity (nothing is called positive) down to the lowest score.
      false_positive: share of the negative cases that are called positive.
      true_positive: share of the positive cases that are.
    """

    threshold: np.ndarray
    false_positive: np.ndarray
    true_positive: np.ndarray


def roc_curve(scores: ArrayLike, positive: ArrayLike) -> RocCurve:
    """Points of the receiver operating characteristic, one for each distinct score.

    Args:
      scores: a finite number for each case; larger means more likely positive.
      positive: whether each case is; at least one is and one is not.

    Raises:
      InputError: if the two do not fit together, or one kind of case is missing.
    """
    scores, positive = _check(scores, positive)
    threshold = np.concatenate([[math.inf], np.unique(scores)[::-1]])
    called = scores[None] >= threshold[:, None]
    return RocCurve(
        threshold, called[:, ~positive].mean(axis=1), called[:, positive].mean(axis=1)
    )


def roc_area(scores: ArrayLike, positive: ArrayLike) -> tuple[float, float, float]:
    """Area under the curve, and its 95 % interval by DeLong's method.

    area = P(score of a positive > score of a negative) + P(they are equal) / 2, over
    all pairs. Its variance is var(a) / m + var(b) / n, with a_i the share of negatives
    below positive i and b_j the share of positives above negative j; the interval is
    area -+ 1.96 sd, cut at 0 and 1. It has no length where all pairs are in order, and
    cases count as independent.

    Args:
      scores, positive: as for `roc_curve`.

    Returns:
      `(area, low, high)`. A kind with one case only adds nothing to the variance.

    Raises:
      InputError: as `roc_curve`.

    References:
      DeLong, DeLong & Clarke-Pearson, "Comparing the areas under two or more correlated
      receiver operating characteristic curves", 1988.
    """
    scores, positive = _check(scores, positive)
    above, below = scores[positive][:, None], scores[~positive][None]
    wins = (above > below) + 0.5 * (above == below)
    area = float(wins.mean())
    shares = wins.mean(axis=1), wins.mean(axis=0)
    variance = sum(x.var(ddof=1) / len(x) for x in shares if len(x) > 1)
    half = 1.959963984540054 * math.sqrt(variance)
    return area, max(0.0, area - half), min(1.0, area + half)


def _check(scores: ArrayLike, positive: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    scores, positive = np.asarray(scores, np.float64), np.asarray(positive, bool)
    if scores.ndim != 1 or scores.shape != positive.shape:
        raise InputError(
            f"scores have shape {scores.shape} and their kinds {positive.shape}: "
            "expected two flat sequences of one length"
        )
    if not np.isfinite(scores).all():
        raise InputError(
            "scores hold values that are not finite: leave those cases out"
        )
    if positive.all() or not positive.any():
        raise InputError(
            f"{positive.sum()} of {len(positive)} cases are positive: expected at "
            "least one that is and one that is not"
        )
    return scores, positive
