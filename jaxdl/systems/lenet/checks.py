"""Distortions of images for `jaxdl gradcheck`."""

import jax.numpy as jnp

from jaxdl.gradcheck.problem import Case, draw_normals
from jaxdl.gradcheck.subjects import Subject, subject
from jaxdl.systems.lenet.distortions import Affine, Distortion, affine_images, distort

NOT_DIFFERENTIABLE: dict[str, str] = {}
"""Functions that no gradient goes through, and why."""


def _affine_images(key):
    """Maps at random, so that no point is at a pixel, where the derivative jumps."""
    x, turns, shift = draw_normals(key, (2, 4, 5, 1), (2, 2, 2), (2, 2))
    matrix = jnp.eye(2)[None] + 0.2 * turns

    def fn(x, matrix, shift):
        return affine_images(x, Affine(matrix, shift))

    return Case(fn, (x, matrix, shift), ("x", "matrix", "shift"))


def _distort(key):
    (x,) = draw_normals(key, (2, 4, 5, 1))
    bounds = Distortion(1.0, 20.0, 0.2, 0.1, 0.2)
    return Case(lambda x: distort(key, x, bounds), (x,), ("x",))


def subjects() -> list[Subject]:
    """Affine maps of images, given and drawn."""
    return [
        subject("systems.lenet.distortions.affine_images", _affine_images),
        subject("systems.lenet.distortions.distort", _distort),
    ]
