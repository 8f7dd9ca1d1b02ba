"""Keys reach the steps of the scripts that draw; presets are chosen by their data."""

import types
from pathlib import Path

import jax
import pytest
from jax.interpreters.partial_eval import dce_jaxpr

from jaxdl.adversarial.sampler import Sampler
from jaxdl.data import load_images
from jaxdl.registry import find_system, load_script
from jaxdl.systems.autoencoder import cases
from jaxdl.systems.dcgan import figures as dcgan_figures
from jaxdl.train.config import RunConfig
from jaxdl.train.experiment import Record
from jaxdl.train.seeds import seed_keys


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


def figures_of(name):
    """The pictures that a script draws, and the functions that make and show them."""
    if name == "dcgan":
        return dcgan_figures.make_dcgan_figures(
            Sampler(abs, abs, abs), None
        ), dcgan_figures
    script, data = load_script(find_system(name)), load_images("digits")
    if name == "gan":
        return script.make_experiment(script.Config(), data).figures, script
    cfg = script.Config(cases=("variational",))
    return cases.make_variational(cfg, data).figures, cases


@pytest.mark.parametrize(
    ("name", "pictures", "shown"),
    [
        ("gan", "make_gan_pictures", "gan_figures"),
        ("dcgan", "make_dcgan_pictures", "dcgan_figures"),
        ("autoencoder", "make_variational_pictures", "variational_figures"),
    ],
)
def test_figures_are_of_the_first_seed_by_a_key_of_their_own(
    name, pictures, shown, monkeypatch
):
    figures, module = figures_of(name)
    seen = []
    monkeypatch.setattr(module, pictures, lambda *args: seen.extend(args))
    monkeypatch.setattr(module, shown, lambda record, pictures: {})
    split = types.SimpleNamespace(image="images")
    data = types.SimpleNamespace(train=split, validation=split)
    states = [
        types.SimpleNamespace(params=f"net {i}", gen_params=f"net {i}")
        for i in range(2)
    ]
    record = Record(RunConfig(seed=5), Path("run"), data, states, None, None, 0)
    assert figures(record) == {}
    assert "net 0" in seen and "net 1" not in seen
    assert [key for key in seen if isinstance(key, jax.Array)] == [seed_keys(5).figures]


def test_pictures_of_autoencoders_are_of_the_first_seed(monkeypatch):
    script, seen = load_script(find_system("autoencoder")), []
    monkeypatch.setattr(script, "make_pictures", lambda *args: seen.append(args))
    monkeypatch.setattr(script, "autoencoder_figures", lambda records, pictures: {})
    plan = script.plan(script.Config(cases=("pca", "deep"), code_sizes=(), seed=5))
    states = [types.SimpleNamespace(params=f"net {i}") for i in range(2)]
    records = dict.fromkeys(("pca", "deep"), types.SimpleNamespace(states=states))
    assert plan.work.figures(records) == {}
    for name, (case, _, params, data, key, _) in zip(records, seen, strict=True):
        assert (case, params) == (name, "net 0") and data is plan.data
        assert key == seed_keys(5).figures
