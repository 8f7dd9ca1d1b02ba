"""Measures of a Boltzmann machine on images, between blocks and at the end."""

import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from jaxdl.measures.binary_pixels import PIXELS_SEED, held_out_pixels
from jaxdl.models import rbm
from jaxdl.ops import boltzmann
from jaxdl.ops.images import mean_image, unit_pixels
from jaxdl.ops.losses import squared_error
from jaxdl.systems.rbm.annealed_importance_sampling import annealed_importance_sampling
from jaxdl.systems.rbm.likelihood import MAX_UNITS, exact_log_partition
from jaxdl.types import EvaluateFn, Params, PRNGKey


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
    """Protocols of `make_rbm_evaluate` for the ledger.

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


SHOWN_STEPS = (0, 1, 10, 100, 1000)
"""Gibbs steps after which chains are shown."""


class Shown(NamedTuple):
    """A machine's reconstructions and chains, for the figures.

    Attributes:
      images: test images, bytes [2 n, height, width, channels].
      rebuilt: their mean-field reconstructions, [2 n, pixels].
      chains: visible probabilities after each of `SHOWN_STEPS`, [steps, 2 n, pixels]:
        n chains from noise, then n from binarised images.
    """

    images: np.ndarray
    rebuilt: Float[Array, "images pixels"]
    chains: Float[Array, "steps chains pixels"]


def shown(
    key: PRNGKey,
    params: Params,
    image: UInt8[Array, "n height width channels"],
    *,
    num: int = 12,
) -> Shown:
    """Reconstructions and chains of a machine.

    Args:
      key: of the noise and the chains.
      params: of the machine.
      image: at least 2 `num` images.
      num: chains from noise, and chains from images.
    """
    image = image[: 2 * num]
    rebuilt = reconstruct(params, unit_pixels(image))
    key, noise_key, data_key = jax.random.split(key, 3)
    starts = [
        rbm.start_chains(noise_key, params, num),
        jax.random.bernoulli(data_key, unit_pixels(image[:num])).astype(float),
    ]
    chains = fantasies(key, params, jnp.concatenate(starts))
    return Shown(np.asarray(image), rebuilt, chains)


def fantasies(
    key: PRNGKey, params: Params, start: Float[Array, "chains visible"]
) -> Float[Array, "shown chains visible"]:
    """Visible probabilities of chains after 0 (the start itself), 1, 10, ... steps."""
    carry, rows = (start, start), [start]
    for begin, end in itertools.pairwise(SHOWN_STEPS):
        carry = _move(key, params, carry, begin, end)
        rows.append(carry[1])
    return jnp.stack(rows)


@jax.jit  # with the numbers of steps as arguments: one program for all
def _move(key, params, carry, begin, end):
    def step(i, carry):
        return rbm.gibbs_step(jax.random.fold_in(key, i), params, carry[0])

    return jax.lax.fori_loop(begin, end, step, carry)
