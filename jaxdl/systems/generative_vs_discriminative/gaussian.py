"""Gaussian models that are fitted in closed form: one density, or one for each class.

A discriminant has classes that share a covariance. With the full one it is linear
(Gaussian) discriminant analysis; with the diagonal alone it is Gaussian naive Bayes.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_factor, cho_solve
from jaxtyping import Array, Float, Int

from jaxdl.errors import InputError
from jaxdl.ops.gaussians import gaussian_log_density
from jaxdl.ops.losses import check_labels
from jaxdl.systems.generative_vs_discriminative.logistic import Linear, check_lengths
from jaxdl.types import PRNGKey


class Gaussian(NamedTuple):
    """A normal distribution.

    Attributes:
      mean: its centre.
      cov: its covariance, symmetric and positive definite.
    """

    mean: Float[Array, " dim"]
    cov: Float[Array, "dim dim"]


class Discriminant(NamedTuple):
    """A normal distribution for each class, with one covariance for all.

    Attributes:
      means: of the classes.
      cov: that of every class.
      log_prior: logs of the classes' shares.
    """

    means: Float[Array, "classes dim"]
    cov: Float[Array, "dim dim"]
    log_prior: Float[Array, " classes"]


def fit_gaussian(x: Float[Array, "n dim"], *, ridge: float = 0.0) -> Gaussian:
    """The Gaussian of maximum likelihood, with a ridge.

    mean = 1/n sum_i x_i, cov = 1/n sum_i (x_i - mean)(x_i - mean)^T + ridge I. Without
    a ridge more points than dimensions are needed, in general position, else the
    covariance has no inverse.

    Args:
      x: one point a row.
      ridge: added to each variance, in the square of the unit of `x`.

    Raises:
      InputError: if there are no points, or not more than dimensions and no ridge.
    """
    num, dim = x.shape
    if num == 0 or (ridge == 0 and num <= dim):
        raise InputError(
            f"{num} points in {dim} dimensions were given: expected {dim + 1} or more, "
            "or at least one and a ridge above 0"
        )
    mean = jnp.mean(x, axis=0)
    centred = x - mean[None]
    cov = centred.T @ centred / num
    return Gaussian(mean, cov + ridge * jnp.eye(dim, dtype=x.dtype))


def sample_gaussian(
    key: PRNGKey, gaussian: Gaussian, num: int
) -> Float[Array, "num dim"]:
    """Independent points: mean + L z, with L L^T = cov and z standard normal."""
    mean, cov = gaussian
    noise = jax.random.normal(key, (num, len(mean)), mean.dtype)
    return mean[None] + noise @ jnp.linalg.cholesky(cov).T


def fit_discriminant(
    x: Float[Array, "n dim"],
    labels: Int[Array, " n"],
    weights: Float[Array, " n"],
    *,
    num_classes: int = 2,
    diagonal: bool = False,
    ridge: float = 0.0,
) -> Discriminant:
    """The discriminant of maximum likelihood, with a ridge.

    With w_i the weights, N = sum_i w_i and N_k the part of class k: log_prior_k =
    log(N_k / N), mean_k = 1/N_k sum_{i in k} w_i x_i, and cov = 1/N sum_i w_i (x_i -
    mean_{y_i})(x_i - mean_{y_i})^T + ridge I.

    Args:
      x: one point a row.
      labels: classes from 0 on.
      weights: how often each point counts, 0 or more; every class needs some weight,
        else its mean is NaN. Zeros leave points out, so sets of several sizes have the
        same shape.
      num_classes: number of classes.
      diagonal: whether inputs are independent within a class (naive Bayes): the
        covariance is the diagonal of the one above.
      ridge: added to each variance.

    Raises:
      InputError: if the lengths differ, or as `check_labels` says.

    References:
      Fisher, "The use of multiple measurements in taxonomic problems", 1936.
    """
    check_lengths(x, labels, weights)
    check_labels(labels, num_classes)
    member = jax.nn.one_hot(labels, num_classes, dtype=x.dtype) * weights[:, None]
    counts = jnp.sum(member, axis=0)
    means = member.T @ x / counts[:, None]
    centred = x - means[labels]
    cov = (weights[:, None] * centred).T @ centred / jnp.sum(weights)
    eye = jnp.eye(x.shape[1], dtype=x.dtype)
    cov = (cov * eye if diagonal else cov) + ridge * eye
    return Discriminant(means, cov, jnp.log(counts / jnp.sum(counts)))


def discriminant_logits(
    discriminant: Discriminant, x: Float[Array, "n dim"]
) -> Float[Array, "n classes"]:
    """Logs of the joint densities, log p(y = k) + log p(x | y = k), in nats.

    Their softmax is p(y | x), their logsumexp the log-density of x.
    """
    means, cov, log_prior = discriminant
    each = jax.vmap(gaussian_log_density, in_axes=(None, 0, None), out_axes=1)
    return log_prior[None] + each(x, means, cov)


def discriminant_line(discriminant: Discriminant) -> Linear:
    """The log-odds of two classes, which are linear: w . x + b = log p(1|x) / p(0|x).

    w = cov^-1 (mean_1 - mean_0), b = -w . (mean_0 + mean_1) / 2 + log(p_1 / p_0).

    Raises:
      InputError: if there are not two classes.
    """
    means, cov, log_prior = discriminant
    if len(means) != 2:
        raise InputError(f"{len(means)} classes were given: expected 2")
    weights = cho_solve(cho_factor(cov), means[1] - means[0])
    middle = (means[0] + means[1]) / 2
    return Linear(weights, log_prior[1] - log_prior[0] - weights @ middle)
