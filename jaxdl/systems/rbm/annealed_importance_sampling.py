"""Annealed importance sampling of a Boltzmann machine's partition function."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.ops import boltzmann
from jaxdl.ops.activations import softplus
from jaxdl.types import Params, PRNGKey

_LEGS = ((0.5, 1 / 29), (0.9, 8 / 29), (1.0, 20 / 29))
"""Each leg's last temperature and share of the steps: 500, 4,000 and 10,000 in 2008."""


class AisEstimate(NamedTuple):
    """An estimate of a log partition function.

    Attributes:
      log_partition: log of the mean weight, in nats. The weights' mean is unbiased; its
        logarithm is too low on average, by about half the squared error.
      standard_error: of `log_partition`, by the delta method: the weights' standard
        error over their mean. Where few chains reach a mode it is too small itself.
      low, high: log of the mean weight less and plus 3 standard errors; `low` is -inf
        where 3 standard errors reach the mean.
      effective_sample_size: (sum w)^2 / sum w^2, from 1 to the number of chains.
      log_weights: one a chain; they include the base's log partition function.
    """

    log_partition: Float[Array, ""]
    standard_error: Float[Array, ""]
    low: Float[Array, ""]
    high: Float[Array, ""]
    effective_sample_size: Float[Array, ""]
    log_weights: Float[Array, " chains"]


def temperatures(num_steps: int) -> Float[Array, " betas"]:
    """Inverse temperatures from 0 to 1 of `num_steps` steps, one more than there are.

    Evenly spaced on each of three legs: 1/29 of the steps up to 0.5, 8/29 up to 0.9 and
    20/29 up to 1, as 500, 4,000 and 10,000 are of 14,500. Below 29 steps all are even.

    Raises:
      InputError: if there are fewer than 1.
    """
    if num_steps < 1:
        raise InputError(f"num_steps is {num_steps}: expected 1 or more temperatures")
    if num_steps < 29:
        return jnp.linspace(0.0, 1.0, num_steps + 1)
    shares = jnp.cumsum(jnp.array([0.0, *(share for _, share in _LEGS)]))
    ends = jnp.array([0.0, *(end for end, _ in _LEGS)])
    return jnp.interp(jnp.linspace(0.0, 1.0, num_steps + 1), shares, ends)


def annealed_importance_sampling(
    key: PRNGKey,
    params: Params,
    *,
    num_chains: int,
    num_steps: int,
    base_visible_bias: Float[Array, " visible"] | None = None,
) -> AisEstimate:
    """Estimates log Z by chains that anneal from a machine without weights.

    Between the base, independent visible units with biases a and log Z_0 = sum_i
    log(1 + exp(a_i)) + hidden log 2, and the machine at beta = 1 lie
    log p*_beta(v) = ((1 - beta) a + beta b).v + sum_j log(1 + exp(beta (c + v W)_j)).
    A chain starts at the base and takes one Gibbs step at each temperature; its weight
    is the product of p*_{beta_k}(v) / p*_{beta_{k-1}}(v) on the way, and the mean
    weight is Z / Z_0 on average.

    Args:
      key: for the chains.
      params: of the machine.
      num_chains: independent chains, at least 2 for a standard error.
      num_steps: temperatures above 0 (`temperatures`); thousands for a machine trained
        on images.
      base_visible_bias: a; by default the machine's own b. The log-odds of the training
        data's mean are better.

    Raises:
      InputError: if there are fewer than 2 chains or 1 step, or the bias has another
        length than the visible layer.

    References:
      Neal, "Annealed importance sampling", 2001.
      Salakhutdinov & Murray, "On the quantitative analysis of deep belief networks",
        2008.
    """
    if num_chains < 2:
        raise InputError(f"num_chains is {num_chains}: expected 2 or more")
    betas = temperatures(num_steps)
    num_visible, num_hidden = params["kernel"].shape
    bias = params["visible_bias"]
    base = bias if base_visible_bias is None else base_visible_bias
    if base.shape != bias.shape:
        raise InputError(
            f"base_visible_bias has shape {base.shape}: expected ({num_visible},)"
        )
    start_key, chain_key = jax.random.split(key)
    start = jnp.broadcast_to(jax.nn.sigmoid(base), (num_chains, num_visible))
    visible = jax.random.bernoulli(start_key, start).astype(base.dtype)

    def step(carry, inputs):
        visible, log_weights = carry
        step_key, before, beta = inputs
        logits = boltzmann.hidden_logits(params, visible)
        growth = (beta - before) * (visible @ (bias - base))
        growth += jnp.sum(softplus(beta * logits) - softplus(before * logits), axis=-1)
        hidden_key, visible_key = jax.random.split(step_key)
        hidden = _draw(hidden_key, beta * logits)
        logits = beta * boltzmann.visible_logits(params, hidden)
        logits += jnp.broadcast_to((1 - beta) * base, logits.shape)
        return (_draw(visible_key, logits), log_weights + growth), None

    keys = jax.random.split(chain_key, num_steps)
    carry = visible, jnp.zeros(num_chains, base.dtype)
    (_, log_weights), _ = jax.lax.scan(step, carry, (keys, betas[:-1], betas[1:]))
    log_base = jnp.sum(softplus(base)) + num_hidden * jnp.log(2.0)
    return _summary(log_weights + log_base)


def _draw(key: PRNGKey, logits: Array) -> Array:
    return jax.random.bernoulli(key, jax.nn.sigmoid(logits)).astype(logits.dtype)


def _summary(log_weights: Float[Array, " chains"]) -> AisEstimate:
    """The estimate of some weights."""
    num = len(log_weights)
    log_mean = jax.nn.logsumexp(log_weights) - jnp.log(num)
    ratios = jnp.exp(log_weights - log_mean)  # of mean 1
    error = jnp.std(ratios, ddof=1) / num**0.5
    return AisEstimate(
        log_partition=log_mean,
        standard_error=error,
        low=log_mean + jnp.log(jnp.maximum(1 - 3 * error, 0)),
        high=log_mean + jnp.log1p(3 * error),
        effective_sample_size=num / jnp.mean(ratios**2),
        log_weights=log_weights,
    )
