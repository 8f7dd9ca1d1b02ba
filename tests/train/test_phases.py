"""Phases: each goes on from what the one before left, in the same bits however cut."""

import dataclasses
import functools
import json
import os
import shutil
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_experiment import Config, examples, make_experiment

from jaxdl.errors import InputError, RunError
from jaxdl.train.config import config_hash
from jaxdl.train.disk import read_sealed
from jaxdl.train.experiment import Case, Phase, Sweep
from jaxdl.train.leaves import state_sha256
from jaxdl.train.runner import load_run, run
from jaxdl.train.seeds import seed_keys

DATA = examples()


@functools.cache
def going_on(init):
    """An `init` that keeps the weights of the phase before."""

    def go_on(key, data, previous):
        return init(key, data, None)._replace(weights=previous.weights)

    return go_on


def make_phases(cfg, steps=(20, 0, 30), **changes):
    """Training, then an evaluation only, then training with a new optimizer state."""
    first = make_experiment(cfg)
    later = first._replace(init=going_on(first.init))
    names = ("early", "between", "late")
    experiments = (first, later, later._replace(**changes))
    return [Phase(*phase) for phase in zip(names, steps, experiments, strict=True)]


def stopped_in(phases, index, step):
    """The phases, with a signal in the evaluation of one of them after `step`."""
    sent = []
    phase = phases[index]

    def evaluate(state, data, key, final):
        if state.count == step and not sent:
            sent.append(step)
            os.kill(os.getpid(), signal.SIGTERM)
        return phase.experiment.evaluate(state, data, key, final)

    changed = phase._replace(experiment=phase.experiment._replace(evaluate=evaluate))
    return [*phases[:index], changed, *phases[index + 1 :]]


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    fields = {"seeds": 2, "executor": "vmap", "eval_every": 10, "log_every": 7}
    cfg = Config(**fields, out=tmp_path_factory.mktemp("phases") / "run")
    return run("toy", make_phases(cfg), DATA, cfg), fields


def test_a_phase_begins_where_the_one_before_ended(untouched):
    record, _ = untouched
    early, between, late = record.parts.values()
    for before, after in zip(early.states, between.states, strict=True):
        np.testing.assert_array_equal(before.weights, after.weights)
        assert before.count == 20 and after.count == 0
    for after, last in zip(late.states, record.states, strict=True):
        assert np.abs(after.weights - between.states[0].weights).max() > 0
        assert state_sha256(after) == state_sha256(last)


def test_each_phase_draws_by_keys_of_its_own(untouched):
    record, _ = untouched
    draws = [p.history.evaluations.values["draw"][-1] for p in record.parts.values()]
    assert len({float(x) for draw in draws for x in draw}) == 6
    keys = [key for seed in (0, 1) for i in range(3) for key in seed_keys(seed, i)]
    assert len({tuple(jax.random.key_data(key).tolist()) for key in keys}) == 24
    for one, two in zip(seed_keys(5), seed_keys(5, 0), strict=True):
        np.testing.assert_array_equal(*map(jax.random.key_data, (one, two)))


def test_what_phases_leave_behind(untouched):
    record, _ = untouched
    result = read_sealed(record.folder / "result.json")
    assert result == record.result
    late = read_sealed(record.folder / "late" / "result.json")
    assert list(result["phases"]) == ["early", "between", "late"]
    assert result["phases"]["late"] == late
    assert result["metrics"] == late["metrics"]
    assert result["state_sha256"] == late["state_sha256"]
    assert result["steps"] == 50 and late["steps"] == 30
    parts = result["phases"].values()
    assert result["wall_seconds"] == sum(part["wall_seconds"] for part in parts)
    peaks = [part["peak_memory_bytes"] for part in parts]
    assert result["peak_memory_bytes"] == max(peaks) > 0
    assert result["config"]["steps"] == 60  # the configuration's, which phases leave
    assert result["config_hash"] == config_hash("toy", record.config)
    assert str(record.folder) not in json.dumps(result)


def test_a_stopped_run_goes_on_in_the_same_bits(untouched, tmp_path):
    whole, fields = untouched
    cfg = Config(**fields, out=tmp_path / "run")
    first = run("toy", stopped_in(make_phases(cfg), 2, 10), DATA, cfg)
    assert first.exit_code == 143 and first.result is None
    assert not (tmp_path / "run" / "result.json").exists()
    assert len(first.parts) == 3
    second = run("toy", make_phases(cfg), DATA, cfg)
    assert second.exit_code == 0
    assert second.result["state_sha256"] == whole.result["state_sha256"]
    assert second.result["metrics"] == whole.result["metrics"]


def test_a_finished_run_prints_its_result_again(untouched, capsys):
    record, fields = untouched
    capsys.readouterr()
    cfg = Config(**fields, out=record.folder)
    before = {p: p.stat().st_mtime_ns for p in record.folder.rglob("*") if p.is_file()}
    again = run("toy", make_phases(cfg), DATA, cfg)
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert again.result == record.result
    assert [state_sha256(s) for s in again.states] == [
        state_sha256(s) for s in record.states
    ]
    assert record.result["state_sha256"][:16] in capsys.readouterr().out


def test_a_seed_alone_is_that_seed_among_others(tmp_path):
    alone, both = (
        Config(
            seed=1 - more, seeds=1 + more, executor="sequential", out=tmp_path / name
        )
        for more, name in enumerate(("alone", "both"))
    )
    one, two = (run("toy", make_phases(cfg), DATA, cfg) for cfg in (alone, both))
    assert state_sha256(one.states[0]) == state_sha256(two.states[1])


def test_load_run(untouched):
    record, fields = untouched
    cfg = Config(**fields, out=record.folder)
    config, states = load_run(record.folder, make_phases(cfg), DATA)
    assert config["seeds"] == 2
    assert [state_sha256(s) for s in states] == record.result["state_sha256_per_seed"]


def test_a_lost_checkpoint_of_an_earlier_phase(tmp_path, capsys):
    cfg = Config(out=tmp_path / "run")
    assert run("toy", stopped_in(make_phases(cfg), 2, 3), DATA, cfg).exit_code == 143
    shutil.rmtree(tmp_path / "run" / "between" / "checkpoints")
    with pytest.raises(RunError, match="late cannot go on.*phase before.*result.json"):
        run("toy", make_phases(cfg), DATA, cfg)
    assert "missing or damaged" in capsys.readouterr().err
    (tmp_path / "run" / "between" / "result.json").unlink()
    assert run("toy", make_phases(cfg), DATA, cfg).exit_code == 0


def test_a_signal_in_the_last_evaluation_stops_before_the_next_phase(
    untouched, tmp_path
):
    whole, fields = untouched
    cfg = Config(**fields, out=tmp_path / "run")
    first = run("toy", stopped_in(make_phases(cfg), 0, 20), DATA, cfg)
    assert first.exit_code == 143 and first.result is None
    assert (tmp_path / "run" / "early" / "result.json").exists()
    assert not (tmp_path / "run" / "between").exists()
    second = run("toy", make_phases(cfg), DATA, cfg)
    assert second.result["state_sha256"] == whole.result["state_sha256"]


def test_a_finished_run_that_lost_an_early_checkpoint(untouched, tmp_path, capsys):
    record, fields = untouched
    folder = tmp_path / "run"
    shutil.copytree(record.folder, folder)
    shutil.rmtree(folder / "early" / "checkpoints")
    again = run(
        "toy", make_phases(Config(**fields)), DATA, Config(**fields, out=folder)
    )
    assert again.parts["early"].states is None
    assert "missing or damaged" in capsys.readouterr().err
    assert [state_sha256(s) for s in again.states] == record.result[
        "state_sha256_per_seed"
    ]


def test_other_steps_are_another_run(untouched, tmp_path):
    record, fields = untouched
    folder = tmp_path / "run"
    shutil.copytree(record.folder, folder)
    cfg = Config(**fields, out=folder)
    with pytest.raises(InputError, match="phases"):
        run("toy", make_phases(cfg, steps=(20, 0, 31)), DATA, cfg)


@pytest.mark.parametrize("names", [("a", "b", "a"), ("A", "b", "c"), ("a/b", "c", "d")])
def test_names_must_be_fit_for_folders(names, tmp_path):
    cfg = Config(out=tmp_path / "run")
    phases = [p._replace(name=n) for p, n in zip(make_phases(cfg), names, strict=True)]
    with pytest.raises(InputError, match="a phase is called"):
        run("toy", phases, DATA, cfg)
    with pytest.raises(InputError, match="there is no phase"):
        run("toy", [], DATA, cfg)
    assert not (tmp_path / "run").exists()


def test_what_cannot_work_later_is_refused_before_anything_is_written(tmp_path):
    cfg = Config(out=tmp_path / "run")

    def refuse(state, batch):
        raise InputError("the third phase cannot take this batch")

    with pytest.raises(InputError, match="third phase"):
        run("toy", make_phases(cfg, step=refuse), DATA, cfg)
    assert not (tmp_path / "run").exists()


def test_a_sweep_over_phases(tmp_path):
    cfg = Config(out=tmp_path / "sweep", steps=5)
    cases = {
        "plain": Case(cfg, make_experiment(cfg)),
        "phased": Case(dataclasses.replace(cfg, seed=3), make_phases(cfg)),
    }
    seen = {}

    def figures(records):
        seen.update({name: list(record.parts) for name, record in records.items()})
        return {}

    record = run("toy", Sweep(cases, figures), DATA, cfg)
    assert seen == {"plain": [], "phased": ["early", "between", "late"]}
    assert set(record.result["cases"]["phased"]["phases"]) == set(seen["phased"])
    weights = record.parts["phased"].parts["early"].states[0].weights
    assert bool(jnp.isfinite(weights).all())
    (tmp_path / "sweep" / "result.json").unlink()
    shutil.rmtree(tmp_path / "sweep" / "phased" / "early" / "checkpoints")
    with pytest.raises(RunError, match="early has lost its final checkpoint"):
        run("toy", Sweep(cases, figures), DATA, cfg)
