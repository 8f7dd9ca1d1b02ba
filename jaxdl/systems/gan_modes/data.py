"""Mixtures of Gaussians in the plane, drawn anew for every batch."""

import dataclasses
import functools
import hashlib
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.types import PRNGKey


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["centres"],
    meta_fields=["name", "checksum", "sd"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
    """Equally likely round Gaussians of one size.

    Attributes:
      centres: of the modes.
      name: of the mixture.
      checksum: sha256, in hex, over centres and standard deviation (float64).
      sd: standard deviation of each mode along each axis.
    """

    centres: Float[Array, "modes point"]
    name: str
    checksum: str
    sd: float

    def draw(self, key: PRNGKey, num: int) -> Float[Array, "num point"]:
        """Independent points: a mode each, and a normal offset from its centre."""
        mode_key, noise_key = jax.random.split(key)
        modes = jax.random.randint(mode_key, (num,), 0, len(self.centres))
        noise = jax.random.normal(noise_key, (num, self.centres.shape[1]))
        return self.centres[modes] + self.sd * noise


def mixture(centres: np.ndarray, sd: float, name: str) -> Mixture:
    """The mixture with these modes.

    Args:
      centres: [modes point].
      sd: standard deviation of each mode along each axis.
      name: of the mixture.

    Raises:
      InputError: if there is no mode, or the standard deviation is not above 0.
    """
    centres = np.asarray(centres, np.float64)
    if centres.ndim != 2 or not len(centres):
        raise InputError(
            f"the mixture has centres of shape {centres.shape}: expected one row for "
            "each mode, and at least one mode"
        )
    if not (math.isfinite(sd) and sd > 0):
        raise InputError(f"the modes' sd is {sd}: expected a finite number above 0")
    digest = hashlib.sha256(f"{centres.shape} {sd!r} ".encode() + centres.tobytes())
    return Mixture(jnp.asarray(centres, jnp.float32), name, digest.hexdigest(), sd)


@functools.cache
def ring() -> Mixture:
    """Eight modes evenly on the unit circle, sd 0.01 (Lin et al. 2018)."""
    angles = 2 * np.pi * np.arange(8) / 8
    return mixture(np.stack([np.cos(angles), np.sin(angles)], axis=1), 0.01, "ring")


@functools.cache
def grid() -> Mixture:
    """25 modes at -4, -2, 0, 2, 4 along both axes, sd 0.05 (Lin et al. 2018)."""
    ticks = np.arange(-4, 5, 2)
    return mixture(np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2), 0.05, "grid")
