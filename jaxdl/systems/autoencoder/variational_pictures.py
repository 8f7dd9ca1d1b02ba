"""Arrays that the figures of a variational autoencoder draw."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from jaxdl.measures.binary_pixels import held_out_pixels
from jaxdl.ops.images import to_bytes
from jaxdl.systems.autoencoder.networks import VariationalAutoencoder
from jaxdl.types import Params, PRNGKey

GRID = 20  # codes along each side of the map
COLUMNS = 12


class VariationalPictures(NamedTuple):
    """Pictures of one model, in bytes: the probability of each pixel.

    Attributes:
      samples: decoded codes from N(0, I).
      reconstructions: six rows: images, their pixels as 0 and 1, what the mean code
        gives back, and three drawn codes.
      grid: the picture at each code of `gaussian_grid`; None unless codes have two
        numbers.
    """

    samples: UInt8[np.ndarray, "10 10 height width channels"]
    reconstructions: list[np.ndarray]
    grid: UInt8[np.ndarray, "down across height width channels"] | None


def make_variational_pictures(
    model: VariationalAutoencoder,
    params: Params,
    image: UInt8[Array, "n height width channels"],
    key: PRNGKey,
) -> VariationalPictures:
    """Pictures of a trained model.

    Args:
      model, params: the model.
      image: those to be given back; the first twelve are.
      key: draws codes.
    """
    image = image[:COLUMNS]
    columns, height, width, channels = image.shape
    shape = height, width, channels

    def decoded(codes, rows: int, columns: int) -> np.ndarray:
        pixels = jax.nn.sigmoid(model.decode(params, codes))
        return to_bytes(pixels, shape).reshape(rows, columns, *shape)

    z = jax.random.normal(key, (100, model.latent_size))
    x = held_out_pixels(image, "validation")
    mean, log_variance = model.encode(params, x)
    noise = jax.random.normal(jax.random.fold_in(key, 1), (3, *mean.shape))
    drawn = mean[None] + jnp.exp(log_variance / 2)[None] * noise
    rows = [
        np.asarray(image),
        to_bytes(x, shape),
        *decoded(mean, 1, columns),
        *decoded(drawn.reshape(-1, model.latent_size), 3, columns),
    ]
    grid = None
    if model.latent_size == 2:
        codes = gaussian_grid(GRID).reshape(-1, 2)
        grid = decoded(jnp.asarray(codes), GRID, GRID)
    return VariationalPictures(decoded(z, 10, 10), rows, grid)


def gaussian_grid(num: int) -> Float[np.ndarray, "num num 2"]:
    """A square of codes with equal shares of N(0, I) between neighbours.

    Along each axis the quantiles of N(0, 1) at (i + 1/2) / num; the first number grows
    to the right, the second upwards, so that the last row has the lowest.
    """
    from scipy.special import ndtri

    quantiles = ndtri((np.arange(num) + 0.5) / num).astype(np.float32)
    return np.stack(np.meshgrid(quantiles, quantiles[::-1]), axis=-1)
