"""Measures of a Boltzmann machine on images, between blocks and at the end."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.measures.binary_pixels import PIXELS_SEED, held_out_pixels
from jaxdl.ops import boltzmann
from jaxdl.ops.images import mean_image, unit_pixels
from jaxdl.ops.losses import squared_error
from jaxdl.systems.rbm.annealed_importance_sampling import annealed_importance_sampling
from jaxdl.systems.rbm.likelihood import MAX_UNITS, exact_log_partition
from jaxdl.types import EvaluateFn, Params, PRNGKey


@functools.lru_cache(maxsize=8)  # equal measures are one function, compiled once
def make_rbm_evaluate(ais_chains: int, ais_steps: int) -> EvaluateFn:
    """`evaluate(state, data, key, final)` of a Boltzmann machine on images.

    On the validation split: `reconstruction_error`, the squared distance of pixels in
    [0, 1] from `reconstruct`, summed over those of an image; `free_energy_validation`
    and `free_energy_train`, mean F over images (as many training images), and
    `free_energy_gap`, the first less the second, which grows as the machine overfits;
    `active_share`, the mean probability of its hidden units.

    When `final`: `log_partition` by annealed importance sampling, its
    `log_partition_error` (standard error) and `ais_effective_chains`;
    `test_log_likelihood`, mean log p(v) of the test images in nats, binarised once by a
    key that is the same for every seed. With at most 20 units in the smaller layer
    log Z is enumerated too: `log_partition_exact`, which `test_log_likelihood` then
    uses, and `ais_error_in_se`, the estimate's error in standard errors.
    """

    @jax.jit
    def validate(params, validation, train):
        held_out, seen = unit_pixels(validation), unit_pixels(train)
        errors = squared_error(reconstruct(params, held_out), held_out)
        means = [jnp.mean(boltzmann.free_energy(params, x)) for x in (held_out, seen)]
        hidden = jax.nn.sigmoid(boltzmann.hidden_logits(params, held_out))
        return {
            "reconstruction_error": jnp.mean(errors),
            "free_energy_validation": means[0],
            "free_energy_train": means[1],
            "free_energy_gap": means[0] - means[1],
            "active_share": jnp.mean(hidden),
        }

    @jax.jit
    def test(params, data, key):
        p = jnp.clip(mean_image(data.train.image), 0.01, 0.99)
        estimate = annealed_importance_sampling(
            key,
            params,
            num_chains=ais_chains,
            num_steps=ais_steps,
            base_visible_bias=jax.scipy.special.logit(p),
        )
        log_z, error = estimate.log_partition, estimate.standard_error
        values = {
            "log_partition": log_z,
            "log_partition_error": error,
            "ais_effective_chains": estimate.effective_sample_size,
        }
        if min(params["kernel"].shape) <= MAX_UNITS:
            exact = exact_log_partition(params)
            values["log_partition_exact"] = exact
            values["ais_error_in_se"] = (log_z - exact) / error
            log_z = exact
        energies = boltzmann.free_energy(
            params, held_out_pixels(data.test.image, "test")
        )
        return values | {"test_log_likelihood": -jnp.mean(energies) - log_z}

    def evaluate(state, data, key: PRNGKey, final: bool) -> dict[str, Array]:
        validation = data.validation.image
        train = data.train.image[: len(validation)]
        values = dict(validate(state.params, validation, train))
        return values | dict(test(state.params, data, key)) if final else values

    return evaluate


def reconstruct(
    params: Params, visible: Float[Array, "batch visible"]
) -> Float[Array, "batch visible"]:
    """Visible probabilities given the hidden units' probabilities given these values.

    Raises:
      InputError: if there is not one value for each visible unit.
    """
    hidden = jax.nn.sigmoid(boltzmann.hidden_logits(params, visible))
    return jax.nn.sigmoid(boltzmann.visible_logits(params, hidden))


def rbm_protocols(
    data: Any, fields: dict[str, Any], exact: bool, ais_chains: int, ais_steps: int
) -> dict[str, Any]:
    """How `make_rbm_evaluate` measures what the ledger prints.

    Args:
      data: the images.
      fields: of the training: method, sizes and so on.
      exact: whether log Z is enumerated.
      ais_chains, ais_steps: of its estimate where it is not.
    """
    ais = f"annealed importance sampling, {ais_chains} chains, {ais_steps:,} steps"
    likelihood = {
        "data": data.name,
        "train_images": len(data.train.image),
        "test_images": len(data.test.image),
        "pixels": "binarised with their intensity as probability, test images once "
        f"(jax.random seed {PIXELS_SEED})",
        "unit": "nats an image",
        "log_partition": "enumerated" if exact else ais,
        "step_chosen_on": "none, the last one",
    }
    return {"test_log_likelihood": likelihood | fields}
