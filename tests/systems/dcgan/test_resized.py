"""Images at another size."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import load_images
from jaxdl.data.load import Images, Split, images_checksum
from jaxdl.errors import InputError
from jaxdl.systems.dcgan.resized import resized


def data_of(image):
    split = Split(jnp.asarray(image), jnp.zeros(len(image), jnp.int32))
    return Images(split, split, split, name="toy", checksum="0")


def test_digits():
    digits = load_images("digits")
    larger = resized(digits, 16)
    assert larger.image_shape == (16, 16, 1) and larger.name == "digits_16"
    assert larger.train.image.dtype == jnp.uint8 and len(larger.test.image) == 300
    assert (larger.validation.label == digits.validation.label).all()
    splits = [Split(*map(np.asarray, s)) for s in (larger.train, larger.validation)]
    splits.append(Split(*map(np.asarray, larger.test)))
    assert larger.checksum == images_checksum(splits) != digits.checksum
    assert resized(digits, 8) is digits
    means = [float(d.test.image.astype(float).mean()) for d in (digits, larger)]
    np.testing.assert_allclose(*means, rtol=0.01)


def test_equal_to_pytorch():
    torch = pytest.importorskip("torch")
    image = np.random.default_rng(0).integers(0, 256, (3, 6, 6, 2), np.uint8)
    for side in (9, 12):
        ours = np.asarray(resized(data_of(image), side).train.image)
        theirs = torch.nn.functional.interpolate(
            torch.tensor(image).permute(0, 3, 1, 2).float(), side, mode="bilinear"
        )
        theirs = theirs.permute(0, 2, 3, 1).numpy()
        assert np.abs(ours - theirs).max() <= 0.501


def test_smaller_images_are_means():
    image = np.zeros((1, 8, 8, 1), np.uint8)
    image[:, :, ::2] = 200
    found = np.asarray(resized(data_of(image), 2).train.image)
    np.testing.assert_allclose(found.astype(float), 100, atol=15)


def test_a_side_below_one_is_refused():
    with pytest.raises(InputError, match="side is 0: expected 1 or more"):
        resized(load_images("digits"), 0)
