"""How well a distribution fits what it was not fitted to."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.ops.divergences import kl_divergence, log_probabilities
from jaxdl.ops.gaussians import gaussian_entropy, gaussian_log_density
from jaxdl.systems.generative_vs_discriminative.gaussian import Gaussian
from jaxdl.types import EvaluateFn, PRNGKey

OUTSIDE = 0.1
"""A pixel is outside [0, 1] if it is so by more than this."""


def outside_ellipsoid(
    x: Float[Array, "n dim"],
    mean: Float[Array, " dim"],
    cov: Float[Array, "dim dim"],
    *,
    level: float = 0.95,
) -> Float[Array, ""]:
    """Share of points outside the ellipsoid that holds `level` of a Gaussian.

    The ellipsoid is (x - mean)^T cov^-1 (x - mean) <= q, with q the quantile of the
    chi-squared distribution with dim degrees of freedom; points of the Gaussian itself
    are outside with probability 1 - level.

    Raises:
      InputError: if the level is not between 0 and 1.
    """
    from scipy.special import gammaincinv

    if not 0 < level < 1:
        raise InputError(f"level is {level}: expected a number between 0 and 1")
    density = gaussian_log_density(x, mean, cov)
    highest = gaussian_log_density(mean, mean, cov)
    edge = float(gammaincinv(len(mean) / 2, level))  # half the quantile
    return jnp.mean(highest[None] - density > edge)


def outside_range(
    x: Float[Array, "n dim"], low: float, high: float
) -> Float[Array, ""]:
    """Share of all numbers in `x` below `low` or above `high`."""
    return jnp.mean((x < low) | (x > high))


def typicality(
    x: Float[Array, "n dim"], mean: Float[Array, " dim"], cov: Float[Array, "dim dim"]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Mean log-density of points, and of the Gaussian's own samples, in nats a point.

    The second is -entropy(cov), exact. Where the two differ, the points are not like
    samples: less likely ones have what the Gaussian has not learned, more likely ones
    are closer to its centre than samples are, as on pixels that are always 0 and have a
    ridge for a variance.
    """
    return jnp.mean(gaussian_log_density(x, mean, cov)), -gaussian_entropy(cov)


def make_distributions_evaluate(
    fit: Callable[..., Gaussian],
    sample: Callable[[PRNGKey, Gaussian, int], Array],
    *,
    die: Sequence[float],
    people: Callable[[PRNGKey, int], Array],
    images: Float[np.ndarray, "n pixels"],
    held_out: Float[np.ndarray, "others pixels"],
    ridge: float,
    num: int,
) -> EvaluateFn:
    """`evaluate(state, data, key, final)` of a die, people and images, in float64.

    `die_kl` is KL(frequencies || probabilities) of the throws, nats: (faces - 1) /
    (2 throws) on average, nearly. `people_nats`, `people_sample_nats` and
    `image_nats`, `image_sample_nats` are the `typicality` of what the Gaussian was not
    fitted to; `people_outside` is the percentage of other people outside the ellipse of
    95 %, `image_outside` that of the samples' pixels outside [0, 1] by more than 0.1.
    Arrays are for the figures.

    Args:
      fit: `fit(x, ridge=...) -> (mean, cov)`.
      sample: `sample(key, gaussian, num) -> x`.
      die: probabilities of its faces.
      people: `people(key, num) -> x`.
      images, held_out: what a Gaussian is fitted to, and what it is tested on.
      ridge: of the Gaussian of images.
      num: throws, people, and samples of each fitted distribution.
    """

    @jax.jit
    def measures(key, images, held_out):
        keys = jax.random.split(key, 5)
        log_die = jnp.log(jnp.array(die))
        faces = jax.random.categorical(keys[0], log_die, shape=(num,))
        known, others = people(keys[1], num), people(keys[2], num)
        person, image = fit(known, ridge=0.0), fit(images, ridge=ridge)
        samples = sample(keys[4], image, num)
        nats = [*typicality(others, *person), *typicality(held_out, *image)]
        names = "people_nats people_sample_nats image_nats image_sample_nats".split()
        return dict(zip(names, nats, strict=True)) | {
            "people_outside": 100 * outside_ellipsoid(others, *person),
            "image_outside": 100 * outside_range(samples, -OUTSIDE, 1 + OUTSIDE),
            "faces": faces,
            "people": known,
            "people_mean": person[0],
            "people_cov": person[1],
            "people_samples": sample(keys[3], person, num),
            "image_samples": samples[:24],
        }

    def evaluate(state, data, key, final: bool) -> dict[str, Any]:
        del state, data, final  # nothing is trained before
        with jax.enable_x64(True):
            values = measures(key, images, held_out)
            counts = jnp.bincount(values["faces"], length=len(die))
            log_die = jnp.log(jnp.array(die))
            divergence = kl_divergence(log_probabilities(counts / num), log_die)
        return values | {"die_kl": divergence}

    return evaluate
