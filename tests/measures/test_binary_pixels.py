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


def test_their_keys_are_no_keys_of_training(monkeypatch):
    keys, image = [], jax.device_put(np.zeros((1, 1, 1, 1), np.uint8))
    spy = lambda key, image: keys.append(key) or jax.numpy.zeros((1, 1))  # noqa: E731
    monkeypatch.setattr("jaxdl.measures.binary_pixels.sample_pixels", spy)
    for split in ("validation", "test"):
        held_out_pixels(image, split)
    own = {tuple(map(int, jax.random.key_data(key))) for key in keys}

    def folds(keys):
        fold = jax.vmap(jax.random.fold_in, in_axes=(None, 0))
        return jax.vmap(fold, in_axes=(0, None))(keys, np.arange(40)).reshape(-1)

    # Of a seed, a phase or a kind of draw, and what is drawn from each of them.
    first = jax.jit(folds)(jax.vmap(jax.random.key)(np.arange(20)))
    both = jax.random.key_data(first), jax.random.key_data(jax.jit(folds)(first))
    used = {tuple(row) for row in np.concatenate(both).tolist()}
    assert len(used) == 20 * 40 * 41 and len(own) == 2
    assert own.isdisjoint(used)


def test_an_unknown_split_has_no_draw():
    with pytest.raises(ValueError):
        held_out_pixels(jax.device_put(np.zeros((1, 1, 1, 1), np.uint8)), "train")
