"""How likely held-out images are under a latent variable model: bound and estimate."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.measures.binary_pixels import PIXELS_SEED, held_out_pixels
from jaxdl.measures.statistics import standard_error
from jaxdl.ops.gaussians import diagonal_gaussian_log_density, standard_normal_kl
from jaxdl.ops.losses import bernoulli_cross_entropy
from jaxdl.types import EvaluateFn, Params, PRNGKey

BOUND_SAMPLES = 100
"""Codes an image for the final bound; between blocks it is one."""
ACTIVE_VARIANCE = 0.01
_GROUP, _IMAGES = 20, 50  # 1,000 codes at a time: what they need stays in the caches


class Bound(NamedTuple):
    """The evidence lower bound of each image, bound = reconstruction - kl, in nats.

    Attributes:
      bound: at most log p(x), on average over the codes drawn.
      reconstruction: E_q[log p(x | z)], a mean over those codes.
      kl: KL(q(z | x) || N(0, I)), exact.
    """

    bound: Float[Array, " images"]
    reconstruction: Float[Array, " images"]
    kl: Float[Array, " images"]


def evidence_lower_bound(
    key: PRNGKey,
    model: Any,
    params: Params,
    x: Float[Array, "images pixels"],
    num_samples: int,
) -> Bound:
    """E_q[log p(x | z)] - KL(q(z | x) || N(0, I)) of each image, in nats.

    Args:
      key: of the codes; each image draws from a fold of its own.
      model: has `encode(params, x) -> (mean, log_variance)` of q(z | x) and
        `decode(params, z)`, logits of each pixel.
      params: its parameters.
      x: pixels, 0 or 1.
      num_samples: codes an image, over which the expectation is averaged.

    Raises:
      InputError: for no samples.
    """
    _, reconstruction, kl = _over_codes(key, model, params, x, num_samples)
    return Bound(reconstruction - kl, reconstruction, kl)


def importance_weighted_log_likelihood(
    key: PRNGKey,
    model: Any,
    params: Params,
    x: Float[Array, "images pixels"],
    num_samples: int,
) -> Float[Array, " images"]:
    """Estimate of log p(x) of each image by importance sampling, in nats.

    log 1/K sum_k p(x | z_k) p(z_k) / q(z_k | x), z_k ~ q(z | x), in logarithms
    throughout. Its expectation is at most log p(x), at least the evidence lower bound,
    and rises with K (Burda et al., theorem 1): it errs to the low side, by about
    var(w) / (2 K mean(w)^2) for weights w of finite variance.

    Args:
      key, model, params, x: as for `evidence_lower_bound`.
      num_samples: K, codes an image.

    Raises:
      InputError: for no samples.

    References:
      Burda et al., "Importance weighted autoencoders", 2016.
    """
    return _over_codes(key, model, params, x, num_samples)[0]


def _over_codes(key, model, params, x, num_samples):
    """Log of the mean weight, mean log p(x | z) and KL of each image."""
    if num_samples < 1:
        raise InputError(f"num_samples is {num_samples}: expected 1 or more")
    size = min(num_samples, _GROUP)

    def one_image(inputs):
        i, x = inputs
        mean, log_variance = model.encode(params, x)
        image_key = jax.random.fold_in(key, i)
        means, log_variances, pixels = (
            jnp.broadcast_to(row, (size, len(row))) for row in (mean, log_variance, x)
        )

        def one_group(sums, group):
            group_key = jax.random.fold_in(image_key, group)
            noise = jax.random.normal(group_key, means.shape, means.dtype)
            z = means + jnp.exp(log_variances / 2) * noise
            logits = model.decode(params, z)
            log_p = -bernoulli_cross_entropy(logits, pixels)
            zeros = jnp.zeros_like(z)
            log_w = log_p + diagonal_gaussian_log_density(z, zeros, zeros)
            log_w -= diagonal_gaussian_log_density(z, means, log_variances)
            counts = group * size + jnp.arange(size) < num_samples
            log_sum, total = sums
            of_group = jax.nn.logsumexp(jnp.where(counts, log_w, -jnp.inf))
            total += jnp.sum(jnp.where(counts, log_p, 0))
            return (jnp.logaddexp(log_sum, of_group), total), None

        start = jnp.full((), -jnp.inf, x.dtype), jnp.zeros((), x.dtype)
        groups = jnp.arange(-(-num_samples // size))
        (log_sum, total), _ = jax.lax.scan(one_group, start, groups)
        kl = standard_normal_kl(mean, log_variance)
        return log_sum - jnp.log(float(num_samples)), total / num_samples, kl

    return jax.lax.map(one_image, (jnp.arange(len(x)), x), batch_size=_IMAGES)


def active_units(
    means: Float[Array, "images latent"], *, threshold: float = ACTIVE_VARIANCE
) -> Float[Array, ""]:
    """Number of code units that say something about the image.

    Those whose posterior mean has a variance over the images above the threshold (Burda
    et al., 2016, section 5.2).
    """
    return jnp.sum(jnp.var(means, axis=0) > threshold).astype(means.dtype)


def make_variational_evaluate(
    model: Any, num_samples: int, *, watched: str = "validation"
) -> EvaluateFn:
    """`evaluate(state, data, key, final)` of a variational autoencoder on images.

    Pixels are drawn once, with their intensity as probability, by a key that is the
    same for every run: all seeds are measured on the same bits. On the validation
    split, which the metrics call `watched`: `<watched>_bound` from one code an image,
    `<watched>_kl`, and `active_units`. On the test split, when `final`, means over its
    images in nats: `test_bound` from `BOUND_SAMPLES` codes each, `test_kl`,
    `test_log_likelihood` by `num_samples` importance-weighted codes each, and
    `test_standard_error` of that over the images. What is drawn for the codes follows
    `key`.
    """
    bound_of = jax.jit(
        functools.partial(_bound_of, model), static_argnames="num_samples"
    )
    likelihood_of = jax.jit(
        lambda key, params, x: importance_weighted_log_likelihood(
            key, model, params, x, num_samples
        )
    )

    def evaluate(state, data, key: PRNGKey, final: bool) -> dict[str, Any]:
        watched_key, bound_key, likelihood_key = jax.random.split(key, 3)
        bound, means = bound_of(
            watched_key,
            state.params,
            held_out_pixels(data.validation.image, "validation"),
            num_samples=1,
        )
        values: dict[str, Any] = {
            f"{watched}_bound": jnp.mean(bound.bound),
            f"{watched}_kl": jnp.mean(bound.kl),
            "active_units": active_units(means),
        }
        if final:
            x = held_out_pixels(data.test.image, "test")
            bound, _ = bound_of(bound_key, state.params, x, num_samples=BOUND_SAMPLES)
            each = np.asarray(likelihood_of(likelihood_key, state.params, x))
            values["test_bound"] = jnp.mean(bound.bound)
            values["test_kl"] = jnp.mean(bound.kl)
            values["test_log_likelihood"] = each.mean()
            values["test_standard_error"] = standard_error(each)
        return values

    return evaluate


def _bound_of(model, key, params, x, *, num_samples):
    bound = evidence_lower_bound(key, model, params, x, num_samples)
    return bound, model.encode(params, x)[0]


def variational_protocols(
    data: str,
    train_images: int,
    test_images: int,
    num_samples: int,
    how: Mapping[str, Any],
) -> dict[str, dict[str, Any]]:
    """Protocols of `make_variational_evaluate` for the ledger.

    Args:
      data: the images' name.
      train_images, test_images: how many there are.
      num_samples: of the estimate.
      how: further fields, which say what was trained and how.
    """
    shared = {
        "data": data,
        "train_images": train_images,
        "test_images": test_images,
        "pixels": "binarised with their intensity as probability, test images once "
        f"(jax.random seed {PIXELS_SEED})",
        "unit": "nats an image",
        "step_chosen_on": "none, the last one",
    } | dict(how)
    return {
        "test_bound": shared | {"codes_an_image": BOUND_SAMPLES},
        "test_log_likelihood": shared
        | {
            "codes_an_image": num_samples,
            "estimate": "importance-weighted, from below",
        },
        "test_kl": shared,
    }
