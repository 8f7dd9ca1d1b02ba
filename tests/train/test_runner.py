"""The runner: the same bits however a run is cut up, and plain words when it stops."""

import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import sys
import time
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy_experiment
from toy_experiment import Config, examples, make_experiment

from jaxdl.errors import InputError, RunError
from jaxdl.train import loop, runner
from jaxdl.train.checkpoint import Checkpoints
from jaxdl.train.disk import read_sealed
from jaxdl.train.experiment import Case, Phase, Sweep
from jaxdl.train.leaves import state_sha256
from jaxdl.train.load import load_trees
from jaxdl.train.runner import load_run, run
from jaxdl.train.seeds import seed_keys

DATA = examples()


def lines_of(folder, clock=False):
    """The lines of metrics.jsonl, by default without what a clock decides."""
    text = (folder / "metrics.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    return (
        lines if clock else [{**line, "clock": None, "check": None} for line in lines]
    )


def stop_at(step, experiment, number=signal.SIGTERM):
    """The experiment, sending its process a signal in the evaluation after `step`."""

    sent = []

    def evaluate(state, data, key, final):
        if state.count == step and not sent:
            sent.append(number)
            os.kill(os.getpid(), number)
        return experiment.evaluate(state, data, key, final)

    return experiment._replace(evaluate=evaluate)


@pytest.fixture(scope="module", params=["sequential", "vmap"])
def untouched(request, tmp_path_factory):
    """A run of two seeds that nothing disturbed, and its configuration's fields."""
    fields = {"seeds": 2, "executor": request.param, "eval_every": 20, "log_every": 7}
    cfg = Config(**fields, out=tmp_path_factory.mktemp("untouched") / "run")
    return run("toy", make_experiment(cfg), DATA, cfg), fields


@pytest.fixture(scope="module")
def briefly_untouched(untouched, tmp_path_factory):
    """As before, with a third of the steps, for runs that save after each."""
    fields = untouched[1] | {"steps": 20, "eval_every": 10}
    cfg = Config(**fields, out=tmp_path_factory.mktemp("briefly") / "run")
    return run("toy", make_experiment(cfg), DATA, cfg), fields


def test_what_a_run_leaves_behind(untouched):
    record, fields = untouched
    folder = record.folder
    assert record.exit_code == 0 and len(record.states) == 2
    names = {path.name for path in folder.iterdir()}
    assert names >= {"config.json", "metrics.jsonl", "checkpoints", "result.json"}
    assert any(name.startswith("events.out.tfevents.") for name in names)
    config = json.loads((folder / "config.json").read_text())
    assert config["executor"] == fields["executor"]
    assert "out" not in config["config"] and "eval_every" not in config["config"]
    result = read_sealed(folder / "result.json")
    assert result == record.result
    assert result["seeds"] == [0, 1] and result["steps"] == 60
    error = result["metrics"]["error"]
    assert error["per_seed"] == [
        float(jnp.mean((DATA.train["x"] @ s.weights - DATA.train["y"]) ** 2))
        for s in record.states
    ]
    assert error["mean"] == pytest.approx(np.mean(error["per_seed"]))
    assert error["ci95"][0] < error["mean"] < error["ci95"][1]
    assert "final_error" in result["metrics"]
    assert str(folder) not in json.dumps(result)
    for field in ("wall_seconds", "steps_per_second", "peak_memory_bytes"):
        assert result[field] > 0
    assert len(result["state_sha256"]) == 64
    assert result["state_sha256_per_seed"] == [state_sha256(s) for s in record.states]


def test_the_last_block_takes_time_too(tmp_path, monkeypatch):
    """Blocks of 10 of 40 steps: the first compiles, each other one lasts 0.2 s."""
    begin, fetched = loop.Loop.__init__, []

    def slowly(self, experiment, executor, *args):
        def fetch(metrics):
            if fetched:
                time.sleep(0.2)
            fetched.append(executor.fetch(metrics))
            return fetched[-1]

        begin(self, experiment, executor._replace(fetch=fetch), *args)

    monkeypatch.setattr(loop.Loop, "__init__", slowly)
    cfg = Config(steps=40, block_steps=10, eval_every=40, out=tmp_path / "run")
    record = run("toy", make_experiment(cfg), DATA, cfg)
    assert len(fetched) == 4
    assert record.result["steps_per_second"] <= 30 / 0.6
    for line in lines_of(tmp_path / "run", clock=True):
        assert line["clock"]["steps_per_second"] <= 10 / 0.2


@pytest.fixture
def second_a_block(monkeypatch):
    """A clock that moves by a second in each block of steps, and at nothing else."""
    clock, begin = itertools.count(1), loop.Loop.__init__
    now = [0.0]

    def timed(self, experiment, executor, *args):
        def advance(*block):
            now[0] = float(next(clock))
            return executor.advance(*block)

        begin(self, experiment, executor._replace(advance=advance), *args)

    monkeypatch.setattr(loop.Loop, "__init__", timed)
    fake = types.SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr(loop, "time", fake)


def test_a_save_is_due_some_seconds_after_the_last(
    tmp_path, monkeypatch, second_a_block
):
    saves, save = [], Checkpoints.save

    def saving(self, step, *rest):
        saves.append(step)
        save(self, step, *rest)

    monkeypatch.setattr(Checkpoints, "save", saving)
    fields = dict(steps=80, eval_every=80, save_every=80, block_steps=10)
    cfg = Config(**fields, save_seconds=2.5, out=tmp_path / "run")
    run("toy", make_experiment(cfg), DATA, cfg)
    assert saves == [30, 60, 80]


def test_costs_count_on_where_a_run_was_stopped(tmp_path, monkeypatch, second_a_block):
    """Eight blocks of 10 steps, the first of each process compiled, stopped at 40."""
    fields = dict(steps=80, eval_every=40, block_steps=10)
    cfg = Config(**fields, out=tmp_path / "run")
    experiment = make_experiment(cfg)
    for peak in (7 * 10**12, 10**12):
        monkeypatch.setattr(loop.provenance, "peak_memory_bytes", lambda x=peak: x)
        record = run("toy", stop_at(40, experiment), DATA, cfg)
    seconds = {"wall": 8, "train": 6, "compile": 2, "evaluate": 0}
    assert record.result["seconds"] == seconds
    assert record.result["wall_seconds"] == 8
    assert record.result["steps_per_second"] == 10
    assert record.result["peak_memory_bytes"] == 7 * 10**12


def test_each_logged_step_once(untouched):
    record, _ = untouched
    steps = [line["step"] for line in lines_of(record.folder)]
    assert steps == sorted({1, *range(7, 60, 7), 20, 40, 60})
    assert record.history.train.steps.tolist() == steps
    assert record.history.evaluations.steps.tolist() == [20, 40, 60]
    assert record.history.train.values["loss"].shape == (len(steps), 2)
    weights = record.history.evaluations.values["weights"]
    assert weights.shape == (3, 2, 2, toy_experiment.SIZE)
    np.testing.assert_array_equal(weights[-1, 1], record.states[1].weights[:2])


def test_evaluation_draws_the_same_each_time(untouched):
    draws = untouched[0].history.evaluations.values["draw"]
    assert (draws == draws[0]).all() and draws[0, 0] != draws[0, 1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_same_command_goes_on(
    untouched, tmp_path, capsys, number
):
    record, fields = untouched
    cfg = Config(**fields, out=tmp_path / "run")
    experiment = make_experiment(cfg)
    for step in (20, 40):
        stopped = run("toy", stop_at(step, experiment, number), DATA, cfg)
        assert stopped.exit_code == 128 + number and stopped.result is None
        assert f"saved at step {step}" in capsys.readouterr().out
    resumed = run("toy", experiment, DATA, cfg)
    assert resumed.result["state_sha256"] == record.result["state_sha256"]
    assert resumed.result["metrics"] == record.result["metrics"]
    assert lines_of(cfg.out) == lines_of(record.folder)
    np.testing.assert_array_equal(
        resumed.history.evaluations.values["weights"],
        record.history.evaluations.values["weights"],
    )


@pytest.mark.parametrize(
    "intervals",
    [
        {"eval_every": 7, "log_every": 1},
        {"save_every": 1},
        {"save_every": 13, "block_steps": 5},
        {"save_seconds": 1e-9, "block_steps": 1},
    ],
    ids=lambda intervals: " ".join(intervals),
)
def test_intervals_change_no_bit(briefly_untouched, tmp_path, intervals):
    record, fields = briefly_untouched
    cfg = Config(**(fields | intervals), out=tmp_path / "run")
    other = run("toy", make_experiment(cfg), DATA, cfg)
    assert other.result["state_sha256"] == record.result["state_sha256"]
    assert other.result["metrics"] == record.result["metrics"]
    assert other.result["config_hash"] == record.result["config_hash"]


def test_sequential_seeds_equal_single_runs(untouched, tmp_path):
    record, fields = untouched
    if fields["executor"] != "sequential":
        pytest.skip("only the sequential executor promises equal bits")
    cfg = Config(**(fields | {"seeds": 1, "seed": 1}), out=tmp_path / "run")
    alone = run("toy", make_experiment(cfg), DATA, cfg)
    expected = record.result["state_sha256_per_seed"][1:]
    assert alone.result["state_sha256_per_seed"] == expected


def test_a_finished_run_prints_its_result_and_changes_nothing(untouched, capsys):
    record, fields = untouched
    before = {p: p.stat().st_mtime_ns for p in record.folder.rglob("*") if p.is_file()}
    cfg = Config(**fields, out=record.folder)
    again = run("toy", make_experiment(cfg), DATA, cfg)
    out = capsys.readouterr().out
    assert out.splitlines()[0] == f"run folder: {record.folder}"
    assert "final_error" in out and again.result == record.result
    for left, right in zip(again.states, record.states, strict=True):
        assert state_sha256(left) == state_sha256(right)
    np.testing.assert_array_equal(
        again.history.evaluations.values["weights"],
        record.history.evaluations.values["weights"],
    )
    after = {p: p.stat().st_mtime_ns for p in record.folder.rglob("*") if p.is_file()}
    assert before == after


def test_load_run_gives_back_configuration_and_states(untouched):
    record, fields = untouched
    cfg = Config(**fields)
    config, states = load_run(record.folder, make_experiment(cfg), DATA)
    assert config["seeds"] == 2 and config["learning_rate"] == cfg.learning_rate
    for left, right in zip(states, record.states, strict=True):
        assert state_sha256(left) == state_sha256(right)


def test_a_checkpoint_describes_its_own_form(untouched):
    record, _ = untouched
    trees = load_trees(record.folder)
    assert len(trees) == 2
    for tree, state in zip(trees, record.states, strict=True):
        assert isinstance(tree, dict)
        assert state_sha256(tree) == state_sha256(state)
        for key in (leaf for leaf in jax.tree.leaves(state) if is_key(leaf)):
            assert any(
                is_key(leaf) and jnp.array_equal(leaf, key)
                for leaf in jax.tree.leaves(tree)
            )


def is_key(leaf):
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def test_load_run_refuses_what_is_not_finished(tmp_path):
    cfg = Config(steps=20, eval_every=10, out=tmp_path / "run")
    experiment = make_experiment(cfg)
    with pytest.raises(InputError, match="holds no run"):
        load_run(cfg.out, experiment, DATA)
    run("toy", stop_at(10, experiment), DATA, cfg)
    with pytest.raises(InputError, match="unfinished"):
        load_run(cfg.out, experiment, DATA)


def test_compiles_once_per_block_length(tmp_path):
    traces = []
    cfg = Config(steps=47, seeds=3, eval_every=23, block_steps=20)
    plain = make_experiment(cfg)

    def step(state, batch):
        traces.append(None)
        return plain.step(state, batch)

    experiment = plain._replace(step=step)
    for i in range(2):  # the second time nothing new is compiled
        folder = tmp_path / f"run{i}"
        cfg = Config(steps=47, seeds=3, eval_every=23, block_steps=20, out=folder)
        run("toy", stop_at(23, experiment), DATA, cfg)
        run("toy", experiment, DATA, cfg)
        # Blocks of 20, 2 and 1; besides, each `run` traces a step to check it, and the
        # first to choose the executor.
        compiled = len(traces) - (i + 1) * 2
        assert compiled <= 3 + 1 * (i + 1)


def test_a_finished_run_that_lost_its_final_checkpoint(tmp_path, capsys):
    """An earlier one is no substitute."""
    cfg = Config(steps=20, eval_every=10, save_every=10, out=tmp_path / "run")
    experiment = make_experiment(cfg)
    run("toy", experiment, DATA, cfg)
    shutil.rmtree(cfg.out / "checkpoints" / "20")
    assert (cfg.out / "checkpoints" / "10").is_dir()
    lost = "final checkpoint of .*run is missing or damaged"
    with pytest.raises(RunError, match=lost):
        load_run(cfg.out, experiment, DATA)
    with pytest.raises(RunError, match=lost):
        load_trees(cfg.out)
    again = run("toy", experiment, DATA, cfg)
    assert again.states is None and again.result["steps"] == 20
    assert "is missing or damaged" in capsys.readouterr().err


def damage_line(folder):
    lines = (folder / "metrics.jsonl").read_bytes().split(b"\n")
    lines[1] = lines[1][:-9]
    (folder / "metrics.jsonl").write_bytes(b"\n".join(lines))


def drop_lines(folder):
    lines = (folder / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "metrics.jsonl").write_bytes(b"".join(lines[:2]))


def truncate_arrays(folder):
    path = folder / "evaluations" / "000000020.npz"
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize(
    "damage, message",
    [
        (damage_line, "step 40 cannot be used: .*metrics.jsonl is damaged at line 2"),
        (drop_lines, "step 40 cannot be used: .*metrics.jsonl ends at step 7, before"),
        (truncate_arrays, "000000020.npz is missing or damaged"),
    ],
    ids=["a line", "lines missing", "arrays"],
)
def test_a_damaged_log_is_named(tmp_path, damage, message):
    cfg = Config(steps=60, eval_every=20, log_every=7, out=tmp_path / "run")
    experiment = make_experiment(cfg)
    run("toy", stop_at(40, experiment), DATA, cfg)
    damage(cfg.out)
    before = {p: p.stat().st_mtime_ns for p in cfg.out.rglob("*") if p.name != ".lock"}
    with pytest.raises(RunError, match=message):
        run("toy", experiment, DATA, cfg)
    assert before.keys() == {p for p in cfg.out.rglob("*") if p.name != ".lock"}
    assert all(p.is_dir() or p.stat().st_mtime_ns == t for p, t in before.items())


def test_drawing_again_leaves_no_event_file(tmp_path):
    """The figures fail: the training is kept, and the next call only draws."""
    cfg = Config(steps=20, out=tmp_path / "run")
    experiment = make_experiment(cfg)

    def figures(record):
        raise ArithmeticError("theirs")

    for _ in range(2):
        with pytest.raises(ArithmeticError):
            run("toy", experiment._replace(figures=figures), DATA, cfg)
    assert len(list(cfg.out.glob("events.out.tfevents.*"))) == 1
    assert run("toy", experiment, DATA, cfg).exit_code == 0
    assert len(list(cfg.out.glob("events.out.tfevents.*"))) == 1


def test_a_log_damaged_before_every_checkpoint_is_one_sentence(tmp_path, capsys):
    flags = dict(steps=60, save_every=10, eval_every=20, log_every=7)
    cfg = Config(**flags, out=tmp_path / "run")
    experiment = make_experiment(cfg)
    run("toy", stop_at(40, experiment), DATA, cfg)
    damage_line(cfg.out)
    capsys.readouterr()
    with pytest.raises(RunError) as info:
        run("toy", experiment, DATA, cfg)
    assert capsys.readouterr().err == ""
    said = str(info.value)
    assert "those of steps 20, 30, 40 cannot be used: " in said
    assert said.count("metrics.jsonl is damaged at line 2") == 1
    assert "put a good copy back of what is named here, or give --overwrite" in said


@pytest.mark.parametrize("lost", ["folder", "log"])
@pytest.mark.parametrize("kind", ["plain", "case", "phase"])
def test_what_is_removed_during_a_run(tmp_path, lost, kind):
    """Figures are drawn from the log: without its lines they would fail somewhere."""
    cfg = Config(steps=20, out=tmp_path / "run")
    plain = make_experiment(cfg)

    def evaluate(state, data, key, final):
        if final and lost == "folder":
            shutil.rmtree(cfg.out)
        elif final:
            next(cfg.out.rglob("metrics.jsonl")).unlink()
        return plain.evaluate(state, data, key, final)

    def figures(record):
        return pytest.fail("they were drawn")

    first = plain._replace(evaluate=evaluate, figures=figures)
    work = {
        "plain": first,
        "case": Sweep({"a": Case(cfg, first), "b": Case(cfg, plain)}),
        "phase": [Phase("a", 20, first), Phase("b", 20, plain)],
    }[kind]
    with pytest.raises(RunError, match="cannot be used any more"):
        run("toy", work, DATA, cfg)
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert "result.json" not in left and (lost == "log" or not left)


def contents_of(folder):
    """Every file below but those that any start of a run renews."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    kept = (p for p in paths if p.name != ".lock" and "tfevents" not in p.name)
    return {path.relative_to(folder): path.read_bytes() for path in kept}


def lose_last_line(path):
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def change_last_line(path):
    contents = bytearray(path.read_bytes())
    contents[-60] ^= 1
    path.write_bytes(contents)


@pytest.mark.parametrize("damage", [lose_last_line, change_last_line])
def test_a_damaged_log_falls_back_to_the_newest_checkpoint_that_fits(
    untouched, tmp_path, capsys, damage
):
    record, fields = untouched
    cfg = Config(**fields, save_every=10, out=tmp_path / "run")
    experiment = make_experiment(cfg)
    run("toy", stop_at(40, experiment), DATA, cfg)
    damage(cfg.out / "metrics.jsonl")
    before = contents_of(cfg.out)
    capsys.readouterr()
    resumed = run("toy", experiment, DATA, cfg)
    out, err = capsys.readouterr()
    assert "going on from the checkpoint of step 30" in out
    assert "checkpoints/40 cannot be used: " in err
    assert resumed.result["state_sha256"] == record.result["state_sha256"]
    assert lines_of(cfg.out) == lines_of(record.folder)
    aside = contents_of(cfg.out / "set-aside")
    for path, content in before.items():  # nothing but old checkpoints is gone
        if "40" in path.parts:
            assert aside[path.relative_to("checkpoints")] == content
    if damage is change_last_line:
        name = pathlib.Path("metrics.jsonl")
        assert aside[name] == before[name] and "metrics.jsonl is damaged" in err


@pytest.mark.parametrize(
    "change, said",
    [
        ({"learning_rate": 2e-2}, "config.learning_rate: 0.02, now 0.01"),
        ({"seed": 5}, "config.seed: 5, now 0"),
        ({"executor": "vmap"}, "executor: vmap, now sequential"),
    ],
    ids=["rate", "seed", "executor"],
)
def test_a_checkpoint_of_another_run_is_not_taken(tmp_path, change, said):
    fields = {"steps": 40, "eval_every": 20, "seeds": 2, "executor": "sequential"}
    cfg = Config(**fields, out=tmp_path / "run")
    other = Config(**fields | change, out=tmp_path / "other")
    run("toy", stop_at(20, make_experiment(cfg)), DATA, cfg)
    run("toy", make_experiment(other), DATA, other)
    for name in ("40", "40.sha256.json"):
        shutil.move(other.out / "checkpoints" / name, cfg.out / "checkpoints" / name)
    before = contents_of(cfg.out)
    with pytest.raises(InputError, match=f"40 is of another run .*{said}"):
        run("toy", make_experiment(cfg), DATA, cfg)
    assert contents_of(cfg.out) == before
    shutil.copy(other.out / "result.json", cfg.out / "result.json")
    with pytest.raises(InputError, match="40 is of another run"):
        load_trees(cfg.out)
    with pytest.raises(InputError, match="40 is of another run"):
        load_run(cfg.out, make_experiment(cfg), DATA)


@pytest.mark.parametrize("finished", [True, False])
def test_a_result_of_another_run_is_not_printed(tmp_path, finished, capsys):
    cfg = Config(steps=20, eval_every=10, out=tmp_path / "run")
    other = Config(steps=20, eval_every=10, seed=5, out=tmp_path / "other")
    run("toy", make_experiment(other), DATA, other)
    first = make_experiment(cfg)
    run("toy", first if finished else stop_at(10, first), DATA, cfg)
    shutil.copy(other.out / "result.json", cfg.out / "result.json")
    capsys.readouterr()
    with pytest.raises(InputError, match="result.json is of another run .config.seed"):
        run("toy", first, DATA, cfg)
    assert "state" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl", "result.json"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_not_read(briefly_untouched, tmp_path, name, kind):
    """A pipe would keep us waiting for ever, a device has no end."""
    record, fields = briefly_untouched
    shutil.copytree(record.folder, tmp_path / "run")
    path = tmp_path / "run" / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    cfg = Config(**fields, out=tmp_path / "run")
    with pytest.raises((InputError, RunError), match="no regular file"):
        run("toy", make_experiment(cfg), DATA, cfg)


def test_a_finished_run_whose_log_lost_a_line_has_no_history(untouched, tmp_path):
    cfg = Config(steps=20, eval_every=10, out=tmp_path / "run")
    assert run("toy", make_experiment(cfg), DATA, cfg).history is not None
    lose_last_line(cfg.out / "metrics.jsonl")
    again = run("toy", make_experiment(cfg), DATA, cfg)
    assert again.history is None and again.states is not None


SETTINGS = {
    "enable_x64": jax.enable_x64(True),
    "threefry_partitionable": jax.threefry_partitionable(False),
    "default_prng_impl": jax.default_prng_impl("rbg"),
    "default_matmul_precision": jax.default_matmul_precision("highest"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_other_settings_of_jax_are_another_run(briefly_untouched, name):
    record, fields = briefly_untouched
    cfg = Config(**fields, out=record.folder)
    before = contents_of(record.folder)
    with pytest.raises(InputError, match=f"settings.{name}: "), SETTINGS[name]:
        run("toy", make_experiment(cfg), DATA, cfg)
    assert contents_of(record.folder) == before


def test_another_machine_is_told(tmp_path, monkeypatch, capsys):
    """Its flags of XLA, its device and its versions, and only what differs."""
    cfg = Config(steps=40, eval_every=10, out=tmp_path / "run")
    experiment = make_experiment(cfg)

    def go_on(stop, flags="a", device="one core", version="1"):
        monkeypatch.setenv("XLA_FLAGS", f"--xla_dump_to={flags}")
        provenance = runner.provenance
        monkeypatch.setattr(provenance, "device_name", lambda: device)
        monkeypatch.setattr(provenance, "versions", lambda: {"jax": version})
        run("toy", stop_at(stop, experiment), DATA, cfg)
        return re.findall(
            r"with other (\w+): its bits may differ", capsys.readouterr()[1]
        )

    assert go_on(10) == []
    assert go_on(20, flags="b") == ["xla_flags"]
    assert go_on(30, device="two cores") == ["device"]
    assert go_on(40, version="2") == ["versions"]


def test_steps_zero_evaluates_only(tmp_path):
    cfg = Config(steps=0, out=tmp_path / "run")
    record = run("toy", make_experiment(cfg), DATA, cfg)
    assert [line["step"] for line in lines_of(cfg.out)] == [0]
    assert record.states[0].count == 0 and "final_error" in record.result["metrics"]
    assert record.result["metrics"]["error"]["ci95"] is None


# What a mutant runner would forget, the comparison of bits must see.


@pytest.mark.parametrize("forgotten", ["opt_state", "key", "weights", "count"])
def test_a_runner_that_forgets_part_of_the_state_is_caught(
    untouched, tmp_path, monkeypatch, forgotten
):
    record, fields = untouched
    cfg = Config(**fields, out=tmp_path / "run")
    experiment = make_experiment(cfg)
    run("toy", stop_at(20, experiment), DATA, cfg)
    restore = Checkpoints.restore

    def forgetful(self, like, fits=None):
        found = restore(self, like, fits)
        fresh = jax.tree.map(
            lambda leaf: (
                jax.random.key(0)
                if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
                else jnp.zeros(leaf.shape, leaf.dtype)
            ),
            like,
        )
        if isinstance(like, list):
            states = [
                state._replace(**{forgotten: getattr(new, forgotten)})
                for state, new in zip(found.state, fresh, strict=True)
            ]
        else:
            blank = getattr(fresh, forgotten)
            if forgotten == "key":
                blank = jax.random.split(jax.random.key(0), 2)
            states = found.state._replace(**{forgotten: blank})
        return found._replace(state=states)

    monkeypatch.setattr(Checkpoints, "restore", forgetful)
    resumed = run("toy", experiment, DATA, cfg)
    assert resumed.result["state_sha256"] != record.result["state_sha256"]


def test_a_damaged_checkpoint_costs_no_bit(untouched, tmp_path, capsys):
    record, fields = untouched
    cfg = Config(**fields, save_every=10, out=tmp_path / "run")
    experiment = make_experiment(cfg)
    run("toy", stop_at(40, experiment), DATA, cfg)
    for damaged in ([40], [30, 40]):
        for step in damaged:
            folder = cfg.out / f"checkpoints/{step}/state"
            data = max(folder.rglob("d/*"), key=lambda path: path.stat().st_size)
            contents = bytearray(data.read_bytes())
            contents[len(contents) // 2] ^= 4
            data.write_bytes(contents)
        capsys.readouterr()
        run("toy", stop_at(40, experiment), DATA, cfg)
        out, err = capsys.readouterr()
        assert all(f"checkpoints/{step} is damaged" in err for step in damaged)
        assert f"checkpoint of step {damaged[0] - 10}" in out
    resumed = run("toy", experiment, DATA, cfg)
    assert resumed.result["state_sha256"] == record.result["state_sha256"]
    assert lines_of(cfg.out) == lines_of(record.folder)


def test_no_good_checkpoint_left_is_an_error_not_a_new_start(tmp_path, capsys):
    cfg = Config(steps=30, eval_every=10, out=tmp_path / "run")
    experiment = make_experiment(cfg)
    run("toy", stop_at(20, experiment), DATA, cfg)
    (cfg.out / "checkpoints/20/state/_METADATA").write_text("{}")
    before = lines_of(cfg.out)
    with pytest.raises(RunError, match="no good checkpoint"):
        run("toy", experiment, DATA, cfg)
    assert lines_of(cfg.out) == before and RunError.exit_code == 3


@pytest.mark.parametrize("save_every", [None, 5])
def test_a_non_finite_metric_stops_the_run(tmp_path, save_every):
    cfg = Config(steps=60, seeds=2, seed=4, save_every=save_every, out=tmp_path / "run")
    experiment = make_experiment(cfg)

    def step(state, batch):
        state, metrics = experiment.step(state, batch)
        poison = jnp.where(state.count == 33, jnp.nan, 0.0)
        return state, {"loss": metrics["loss"] + poison, "fine": metrics["loss"]}

    with pytest.raises(RunError, match="loss is nan at step 33 of seed 4") as caught:
        run("toy", experiment._replace(step=step), DATA, cfg)
    kept = "step 30 is kept" if save_every else "no checkpoint was saved"
    assert kept in str(caught.value)
    assert lines_of(cfg.out)[-1]["step"] < 33


def test_the_seed_whose_metric_is_not_finite_is_named(tmp_path):
    cfg = Config(steps=20, seeds=3, seed=4, out=tmp_path / "run")
    experiment = make_experiment(cfg)
    key_of_second = jax.random.key_data(
        experiment.init(seed_keys(5).init, DATA, None).key
    )

    def init(key, data, previous):
        state = experiment.init(key, data, previous)
        is_second = (jax.random.key_data(state.key) == key_of_second).all()
        return state, is_second

    def step(state, batch):
        state, is_second = state
        state, metrics = experiment.step(state, batch)
        return (state, is_second), {
            "loss": jnp.where(is_second & (state.count == 7), jnp.inf, metrics["loss"])
        }

    def evaluate(state, data, key, final):
        return experiment.evaluate(state[0], data, key, final)

    poisoned = experiment._replace(init=init, step=step, evaluate=evaluate)
    with pytest.raises(RunError, match="loss is inf at step 7 of seed 5"):
        run("toy", poisoned, DATA, cfg)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_log_is_on_the_disk_before_a_checkpoint(tmp_path, monkeypatch):
    """A checkpoint whose log a power cut took would not be gone on from."""
    events = []
    fsync, save = os.fsync, Checkpoints.save

    def counted(descriptor):
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith("metrics.jsonl"):
            events.append("log")
        fsync(descriptor)

    def saving(self, step, *rest):
        events.append("save")
        save(self, step, *rest)

    monkeypatch.setattr(os, "fsync", counted)
    monkeypatch.setattr(Checkpoints, "save", saving)
    cfg = Config(steps=20, save_every=10, eval_every=20, out=tmp_path / "run")
    run("toy", make_experiment(cfg), DATA, cfg)
    assert events == ["log", "save"] * 2


def test_a_non_finite_state_is_never_saved(tmp_path):
    cfg = Config(steps=40, save_every=10, eval_every=40, out=tmp_path / "run")
    experiment = make_experiment(cfg)

    def step(state, batch):
        state, _ = experiment.step(state, batch)
        poison = jnp.where(state.count == 20, jnp.inf, 0.0)
        return state._replace(weights=state.weights + poison), {"fine": state.count}

    with pytest.raises(RunError, match="weights after step 20.*step 10 is kept"):
        run("toy", experiment._replace(step=step), DATA, cfg)


@pytest.mark.parametrize("what", ["log", "checkpoint"])
def test_a_full_disk_keeps_the_last_checkpoint(tmp_path, monkeypatch, what):
    cfg = Config(steps=40, save_every=10, eval_every=10, out=tmp_path / "run")
    experiment = make_experiment(cfg)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    def evaluate(state, data, key, final):
        if state.count == 30:
            place = (loop.RunLog, "write") if what == "log" else (Checkpoints, "_write")
            monkeypatch.setattr(*place, full)
        return experiment.evaluate(state, data, key, final)

    with pytest.raises(RunError, match="full.*same command again"):
        run("toy", experiment._replace(evaluate=evaluate), DATA, cfg)
    monkeypatch.undo()
    assert Checkpoints(cfg.out / "checkpoints", print, {}).newest() == 20
    assert run("toy", experiment, DATA, cfg).exit_code == 0


def test_what_cannot_work_is_refused_before_anything_is_written(tmp_path):
    cfg = Config(batch_size=65, out=tmp_path / "run")
    with pytest.raises(InputError, match="batch_size is 65: expected at most 64"):
        run("toy", make_experiment(cfg), DATA, cfg)
    assert list(tmp_path.iterdir()) == []


def test_other_data_is_another_run(tmp_path):
    cfg = Config(steps=5, out=tmp_path / "run")
    run("toy", make_experiment(cfg), DATA, cfg)
    other = toy_experiment.Examples(DATA.train, checksum="1" * 64)
    with pytest.raises(InputError, match="checksum"):
        run("toy", make_experiment(cfg), other, cfg)


def test_auto_is_written_down_and_kept(tmp_path, monkeypatch):
    cfg = Config(steps=20, seeds=2, eval_every=10, out=tmp_path / "run")
    experiment = make_experiment(cfg)
    monkeypatch.setattr(runner, "choose_executor", lambda *args: "vmap")
    run("toy", stop_at(10, experiment), DATA, cfg)
    monkeypatch.setattr(runner, "choose_executor", lambda *args: "sequential")
    resumed = run("toy", experiment, DATA, cfg)
    assert json.loads((cfg.out / "config.json").read_text())["executor"] == "vmap"
    assert resumed.result["executor"] == "vmap"


def test_trees_come_in_the_order_of_seeds(tmp_path):
    fields = dict(steps=1, seed=3, seeds=11, executor="sequential")
    cfg = Config(**fields, out=tmp_path / "run")
    record = run("toy", make_experiment(cfg), DATA, cfg)
    found = [state_sha256(tree) for tree in load_trees(cfg.out)]
    assert found == [state_sha256(state) for state in record.states]


def test_only_the_last_evaluation_is_final_and_all_have_one_key(tmp_path):
    experiment = toy_experiment.make_experiment(toy_experiment.Config())
    seen = []

    def evaluate(state, data, key, final):
        seen.append((final, jax.random.key_data(key).tolist()))
        return experiment.evaluate(state, data, key, final)

    config = toy_experiment.Config(steps=6, eval_every=2, out=tmp_path / "run")
    data = toy_experiment.examples()
    run("toy", experiment._replace(evaluate=evaluate), data, config)
    key = jax.random.key_data(seed_keys(0).evaluate).tolist()
    assert seen == [(False, key), (False, key), (True, key)]
