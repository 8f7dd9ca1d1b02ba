"""The sweep over cells and lags, at toy size, as a user starts it."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from jaxdl import data
from jaxdl.train.runner import check_step

ROOT = Path(__file__).resolve().parents[3]
TOY = (
    "--cells rnn --lags 3 --steps 20 --hidden-size 4 --seeds 2 --block-steps 10"
).split()


@pytest.fixture(scope="module")
def script(load_script):
    return load_script(ROOT / "experiments" / "rnn_memory.py")


@pytest.fixture(scope="module")
def folder(script, tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory") / "run"
    assert script.main([*TOY, "--out", str(folder)]) == 0
    return folder


def test_a_result_for_each_case(folder):
    cases = json.loads((folder / "result.json").read_text())["cases"]
    assert list(cases) == ["rnn-3"]
    metrics = cases["rnn-3"]["metrics"]
    assert metrics.keys() == {
        *("accuracy", "solved"),
        *("log10_gradient", "log10_gradient_initial"),
    }
    accuracies, solved = (metrics[k]["per_seed"] for k in ("accuracy", "solved"))
    assert all(0.3 < accuracy <= 1 for accuracy in accuracies)
    assert solved == [accuracy >= 0.99 for accuracy in accuracies]
    before, after = (
        metrics[key]["mean"] for key in ("log10_gradient_initial", "log10_gradient")
    )
    assert before != after and -3 < before < 1


def test_the_cells(script):
    """A step of each is traced only."""
    tasks = data.latch(3)
    for cell in ("rnn", "gru", "lstm"):
        cfg = script.Config(cells=(cell,), lags=(3,), hidden_size=5)
        experiment = script.make_experiment(cfg, tasks)
        check_step(experiment, tasks, cfg)
        protocol = experiment.protocols["solved"]
        assert protocol["cell"] == cell and protocol["lag"] == 3
        assert ("forget_bias" in protocol) is (cell == "lstm")


def test_the_figure(folder):
    (path,) = (folder / "figures").iterdir()
    with Image.open(path) as picture:
        assert path.stem == "memory" and picture.width == 1000
        assert np.asarray(picture.convert("L")).std() > 5


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--lags -5", "lags is -5: expected 1 or more"),
        ("--lags", "lags is (): expected at least one"),
        ("--cells rnn rnn", "expected at least one, each once"),
        ("--max-norm 0", "max_norm is 0.0"),
        ("--hidden-size 0", "hidden_size is 0"),
        ("--cells elman", "elman"),
    ],
)
def test_bad_input(script, flags, said, refused):
    assert said in refused(script.main, flags.split())


def test_each_case_trains_and_is_measured_on_its_own_lag(script, monkeypatch):
    measured = []

    def make_memory_evaluate(layer, apply, task):
        measured.append(task.name)
        return lambda state, data, key, final: {}

    monkeypatch.setattr(script, "make_memory_evaluate", make_memory_evaluate)
    plan = script.plan(script.Config(cells=("rnn",), lags=(2, 7), batch_size=3))
    for lag, case in zip((2, 7), plan.work.cases.values(), strict=True):
        batch = script.make_experiment(case.config, plan.data).batch
        drawn = jax.eval_shape(batch, plan.data, jax.random.key(0), 0)
        assert drawn.inputs.shape == (3, lag + 1, 6)
    assert measured == ["latch_2", "latch_7"]
