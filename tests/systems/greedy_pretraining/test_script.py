"""The sweep over pretrained nets, at toy size, as a user starts it."""

import dataclasses
import json
import os
import signal
from pathlib import Path
from typing import get_args

import jax
import jax.numpy as jnp
import pytest
from PIL import Image

from jaxdl.data import Images, Split, load_images
from jaxdl.ledger.published import SYSTEMS, all_published
from jaxdl.ledger.rows import ledger_rows
from jaxdl.systems.greedy_pretraining import greedy
from jaxdl.train import loop
from jaxdl.train.programs import built
from jaxdl.train.runner import check_step, load_run
from jaxdl.train.state import TrainState

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = SYSTEMS / "greedy_pretraining" / "published.json"


@pytest.fixture(scope="module")
def toy(toy_run):
    return toy_run("greedy_pretraining")


@pytest.fixture(scope="module")
def script(toy):
    return toy.script


@pytest.fixture(scope="module")
def folder(toy):
    return toy.folder


@pytest.fixture(scope="module")
def result(toy):
    return toy.result


def test_a_result_for_each_case_and_phase(result, folder):
    cases = result["cases"]
    assert list(cases) == ["sigmoid-rbm", "relu", "svm", "forest"]
    phases = {name: list(case.get("phases", {})) for name, case in cases.items()}
    layers = ["layer-1", "layer-2", "start", "whole"]
    assert phases["relu"] == ["start", "whole"]
    assert phases["sigmoid-rbm"] == layers
    assert phases["svm"] == phases["forest"] == []
    assert cases["sigmoid-rbm"]["steps"] == 40
    assert (folder / "sigmoid-rbm" / "layer-2" / "metrics.jsonl").exists()
    for case in cases.values():
        assert 0 <= case["metrics"]["test_error"]["mean"] <= 100
    assert cases["relu"]["metrics"]["test_error"]["protocol"]["pretrained"] == "no"
    start = cases["relu"]["phases"]["start"]["metrics"]
    assert set(start) == {"validation_loss", "validation_error"}  # no test images yet


def test_the_net_begins_with_the_pretrained_layers(script, folder):
    cfg = script.Config(
        cases=("sigmoid-rbm",), steps=20, pretrain_steps=10, hidden_sizes=(12, 70)
    )
    assert cfg.data == "digits"
    data = load_images("digits")
    case = script.make_case(cfg, "sigmoid-rbm")
    phases = built(case.work, case.config, data)
    at = folder / "sigmoid-rbm"
    _, (layer, *_) = load_run(at / "layer-1", phases[0].experiment, data)
    _, (whole, *_) = load_run(at, phases, data)
    assert whole.params[0]["kernel"].shape == (64, 12)
    trained = layer.top.params
    moved = jnp.abs(whole.params[0]["kernel"] - trained["kernel"]).max()
    assert 0 < float(moved) < 0.2  # twenty steps from where the machine left it
    bias = jnp.abs(whole.params[0]["bias"] - trained["hidden_bias"]).max()
    assert float(bias) < 0.2


def test_a_stopped_sweep_goes_on_in_the_same_bits(toy, tmp_path, undrawn, monkeypatch):
    """A signal in the middle of the second layer's pretraining."""
    sent, evaluations = [], loop.Loop._evaluate

    def evaluate(self, states, step, *args, **kwargs):
        evaluations(self, states, step, *args, **kwargs)
        if step == 5 and self.folder.name == "layer-2":
            sent.append(step)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(loop.Loop, "_evaluate", evaluate)
    flags = " ".join(toy.flags).replace(" --trees 5", "").split()
    argv = [*flags, "--cases", "sigmoid-rbm", "--out", str(tmp_path / "run")]
    argv += ["--eval-every", "5"]
    with undrawn():
        assert toy.script.main(argv) == 143 and sent
    assert not (tmp_path / "run" / "sigmoid-rbm" / "start").exists()
    with undrawn():
        assert toy.script.main(argv) == 0
    cut = json.loads((tmp_path / "run" / "result.json").read_text())
    digests = [
        found["cases"]["sigmoid-rbm"]["state_sha256"] for found in (cut, toy.result)
    ]
    assert digests[0] == digests[1]


def test_figures_have_one_width(folder):
    for path in (folder / "figures").iterdir():
        with Image.open(path) as picture:
            assert picture.width == 1000


def test_ledger_rows_of_the_toy(folder, tmp_path):
    (tmp_path / "toy.json").write_text((folder / "result.json").read_text())
    rows = ledger_rows(tmp_path, all_published())
    ours = {row.protocol["model"] for row in rows if row.files}
    assert ours >= {"sigmoid 12-70", "relu 12-70", "random forest"}


def test_every_case_can_be_built(script):
    """Layers of all kinds, traced."""
    data = load_images("digits")
    cfg = script.Config(steps=1, pretrain_steps=1, hidden_sizes=(12, 70))
    cases = {name: script.make_case(cfg, name) for name in cfg.cases}
    assert set(cases) == set(get_args(script.CaseName))
    for case in cases.values():
        check_step(case.work, data, case.config)


def images_named(name, *counts):
    splits = [
        Split(jnp.zeros((n, 28, 28, 1), jnp.uint8), jnp.zeros(n, jnp.int32))
        for n in counts
    ]
    return Images(*splits, name=name, checksum="0" * 64)


@pytest.mark.parametrize(
    ("data", "train_on", "counts", "figures"),
    [
        ("mnist", "train", (50_000, 10_000, 10_000), 5),
        ("mnist", "all", (60_000, 10_000, 10_000), 1),
        ("mnist_basic", "train", (10_000, 2_000, 50_000), 4),
    ],
)
def test_published_protocols_have_the_same_fields(
    script, data, train_on, counts, figures
):
    entries = json.loads(PUBLISHED.read_text())
    published = {entry["id"]: entry["protocol"] for entry in entries}
    images, found = images_named(data, *counts), 0
    for name in get_args(script.CaseName):
        changes = dict(train_on=train_on, cases=(name,), learning_rate=0.1)
        cfg = dataclasses.replace(script.PRESETS[data], **changes)
        ours = script.make_protocol(cfg, images)
        if "published" not in ours:
            continue
        found += 1
        there = published[ours.pop("published")]
        assert ours.keys() == there.keys()
        differing = {k for k, v in there.items() if v is not None and v != ours[k]}
        assert differing <= {"drawn"}, name
    assert found == figures


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--cases cubic", "cubic"),
        ("--cases svm svm", "expected at least one, each once"),
        ("--hidden-sizes", "hidden_sizes is (): expected at least one layer"),
        ("--hidden-sizes 10 0", "hidden_sizes is 0"),
        ("--pretrain-steps -1", "pretrain_steps is -1: expected 0 or more"),
        ("--noise 1.0", "noise is 1.0: expected a share"),
        ("--noise -0.1", "noise is -0.1: expected a share"),
        ("--noise nan", "noise is nan: expected a finite number"),
        ("--rbm-rate 0", "rbm_rate is 0.0: expected a finite number above 0"),
        ("--svm-gamma inf", "svm_gamma is inf"),
        ("--trees 0", "trees is 0"),
        ("--batch-size 5000", "batch_size is 5000: expected at most"),
    ],
)
def test_bad_input(script, flags, said, refused):
    assert said in refused(script.main, flags.split())


def test_the_net_begins_with_exactly_the_layers_before(script):
    """And trains from there, by gradient descent that has a momentum."""
    cfg = script.Config(cases=("sigmoid-rbm",), hidden_sizes=(5, 4))
    case = script.make_case(cfg, "sigmoid-rbm")
    data = load_images("digits")
    *_, start, whole = built(case.work, case.config, data)
    kernels = [jnp.full(shape, 7.0) for shape in ((64, 5), (5, 4))]
    below = {"kernel": kernels[0], "bias": jnp.full(5, 3.0)}
    machine = {"kernel": kernels[1], "hidden_bias": jnp.full(4, 2.0)}
    top = TrainState(jax.random.key(0), machine | {"visible_bias": jnp.zeros(5)}, ())
    previous = greedy.GreedyState((below,), top)
    state = start.experiment.init(jax.random.key(1), data, previous)
    state = whole.experiment.init(jax.random.key(2), data, state)
    for layer, kernel, bias in zip(state.params[:2], kernels, (3, 2), strict=True):
        assert (layer["kernel"] == kernel).all() and (layer["bias"] == bias).all()
    shapes = [leaf.shape for leaf in jax.tree.leaves(state.opt_state)]
    assert {leaf.shape for leaf in jax.tree.leaves(state.params)} <= {*shapes}


def test_seeds_of_the_baselines(script):
    """A forest draws, a support vector machine does not."""
    cfg = script.Config(seeds=3)
    seeds = [script.make_case(cfg, name).config.seeds for name in ("svm", "forest")]
    assert seeds == [1, 3]
