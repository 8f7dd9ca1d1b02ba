"""Distorted images against rolls, quarter turns, SciPy and the maps themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jaxdl.systems.lenet.distortions import (
    Affine,
    Distortion,
    affine_images,
    distort,
    random_affine,
)

IMAGES = np.random.default_rng(0).uniform(size=(3, 6, 6, 2)).astype(np.float32)
KEY = jax.random.key(0)
compiled = jax.jit(affine_images)


def moved(matrix, shift, images=IMAGES):
    num = len(images)
    affine = Affine(
        jnp.tile(jnp.asarray(matrix, jnp.float32), (num, 1, 1)),
        jnp.tile(jnp.asarray(shift, jnp.float32), (num, 1)),
    )
    return np.asarray(compiled(jnp.asarray(images), affine))


def test_no_distortion_gives_the_image_back():
    found = jax.jit(lambda x: distort(KEY, x, Distortion()))(IMAGES)
    np.testing.assert_array_equal(found, IMAGES)


@pytest.mark.parametrize("shift", [(0, 1), (1, 0), (-2, 3)], ids=str)
def test_whole_pixels_roll(shift):
    """Down and to the right where positive; background comes in."""
    rolled = np.roll(np.pad(IMAGES, ((0, 0), (3, 3), (3, 3), (0, 0))), shift, (1, 2))
    found = moved(np.eye(2), shift)
    np.testing.assert_allclose(found, rolled[:, 3:-3, 3:-3], atol=1e-6)


@pytest.mark.parametrize("size", [5, 6], ids=["odd", "even"])
def test_a_right_angle_is_rot90(size):
    images = IMAGES[:, :size, :size]
    found = moved([[0, -1], [1, 0]], (0, 0), images)
    np.testing.assert_allclose(found, np.rot90(images, axes=(1, 2)), atol=1e-5)


def test_any_map_is_scipys():
    """A map of its own for each image."""
    rng = np.random.default_rng(1)
    matrix = np.eye(2) + rng.normal(size=(3, 2, 2)) * 0.2
    shift = rng.normal(size=(3, 2))
    affine = Affine(jnp.asarray(matrix, jnp.float32), jnp.asarray(shift, jnp.float32))
    found = np.asarray(compiled(jnp.asarray(IMAGES), affine))
    for image, m, t, ours in zip(IMAGES, matrix, shift, found, strict=True):
        inverse, centre = np.linalg.inv(m), np.full(2, 2.5)
        offset = centre - inverse @ (centre + t)
        for channel in range(2):
            # SciPy fades to the background beyond the last pixel only if padded.
            padded = np.pad(image[..., channel], 4)
            expected = ndimage.affine_transform(
                padded, inverse, offset + 4, output_shape=(6, 6), order=1
            )
            np.testing.assert_allclose(ours[..., channel], expected, atol=2e-5)


BOUNDS = Distortion(
    translation=3.0, rotation=30.0, scaling=0.2, squeezing=0.1, shearing=0.3
)


def test_maps_keep_to_their_bounds():
    matrix, shift = random_affine(KEY, 4000, BOUNDS)
    assert np.abs(shift).max() == pytest.approx(3, abs=0.02)
    # The area is that of scaling alone: rotation, shearing, squeezing leave it.
    logs = np.log(np.linalg.det(np.asarray(matrix))) / 2
    assert np.abs(logs).max() == pytest.approx(0.2, abs=2e-3)
    assert np.mean(logs) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        (dict(rotation=30.0), lambda m: np.arcsin(m[:, 1, 0]) * 180 / np.pi / 30),
        (dict(shearing=0.3), lambda m: m[:, 1, 0] / 0.3),
        (dict(scaling=0.2), lambda m: np.log(m[:, 0, 0]) / 0.2),
        (dict(squeezing=0.1), lambda m: np.log(m[:, 1, 1] / m[:, 0, 0]) / 0.2),
    ],
    ids=["rotation", "shearing", "scaling", "squeezing"],
)
def test_each_bound_alone(bound, expected):
    """What is drawn is uniform between the bounds; other entries stay."""
    matrix = np.asarray(random_affine(KEY, 4000, Distortion(**bound)).matrix)
    drawn = expected(matrix)
    assert np.abs(drawn).max() == pytest.approx(1, abs=2e-3)
    assert drawn.std() == pytest.approx(3**-0.5, abs=0.02)
    assert np.allclose(matrix[:, 0, 1], 0) is ("rotation" not in bound)


def test_mean_intensity_stays_where_nothing_leaves():
    """A blob far from the border, in maps that keep areas."""
    rows, columns = np.mgrid[:28, :28] - 13.5
    blob = np.exp(-(rows**2 + columns**2) / 18).astype(np.float32)
    images = np.tile(blob[None, :, :, None], (20, 1, 1, 1))
    bounds = BOUNDS._replace(scaling=0.0)
    found = np.asarray(jax.jit(lambda x: distort(KEY, x, bounds))(images))
    means = found.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(means, blob.mean(), rtol=0.01)
    assert np.abs(np.diff(found, axis=0)).max() > 0.1  # and no two are alike


@pytest.mark.parametrize("bound", [-0.1, float("nan"), float("inf")], ids=str)
def test_bad_bounds(bound):
    with pytest.raises(ValueError, match=r"rotation is .*: expected a finite number"):
        random_affine(KEY, 2, Distortion(rotation=bound))


def test_size_and_width_are_drawn_apart():
    bounds = Distortion(scaling=0.3, squeezing=0.3)
    matrix = np.asarray(random_affine(jax.random.key(0), 4000, bounds).matrix)
    height, width = np.log(matrix[:, 0, 0]), np.log(matrix[:, 1, 1])
    assert np.ptp(height + width) > 1 < np.ptp(height - width)
    assert abs(np.corrcoef(height + width, height - width)[0, 1]) < 0.06
