"""What is particular to the two experiments of the 1997 paper."""

import dataclasses
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxdl import data
from jaxdl.ledger.published import SYSTEMS
from jaxdl.ledger.schema import read_result
from jaxdl.measures.long_lag import make_answers, stopping_protocol
from jaxdl.systems.long_lag.tasks import (
    make_protocols,
    published_sequences,
    task_of,
)
from jaxdl.train.runner import check_step

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = {
    entry["id"]: entry
    for entry in json.loads((SYSTEMS / "long_lag" / "published.json").read_text())
}


@pytest.fixture(scope="module")
def script(load_script):
    return load_script(ROOT / "experiments" / "long_lag.py")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--lag -100", "lag is -100: expected an even number from 20 to 1,000,000,000"),
        ("--lag 18", "lag is 18: expected an even number"),
        ("--lag 101", "lag is 101: expected an even number"),
        ("--learning-rate 0", "learning_rate is 0.0"),
        ("--hidden-size 0", "hidden_size is 0"),
        ("--net ancient", "ancient"),
    ],
)
def test_bad_input(script, flags, said, refused):
    assert said in refused(script.main, flags.split())


def test_symbols_that_are_not_there(script, refused):
    assert "4" in refused(script.main, "temporal-order --symbols 4".split())


@pytest.mark.parametrize(
    ("argv", "preset"),
    [
        ("", "adding"),
        ("--net modern", "adding-modern"),
        ("temporal-order", "temporal-order"),
        ("temporal-order --symbols 3", "temporal-order-3"),
        ("temporal-order --net=modern --symbols 3", "temporal-order-3-modern"),
    ],
)
def test_presets(script, argv, preset, monkeypatch):
    seen = []
    monkeypatch.setattr(script, "train", lambda cfg: seen.append(cfg) or 0)
    assert script.main(argv.split()) == 0
    assert seen == [script.PRESETS[preset]]


@pytest.fixture
def runs(script, toy_run, tmp_path):
    """A run of each task: the toy, and the other one by its flags."""
    toy = toy_run("long_lag")
    other = tmp_path / "run"
    assert script.main(["temporal-order", *toy.flags, "--out", str(other)]) == 0
    return {"lstm_adding": toy.folder, "lstm_temporal_order": other}


def test_runs_keep_the_names_of_the_two_tasks(runs):
    answers = {"lstm_adding": "predictions", "lstm_temporal_order": "outputs"}
    for name, folder in runs.items():
        result = read_result(folder / "result.json")
        assert result["experiment"] == name
        published = {m.get("published") for m in result["metrics"].values()} - {None}
        assert published <= PUBLISHED.keys() and len(published) == 2
        drawn = {path.stem for path in (folder / "figures").iterdir()}
        assert drawn == {"training", "states", answers[name]}


def test_published_protocols_are_met(script):
    """With the paper's net no field differs, if all seeds were solved."""
    found = {}
    for lag in (100, 500, 1000):
        cfg = script.Adding(lag=lag, output="logistic", steps=10)
        found |= by_id(make_protocols(cfg, window=script.WINDOW))
    for preset in ("temporal-order", "temporal-order-3"):
        cfg = script.PRESETS[preset]
        found |= by_id(make_protocols(cfg, window=script.WINDOW))
    assert len(found) == 10
    for name, ours in found.items():
        there = dict(PUBLISHED[name]["protocol"])
        ours["stopped"] = ours["stopped"]({"solved": [1.0, 1.0]})
        assert ours.keys() == there.keys()
        if "output" in there:
            assert there["output"] == f"{ours['output']} (recalled)"
            del ours["output"], there["output"]
        differing = {k for k, v in there.items() if v is not None and v != ours[k]}
        assert not differing


def by_id(protocols):
    """Protocols that refer to a figure, by its id."""
    return {p.pop("published"): p for p in protocols.values() if "published" in p}


def test_lags_without_a_figure_have_protocols(script):
    found = make_protocols(script.Adding(lag=20), window=script.WINDOW)
    assert all("published" not in protocol for protocol in found.values())


def test_unsolved_seeds_show_in_the_protocol():
    stopped = stopping_protocol(300_000)
    assert stopped({"solved": [1.0, 1.0]}) == "when the rule held"
    assert stopped({"solved": [1.0, 0.0]}) == "1 of 2 seeds unsolved at 300,000"


def test_answers_by_hand():
    def apply(params, inputs, *, mask):
        return params * inputs[:, 0]

    inputs = jax.numpy.array([[[-2.0, 3.0]], [[0.0, 0.0]]])
    targets = jax.numpy.array([[0.1, 0.9], [0.5, 0.9]])
    sequences = data.Sequences(inputs, jax.numpy.ones((2, 1), bool), targets)
    outputs, errors, correct = make_answers(apply, 0.1)(1.0, sequences)
    expected = 1 / (1 + np.exp([[2.0, -3.0], [0.0, 0.0]]))
    np.testing.assert_allclose(outputs, expected, rtol=1e-6)
    np.testing.assert_allclose(
        errors, ((expected - targets) ** 2).sum(axis=1) / 2, rtol=1e-5
    )
    assert correct.tolist() == [True, False]
    linear = make_answers(apply, 0.1, output="linear")(1.0, sequences)
    np.testing.assert_array_equal(linear.outputs, inputs[:, 0])


@pytest.mark.parametrize("preset", ["adding-modern", "temporal-order-modern"])
def test_the_modern_net(script, preset):
    """It is traced only: the toy runs train the paper's."""
    cfg = script.PRESETS[preset]
    cfg = dataclasses.replace(cfg, hidden_size=4, forget_bias=2.0)
    task = task_of(cfg).make(cfg)
    experiment = script.make_experiment(cfg, task)
    check_step(experiment, task, cfg)
    state = jax.eval_shape(experiment.init, jax.random.key(0), None, None)
    assert state.params["readout"]["kernel"].shape == (4, task.out_size)
    protocol = experiment.protocols["sequences"]
    assert protocol["net"] == "4 cells, forget gate (bias 2)"
    assert protocol["optimizer"] == "Adam" and protocol["batch_size"] == 20


@pytest.mark.parametrize(
    ("lag", "number"), [(100, 74_000), (500, 209_000), (1000, 853_000), (20, None)]
)
def test_the_papers_number_is_that_of_the_lag(script, lag, number):
    assert published_sequences(script.Adding(lag=lag)) == number


@pytest.mark.parametrize(
    ("preset", "max_error", "has_moments"),
    [("adding", 0.01, False), ("temporal-order-modern", 0.1, True)],
)
def test_rule_optimizer_and_end_are_those_of_the_task(
    script, monkeypatch, preset, max_error, has_moments
):
    """Gradient descent has no state, Adam the moments of each parameter."""
    seen = []

    def make_stopping_step(answers, optimizer, *, max_error):
        seen.append(max_error)
        return lambda state, batch: (state, {})

    monkeypatch.setattr(script, "make_stopping_step", make_stopping_step)
    plan = script.plan(script.PRESETS[preset])
    experiment = script.make_experiment(plan.config, plan.data)
    assert seen == [max_error]
    state = jax.eval_shape(experiment.init, jax.random.key(0), plan.data, None)
    moments = len(jax.tree.leaves(state.opt_state)) >= len(
        jax.tree.leaves(state.params)
    )
    assert moments is has_moments
    assert experiment.done(state._replace(done="rule")) == "rule"
