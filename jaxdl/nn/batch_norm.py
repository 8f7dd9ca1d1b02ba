"""Batch normalisation without state: statistics are arguments and results."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.ops.arguments import array_like
from jaxdl.types import ApplyFn, Params


class Moments(NamedTuple):
    """Mean and variance of each feature.

    Attributes:
      mean: over examples.
      variance: mean squared distance from it (divided by n, not by n - 1).
    """

    mean: Float[Array, " features"]
    variance: Float[Array, " features"]


@array_like
def moments(x: Float[Array, "*batch features"]) -> Moments:
    """Mean and variance of each feature over all other axes."""
    axes = tuple(range(x.ndim - 1))
    mean = jnp.mean(x, axis=axes, keepdims=True)
    variance = jnp.mean((x - mean) ** 2, axis=axes)
    return Moments(mean.reshape(-1), variance)


@array_like
def batch_norm(
    x: Float[Array, "*batch features"],
    scale: Float[Array, " features"],
    shift: Float[Array, " features"],
    statistics: Moments,
    *,
    epsilon: float = 1e-5,
) -> Float[Array, "*batch features"]:
    """Features brought to a mean and a spread that are learned.

    y = scale (x - mean) / sqrt(variance + epsilon) + shift.

    A feature that is the same for all examples becomes `shift`, with finite gradients.

    Args:
      x: features along the last axis.
      scale, shift: of each feature, learned.
      statistics: of the batch itself in training (`moments(x)`), of the population in
        evaluation (`population_statistics`).
      epsilon: above 0.

    References:
      Ioffe & Szegedy, "Batch normalization", 2015.
    """
    slope = scale * jax.lax.rsqrt(statistics.variance + epsilon)

    def row(y):
        return y.reshape((1,) * (x.ndim - 1) + y.shape)

    return (x - row(statistics.mean)) * row(slope) + row(shift)


class BatchNorm(nn.Module):
    """`batch_norm` as a layer, with the statistics of the batch unless given others.

    In a model made by `jaxdl.nn.linen.from_linen`, `apply(params, x)` takes the
    statistics of x, and `apply(params, x, statistics=found)` those that
    `population_statistics` found.

    Attributes:
      epsilon: of `batch_norm`.
    """

    epsilon: float = 1e-5

    @nn.compact
    def __call__(
        self, x: Float[Array, "*batch features"]
    ) -> Float[Array, "*batch features"]:
        size = x.shape[-1:]
        scale = self.param("scale", nn.initializers.ones, size)
        shift = self.param("shift", nn.initializers.zeros, size)
        if self.has_variable("statistics", "moments"):
            used = self.get_variable("statistics", "moments")
        else:
            used = moments(x)
            if not self.is_initializing():  # they are no parameters
                self.sow(
                    "statistics",
                    "moments",
                    used,
                    init_fn=lambda: None,
                    reduce_fn=lambda _, new: new,  # pyrefly: ignore[bad-argument-type]
                )
        return batch_norm(x, scale, shift, used, epsilon=self.epsilon)


def population_statistics(apply: ApplyFn, params: Params, inputs: Any) -> Any:
    """Means and variances of every normalised layer over fixed inputs.

    With them a net is a function of one example: what it gives for a row does not
    depend on the other rows. Each layer's are those of its inputs when the layers below
    are normalised by theirs, over all inputs at once.

    Args:
      apply: of a model made by `jaxdl.nn.linen.from_linen`.
      params: its parameters.
      inputs: as many as the statistics are to be taken over.

    Returns:
      Arrays for `apply(params, x, statistics=...)`; empty without `BatchNorm`.
    """
    return apply(params, inputs, with_statistics=True)[1]
