"""Keys reach the steps of the scripts that draw; presets are chosen by their data."""

import jax
import pytest
from jax.interpreters.partial_eval import dce_jaxpr

from jaxdl.data import load_images
from jaxdl.registry import find_system, load_script


@pytest.mark.parametrize(("model", "draws"), [("modern", True), ("lenet5", False)])
def test_only_the_modern_lenet_draws_in_training(model, draws):
    """Whether the loss of a step needs the key of the state."""
    script, data = load_script(find_system("lenet")), load_images("digits")
    work = script.make_experiment(script.Config(batch_size=1, model=model), data)
    state = jax.eval_shape(work.init, jax.random.key(0), data, None)
    batch = jax.tree.map(lambda leaf: leaf[:1], data.train)

    jaxpr = jax.make_jaxpr(lambda state: work.step(state, batch)[1]["loss"])(state)
    _, (key_used, *others) = dce_jaxpr(jaxpr.jaxpr, [True])
    assert key_used is draws and any(others)


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
