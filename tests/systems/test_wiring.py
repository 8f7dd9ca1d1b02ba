"""Flags and schedules reach the steps of the scripts that have them."""

import functools

import jax
import numpy as np
import pytest

from jaxdl.data import load_images
from jaxdl.data.long_lag import latch
from jaxdl.registry import find_system, load_script
from jaxdl.systems.char_lm.data import make_text
from jaxdl.train import programs


def params_after(script, num, data, key=None, **fields):
    """Parameters of a script's net after some steps, each on its own batch."""
    work = script.make_experiment(script.Config(batch_size=4, **fields), data)
    batch_fn = programs.batch_of(work, 4)
    state = work.init(jax.random.key(0), data, None)
    state = state if key is None else state._replace(key=jax.random.key(key))
    step = jax.jit(work.step)
    for i in range(num):
        state, _ = step(state, batch_fn(data, jax.random.key(1), i))
    params = jax.tree.leaves(state.params)
    return np.concatenate([np.ravel(leaf) for leaf in params])


def test_the_boltzmann_machines_rate_falls_and_its_weights_decay():
    script, data = load_script(find_system("rbm")), load_images("digits")
    after = functools.partial(params_after, script, data=data, steps=2, hidden_size=3)
    np.testing.assert_array_equal(after(num=2), after(num=3))  # the rate is 0
    assert np.abs(after(num=2, weight_decay=0.5) - after(num=2)).max() > 1e-4


def test_lenet_drops_units_and_decays_its_weights():
    script, data = load_script(find_system("lenet")), load_images("digits")
    after = functools.partial(params_after, script, num=1, data=data, model="modern")
    assert not np.array_equal(after(key=2), after(key=3))
    assert np.abs(after(key=2, weight_decay=0.5) - after(key=2)).max() > 1e-5


def test_the_character_models_rate_falls():
    script, data = load_script(find_system("char_lm")), make_text("toy", "abc" * 9999)
    after = functools.partial(
        params_after, script, data=data, steps=2, hidden_size=3, window=5
    )
    np.testing.assert_array_equal(after(num=2), after(num=3))
    assert np.abs(after(num=2) - after(num=1)).max() > 1e-5


def test_long_gradients_of_the_bit_are_cut():
    """On different batches: Adam's first step has the same size at any scale."""
    script, task = load_script(find_system("rnn_memory")), latch(3)
    after = functools.partial(
        params_after, script, 3, task, cells=("rnn",), lags=(3,), hidden_size=4
    )
    assert np.abs(after(max_norm=1e-6) - after(max_norm=1e6)).max() > 1e-6


PRESETS = [
    (name, preset)
    for name in ("autoencoder", "char_lm", "dcgan", "gan", "lenet", "rbm")
    for preset in load_script(find_system(name)).PRESETS
]


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_data_chooses_the_preset(name, preset, monkeypatch):
    script, seen = load_script(find_system(name)), []
    monkeypatch.setattr(script, "train", lambda cfg: seen.append(cfg) or 0)
    wanted = script.PRESETS[preset]
    for words in ([preset], ["--data", wanted.data], [f"--data={wanted.data}"]):
        assert script.main(words) == 0
    assert seen == [wanted] * 3
