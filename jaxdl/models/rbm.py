"""Restricted Boltzmann machines of binary units: energies and Gibbs sampling.

E(v, h) = -b.v - c.h - v.W h over v in {0, 1}^visible and h in {0, 1}^hidden; p(v, h) is
exp(-E) / Z. Parameters are `{"kernel": W [visible hidden], "visible_bias": b,
"hidden_bias": c}`.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.ops.boltzmann import check_size
from jaxdl.ops.boltzmann import free_energy as free_energy
from jaxdl.ops.boltzmann import hidden_logits as hidden_logits
from jaxdl.ops.boltzmann import joint_energy as joint_energy
from jaxdl.ops.boltzmann import visible_logits as visible_logits
from jaxdl.types import Params, PRNGKey

INITIAL_DEVIATION = 0.01


def init_rbm(
    key: PRNGKey,
    num_visible: int,
    num_hidden: int,
    *,
    visible_mean: Float[Array, " visible"] | None = None,
) -> Params:
    """Initial parameters: weights of N(0, 0.01^2), hidden biases of 0.

    Args:
      key: for the weights.
      num_visible, num_hidden: units of each layer, at least 1.
      visible_mean: mean p of the training data; visible biases are log(p / (1 - p)),
        with p kept in [0.01, 0.99] so that a pixel that is never on stays finite. They
        are 0 without it.

    Raises:
      InputError: if a layer has no unit, or the mean another length than the layer.

    References:
      Hinton, "A practical guide to training restricted Boltzmann machines", 2010,
        section 8.
    """
    for name, size in (("visible", num_visible), ("hidden", num_hidden)):
        if size < 1:
            raise InputError(f"there are {size} {name} units: expected 1 or more")
    kernel = INITIAL_DEVIATION * jax.random.normal(key, (num_visible, num_hidden))
    visible_bias = jnp.zeros(num_visible)
    if visible_mean is not None:
        check_size(visible_mean, num_visible, "visible")
        visible_bias = jax.scipy.special.logit(jnp.clip(visible_mean, 0.01, 0.99))
    hidden_bias = jnp.zeros(num_hidden)
    return dict(kernel=kernel, visible_bias=visible_bias, hidden_bias=hidden_bias)


def start_chains(
    key: PRNGKey, params: Params, num_chains: int
) -> Float[Array, "chains visible"]:
    """Binary visible values drawn from their biases alone, where chains may begin.

    Raises:
      InputError: if there is no chain.
    """
    if num_chains < 1:
        raise InputError(f"num_chains is {num_chains}: expected 1 or more")
    p = jax.nn.sigmoid(params["visible_bias"])
    return _draw(key, jnp.broadcast_to(p, (num_chains, *p.shape)))


def gibbs_step(
    key: PRNGKey, params: Params, visible: Float[Array, "*batch visible"]
) -> tuple[Float[Array, "*batch visible"], Float[Array, "*batch visible"]]:
    """One step of block Gibbs sampling: h from p(h | v), then v from p(v | h).

    Returns:
      The new visible values, 0 or 1, and the probabilities that they were drawn from.

    Raises:
      InputError: if there is not one value for each visible unit.
    """
    hidden_key, visible_key = jax.random.split(key)
    hidden = _draw(hidden_key, jax.nn.sigmoid(hidden_logits(params, visible)))
    probabilities = jax.nn.sigmoid(visible_logits(params, hidden))
    return _draw(visible_key, probabilities), probabilities


def gibbs_chain(
    key: PRNGKey,
    params: Params,
    visible: Float[Array, "*batch visible"],
    num_steps: int,
) -> tuple[Float[Array, "*batch visible"], Float[Array, "*batch visible"]]:
    """Chains of Gibbs steps, one for each row of visible values.

    Args:
      key: for all the steps.
      params: of the machine.
      visible: where the chains begin, from 0 to 1.
      num_steps: k, at least 1.

    Returns:
      As `gibbs_step`, of the last step.

    Raises:
      InputError: if there is no step, or not one value for each visible unit.
    """
    if num_steps < 1:
        raise InputError(f"num_steps is {num_steps}: expected 1 or more Gibbs steps")

    def step(carry, step_key):
        return gibbs_step(step_key, params, carry[0]), None

    keys = jax.random.split(key, num_steps)
    # Without a loop XLA shares the first product with the gradient's.
    unroll = min(num_steps, 2)
    return jax.lax.scan(step, (visible, visible), keys, unroll=unroll)[0]


def _draw(key: PRNGKey, probabilities: Array) -> Array:
    return jax.random.bernoulli(key, probabilities).astype(probabilities.dtype)
