"""Entropies and divergences of categorical distributions, from log-probabilities.

All are in nats, over the last axis, one value per distribution, and no rounding takes
one out of the range that its docstring states. A probability of zero is a
log-probability of -inf: 0 log 0 = 0, in values and in gradients. Gradients are those of
the formula in each log-probability, as if they were free; outcomes that make a value
infinite add nothing to them.

Log-probabilities are looked at only outside of compiled functions, where their values
are known; `log_probabilities` is the door for probabilities.

For densities see `jaxdl.ops.gaussians` (closed forms); the estimators at the end of
this file take samples.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.ops.arguments import array_like
from jaxdl.ops.numerics import is_known, safe_sqrt, within


def tolerance(dtype: jnp.dtype) -> float:
    """Allowed gap of summed probabilities from 1: 1e-4, float64 1e-8, 16 bits 1e-2."""
    return {8: 1e-8, 4: 1e-4}.get(jnp.dtype(dtype).itemsize, 1e-2)


@array_like
def log_probabilities(p: Float[Array, "*batch k"]) -> Float[Array, "*batch k"]:
    """Log-probabilities of probabilities; -inf for 0.

    Probabilities below the normal range of their type (1.2e-38 in float32), which XLA
    takes for 0 on CPU, keep their logarithm. Gradients are 1 / p, for those the largest
    number of the type, and 0 for p = 0.

    Args:
      p: at least 0, with sum 1 over the last axis.

    Raises:
      InputError: if a probability is negative or not a number, or a sum differs from 1
        by more than `tolerance`.
    """
    if is_known(p):
        values = np.asarray(p, np.float64)
        if not (values >= 0).all():
            worst = values[~(values >= 0)][0]
            raise InputError(f"a probability is {worst:.6g}: expected 0 to 1")
        _check_sums(values.sum(axis=-1), tolerance(p.dtype))
    return _log(p)


@jax.custom_jvp
def _log(p: jax.Array) -> jax.Array:
    """log p of numbers from 0 to 1, subnormal ones included."""
    info = jnp.finfo(p.dtype)
    # A subnormal number is its bits, read as an integer, times the smallest one.
    bits = jax.lax.bitcast_convert_type(p, f"int{info.bits}")
    subnormal = (bits > 0) & (bits < 1 << info.nmant)
    unit = (info.minexp - info.nmant) * math.log(2)
    log_bits = jnp.log(jnp.where(subnormal, bits, 1).astype(p.dtype))
    return jnp.where(subnormal, (log_bits + unit).astype(p.dtype), jnp.log(p))


@_log.defjvp
def _log_jvp(primals, tangents):
    (p,), (tangent,) = primals, tangents
    log_p = _log(p)
    possible = log_p != -jnp.inf
    slope = jnp.minimum(1 / jnp.where(possible, p, 1), jnp.finfo(p.dtype).max)
    return log_p, jnp.where(possible, slope * tangent, 0)


@array_like
def check_log_probabilities(*log_ps: Float[Array, "*batch k"]) -> None:
    """Refuse what are no log-probabilities of distributions over the same outcomes.

    Raises:
      InputError: if shapes differ or have no last axis, and, where values are known, if
        one is above 0 or not a number, or probabilities sum to 1 not within
        `tolerance`.
    """
    first, *others = log_ps
    if not first.ndim or not first.shape[-1]:
        raise InputError(
            f"log-probabilities have shape {first.shape}: expected one for each "
            "outcome along the last axis"
        )
    for other in others:
        if other.shape != first.shape:
            raise InputError(
                f"distributions have shapes {first.shape} and {other.shape}: expected "
                "probabilities of the same outcomes, in equal shapes"
            )
    for log_p in filter(is_known, log_ps):
        values, limit = np.asarray(log_p, np.float64), tolerance(log_p.dtype)
        if not (values <= limit).all():
            worst = values[~(values <= limit)][0]
            raise InputError(
                f"a log-probability is {worst:.6g}: expected 0 or less; "
                "log_probabilities makes them from probabilities"
            )
        _check_sums(np.exp(values).sum(axis=-1), limit)


def _check_sums(sums: np.ndarray | np.floating, limit: float) -> None:
    sums = np.ravel(sums)
    worst = sums[np.argmax(np.abs(sums - 1))]
    if not abs(worst - 1) <= limit:
        raise InputError(
            f"probabilities sum to {worst:.8g}: expected 1 within {limit:g}; divide by "
            "the sum, or use log_softmax"
        )


@array_like
def entropy(log_p: Float[Array, "*batch k"]) -> Float[Array, "*batch"]:
    """Entropy H(p) = -sum_i p_i log p_i, between 0 and log k.

    Raises:
      InputError: see `check_log_probabilities`.

    References:
      Shannon, "A mathematical theory of communication", 1948.
    """
    check_log_probabilities(log_p)
    largest = math.log(log_p.shape[-1])
    return within(_expected_minus(log_p, log_p), 0, largest)


@array_like
def cross_entropy(
    log_p: Float[Array, "*batch k"], log_q: Float[Array, "*batch k"]
) -> Float[Array, "*batch"]:
    """Cross-entropy H(p, q) = -sum_i p_i log q_i = H(p) + KL(p || q).

    Infinite where some q_i = 0 < p_i.

    Raises:
      InputError: see `check_log_probabilities`.
    """
    check_log_probabilities(log_p, log_q)
    return _expected_minus(log_p, log_q)


@array_like
def kl_divergence(
    log_p: Float[Array, "*batch k"], log_q: Float[Array, "*batch k"]
) -> Float[Array, "*batch"]:
    """Kullback-Leibler divergence KL(p || q) = sum_i p_i log(p_i / q_i), at least 0.

    Infinite where some q_i = 0 < p_i. Computed, and differentiated, as
    sum_i (p_i log(p_i / q_i) - p_i + q_i): the same for distributions, but each term is
    at least 0, and those of nearly equal p and q cancel no digits.

    Raises:
      InputError: see `check_log_probabilities`.

    References:
      Kullback & Leibler, "On information and sufficiency", 1951.
    """
    check_log_probabilities(log_p, log_q)
    return _kl(log_p, log_q)


@array_like
def jeffreys_divergence(
    log_p: Float[Array, "*batch k"], log_q: Float[Array, "*batch k"]
) -> Float[Array, "*batch"]:
    """Jeffreys divergence KL(p || q) + KL(q || p), symmetric, at least 0.

    Infinite where one of the two probabilities of an outcome is 0.

    Raises:
      InputError: see `check_log_probabilities`.

    References:
      Jeffreys, "An invariant form for the prior probability in estimation problems",
      1946.
    """
    check_log_probabilities(log_p, log_q)
    return _kl(log_p, log_q) + _kl(log_q, log_p)


@array_like
def js_divergence(
    log_p: Float[Array, "*batch k"],
    log_q: Float[Array, "*batch k"],
    *,
    weights: tuple[float, float] = (0.5, 0.5),
) -> Float[Array, "*batch"]:
    """Jensen-Shannon divergence, always finite.

    JS(p, q) = w_p KL(p || m) + w_q KL(q || m), with m = w_p p + w_q q; between 0 and
    the entropy of the weights, which is log 2 for equal ones.

    Args:
      log_p, log_q: log-probabilities.
      weights: (w_p, w_q), above 0 and with sum 1.

    Raises:
      InputError: for other weights; see also `check_log_probabilities`.

    References:
      Lin, "Divergence measures based on the Shannon entropy", 1991.
    """
    check_log_probabilities(log_p, log_q)
    if not (min(weights) > 0 and math.isclose(sum(weights), 1)):
        raise InputError(f"weights are {weights}: expected two above 0 with sum 1")
    w_p, w_q = weights
    # The slope of logaddexp is NaN where both are -inf; such outcomes count 0 anyway.
    neither = (log_p == -jnp.inf) & (log_q == -jnp.inf)
    first = jnp.where(neither, 0, log_p) + math.log(w_p)
    log_m = jnp.logaddexp(first, log_q + math.log(w_q))
    log_m = jnp.where(neither, -jnp.inf, log_m)
    value = w_p * _kl(log_p, log_m) + w_q * _kl(log_q, log_m)
    return within(value, 0, -w_p * math.log(w_p) - w_q * math.log(w_q))


@array_like
def total_variation(
    log_p: Float[Array, "*batch k"], log_q: Float[Array, "*batch k"]
) -> Float[Array, "*batch"]:
    """Total variation distance 1/2 sum_i |p_i - q_i|, between 0 and 1.

    Raises:
      InputError: see `check_log_probabilities`.
    """
    check_log_probabilities(log_p, log_q)
    gaps = jnp.abs(jnp.exp(log_p) - jnp.exp(log_q))
    return within(0.5 * jnp.sum(gaps, axis=-1), 0, 1)


@array_like
def hellinger_distance(
    log_p: Float[Array, "*batch k"], log_q: Float[Array, "*batch k"]
) -> Float[Array, "*batch"]:
    """Hellinger distance, between 0 and 1.

    H(p, q) = sqrt(1/2 sum_i (sqrt(p_i) - sqrt(q_i))^2). It has a kink at p = q, where
    its gradient is given as 0.

    Raises:
      InputError: see `check_log_probabilities`.

    References:
      Hellinger, "Neue Begruendung der Theorie quadratischer Formen von
      unendlichvielen Veraenderlichen", 1909.
    """
    check_log_probabilities(log_p, log_q)
    differences = jnp.exp(0.5 * log_p) - jnp.exp(0.5 * log_q)
    return within(safe_sqrt(0.5 * jnp.sum(differences**2, axis=-1)), 0, 1)


def _expected_minus(log_p: jax.Array, values: jax.Array) -> jax.Array:
    """-sum_i p_i values_i, where outcomes with p_i = 0 count 0.

    Terms are taken apart into those that are 0, infinite and neither before anything is
    multiplied: 0 times infinity would be NaN, in the gradient at the latest.
    """
    possible, infinite = log_p != -jnp.inf, values == -jnp.inf  # NaN is neither
    ordinary = possible & ~infinite
    p = jnp.exp(jnp.where(ordinary, log_p, 0))
    terms = p * jnp.where(ordinary, -values, 0)
    return jnp.sum(jnp.where(possible & infinite, jnp.inf, terms), axis=-1)


def _kl(log_p: jax.Array, log_q: jax.Array) -> jax.Array:
    return jnp.sum(_kl_terms(log_p, log_q), axis=-1)


class _Outcomes(NamedTuple):
    """Outcomes, those that p or q lack replaced by some that both have."""

    both: jax.Array
    p: jax.Array
    q: jax.Array
    d: jax.Array  # log(p / q)
    excess: jax.Array  # q - p


def _outcomes(log_p: jax.Array, log_q: jax.Array) -> _Outcomes:
    both = (log_p != -jnp.inf) & (log_q != -jnp.inf)
    log_p, log_q = jnp.where(both, log_p, 0), jnp.where(both, log_q, 0)
    p, q, d = jnp.exp(log_p), jnp.exp(log_q), log_p - log_q
    near = jnp.abs(d) < 1
    excess = jnp.where(near, p * jnp.expm1(jnp.where(near, -d, 0)), q - p)
    return _Outcomes(both, p, q, d, excess)


@jax.custom_jvp
def _kl_terms(log_p: jax.Array, log_q: jax.Array) -> jax.Array:
    """p log(p / q) - p + q of each outcome: at least 0, infinite where q = 0 < p."""
    both, p, q, d, _ = _outcomes(log_p, log_q)
    near = jnp.abs(d) < 1
    d_near = jnp.where(near, d, 0)
    terms = p * jnp.where(near, jnp.maximum(d_near + jnp.expm1(-d_near), 0), 0)
    terms = jnp.where(near, terms, p * (d - 1) + q)
    lacking = jnp.where(log_p == -jnp.inf, jnp.exp(log_q), jnp.inf)
    return jnp.where(both, terms, lacking)


@_kl_terms.defjvp
def _kl_terms_jvp(primals, tangents):
    log_p, log_q = primals
    both, p, _, d, excess = _outcomes(log_p, log_q)
    of_p, of_q = tangents
    lacking = jnp.where(log_p == -jnp.inf, jnp.exp(log_q) * of_q, 0)
    return _kl_terms(*primals), jnp.where(both, p * d * of_p + excess * of_q, lacking)


# From samples


class Estimate(NamedTuple):
    """A mean over independent samples.

    Attributes:
      value: in nats.
      standard_error: of the value, s / sqrt(n) with s^2 over n - 1.
    """

    value: Float[Array, ""]
    standard_error: Float[Array, ""]


@array_like
def monte_carlo_entropy(log_p: Float[Array, " n"]) -> Estimate:
    """Entropy -E_p[log p(x)], estimated from log-densities at samples of p.

    Raises:
      InputError: for fewer than two samples.
    """
    return _mean(-log_p)


@array_like
def monte_carlo_kl(log_p: Float[Array, " n"], log_q: Float[Array, " n"]) -> Estimate:
    """KL(p || q) = E_p[log p(x) - log q(x)], from log-densities at samples of p.

    Unbiased. An estimate may be negative, and it misses what q lacks in places that p
    seldom visits; where the density ratio has no variance under p the standard error
    means nothing.

    Raises:
      InputError: for fewer than two samples, or for different numbers of them.
    """
    _check_pairs(log_p, log_q)
    return _mean(log_p - log_q)


@array_like
def monte_carlo_js(
    log_p_at_p: Float[Array, " n"],
    log_q_at_p: Float[Array, " n"],
    log_p_at_q: Float[Array, " m"],
    log_q_at_q: Float[Array, " m"],
) -> Estimate:
    """Jensen-Shannon divergence, from log-densities at samples of both.

    JS = 1/2 E_p[log p/m] + 1/2 E_q[log q/m], m = (p + q)/2. Unbiased; every term is at
    most log 2.

    Raises:
      InputError: for fewer than two samples of one, or unequal numbers.
    """
    parts = []
    for own, other in ((log_p_at_p, log_q_at_p), (log_q_at_q, log_p_at_q)):
        _check_pairs(own, other)
        parts.append(_mean(own - jnp.logaddexp(own, other) + math.log(2)))
    value = (parts[0].value + parts[1].value) / 2
    errors = jnp.hypot(parts[0].standard_error, parts[1].standard_error)
    return Estimate(value, errors / 2)


def _check_pairs(own: jax.Array, other: jax.Array) -> None:
    if own.shape != other.shape:
        raise InputError(
            f"log-densities have shapes {own.shape} and {other.shape}: expected both "
            "at the same samples"
        )


def _mean(values: jax.Array) -> Estimate:
    num = len(values)
    if num < 2:
        raise InputError(f"there are {num} samples: expected 2 or more")
    return Estimate(jnp.mean(values), jnp.std(values, ddof=1) / math.sqrt(num))
