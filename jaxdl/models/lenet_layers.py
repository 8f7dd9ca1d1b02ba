"""The layers of 1998 that LeNet-5 is made of.

References:
  LeCun et al., "Gradient-based learning applied to document recognition", 1998.
"""

import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jaxdl.nn.conv import Implementation, conv_general_dilated
from jaxdl.nn.pooling import average_pool

C3_INPUTS = (
    *((i, i + 1, i + 2) for i in range(6)),
    *((i, i + 1, i + 2, i + 3) for i in range(6)),
    *((i, i + 1, i + 3, i + 4) for i in range(3)),
    tuple(range(6)),
)
C3_INPUTS = tuple(tuple(sorted(i % 6 for i in row)) for row in C3_INPUTS)
"""The maps of S2 that each of the 16 maps of C3 sees (LeCun et al. 1998, table I)."""


def scaled_tanh(z: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """The squashing function of 1998: f(z) = 1.7159 tanh(2 z / 3).

    f(1) = 1 and f(-1) = -1, where its second derivative is largest.
    """
    return 1.7159 * jnp.tanh(z * (2 / 3))


@functools.partial(jax.jit, static_argnums=(1, 2))
def lecun_uniform(key, shape, dtype=jnp.float32):
    """Initial weights of a kernel [... in out]: uniform in +-2.4 / n_in."""
    return uniform(key, shape, dtype) * (2.4 / math.prod(shape[:-1]))


@functools.partial(jax.jit, static_argnums=(1, 2))
def uniform(key, shape, dtype=jnp.float32):
    """Numbers drawn uniformly from -1 to 1."""
    return jax.random.uniform(key, shape, dtype, -1, 1)


class TrainablePool(nn.Module):
    """a s + b, with s the sum of each 2x2 window, and a and b learned for each map."""

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width maps"]
    ) -> Float[Array, "batch half_height half_width maps"]:
        def init(key, size):
            return uniform(key, size) * (2.4 / 4)

        size = x.shape[-1:]
        scale = self.param("scale", init, size)
        bias = self.param("bias", nn.initializers.zeros, size)
        sums = 4 * average_pool(x)
        return sums * scale[None, None, None] + bias[None, None, None]


class PartialConv(nn.Module):
    """A valid 5x5 convolution in which each map sees some of the maps below.

    Its parameters are those of the connections there are: kernels [5 5 connections], in
    the order of the table, and a bias for each map.

    Attributes:
      inputs: the maps below that each map sees.
      implementation: as for `jaxdl.nn.conv_general_dilated`.
    """

    inputs: tuple[tuple[int, ...], ...]
    implementation: Implementation = "fast"

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width maps"]
    ) -> Float[Array, "batch out_height out_width maps2"]:
        below = np.concatenate([np.asarray(row) for row in self.inputs])
        above = np.repeat(np.arange(len(self.inputs)), [len(r) for r in self.inputs])

        def init(key, shape):
            seen = np.bincount(above)[above]  # maps that each connection's unit sees
            return uniform(key, shape) * (2.4 / (25 * seen))[None, None]

        kernels = self.param("kernel", init, (5, 5, len(below)))
        bias = self.param("bias", nn.initializers.zeros, (len(self.inputs),))
        whole = jnp.zeros((5, 5, x.shape[-1], len(self.inputs)), kernels.dtype)
        whole = whole.at[:, :, below, above].set(kernels)
        numbers = lax.conv_dimension_numbers(
            x.shape, whole.shape, ("NHWC", "HWIO", "NHWC")
        )
        y = conv_general_dilated(
            x,
            whole,
            (1, 1),
            "VALID",
            dimension_numbers=numbers,
            implementation=self.implementation,
        )
        return y + bias[None, None, None]
