"""Penalties on the slope of a discriminator, one value per row.

Each is `penalty(disc, real, fake, key)`, as `make_gan_losses` takes it; set what
follows with `functools.partial`. `disc(x)` maps rows [batch features] to numbers
[batch], each by its own row: where rows are judged together (minibatch discrimination)
the slope is that of the sum over the batch.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.ops.numerics import safe_sqrt
from jaxdl.types import PRNGKey


def squared_slopes(
    disc: Callable[[Array], Array], x: Float[Array, "batch features"]
) -> Float[Array, " batch"]:
    """||grad D(x)||^2 of every row, the gradient being by the row."""
    grads = jax.grad(lambda x: jnp.sum(disc(x)))(x)
    return jnp.sum(grads**2, axis=-1)


def wgan_gp_penalty(
    disc: Callable[[Array], Array],
    real: Float[Array, "batch features"],
    fake: Float[Array, "batch features"],
    key: PRNGKey,
    *,
    weight: float = 10.0,
) -> Float[Array, " batch"]:
    """Squared distance from 1 of the slope between data and samples.

    penalty = weight (||grad D(x_hat)|| - 1)^2, with x_hat = e x + (1 - e) G(z) and e
    uniform in [0, 1), drawn for each pair.

    Where the slope is exactly 0 the penalty is `weight`, and its gradient 0.

    Args:
      disc: the critic at its parameters.
      real, fake: rows of data and of samples, as many.
      key: decides e.
      weight: lambda of the paper, at least 0.

    References:
      Gulrajani et al., "Improved training of Wasserstein GANs", 2017, equation 3.
    """
    share = jax.random.uniform(key, (len(real), 1), real.dtype)
    slopes = safe_sqrt(squared_slopes(disc, share * real + (1 - share) * fake))
    return weight * (slopes - 1) ** 2


def r1_penalty(
    disc: Callable[[Array], Array],
    real: Float[Array, "batch features"],
    fake: Float[Array, "batch features"] | None = None,
    key: PRNGKey | None = None,
    *,
    gamma: float = 10.0,
) -> Float[Array, " batch"]:
    """Squared slope on data.

    penalty = gamma / 2 ||grad D(x)||^2, of the logit D.

    Args:
      disc: the discriminator at its parameters.
      real: rows of data.
      fake, key: not used.
      gamma: at least 0.

    References:
      Mescheder et al., "Which training methods for GANs do actually converge?", 2018,
      equation 9.
    """
    del fake, key
    return gamma / 2 * squared_slopes(disc, real)
