"""Parzen-window log-likelihood of images under a generator's samples.

The protocol of Goodfellow et al. 2014 and of their script: 10,000 samples, pixels in
[0, 1], sigma among `jnp.logspace(-1, 0, 10)` by the mean log-likelihood of the first
1,000 validation images, then mean and standard error over the test images.

The number ranks generators only roughly: its variance is high and it fails in many
dimensions (Theis et al., "A note on the evaluation of generative models", 2016).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdl.ops.numerics import is_known


def parzen_log_likelihood(
    x: Float[Array, "batch pixels"],
    samples: Float[Array, "samples pixels"],
    sigma: float | Float[Array, ""],
    *,
    chunk_size: int = 500,
) -> Float[Array, " batch"]:
    """Log-density of points under a mixture of equal Gaussians, one at each sample.

    log p(x) = log (1/m) sum_j exp(-|x - s_j|^2 / (2 sigma^2)) - d log(sigma sqrt(2 pi))

    Squared distances come from matrix products in the dtype of the arrays, after the
    samples' mean is taken off both sides. In float32 they are exact to about 1e-6 of
    |x|^2 + |s|^2, so log p errs by up to some 1e-6 (|x|^2 + |s|^2) / sigma^2; measured
    on MNIST against float64, 0.01 nats at sigma = 0.05 and 0.003 at 0.1.

    Args:
      x: points to score; at least one.
      samples: centres of the Gaussians; at least one.
      sigma: their standard deviation in the unit of `x`, above 0.
      chunk_size: points scored at a time; working memory is a few buffers of
        chunk_size * samples numbers.

    Returns:
      One value per point, in nats, for densities per unit of `x` (not per byte level).
      Far from all samples it falls quadratically and stays finite.

    Raises:
      ValueError: if sigma is known (not traced) and not a positive finite number, or if
        there are no samples.

    References:
      Parzen, "On estimation of a probability density function and mode", 1962;
      Breuleux, Bengio & Vincent, "Quickly generating representative samples from an
      RBM-derived process", 2011.
    """
    _check_sigmas(sigma)
    sigmas = jnp.reshape(jnp.asarray(sigma, x.dtype), (1,))
    return _log_likelihoods(x, samples, sigmas, chunk_size)[:, 0]


def select_sigma(
    validation: Float[Array, "batch pixels"],
    samples: Float[Array, "samples pixels"],
    sigmas: Float[Array, " sigmas"] | Float[np.ndarray, " sigmas"],
    *,
    chunk_size: int = 500,
) -> tuple[Float[Array, ""], Float[Array, " sigmas"]]:
    """The window under which held-out points are likeliest, from a list.

    sigma* = argmax_sigma mean_i log p_sigma(x_i), the first of equals.

    Each squared distance is computed once for all sigmas.

    Args:
      validation: held-out points, never those that will be reported on.
      samples: centres of the Gaussians.
      sigmas: candidates, each above 0.
      chunk_size: as in `parzen_log_likelihood`.

    Returns:
      `(sigma*, means)`: the winner, and the mean log-likelihood in nats for each
      candidate. A winner at either end of the list asks for a longer list.

    Raises:
      ValueError: as `parzen_log_likelihood` does.
    """
    _check_sigmas(sigmas)
    sigmas = jnp.asarray(sigmas, validation.dtype)
    means = jnp.mean(_log_likelihoods(validation, samples, sigmas, chunk_size), axis=0)
    return sigmas[jnp.argmax(means)], means


def _log_likelihoods(x, samples, sigmas, chunk_size):
    """Log-likelihood of each point under each sigma, [batch sigmas]."""
    num_samples, size = samples.shape
    if num_samples == 0:
        raise ValueError("a Parzen window needs at least one sample")
    center = jnp.mean(samples, axis=0)
    samples = samples - center[None]
    squared_norms = jnp.sum(samples**2, axis=1)
    log_norms = size * jnp.log(sigmas * jnp.sqrt(2 * jnp.pi)) + jnp.log(num_samples)

    def one_point(point):
        point = point - center
        # "highest": the default on GPU and TPU rounds the factors to 10 bits or fewer.
        products = jnp.dot(samples, point, precision="highest")
        squares = jnp.maximum(squared_norms - 2 * products + jnp.sum(point**2), 0)
        # Off before the division: far away, the largest exponent would not cancel to 0
        # when a compiler rounds it differently in two places.
        nearest = jax.lax.stop_gradient(jnp.min(squares))
        gaps = squares - nearest

        def one_sigma(sigma):
            return jax.nn.logsumexp(-gaps / (2 * sigma**2)) - nearest / (2 * sigma**2)

        return jax.lax.map(one_sigma, sigmas) - log_norms

    return jax.lax.map(one_point, x, batch_size=chunk_size)


def _check_sigmas(sigmas):
    if not is_known(sigmas):
        return
    values = np.asarray(sigmas)
    if not (np.all(values > 0) and np.all(np.isfinite(values))):
        raise ValueError(f"sigma must be a positive finite number, got {sigmas}")
