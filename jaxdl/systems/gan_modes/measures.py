"""How many modes of a mixture a generator has found, and how well it keeps to them."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import ArrayLike

from jaxdl.adversarial.networks import GAN
from jaxdl.errors import InputError
from jaxdl.nn.batch_norm import population_statistics
from jaxdl.types import EvaluateFn, Params, PRNGKey

NUM_SAMPLES = 2500  # PacGAN's
NUM_STATISTICS = 10_000  # latents that the generator's statistics are taken over
SHOWN_SAMPLES = 1000


SampleFn = Callable[[Params, PRNGKey, int], jax.Array]
"""`sample(gen_params, key, num)`: points [num point]."""


class ModeCoverage(NamedTuple):
    """Coverage of a mixture's modes by samples.

    Attributes:
      modes: how many are found: the nearest to at least one sample of high quality.
      high_quality: share of samples within 3 standard deviations of the nearest mode.
      reverse_kl: KL(shares of samples nearest to each mode || true weights), in nats;
        0 if all are as common as they should be, log(modes) if all samples are nearest
        to one of equally likely modes.
    """

    modes: int
    high_quality: float
    reverse_kl: float


def mode_coverage(
    samples: ArrayLike,
    centres: ArrayLike,
    sd: float,
    weights: ArrayLike | None = None,
) -> ModeCoverage:
    """Modes found, share of samples of high quality, and reverse KL divergence.

    A sample is of high quality if its Euclidean distance to the nearest centre is below
    3 sd; with 2-d Gaussian modes that is 98.9 % of true samples. The nearest centre of
    a sample that is as far from two is the first of them.

    Args:
      samples: [samples point], at least one, all finite.
      centres: [modes point], at least one.
      sd: standard deviation of each mode along each axis.
      weights: of the modes, above 0, with sum 1; equal ones if not given.

    Raises:
      InputError: if there is no mode or no sample, if the standard deviation is not
        above 0, or if weights or samples are not as described.

    References:
      Srivastava et al., "VEEGAN: reducing mode collapse in GANs using implicit
      variational learning", 2017; Lin et al., "PacGAN", 2018, section 4.1.
    """
    samples, centres = (np.asarray(x, np.float64) for x in (samples, centres))
    if weights is None:
        weights = np.full(len(centres), 1 / max(1, len(centres)))
    weights = np.asarray(weights, np.float64)
    _check(samples, centres, sd, weights)
    squares = ((samples[:, None] - centres[None]) ** 2).sum(axis=-1)
    nearest = squares.argmin(axis=1)
    good = squares.min(axis=1) < (3 * sd) ** 2
    shares = np.bincount(nearest, minlength=len(centres)) / len(samples)
    seen = shares > 0  # 0 log 0 = 0
    divergence = np.sum(shares[seen] * np.log(shares[seen] / weights[seen]))
    return ModeCoverage(
        modes=len(np.unique(nearest[good])),
        high_quality=float(good.mean()),
        reverse_kl=max(0.0, float(divergence)),  # but for rounding
    )


def _check(
    samples: np.ndarray, centres: np.ndarray, sd: float, weights: np.ndarray
) -> None:
    if centres.ndim != 2 or not len(centres):
        raise InputError(
            f"centres have shape {centres.shape}: expected one row for each mode, and "
            "at least one mode"
        )
    if samples.ndim != 2 or not len(samples) or samples.shape[1] != centres.shape[1]:
        raise InputError(
            f"samples have shape {samples.shape}: expected rows of {centres.shape[1]} "
            "numbers, as the centres have, and at least one"
        )
    if not np.isfinite(samples).all():
        raise InputError("samples hold values that are not finite: leave those out")
    if not (math.isfinite(sd) and sd > 0):
        raise InputError(f"the modes' sd is {sd}: expected a finite number above 0")
    if weights.shape != centres.shape[:1] or not (weights > 0).all():
        raise InputError(
            f"weights are {weights.tolist()}: expected {len(centres)} numbers above 0, "
            "one for each mode"
        )
    if abs(weights.sum() - 1) > 1e-6:
        raise InputError(
            f"weights have the sum {weights.sum():g}: expected 1 (to 1e-6)"
        )


def make_sample(gan: GAN) -> SampleFn:
    """`sample(gen_params, key, num)` with population statistics."""
    apply = gan.generator.apply

    @functools.partial(jax.jit, static_argnums=2)
    def sample(gen_params, key, num):
        statistics_key, latent_key = jax.random.split(key)
        latents = jax.random.normal(statistics_key, (NUM_STATISTICS, gan.latent_size))
        found = population_statistics(apply, gen_params, latents)
        z = jax.random.normal(latent_key, (num, gan.latent_size))
        return apply(gen_params, z, statistics=found)

    return sample


def make_modes_evaluate(sample: SampleFn) -> EvaluateFn:
    """`evaluate(state, data, key, final)` of a generator of a mixture's points.

    Args:
      sample: `sample(gen_params, key, num)` gives points [num point]; compiled by its
        maker.

    Returns:
      A function that gives `modes` (a number), `high_quality` (in percent) and
      `reverse_kl` (nats) of 2,500 samples, and the first 1,000 of them as `samples`.
      The latents are the same at each evaluation. Nothing is held out: the mixture is
      known.
    """

    def evaluate(state, data, key, final: bool) -> dict[str, Any]:
        del final
        samples = np.asarray(sample(state.gen_params, key, NUM_SAMPLES))
        found = mode_coverage(samples, data.centres, data.sd)
        return {
            "modes": float(found.modes),
            "high_quality": 100 * found.high_quality,
            "reverse_kl": found.reverse_kl,
            "samples": samples[:SHOWN_SAMPLES],
        }

    return evaluate
