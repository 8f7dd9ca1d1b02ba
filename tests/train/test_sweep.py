"""Sweeps: the cases' own runs, gone on with where they stopped, in one ledger entry."""

import dataclasses
import hashlib
import os
import signal

import pytest
from matplotlib.figure import Figure
from toy_experiment import Config, examples, make_experiment

from jaxdl.errors import InputError, RunError
from jaxdl.ledger.rows import ledger_rows
from jaxdl.train.disk import read_sealed
from jaxdl.train.experiment import Case, Sweep
from jaxdl.train.runner import run

DATA = examples()
RATES = {"slow": 1e-3, "middle": 1e-2, "fast": 1e-1}
# Made once, so that all tests share what is compiled; so do seeds, one by one.
EXPERIMENTS = {k: make_experiment(Config(learning_rate=r)) for k, r in RATES.items()}
SEEDS = dict(seeds=2, executor="sequential")


def make_cases(config, **changes):
    """A case for each learning rate; `changes` replace the experiment of one."""
    return {
        name: Case(
            dataclasses.replace(config, learning_rate=rate),
            changes.get(name, EXPERIMENTS[name]),
        )
        for name, rate in RATES.items()
    }


def interrupted_once(experiment):
    """The experiment, sending its process SIGTERM in the first evaluation."""
    sent = []

    def evaluate(state, data, key, final):
        if not sent:
            sent.append(True)
            os.kill(os.getpid(), signal.SIGTERM)
        return experiment.evaluate(state, data, key, final)

    return experiment._replace(evaluate=evaluate)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    config = Config(**SEEDS, out=tmp_path_factory.mktemp("untouched") / "sweep")
    drawn = []

    def figures(records):
        drawn.append({k: r.result["metrics"]["error"] for k, r in records.items()})
        return {"all": Figure(figsize=(1, 1))}

    record = run("toy", Sweep(make_cases(config), figures), DATA, config)
    return record, drawn


def test_cases_are_runs_of_their_own(untouched, tmp_path):
    record, drawn = untouched
    assert record.exit_code == 0 and list(record.parts) == list(RATES)
    for name in RATES:
        case = read_sealed(record.folder / name / "result.json")
        assert record.result["cases"][name] == case
        assert drawn[0][name] == case["metrics"]["error"]
    assert (record.folder / "figures" / "all.png").stat().st_size > 0
    cfg = Config(**SEEDS, learning_rate=RATES["middle"], out=tmp_path / "alone")
    alone = run("toy", EXPERIMENTS["middle"], DATA, cfg).result
    case = record.result["cases"]["middle"]
    for field in ("state_sha256", "metrics", "config_hash"):
        assert case[field] == alone[field]


def test_result_is_written_once_and_names_no_path(untouched):
    record, _ = untouched
    written = (record.folder / "result.json").read_text()
    assert read_sealed(record.folder / "result.json") == record.result
    assert str(record.folder) not in written
    assert str(record.folder) not in (record.folder / "config.json").read_text()
    digests = [case["state_sha256"] for case in record.result["cases"].values()]
    together = hashlib.sha256("".join(digests).encode()).hexdigest()
    assert len(set(digests)) == 3 and record.result["state_sha256"] == together
    assert record.result["seeds"] == [0, 1]


def test_finished_sweep_repeats_nothing(untouched):
    record, drawn = untouched
    before = {p: p.stat().st_mtime_ns for p in record.folder.rglob("result.json")}

    def never(state, data, key, final):
        raise AssertionError("evaluated again")

    config = record.config
    cases = {
        name: case._replace(work=case.work._replace(evaluate=never))
        for name, case in make_cases(config).items()
    }
    again = run("toy", Sweep(cases), DATA, config)
    assert again.result == record.result and len(drawn) == 1
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert [len(r.states) for r in again.parts.values()] == [2, 2, 2]


def test_goes_on_at_the_first_unfinished_case(untouched, tmp_path):
    config = Config(**SEEDS, out=tmp_path / "sweep")
    stopping = make_cases(config, middle=interrupted_once(EXPERIMENTS["middle"]))
    stopped = run("toy", Sweep(stopping), DATA, config)
    assert stopped.exit_code == 128 + signal.SIGTERM and stopped.result is None
    assert list(stopped.parts) == ["slow", "middle"]
    assert not (config.out / "result.json").exists()
    slow = (config.out / "slow" / "result.json").stat().st_mtime_ns
    whole = run("toy", Sweep(make_cases(config)), DATA, config)
    assert whole.result["state_sha256"] == untouched[0].result["state_sha256"]
    assert (config.out / "slow" / "result.json").stat().st_mtime_ns == slow


def test_ledger_has_a_row_for_each_case(tmp_path):
    config = Config(out=tmp_path / "sweep")
    cases = {
        name: case._replace(
            work=case.work._replace(
                protocols={"error": {"rate": case.config.learning_rate}}
            )
        )
        for name, case in make_cases(config).items()
    }
    record = run("toy", Sweep(cases), DATA, config)
    results = tmp_path / "results"
    results.mkdir()
    (results / "toy.json").write_text((record.folder / "result.json").read_text())
    rows = ledger_rows(results, {})
    assert [row.protocol["rate"] for row in rows] == list(RATES.values())
    assert rows[0].files == ("toy.json: slow",)
    # Another seed of one case alone joins that case's row.
    cfg = dataclasses.replace(
        cases["fast"].config, seed=7, out=tmp_path / "more", overwrite=False
    )
    run("toy", cases["fast"].work, DATA, cfg)
    more = (tmp_path / "more" / "result.json").read_text()
    (results / "toy-more.json").write_text(more)
    rows = ledger_rows(results, {})
    seeds = {row.protocol["rate"]: row.seeds for row in rows}
    assert seeds == {1e-3: (0,), 1e-2: (0,), 1e-1: (0, 7)}


def test_what_no_case_can_do_is_refused_before_the_first(tmp_path):
    config = Config(out=tmp_path / "sweep")
    cases = make_cases(config)
    too_large = dataclasses.replace(config, batch_size=65)
    cases["fast"] = Case(too_large, make_experiment(too_large))
    with pytest.raises(InputError, match="batch_size is 65"):
        run("toy", Sweep(cases), DATA, config)
    assert not config.out.exists()


@pytest.mark.parametrize("name", ["", "../up", "A", "a/b", ".hidden"])
def test_refuses_names_that_are_no_folder(name, tmp_path):
    config = Config(out=tmp_path / "sweep")
    with pytest.raises(InputError, match="names a folder"):
        run("toy", Sweep({name: Case(config, EXPERIMENTS["slow"])}), DATA, config)
    assert not config.out.exists()


def test_other_cases_need_another_folder(untouched):
    record, _ = untouched
    cases = make_cases(record.config)
    del cases["fast"]
    with pytest.raises(InputError, match="another configuration"):
        run("toy", Sweep(cases), DATA, record.config)


def test_a_run_that_must_stop_keeps_the_cases_before(tmp_path):
    config = Config(out=tmp_path / "sweep")
    middle = EXPERIMENTS["middle"]

    def step(state, batch):
        state, metrics = middle.step(state, batch)
        return state, {"loss": metrics["loss"] * float("inf")}

    with pytest.raises(RunError, match="loss is inf"):
        cases = make_cases(config, middle=middle._replace(step=step))
        run("toy", Sweep(cases), DATA, config)
    assert (config.out / "slow" / "result.json").exists()


def test_overwrite_sets_the_whole_sweep_aside(tmp_path):
    config = Config(steps=5, out=tmp_path / "sweep")
    run("toy", Sweep(make_cases(config)), DATA, config)
    new = dataclasses.replace(config, steps=10, overwrite=True)
    assert run("toy", Sweep(make_cases(new)), DATA, new).result["config"]["steps"] == 10
    assert len(list(tmp_path.iterdir())) == 2
