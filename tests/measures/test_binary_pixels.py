"""The pixels on which models of binary images are compared."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.measures.binary_pixels import held_out_pixels


def test_the_same_each_time_and_true_to_their_intensity():
    image = jnp.full(
        (3000, 1, 2, 1), jnp.array([64, 255], jnp.uint8)[None, None, :, None]
    )
    first, other = (held_out_pixels(image, name) for name in ("test", "validation"))
    np.testing.assert_array_equal(first, held_out_pixels(image, "test"))
    assert set(np.unique(first)) == {0, 1} and first[:, 1].min() == 1
    assert float(first[:, 0].mean()) == pytest.approx(64 / 255, abs=0.032)  # 4 se
    agreement = float(np.corrcoef(first[:, 0], other[:, 0])[0, 1])
    assert abs(agreement) < 0.08


def test_an_unknown_split_has_no_draw():
    with pytest.raises(ValueError):
        held_out_pixels(jnp.zeros((1, 1, 1, 1), jnp.uint8), "train")
