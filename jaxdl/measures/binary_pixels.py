"""The pixels, 0 or 1, on which models of binary images are compared."""

import jax
from jaxtyping import Array, Float, UInt8

from jaxdl.ops.images import sample_pixels

PIXELS_SEED = 0
PIXELS_FOLD = 0x70697873  # "pixs": far from the small numbers that a run folds in
SPLITS = ("validation", "test")


def held_out_pixels(
    image: UInt8[Array, "images height width channels"], split: str
) -> Float[Array, "images pixels"]:
    """Held-out images as flat rows of 0 and 1, the same for every model and run.

    Each pixel is drawn once with its intensity as probability (`ops.sample_pixels`),
    from a key that no seed of training folds to.

    Args:
      image: their bytes.
      split: "validation" or "test"; their draws are independent.
    """
    own = jax.random.fold_in(jax.random.key(PIXELS_SEED), PIXELS_FOLD)
    key = jax.random.fold_in(own, SPLITS.index(split))
    return sample_pixels(key, image)
