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
    mean, error = _mean(values), standard_error(values)
    if error is None:
        return mean, None, None
    half = float(stdtrit(len(values) - 1, 0.975)) * error
    return mean, mean - half, mean + half


def bounded_ci95(
    values: ArrayLike, low: float | int | None, high: float | int | None
) -> tuple[float, float | None, float | None]:
    """Mean of independent bounded values and its 95 % interval within the bounds.

    Student's t on the scale y(x) = log((x - low) / (high - x)), mapped back to x:
    y(mean) -+ t_{0.975, n - 1} * se * y'(mean), with `standard_error` and
    y'(x) = 1 / (x - low) + 1 / (high - x). With one bound y is the log of the distance
    to it; without bounds this is `mean_ci95`.

    The interval is that of the mean itself, as y is applied to the mean and its error
    follows to first order: values at a bound are allowed, and the mean lies inside.
    Survey statistics use it for shares (Stata's `proportion`, R's `svyciprop`). For
    small errors it agrees with `mean_ci95`; a wide one leans away from the near bound.

    Args:
      values: one number per seed, in a flat sequence.
      low, high: the least and the largest possible value; None if there is none.

    Returns:
      `(mean, low, high)`, in the unit of the values and fit for JSON; low and high are
      None for a single value, and the mean if all values are equal.

    Raises:
      ValueError: as `standard_error` does, or if a value lies outside the bounds.

    References:
      Brown, Cai & DasGupta, "Interval estimation for a binomial proportion", 2001, has
      the logit interval of one binomial count.
    """
    from scipy.special import stdtrit

    values = _finite(values)
    least = -math.inf if low is None else low
    largest = math.inf if high is None else high
    if not (least <= values.min() and values.max() <= largest):
        raise ValueError(
            f"values must lie in [{least:g}, {largest:g}], got values from "
            f"{values.min():g} to {values.max():g}"
        )
    mean = _mean(values)
    error = standard_error(values)
    if error is None:
        return mean, None, None
    if low is None and high is None:
        return mean_ci95(values)
    if error == 0:  # the mean may be a bound, where y is infinite
        return mean, mean, mean
    below, above = mean - least, largest - mean
    half = float(stdtrit(len(values) - 1, 0.975)) * error * (1 / below + 1 / above)
    if high is None:
        return mean, least + below * math.exp(-half), least + below * math.exp(half)
    if low is None:
        return mean, largest - above * math.exp(half), largest - above * math.exp(-half)
    width, shrink = largest - least, math.exp(-half)
    start = least + width * (below * shrink) / (below * shrink + above)
    end = least + width * below / (below + above * shrink)
    return mean, max(start, least), min(end, largest)  # but for rounding


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
    error, other_error = standard_error(values), standard_error(others)
    if error is None or other_error is None:
        return difference, None, None
    a, b = error**2, other_error**2
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
    whole = all(int(x) == x for x in (successes, trials) if math.isfinite(x))
    if not (whole and 0 <= successes <= trials < math.inf and trials >= 1):
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


def far_off(values: ArrayLike) -> int | None:
    """Index of the one value that lies far from all others, if there is one.

    The gap to the nearest other value is more than ten times the range of the others,
    and more than half the size of their median. The second condition spares values that
    all but agree.

    Returns:
      The index, or None without such a value or with fewer than three values.

    Raises:
      ValueError: as `standard_error` does.
    """
    values = _finite(values)
    if len(values) < 3:
        return None
    for index in (int(np.argmin(values)), int(np.argmax(values))):
        others = np.delete(values, index)
        gap = np.min(np.abs(others - values[index]))
        if gap > 10 * np.ptp(others) and gap > abs(np.median(others)) / 2:
            return index
    return None


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
