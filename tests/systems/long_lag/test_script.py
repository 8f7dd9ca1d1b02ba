"""What is particular to the two experiments of the 1997 paper."""

import dataclasses
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxdl import data
from jaxdl.ledger.published import SYSTEMS
from jaxdl.measures.long_lag import make_answers, stopping_protocol
from jaxdl.train.run import check_step

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = {
    entry["id"]: entry
    for entry in json.loads((SYSTEMS / "long_lag" / "published.json").read_text())
}


@pytest.fixture(scope="module", params=["lstm_adding", "lstm_temporal_order"])
def script(request, load_script):
    return load_script(ROOT / "experiments" / f"{request.param}.py")


@pytest.fixture
def adding(load_script):
    return load_script(ROOT / "experiments" / "lstm_adding.py")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--lag -100", "lag is -100: expected an even number of 20 or more"),
        ("--lag 18", "lag is 18: expected an even number"),
        ("--lag 101", "lag is 101: expected an even number"),
        ("--learning-rate 0", "learning_rate is 0.0"),
        ("--hidden-size 0", "hidden_size is 0"),
        ("--net ancient", "ancient"),
    ],
)
def test_bad_input(adding, flags, said, refused):
    assert said in refused(adding.main, flags.split())


def test_published_protocols_are_met(load_script):
    """With the paper's net no field differs, if all seeds were solved."""
    adding = load_script(ROOT / "experiments" / "lstm_adding.py")
    order = load_script(ROOT / "experiments" / "lstm_temporal_order.py")
    found = {}
    for lag in (100, 500, 1000):
        fields = dict(output="logistic", learning_rate=0.5, batch_size=1, steps=10)
        found |= by_id(adding.protocols(adding.Config(lag=lag, **fields)))
    for symbols in (2, 3):
        cfg = order.Config(symbols=symbols, **order.RECIPES["paper", symbols])
        found |= by_id(order.protocols(cfg))
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


def test_lags_without_a_figure_have_protocols(adding):
    cfg = adding.Config(lag=20, learning_rate=0.5, batch_size=1, steps=10)
    assert all("published" not in p for p in adding.protocols(cfg).values())


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


def test_the_modern_net(script):
    """It is traced only: the toy runs train the paper's."""
    adds = "lag" in {field.name for field in dataclasses.fields(script.Config)}
    task = data.adding(100) if adds else data.temporal_order(2)
    recipe = script.MODERN if adds else script.RECIPES["modern", 2]
    cfg = script.Config(net="modern", hidden_size=4, forget_bias=2.0, **recipe)
    experiment = script.make_experiment(cfg, task)
    check_step(experiment, task, cfg)
    state = jax.eval_shape(experiment.init, jax.random.key(0), None, None)
    assert state.params["readout"]["kernel"].shape == (4, task.out_size)
    protocol = experiment.protocols["sequences"]
    assert protocol["net"] == "4 cells, forget gate (bias 2)"
    assert protocol["optimizer"] == "Adam" and protocol["batch_size"] == 20
