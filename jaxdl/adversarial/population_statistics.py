"""Models that normalise batches in training, and rows by fixed statistics afterwards.

Their outputs for one row then depend on no other row.
"""

from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, Float

from jaxdl.nn.batch_norm import population_statistics
from jaxdl.types import Model, Params

FixedParams = tuple[Params, Any]
"""Parameters of a model, and its population statistics."""

NUM_STATISTICS = 1000
"""Latents or images that population statistics are taken over."""


def params_with_population_statistics(
    model: Model, params: Params, rows: Float[Array, "n in"]
) -> FixedParams:
    """`(params, statistics)`, with the population statistics over these rows."""
    return params, population_statistics(model.apply, params, rows)


def model_with_population_statistics(model: Model) -> Model:
    """The model as a function of one row, with parameters `(params, statistics)`."""

    def apply(pair: FixedParams, x: Float[Array, "n in"]) -> Any:
        params, statistics = pair
        return model.apply(params, x, statistics=statistics)

    return Model(model.init, apply)


def make_params_with_population_statistics(
    generator: Model, latent_size: int
) -> Callable[[Params], FixedParams]:
    """`fixed(gen_params)`: the pair, by the statistics of 1,000 latents, always equal.

    Args:
      generator: maps standard normal latents [batch latent_size].
      latent_size: length of z.
    """

    @jax.jit
    def fixed(gen_params: Params) -> FixedParams:
        z = jax.random.normal(jax.random.key(0), (NUM_STATISTICS, latent_size))
        return params_with_population_statistics(generator, gen_params, z)

    return fixed
