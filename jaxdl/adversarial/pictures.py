"""What the figures of a GAN on images show of its generator, as arrays."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, UInt8

from jaxdl.adversarial.sampler import Sampler, nearest_images
from jaxdl.types import Params, PRNGKey


class GanPictures(NamedTuple):
    """Images from one generator.

    Attributes:
      samples: ten rows of ten.
      nearest: the training images nearest to the first 24 samples.
      paths: eight rows of twelve, each from one latent to another.
    """

    samples: UInt8[np.ndarray, "100 height width channels"]
    nearest: UInt8[np.ndarray, "24 height width channels"]
    paths: UInt8[np.ndarray, "8 12 height width channels"]


def make_gan_pictures(
    sampler: Sampler,
    gen_params: Params,
    images: UInt8[Array, "n height width channels"],
    key: PRNGKey,
) -> GanPictures:
    """Pictures of a trained generator.

    Args:
      sampler: of the generator.
      gen_params: its parameters.
      images: those it was trained on.
      key: decides all latents.
    """
    grid_key, path_key = jax.random.split(key)
    samples = sampler.images(gen_params, grid_key, 100)
    return GanPictures(
        samples,
        nearest_images(samples[:24], images),
        sampler.interpolate(gen_params, path_key, 8, 12),
    )
