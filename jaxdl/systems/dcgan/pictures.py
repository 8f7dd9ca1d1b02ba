"""What the figures of a convolutional GAN show, as arrays."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jaxdl.adversarial.pictures import GanPictures, make_gan_pictures
from jaxdl.adversarial.sampler import Sampler
from jaxdl.systems.dcgan.checkerboard import checkerboard_spectrum
from jaxdl.systems.dcgan.latent_arithmetic import ArithmeticImages, LatentArithmetic
from jaxdl.types import Params, PRNGKey

NUM_SPECTRUM = 1000  # images of each kind
ROWS = 6  # sums of latents in the figure
Arithmetic = Callable[[Params, PRNGKey, int], LatentArithmetic]


class Spectra(NamedTuple):
    """Mean power of upright and level waves, by frequency (`checkerboard_spectrum`).

    Attributes:
      side: of the images, in pixels.
      images: power in validation images.
      samples: power in samples.
    """

    side: int
    images: Float[np.ndarray, " frequencies"]
    samples: Float[np.ndarray, " frequencies"]


class DcganPictures(NamedTuple):
    """Drawings of one generator.

    Attributes:
      gan: samples, their nearest images, and paths.
      spectra: waves in images and samples.
      sums: of latents; None without a classifier of coloured digits.
    """

    gan: GanPictures
    spectra: Spectra
    sums: ArithmeticImages | None


def make_dcgan_pictures(
    sampler: Sampler,
    gen_params: Params,
    data: Any,
    key: PRNGKey,
    arithmetic: Arithmetic | None = None,
) -> DcganPictures:
    """Pictures of a trained generator.

    Args:
      sampler: of the generator.
      gen_params: its parameters.
      data: images, split into those trained on and those for validation (`Images`).
      key: decides all latents.
      arithmetic: `arithmetic(gen_params, key, num_trials)` (`make_arithmetic`), for
        coloured digits.
    """
    spectrum_key, sum_key = jax.random.split(jax.random.fold_in(key, 1))
    real = np.asarray(data.validation.image[:NUM_SPECTRUM])
    fake = sampler.images(gen_params, spectrum_key, NUM_SPECTRUM)
    sums = None
    if arithmetic is not None:
        sums = arithmetic(gen_params, sum_key, ROWS).figure
    return DcganPictures(
        make_gan_pictures(sampler, gen_params, data.train.image, key),
        make_spectra(real, fake),
        sums,
    )


def make_spectra(images: np.ndarray, samples: np.ndarray) -> Spectra:
    """Spectra of images and of samples, [n side side channels] each."""
    of_images, of_samples = map(checkerboard_spectrum, (images, samples))
    return Spectra(images.shape[1], of_images, of_samples)
