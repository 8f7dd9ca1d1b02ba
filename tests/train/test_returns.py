"""What evaluate, figures and remarks give: wrong ones are one sentence."""

import contextlib
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.figure import Figure
from toy_experiment import Config, examples, make_experiment

from jaxdl.errors import RunError
from jaxdl.train.experiment import Case, Sweep
from jaxdl.train.returns import drawn, evaluated, remarked, require_known_metrics
from jaxdl.train.runner import run
from jaxdl.types import History, Series

DATA = examples()
HISTORY = History(Series(np.arange(0), {}), Series(np.arange(0), {}))
GOOD = make_experiment(Config())


def dicts(*values):
    """An evaluation that gives one after the other."""
    left = list(values)
    return lambda state, data, key, final: left.pop(0)


def stopped(tmp_path, **changes):
    """What is said of a run of two seeds, and the folder of what it left."""
    config = Config(steps=0, seeds=2, executor="vmap", out=tmp_path / "run")
    with pytest.raises(RunError) as caught:
        run("toy", GOOD._replace(**changes), DATA, config)
    said = str(caught.value)
    assert "\n" not in said and "correct it and give the same command again" in said
    assert not (config.out / "result.json").exists()
    # As it is corrected, the same command ends.
    assert run("toy", GOOD, DATA, config).exit_code == 0
    return said


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([None, None], "gives None: expected a dict of numbers and arrays"),
        ([1.0, 2.0], "gives 1.0: expected a dict"),
        ([{"error": None}, {}], "gives None as 'error': expected a dict"),
        ([{"error": "low"}, {}], "gives the text 'low' as 'error'"),
        ([{"error": 1j}, {}], "as 'error': expected a dict"),
        ([{"error": [[1], [1, 2]]}, {}], "gives a list of 2 as 'error'"),
        ([{3: 1.0}, {3: 1.0}], "gives 1.0 as 3: expected a dict"),
        ([{"error": jax.random.key(0)}, {}], "as 'error': expected a dict"),
        ([{"a": 1.0}, {"b": 1.0}], "gives a of shape () for one seed and none for an"),
        ([{"a": np.ones(2)}, {"a": np.ones(3)}], "gives a of shape (2,) for one seed"),
        ([{}, {}], "gives no number after the last step"),
        ([{"a": np.ones(2)}] * 2, "gives no number after the last step"),
    ],
)
def test_evaluations(found, said):
    fn = dicts(*found)
    with pytest.raises(RunError) as caught:
        evaluated(fn, found, True, "all is kept")
    sentence = str(caught.value)
    assert said in sentence and "; all is kept; correct it" in sentence
    assert sentence.startswith("evaluate (test_returns.py, line ")


def test_evaluations_that_are_good():
    values = [
        {"a": i, "b": True, "c": jnp.bfloat16(1.5), "d": np.ones((2, 3)), "e": 0.5}
        for i in range(2)
    ]
    rows = evaluated(dicts(), values, True, "")
    assert {k: v.shape for k, v in rows.items()} == {
        **dict.fromkeys("abce", (2,)),
        "d": (2, 2, 3),
    }
    assert rows["a"].tolist() == [0, 1] and float(rows["c"][0]) == 1.5
    assert evaluated(dicts(), [{}, {}], False, "") == {}


def test_a_run_whose_evaluation_is_of_no_use(tmp_path):
    said = stopped(tmp_path, evaluate=dicts({"error": 1.0}, None))
    assert "gives None: expected a dict" in said and "no checkpoint was saved" in said


def test_protocols_of_metrics_that_are_not_there(tmp_path):
    said = stopped(tmp_path, protocols={"final_eror": {"steps": 0}})
    assert "protocols names final_eror, which evaluate does not give" in said
    assert "error, final_error; did you mean final_error?" in said


@pytest.mark.parametrize(
    ("protocols", "wrong"),
    [
        ({}, False),
        ({"error": {}}, False),
        ({"error": {}, "frechet": {}}, False),  # measured with other flags
        ({"frechet": {}}, True),
        ({"final_eror": {}, "frechet": {}}, True),
        ({"error": {}, "final_eror": {}}, False),  # another name may be meant
    ],
)
def test_protocols_may_name_what_other_configurations_measure(protocols, wrong):
    outcome = pytest.raises(RunError) if wrong else contextlib.nullcontext()
    with outcome:
        require_known_metrics(protocols, ["error", "final_error"], "")


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (lambda record: record.result, "gives None: expected a dict of matplotlib fig"),
        (lambda record: [Figure()], "gives a list of 1"),
        (lambda record: {"a": None}, "gives None as 'a'"),
        (lambda record: {"b": Figure(), "a": "a.png"}, "gives the text 'a.png' as 'a'"),
        (lambda record: {"a/b": Figure()}, "gives a Figure as 'a/b'"),
        (lambda record: {1: Figure()}, "gives a Figure as 1"),
    ],
)
def test_figures(figures, said):
    with pytest.raises(RunError) as caught:
        drawn(figures, types.SimpleNamespace(result=None), Path("runs/a"))
    found = str(caught.value)
    assert said in found and found.startswith("figures (test_returns.py, line ")
    assert "the training is kept in runs/a; correct it and give" in found


def test_a_run_whose_figures_are_none(tmp_path):
    said = stopped(tmp_path, figures=lambda record: {"a": Figure(), "b": None})
    assert "gives None as 'b'" in said and "which only draws" in said
    assert not list((tmp_path / "run" / "figures").iterdir())


def test_figures_of_a_sweep(tmp_path):
    config = Config(steps=0, seeds=2, executor="vmap", out=tmp_path / "run")
    cases = {"a": Case(config, GOOD)}
    with pytest.raises(RunError, match="figures .* gives a list of 0: expected a dict"):
        run("toy", Sweep(cases, lambda records: []), DATA, config)
    assert run("toy", Sweep(cases, lambda records: {}), DATA, config).exit_code == 0


@pytest.mark.parametrize(
    ("remarks", "said"),
    [
        (lambda history: "fast", "gives the text 'fast': expected a dict"),
        (lambda history: {"speed": "fast"}, "gives the text 'fast' as 'speed'"),
        (lambda history: {"speed": {"word": "fast"}}, "gives a dict as 'speed'"),
        (lambda history: {"speed": {"text": "a\nb"}}, "gives a dict as 'speed'"),
        (lambda history: {"speed": {"text": "a", "x": np.ones(2)}}, "gives a dict as"),
        (lambda history: {"speed": {"text": "a", "x": float("nan")}}, "a dict as"),
        (lambda history: {1: {"text": "a"}}, "gives a dict as 1"),
        (
            lambda history, names=list("ab"): {names.pop(): {"text": ""}},
            "for each seed",
        ),
    ],
)
def test_remarks(remarks, said):
    with pytest.raises(RunError) as caught:
        remarked(remarks, [HISTORY, HISTORY])
    found = str(caught.value)
    assert said in found and "the training is kept; correct it" in found


def test_a_run_whose_remarks_are_none(tmp_path):
    said = stopped(tmp_path, remarks=lambda history: {"speed": {"texts": "fast"}})
    assert "gives a dict as 'speed': expected a dict, such as {'speed': {" in said
