"""`jaxdl.load`: what a finished run left, or one sentence on why there is nothing."""

import dataclasses
import json
import shutil
import types

import jax
import numpy as np
import pytest
import toy_experiment
from toy_experiment import make_experiment

from jaxdl import load, run
from jaxdl.errors import InputError, RunError
from jaxdl.registry import System
from jaxdl.train.config import free
from jaxdl.train.disk import read_sealed, write_sealed
from jaxdl.train.experiment import Case, Phase, Plan, Sweep
from jaxdl.types import Model, Network

MODEL = Model(lambda key: jax.random.normal(key, (16, 16)), lambda w, x: x @ w)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(toy_experiment.Config):
    """The toy, one case or phase a learning rate."""

    steps: int = 4
    rates: tuple[float, ...] = (0.01,)
    shape: str = "sweep"
    checksum: str = free("0" * 64)


def work_of(cfg, data):
    """A lone experiment, or two phases of it."""
    assert isinstance(cfg.rates, tuple)
    networks = {"map": Network(MODEL, "numbers [n 16] to [n 16]", lambda s: s.weights)}
    alone = make_experiment(cfg, networks=networks)
    later = alone._replace(
        init=lambda key, data, previous: previous._replace(key=key), networks={}
    )
    phases = [Phase("early", 4, alone), Phase("late", 2, later)]
    return {"alone": alone, "phases": phases}[cfg.shape]


def plan(cfg):
    data = dataclasses.replace(toy_experiment.examples(), checksum=cfg.checksum)
    work = work_of
    if cfg.shape == "sweep":
        shapes = ("alone", "phases")
        cases = {k: Case(dataclasses.replace(cfg, shape=k), work_of) for k in shapes}
        work = Sweep(cases)
    return Plan("toy", work, data, cfg)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The record of a finished sweep of two seeds."""
    out = tmp_path_factory.mktemp("toy") / "run"
    return run(*plan(Config(seeds=2, executor="vmap", out=out)))


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """The toy is the experiment of a system."""
    script = types.ModuleType("script")
    script.Config, script.plan, script.__file__ = Config, plan, "toy.py"
    monkeypatch.setattr("jaxdl.trained.load_script", lambda system: script)
    system = System("The toy", "", None, name="toys", experiments=("toy",))
    monkeypatch.setattr("jaxdl.registry.find_systems", lambda: [system])
    return script


def test_a_case_gives_networks_parameters_and_configuration(found):
    folder = found.folder / "alone"
    trained = load(str(folder))
    states = found.parts["alone"].states
    assert trained.folder == trained.config.out == folder
    assert trained.system == "toys" and trained.config.shape == "alone"
    assert trained.config.rates == (0.01,) and trained.config.seeds == 2
    assert trained.data.name == "toy"
    assert trained.result == read_sealed(folder / "result.json")
    assert list(trained.networks) == ["map"] and trained.model is MODEL
    for ours, state, params in zip(trained.states, states, trained.params, strict=True):
        jax.tree.map(np.testing.assert_array_equal, ours.opt_state, state.opt_state)
        np.testing.assert_array_equal(params, state.weights)
    assert trained.networks["map"].params is trained.params
    x = np.ones((3, 16), np.float32)
    assert trained.model.apply(trained.params[1], x).shape == (3, 16)


@pytest.mark.parametrize(("name", "count"), [("", 6), ("late", 6), ("early", 4)])
def test_of_phases_the_last_or_the_one_that_is_named(found, name, count):
    trained = load(found.folder / "phases" / name)
    parts = found.parts["phases"].parts
    assert [state.count for state in trained.states] == [count, count]
    for ours, state in zip(trained.states, parts[name or "late"].states, strict=True):
        np.testing.assert_array_equal(ours.weights, state.weights)
    if name == "early":
        assert trained.networks
    else:
        with pytest.raises(InputError, match="toys names no network.*in states"):
            _ = trained.params


@pytest.fixture
def copied(found, tmp_path):
    """The folder of a copy of the run, which a test may change."""
    return shutil.copytree(found.folder, tmp_path / "copy")


def refusal(folder, **places):
    with pytest.raises(InputError) as caught:
        load(folder, **places)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_sweep_is_refused_and_names_a_case(found):
    assert f"load one of its cases, such as {found.folder / 'alone'}" in refusal(
        found.folder
    )


def test_no_run(tmp_path):
    assert "holds no run" in refusal(tmp_path)
    assert "holds no run" in refusal(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    assert "is a file" in refusal(tmp_path / "file")


def test_an_unfinished_run(copied):
    (copied / "result.json").unlink()
    assert "unfinished run" in refusal(copied)
    load(copied / "alone")  # this case is finished
    (copied / "alone" / "result.json").unlink()
    assert "unfinished run" in refusal(copied / "alone")


@pytest.mark.parametrize("name", ["config.json", "result.json"])
def test_a_damaged_file(copied, name):
    path = copied / "alone" / name
    path.write_text(path.read_text().replace("16", "17").replace("64", "65"))
    assert f"{name} does not match its checksum" in refusal(path.parent)
    path.write_text("{")
    assert f"{name} is not JSON" in refusal(path.parent)


def test_a_lost_checkpoint(copied):
    shutil.rmtree(copied / "alone" / "checkpoints")
    with pytest.raises(RunError, match="checkpoint of .* is missing or damaged"):
        load(copied / "alone")


def rewrite(path, **changes):
    write_sealed(path, {**read_sealed(path), **changes})


def test_an_experiment_that_no_system_trains(copied):
    for path in (copied / "config.json", copied / "alone" / "config.json"):
        rewrite(path, experiment="unknown")
    said = refusal(copied / "alone")
    assert "no system trains an experiment called unknown: expected one of toys" in said
    assert "jaxdl.train.load_run(folder, work, data)" in said


def test_a_configuration_of_another_version(copied):
    path = copied / "config.json"
    rewrite(path, config={**read_sealed(path)["config"], "colour": "red"})
    assert "another version: its configuration has the fields colour" in refusal(
        copied / "alone"
    )


def test_a_case_of_another_version(copied):
    (copied / "alone").rename(copied / "gone")
    path = copied / "config.json"
    rewrite(path, cases={"gone": {}})
    said = refusal(copied / "gone")
    assert "there is no case gone now, expected one of alone, phases" in said


def test_a_case_that_was_moved_away(copied, tmp_path):
    shutil.copytree(copied / "alone", tmp_path / "moved")
    path = tmp_path / "moved" / "config.json"
    fields = {**read_sealed(path)["config"], "shape": "sweep"}
    rewrite(path, config=fields)  # its plan is a sweep again
    assert "was moved out of its folder: put it back" in refusal(tmp_path / "moved")


def test_other_data(found):
    said = refusal(found.folder / "alone", checksum="1" * 64)
    assert "trained on other data (toy, checksum 00000000) than are found now" in said


@pytest.mark.parametrize("name", ["learning_rate", "out", "colour"])
def test_only_places_can_be_set(found, name):
    said = refusal(found.folder / "alone", **{name: 1})
    assert f"{name} cannot be set when a run is loaded: expected one of" in said
    assert "checksum" in said and "learning_rate," not in said


def test_a_script_that_trains_nothing(found, known):
    del known.plan
    assert "toy.py cannot build a run again" in refusal(found.folder / "alone")


def test_presets_may_have_classes_of_their_own(found, known):
    known.PRESETS = {"other": toy_experiment.Config(), "toy": Config()}
    del known.Config
    assert isinstance(load(found.folder / "alone").config, Config)


def test_json_lists_come_back_as_tuples(copied):
    path = copied / "config.json"
    assert json.loads(path.read_text())["config"]["rates"] == [0.01]
    assert load(copied / "phases").config.rates == (0.01,)
