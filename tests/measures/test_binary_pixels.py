"""The pixels on which models of binary images are compared."""

import jax
import numpy as np
import pytest

from jaxdl.measures.binary_pixels import held_out_pixels


def test_the_same_each_time_and_true_to_their_intensity():
    image = np.uint8([64, 255] * 3000).reshape(3000, 1, 2, 1)
    image = jax.device_put(image)
    first, other = (
        np.asarray(held_out_pixels(image, name)) for name in ("test", "validation")
    )
    np.testing.assert_array_equal(first, held_out_pixels(image, "test"))
    assert set(np.unique(first)) == {0, 1} and first[:, 1].min() == 1
    assert float(first[:, 0].mean()) == pytest.approx(64 / 255, abs=0.032)  # 4 se
    agreement = float(np.corrcoef(first[:, 0], other[:, 0])[0, 1])
    assert abs(agreement) < 0.08


def test_an_unknown_split_has_no_draw():
    with pytest.raises(ValueError):
        held_out_pixels(jax.device_put(np.zeros((1, 1, 1, 1), np.uint8)), "train")
