"""Random affine distortions of images, for a classifier to see each as new.

References:
  LeCun et al., "Gradient-based learning applied to document recognition", 1998,
    section III-D: translations, scaling, squeezing and shearing of digits.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.types import PRNGKey


class Distortion(NamedTuple):
    """Bounds of distortions; each number is drawn uniformly from +- its bound.

    Attributes:
      translation: pixels, along each axis on its own.
      rotation: degrees.
      scaling: of the logarithm of the size: 0.1 is a size of 90 to 111 %.
      squeezing: of the logarithm of the width, taken from that of the height.
      shearing: pixels along a row for each pixel down.
    """

    translation: float = 0.0
    rotation: float = 0.0
    scaling: float = 0.0
    squeezing: float = 0.0
    shearing: float = 0.0


class Affine(NamedTuple):
    """Maps of the plane: point p (row, column, from the image's centre) to M p + t.

    Attributes:
      matrix: M.
      shift: t, in pixels.
    """

    matrix: Float[Array, "batch 2 2"]
    shift: Float[Array, "batch 2"]


def affine_images(
    x: Float[Array, "batch height width channels"], affine: Affine
) -> Float[Array, "batch height width channels"]:
    """Images moved by a map each: the value at p goes to M p + t.

    y(p) = x(M^-1 (p - t)), bilinear between pixels; outside of x there is background,
    0. Points are counted from the image's centre, so whole pixels of t shift an image
    as `jnp.roll` does, and a rotation by a right angle keeps a square image whole.

    Args:
      x: images; pixel (0, 0) is the upper left one.
      affine: one map an image; M has an inverse.
    """
    height, width = x.shape[1:3]
    centre = jnp.asarray([(height - 1) / 2, (width - 1) / 2], x.dtype)
    rows, columns = jnp.meshgrid(
        jnp.arange(height, dtype=x.dtype),
        jnp.arange(width, dtype=x.dtype),
        indexing="ij",
    )
    points = jnp.stack([rows, columns], axis=-1) - centre[None, None]

    def one(image, matrix, shift):
        (a, b), (c, d) = matrix
        inverse = jnp.array([[d, -b], [-c, a]]) / (a * d - b * c)
        origin = (points - shift[None, None]) @ inverse.T + centre[None, None]
        coordinates = [origin[..., 0], origin[..., 1]]

        def of_channel(channel):
            return map_coordinates(channel, coordinates, order=1, mode="constant")

        return jax.vmap(of_channel, in_axes=-1, out_axes=-1)(image)

    return jax.vmap(one)(x, *affine)


def random_affine(key: PRNGKey, num: int, distortion: Distortion) -> Affine:
    """Maps drawn independently: M rotates what is sheared, squeezed and scaled.

    Raises:
      InputError: if a bound is not finite, or below 0.
    """
    check_distortion(distortion)
    draws = jax.random.uniform(key, (6, num), minval=-1, maxval=1)
    angle = draws[0] * math.radians(distortion.rotation)
    scale, squeeze = draws[1] * distortion.scaling, draws[2] * distortion.squeezing
    shear = draws[3] * distortion.shearing
    height, width = jnp.exp(scale - squeeze), jnp.exp(scale + squeeze)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    # Rows of M; columns are height down and width across, sheared by rows.
    stretched = jnp.array([[height, jnp.zeros(num)], [shear * height, width]])
    turn = jnp.array([[cos, -sin], [sin, cos]])
    matrix = jnp.einsum("ijn,jkn->nik", turn, stretched)
    return Affine(matrix, draws[4:].T * distortion.translation)


def distort(
    key: PRNGKey,
    x: Float[Array, "batch height width channels"],
    distortion: Distortion,
) -> Float[Array, "batch height width channels"]:
    """Images moved by maps drawn for each of them.

    Raises:
      InputError: if a bound is not finite, or below 0.
    """
    affine = random_affine(key, len(x), distortion)
    return affine_images(x, jax.tree.map(lambda leaf: leaf.astype(x.dtype), affine))


def check_distortion(distortion: Distortion) -> None:
    """Refuse bounds that are not finite, or below 0.

    Raises:
      InputError: naming the first at fault.
    """
    for name, bound in distortion._asdict().items():
        if not (math.isfinite(bound) and bound >= 0):
            raise InputError(
                f"the distortion's {name} is {bound}: expected a finite number, 0 or "
                "more"
            )
        if name in ("scaling", "squeezing", "shearing") and bound > 5:
            raise InputError(
                f"the distortion's {name} is {bound}: expected at most 5, beyond which "
                "nothing of an image is left"
            )
