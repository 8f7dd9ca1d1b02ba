"""Held-out likelihood of a GAN on images, and the value of its game."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.adversarial.objectives import game_measures
from jaxdl.adversarial.sampler import STRIP_IMAGES, Sampler
from jaxdl.measures.chunks import in_chunks
from jaxdl.measures.statistics import standard_error
from jaxdl.ops.images import to_bytes, unit_pixels
from jaxdl.systems.gan.parzen import parzen_log_likelihood, select_sigma
from jaxdl.types import EvaluateFn, Model, PRNGKey

SIGMAS = np.logspace(-1, 0, 10)  # as in the authors' script
SELECTION_IMAGES = 1000


def make_gan_evaluate(
    discriminator: Model, sampler: Sampler, num_samples: int
) -> EvaluateFn:
    """`evaluate(state, data, key, final)` of a GAN on images.

    On the validation split: `parzen_validation`, the mean Parzen log-likelihood (nats)
    of its first 1,000 images under `num_samples` samples and the best of ten windows,
    `parzen_sigma`; `value`, V(D, G); `d_real` and `d_fake`, mean D(x) and D(G(z)),
    without dropout. On the test split, when `final`: `parzen_log_likelihood`, the mean
    over its images with that window, and `parzen_standard_error` over them. `samples`
    are the first 20 images, from the same latents each time.
    """

    logits_of = jax.jit(lambda params, x: discriminator.apply(params, x))

    @jax.jit
    def logits_of_images(disc_params, image):
        return discriminator.apply(disc_params, unit_pixels(image))

    @jax.jit
    def validate(real_logits, fake_logits, images, samples):
        selection = unit_pixels(images[:SELECTION_IMAGES])
        sigma, log_likelihoods = select_sigma(selection, samples, SIGMAS)
        return {
            "parzen_validation": jnp.max(log_likelihoods),
            "parzen_sigma": sigma,
            **game_measures(real_logits, fake_logits),
        }

    @jax.jit
    def test(images, samples, sigma):
        return parzen_log_likelihood(unit_pixels(images), samples, sigma)

    def evaluate(state, data, key: PRNGKey, final: bool) -> dict[str, Any]:
        samples = sampler.pixels(state.gen_params, key, num_samples)
        images = data.validation.image
        logits = (
            in_chunks(functools.partial(fn, state.disc_params), rows)
            for fn, rows in ((logits_of_images, images), (logits_of, samples))
        )
        values = dict(validate(*logits, images, samples))
        if final:
            each = np.asarray(test(data.test.image, samples, values["parzen_sigma"]))
            values["parzen_log_likelihood"] = each.mean()
            values["parzen_standard_error"] = standard_error(each)
        values["samples"] = to_bytes(samples[:STRIP_IMAGES], data.image_shape)
        return values

    return evaluate


def gan_protocols(data, num_samples: int, networks: str) -> dict[str, dict[str, Any]]:
    """Protocols of `make_gan_evaluate` for the ledger, with published figures."""
    shared = {"data": data.name, "networks": networks}
    selection = min(SELECTION_IMAGES, len(data.validation.image))
    published = {"published": "gan-mnist-parzen"} if data.name == "mnist" else {}
    return {
        "parzen_log_likelihood": shared
        | published
        | {
            "train_images": len(data.train.image),
            "pixels": "[0, 1]",
            "samples": num_samples,
            "sigma_grid": "logspace(-1, 0, 10)",
            "sigma_chosen_on": f"first {selection} validation images",
            "step_chosen_on": "none, the last one",
            "test_images": len(data.test.image),
        }
    }
