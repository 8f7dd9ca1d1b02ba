"""Gaussian distributions: density and divergences in closed form.

Those with full covariance come first. There everything goes through the Cholesky factor
L of a covariance, L L^T = cov. Values of covariances are looked at only outside of
compiled functions, where they are known; inside, one that is not positive definite
gives NaN. Those of independent numbers are given by the logarithms of their variances.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from jaxdl.errors import InputError
from jaxdl.ops.arguments import array_like, as_array
from jaxdl.ops.numerics import in_float32, is_known, safe_sqrt, within

LOG_2_PI = 1.8378770664093453


def check_covariance(cov: jax.Array | ArrayLike) -> None:
    """Refuse what is no covariance.

    Raises:
      InputError: unless `cov` is [dim dim], and, where its values are known, finite,
        symmetric (to 1e-5 of its largest entry) and positive definite.
    """
    cov = cov if isinstance(cov, np.ndarray) else as_array("cov", cov)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1]:
        raise InputError(f"a covariance has shape {cov.shape}: expected [dim dim]")
    if not is_known(cov):
        return
    values = np.asarray(cov, np.float64)
    difference = np.abs(values - values.T).max()
    if not difference <= 1e-5 * np.abs(values).max():
        raise InputError(
            f"a covariance differs from its transpose by {difference:.3g}: expected a "
            "symmetric matrix of finite numbers"
        )
    lowest = np.linalg.eigvalsh(values)[0]
    if not lowest > 0:
        raise InputError(
            f"the lowest eigenvalue of a covariance is {lowest:.3g}: expected a "
            "positive definite matrix; add a small multiple of the identity to one "
            "that was estimated from few points"
        )


@array_like
@in_float32
def gaussian_log_density(
    x: Float[Array, "*batch dim"],
    mean: Float[Array, " dim"],
    cov: Float[Array, "dim dim"],
) -> Float[Array, "*batch"]:
    """Log-density of N(mean, cov), in nats.

    log p(x) = -1/2 (x - mean)^T cov^-1 (x - mean) - 1/2 log det cov - dim/2 log(2 pi).

    Raises:
      InputError: see `check_covariance`.
    """
    check_covariance(cov)
    factor = jnp.linalg.cholesky(cov)
    centred = (x - mean.reshape((1,) * (x.ndim - 1) + mean.shape)).reshape(
        -1, len(mean)
    )
    distances = jnp.sum(_solve(factor, centred.T) ** 2, axis=0).reshape(x.shape[:-1])
    return -0.5 * (distances + len(mean) * LOG_2_PI) - _half_log_det(factor)


@array_like
@in_float32
def gaussian_entropy(cov: Float[Array, "dim dim"]) -> Float[Array, ""]:
    """Entropy of a Gaussian, in nats; negative for a narrow one.

    h = 1/2 log det cov + dim/2 (1 + log(2 pi)).

    Raises:
      InputError: see `check_covariance`.
    """
    check_covariance(cov)
    factor = jnp.linalg.cholesky(cov)
    return _half_log_det(factor) + 0.5 * len(cov) * (1 + LOG_2_PI)


@array_like
@in_float32
def gaussian_cross_entropy(
    mean_p: Float[Array, " dim"],
    cov_p: Float[Array, "dim dim"],
    mean_q: Float[Array, " dim"],
    cov_q: Float[Array, "dim dim"],
) -> Float[Array, ""]:
    """Cross-entropy -E_p[log q] of two Gaussians, in nats: h(p) + KL(p || q).

    1/2 (tr(cov_q^-1 cov_p) + d^T cov_q^-1 d + log det cov_q + dim log(2 pi)), where
    d = mean_p - mean_q.

    Raises:
      InputError: see `check_covariance`.
    """
    check_covariance(cov_p)
    check_covariance(cov_q)
    factor = jnp.linalg.cholesky(cov_q)
    spread = _solve(factor, jnp.linalg.cholesky(cov_p))
    shift = _solve(factor, (mean_p - mean_q)[:, None])
    squares = jnp.sum(spread**2) + jnp.sum(shift**2)
    return 0.5 * (squares + len(cov_p) * LOG_2_PI) + _half_log_det(factor)


@array_like
@in_float32
def gaussian_kl(
    mean_p: Float[Array, " dim"],
    cov_p: Float[Array, "dim dim"],
    mean_q: Float[Array, " dim"],
    cov_q: Float[Array, "dim dim"],
) -> Float[Array, ""]:
    """Kullback-Leibler divergence KL(p || q) of two Gaussians, in nats.

    KL = 1/2 (tr(cov_q^-1 cov_p) - dim + d^T cov_q^-1 d + log(det cov_q / det cov_p)),
    where d = mean_p - mean_q; at least 0.

    Raises:
      InputError: see `check_covariance`.

    References:
      Kullback, "Information theory and statistics", 1959, chapter 9.
    """
    check_covariance(cov_p)
    check_covariance(cov_q)
    factor = jnp.linalg.cholesky(cov_q)
    spread = _solve(factor, jnp.linalg.cholesky(cov_p))
    shift = _solve(factor, (mean_p - mean_q)[:, None])
    squares = jnp.sum(spread**2) - len(cov_p) + jnp.sum(shift**2)
    return within(0.5 * squares - _half_log_det(spread), 0, math.inf)


@array_like
@in_float32
def gaussian_jeffreys(
    mean_p: Float[Array, " dim"],
    cov_p: Float[Array, "dim dim"],
    mean_q: Float[Array, " dim"],
    cov_q: Float[Array, "dim dim"],
) -> Float[Array, ""]:
    """Jeffreys divergence KL(p || q) + KL(q || p) of two Gaussians, in nats.

    Raises:
      InputError: see `check_covariance`.
    """
    forward = gaussian_kl(mean_p, cov_p, mean_q, cov_q)
    return forward + gaussian_kl(mean_q, cov_q, mean_p, cov_p)


@array_like
@in_float32
def gaussian_hellinger(
    mean_p: Float[Array, " dim"],
    cov_p: Float[Array, "dim dim"],
    mean_q: Float[Array, " dim"],
    cov_q: Float[Array, "dim dim"],
) -> Float[Array, ""]:
    """Hellinger distance of two Gaussians, between 0 and 1.

    H^2 = 1 - det(cov_p)^1/4 det(cov_q)^1/4 det(m)^-1/2 exp(-d^T m^-1 d / 8), where
    m = (cov_p + cov_q) / 2 and d = mean_p - mean_q. Its gradient at p = q, where the
    distance has a kink, is given as 0.

    Raises:
      InputError: see `check_covariance`.

    References:
      Pardo, "Statistical inference based on divergence measures", 2006, chapter 1.
    """
    check_covariance(cov_p)
    check_covariance(cov_q)
    factors = map(jnp.linalg.cholesky, (cov_p, cov_q))
    middle = jnp.linalg.cholesky((cov_p + cov_q) / 2)
    shift = _solve(middle, (mean_p - mean_q)[:, None])
    log_overlap = (
        sum(map(_half_log_det, factors)) / 2
        - _half_log_det(middle)
        - jnp.sum(shift**2) / 8
    )
    return safe_sqrt(-jnp.expm1(log_overlap))


@array_like
@in_float32
def diagonal_gaussian_log_density(
    x: Float[Array, "*batch dim"],
    mean: Float[Array, "*batch dim"],
    log_variance: Float[Array, "*batch dim"],
) -> Float[Array, "*batch"]:
    """Log-density of independent Gaussians, in nats.

    log p(x) = -1/2 sum_i ((x_i - mean_i)^2 exp(-lv_i) + lv_i + log(2 pi)), with lv the
    logarithm of the variance.

    Raises:
      InputError: if the shapes differ, which would broadcast unnoticed.
    """
    _check_shapes(mean, log_variance, x)
    squares = (x - mean) ** 2 * jnp.exp(-log_variance)
    return -0.5 * jnp.sum(squares + log_variance + LOG_2_PI, axis=-1)


@array_like
@in_float32
def standard_normal_kl(
    mean: Float[Array, "*batch dim"], log_variance: Float[Array, "*batch dim"]
) -> Float[Array, "*batch"]:
    """KL(N(mean, diag exp(lv)) || N(0, I)) of independent Gaussians, in nats.

    KL = 1/2 sum_i (exp(lv_i) + mean_i^2 - 1 - lv_i), at least 0, and 0 where
    mean = lv = 0 only. It is infinite once a variance overflows, in float32 above
    lv = 88.

    Raises:
      InputError: if the shapes differ, which would broadcast unnoticed.

    References:
      Kingma & Welling, "Auto-encoding variational Bayes", 2014, appendix B.
    """
    _check_shapes(mean, log_variance)
    # expm1: near lv = 0, where exp(lv) - 1 - lv is about lv^2 / 2.
    return 0.5 * jnp.sum(jnp.expm1(log_variance) - log_variance + mean**2, axis=-1)


def _check_shapes(mean: Array, *others: Array) -> None:
    for other in others:
        if other.shape != mean.shape:
            raise InputError(
                f"arrays have shapes {mean.shape} and {other.shape}: expected one mean "
                "and one log-variance for each number"
            )


def _solve(factor: jax.Array, x: jax.Array) -> jax.Array:
    """factor^-1 x, for a lower triangular factor."""
    return jax.scipy.linalg.solve_triangular(factor, x, lower=True)


def _half_log_det(factor: jax.Array) -> jax.Array:
    """Half the log-determinant of the matrix whose Cholesky factor this is."""
    return jnp.sum(jnp.log(jnp.diagonal(factor)))
