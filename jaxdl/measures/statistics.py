"""Means over seeds and over examples, with their uncertainty; plain floats out."""

import math

import numpy as np
from numpy.typing import ArrayLike


def standard_error(values: ArrayLike) -> float | None:
    """Standard error of the mean of independent values.

    se = s / sqrt(n), with s^2 = sum_i (x_i - mean)^2 / (n - 1).

    The squares are divided by n - 1 (`ddof=1`). The Parzen script of the GAN paper
    divides by n; over 10,000 images the two differ by one part in 20,000.

    Args:
      values: one number each, in a flat sequence.

    Returns:
      A number in the unit of the values, or None for a single value, which says nothing
      about its own spread.

    Raises:
      ValueError: if there are no values, or one of them is not finite, or they are not
        in one flat sequence.
    """
    values = _finite(values)
    if len(values) == 1:
        return None
    squares = np.sum((values - _mean(values)) ** 2)
    return math.sqrt(squares / (len(values) - 1) / len(values))


def mean_ci95(
    values: ArrayLike,
) -> tuple[float, float | None, float | None]:
    """Mean of independent values and its 95 % interval by Student's t.

    mean -+ t_{0.975, n - 1} * se, with `standard_error`.

    It covers the true mean in 95 % of cases for normal values, also for few of them;
    values that are all equal give an interval of length 0.

    Args:
      values: one number per seed, in a flat sequence.

    Returns:
      `(mean, low, high)`, in the unit of the values and fit for JSON; low and high are
      None for a single value: one seed has no interval.

    Raises:
      ValueError: as `standard_error` does.

    References:
      Student, "The probable error of a mean", 1908.
    """
    from scipy.special import stdtrit  # scipy.stats.t.ppf without its 0.5 s import

    values = _finite(values)
    mean = _mean(values)
    if len(values) == 1:
        return mean, None, None
    half = float(stdtrit(len(values) - 1, 0.975)) * standard_error(values)
    return mean, mean - half, mean + half


def welch_ci95(
    values: ArrayLike, others: ArrayLike
) -> tuple[float, float | None, float | None]:
    """Difference of two means and its 95 % interval by Welch's t.

    mean(x) - mean(y) -+ t_{0.975, v} sqrt(se_x^2 + se_y^2), with `standard_error` and
    v = (se_x^2 + se_y^2)^2 / (se_x^4 / (n_x - 1) + se_y^4 / (n_y - 1)).

    The two spreads may differ, and nothing pairs the values. Where both sides have no
    spread the interval has length 0.

    Args:
      values: x, one number per seed, in a flat sequence.
      others: y, likewise, in any number.

    Returns:
      `(difference, low, high)`, fit for JSON; low and high are None if one side has a
      single value.

    Raises:
      ValueError: as `standard_error` does.

    References:
      Welch, "The generalization of 'Student's' problem when several different
      population variances are involved", 1947.
    """
    from scipy.special import stdtrit

    values, others = _finite(values), _finite(others)
    difference = _mean(values) - _mean(others)
    if min(len(values), len(others)) == 1:
        return difference, None, None
    a, b = standard_error(values) ** 2, standard_error(others) ** 2
    if a + b == 0:
        return difference, difference, difference
    # Of shares of a + b, which neither overflow nor vanish.
    share = a / (a + b)
    v = 1 / (share**2 / (len(values) - 1) + (1 - share) ** 2 / (len(others) - 1))
    half = float(stdtrit(v, 0.975)) * math.sqrt(a + b)
    return difference, difference - half, difference + half


def wilson_ci95(
    successes: int | np.integer, trials: int | np.integer
) -> tuple[float, float, float]:
    """Share of successes in independent trials and its 95 % interval by Wilson's score.

    The shares q that a normal test does not refuse, (p - q)^2 <= z^2 q (1 - q) / n:
    (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n), with
    p = successes / n and z = 1.96. It stays within 0 and 1, and no success at all still
    gives an interval: up to z^2 / (n + z^2).

    Args:
      successes: from 0 to `trials`.
      trials: n, 1 or more.

    Returns:
      `(share, low, high)`, fit for JSON; low is 0 without a success, high 1 without a
      failure.

    Raises:
      ValueError: if the numbers are not such counts.

    References:
      Wilson, "Probable inference, the law of succession, and statistical inference",
      1927.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"{successes} successes in {trials} trials are not counts")
    k, n = int(successes), int(trials)
    p, z = k / n, 1.959963984540054  # Phi(z) = 0.975
    centre = p + z**2 / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
    scale = 1 + z**2 / n
    # At the ends the two parts cancel, or add up to 1, but for their rounding.
    low = (centre - half) / scale if k > 0 else 0.0
    high = (centre + half) / scale if k < n else 1.0
    return p, low, high


def _mean(values: np.ndarray) -> float:
    # Without the clip rounding may put the mean of equal values beside them.
    return float(np.clip(np.mean(values), values.min(), values.max()))


def _finite(values: ArrayLike) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"need a flat sequence of values, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(
            f"values must be finite, got {values[~np.isfinite(values)][0]}"
        )
    return values
