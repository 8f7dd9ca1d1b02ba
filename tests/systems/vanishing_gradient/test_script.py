"""The sweep over untrained and trained deep nets, at toy size, as a user starts it."""

import dataclasses
import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxdl.data import Images, Split
from jaxdl.ledger.published import SYSTEMS, all_published
from jaxdl.ledger.rows import ledger_rows
from jaxdl.systems.vanishing_gradient.nets import SETTINGS
from jaxdl.systems.vanishing_gradient.protocols import training_protocols

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = SYSTEMS / "vanishing_gradient" / "published.json"
STUDY = "--cases initialisation --depths 2 --study-size 8".split()
FIGURES = {
    "activations",
    "gradients_by_depth",
    "gradients_by_layer",
    "singular_values",
    "units",
}


@pytest.fixture(scope="module")
def script(load_script):
    module = load_script(ROOT / "experiments" / "vanishing_gradient.py")
    # A part of the table compiles in a part of the time.
    nets = module.NETS._replace(
        activations=("linear", "sigmoid"), initializers=("standard", "orthogonal")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "NETS", nets)
        yield module


@pytest.fixture(scope="module")
def study(script, tmp_path_factory):
    """The folder of the study of untrained nets."""
    folder = tmp_path_factory.mktemp("vanishing") / "run"
    assert script.main([*STUDY, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def toy(toy_run):
    """Two trained nets."""
    return toy_run("vanishing_gradient")


def test_untrained_nets(study):
    (case,) = json.loads((study / "result.json").read_text())["cases"].values()
    metrics = case["metrics"]
    assert case["steps"] == 0
    assert metrics["orthogonal_deviation"]["mean"] <= 1e-12
    assert metrics["collapse_deviation"]["mean"] <= 1e-12
    ratio = metrics["log10_gradient_sigmoid_standard"]["mean"]
    assert -3 < ratio < -0.5  # a layer, about a tenth


def test_trained_nets(toy):
    assert list(toy.result["cases"]) == ["tanh", "relu-he"]
    tanh, relu = toy.result["cases"].values()
    assert tanh["steps"] == relu["steps"] == 20
    assert tanh["config"]["learning_rate"] == 0.1
    assert relu["config"]["learning_rate"] == 0.05
    for case in (tanh, relu):
        assert 0 <= case["metrics"]["test_error"]["mean"] <= 100
        assert case["metrics"]["test_error"]["protocol"]["hidden_layers"] == 5
    assert (toy.folder / "tanh" / "metrics.jsonl").exists()


def test_figures_of_the_study(study):
    paths = list((study / "figures").iterdir())
    assert {path.stem for path in paths} == FIGURES
    for path in paths:
        with Image.open(path) as picture:
            assert picture.width == 1000
            assert np.asarray(picture.convert("L")).std() > 5


def test_second_call_repeats_nothing(script, study):
    before = {p: p.stat().st_mtime_ns for p in study.rglob("result.json")}
    assert script.main([*STUDY, "--out", str(study)]) == 0
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_ledger_rows(study, toy, tmp_path):
    for name, folder in (("study", study), ("toy", toy.folder)):
        (tmp_path / f"{name}.json").write_text((folder / "result.json").read_text())
    rows = ledger_rows(tmp_path, all_published())
    ours = [row for row in rows if row.files]
    errors = [row for row in ours if row.metric == "test_error"]
    assert {row.protocol["activation"] for row in errors} == {"tanh", "relu"}
    assert {row.metric for row in ours} > {"orthogonal_deviation", "collapse_deviation"}


def test_published_protocols_have_the_same_fields(script):
    splits = [
        Split(jnp.zeros((n, 1, 1, 1), jnp.uint8), jnp.zeros(n, jnp.int32))
        for n in (50_000, 10_000, 10_000)
    ]
    mnist = Images(*splits, name="mnist", checksum="0" * 64)
    published = {entry["id"]: entry for entry in json.loads(PUBLISHED.read_text())}
    cfg = dataclasses.replace(script.PRESETS["mnist"], learning_rate=0.1)
    referring = [s for s in SETTINGS.values() if s.published]
    assert len(referring) == 5
    for setting in referring:
        ours = training_protocols(cfg, mnist, setting)["test_error"]
        there = published[ours.pop("published")]["protocol"]
        assert ours.keys() == there.keys()
        differing = [k for k, v in there.items() if v is not None and v != ours[k]]
        assert differing == ["trained"] and ours["trained"] == "4 epochs"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--cases cubic", "cubic"),
        ("--cases", "cases is (): expected at least one"),
        ("--cases tanh tanh", "expected at least one, each once"),
        ("--depths", "depths is (): expected at least one"),
        ("--hidden-layers 0", "hidden_layers is 0"),
        ("--hidden-size 0", "hidden_size is 0"),
        ("--depths 3 0", "depths is 0"),
        ("--study-size 0", "study_size is 0"),
        ("--learning-rate nan", "learning_rate is nan"),
        ("--batch-size 5000", "batch_size is 5000: expected at most"),
    ],
)
def test_bad_input(script, flags, said, refused):
    assert said in refused(script.main, flags.split())


def test_each_case_has_its_own_net_and_only_mnist_published_errors(script, monkeypatch):
    seen, make_net = [], script.nets.make_net

    def remember(sizes, *names):
        seen.append(names)
        return make_net(sizes, *names)

    monkeypatch.setattr(script.nets, "make_net", remember)
    cfg = script.Config(cases=("tanh", "tanh-normalized", "relu-he"))
    plan = script.plan(cfg)
    for case in plan.work.cases.values():
        script.make_training(case.config, plan.data)
    assert seen == [("tanh", "standard"), ("tanh", "glorot"), ("relu", "he")]
    assert plan.work.figures.keywords["published"] == {}
