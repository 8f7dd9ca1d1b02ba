"""Minibatch discrimination: a row is judged by how close it is to the others."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float


def closeness(
    projected: Float[Array, "batch kernels size"],
) -> Float[Array, "batch kernels"]:
    """How close a row is to the other rows of the batch, in each of several views.

    o_ib = mean over j != i of exp(-||M_ib - M_jb||_1).

    The paper has the sum over all j, which is batch - 1 times this, plus 1: a number
    that grows with the batch, and drowns small features.

    Args:
      projected: M, a vector of each row in each view.

    Returns:
      Numbers between 0 and 1, 1 where all rows are the same; a batch of one has 0.

    References:
      Salimans et al., "Improved techniques for training GANs", 2016, section 3.2.
    """
    # An entry of the vectors at a time: no array [batch batch kernels size].
    columns = jnp.moveaxis(projected, -1, 0)
    distances = sum(jnp.abs(column[:, None] - column[None]) for column in columns)
    return (jnp.exp(-distances).sum(axis=1) - 1) / max(1, len(projected) - 1)


class MinibatchDiscrimination(nn.Module):
    """Appends `closeness` of a learned projection to each row's features.

    Data and samples are to be judged in passes of their own, for rows are compared
    with all others of the pass.

    Attributes:
      num_kernels: features that are appended.
      kernel_size: length of the vectors that are compared for one of them.
    """

    num_kernels: int = 50
    kernel_size: int = 5

    @nn.compact
    def __call__(self, x: Float[Array, "batch features"]) -> Float[Array, "batch more"]:
        size = self.num_kernels * self.kernel_size
        projected = nn.Dense(size, use_bias=False)(x)
        projected = projected.reshape(len(x), self.num_kernels, self.kernel_size)
        return jnp.concatenate([x, closeness(projected)], axis=-1)
