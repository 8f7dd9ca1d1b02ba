"""`jaxdl show`: finished runs, stopped ones, sweeps; folders that hold none."""

import dataclasses
import json
import shutil
import types

import pytest
from toy_experiment import Config, examples, make_experiment

from jaxdl import cli
from jaxdl.train import show
from jaxdl.train.config import config_hash
from jaxdl.train.experiment import Case, Phase, Sweep
from jaxdl.train.runner import run

DATA = examples()
FAST = Config(learning_rate=0.1)


def make_sweep(cfg):
    cases = {
        name: Case(dataclasses.replace(cfg, learning_rate=rate), make(rate))
        for name, rate in (("slow", 1e-2), ("fast", 0.1))
    }
    return Sweep(cases)


def make(rate):
    return make_experiment(Config(learning_rate=rate))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    cfg = dataclasses.replace(FAST, out=tmp_path_factory.mktemp("runs") / "run")
    run("toy", make(0.1), DATA, cfg)
    return cfg.out


@pytest.fixture
def stopped(tmp_path, killed_after_a_save):
    """A run that was killed at step 20 of 60."""
    cfg = dataclasses.replace(
        FAST, out=tmp_path / "run", save_every=20, eval_every=10, log_every=5
    )
    with killed_after_a_save():
        run("toy", make(0.1), DATA, cfg)
    return cfg.out


def shown(capsys, *words):
    assert cli.main(["show", *map(str, words)]) == 0
    return capsys.readouterr().out


def test_a_finished_run_is_shown_with_its_configuration(finished, capsys):
    out = shown(capsys, finished)
    assert out.startswith("toy on toy, finished\n")
    assert "steps 60, batch_size 8" in out and "learning_rate 0.1" in out
    result = json.loads((finished / "result.json").read_text())
    assert f"{result['metrics']['error']['mean']:.4g}" in out
    assert f"state {result['state_sha256'][:16]}" in out
    assert f'jaxdl.load("{finished}")' in out
    assert json.loads(shown(capsys, finished, "--json"))["seeds"] == [0]


def test_a_stopped_run_says_how_far_it_came(stopped, capsys):
    out = shown(capsys, stopped)
    assert out.startswith("toy on toy, not finished\n")
    assert "step 20 of 60 was logged, step 20 saved; at step 20: draw 0." in out
    assert "to go on: give its command again, without --overwrite" in out
    found = json.loads(shown(capsys, stopped, "--json"))
    assert found["finished"] is False and found["step"] == 20
    assert found["config"]["learning_rate"] == 0.1


def test_a_run_that_saved_nothing_and_a_log_that_was_cut(stopped, capsys):
    (stopped / "checkpoints").rename(stopped / "aside")
    log = stopped / "metrics.jsonl"
    log.write_text(log.read_text()[:-20])
    out = shown(capsys, stopped)
    assert "step 15 of 60 was logged, nothing saved yet; at step 10: draw" in out
    log.unlink()
    assert "step 0 of 60 was logged, nothing saved yet\n" in shown(capsys, stopped)


PRESETS = {"slow": Config(), "wide": Config(batch_size=32), "fast": FAST}


def test_the_command_that_goes_on_has_the_flags_of_the_run(stopped, monkeypatch):
    script = types.SimpleNamespace(PRESETS=PRESETS)
    system = types.SimpleNamespace(name="toy", script=stopped / "toy.py")
    monkeypatch.setattr(show, "find_owner", lambda name: system)
    monkeypatch.setattr(show, "load_script", lambda system: script)
    monkeypatch.setattr(show, "program", lambda name: name)
    monkeypatch.chdir(stopped)
    assert show.show_run(stopped).splitlines()[-1] == (
        "to go on: jaxdl run toy fast --out ."
    )
    del script.PRESETS
    script.Config = Config
    command = show.show_run(stopped).splitlines()[-1].partition("run toy ")[2]
    seen = []
    assert cli.start(Config, lambda cfg: seen.append(cfg) or 0, command.split()) == 0
    written = json.loads((stopped / "config.json").read_text())["config"]
    assert config_hash("toy", seen[0]) == config_hash("toy", FAST)
    assert seen[0].learning_rate == written["learning_rate"] == 0.1


def test_a_sweep_that_was_stopped_names_its_cases(
    tmp_path, killed_after_a_save, capsys
):
    cfg = Config(out=tmp_path / "sweep", save_every=20)
    with killed_after_a_save():
        run("toy", make_sweep(cfg), DATA, cfg)
    out = shown(capsys, cfg.out)
    assert "slow: step" in out and "fast: not begun" in out
    assert "logged, step 20 saved" in shown(capsys, cfg.out / "slow")
    capsys.readouterr()
    run("toy", make_sweep(cfg), DATA, cfg)
    ended = capsys.readouterr().out
    table = [line.split() for line in ended.splitlines()]
    assert [row[0] for row in table if row[:1] in (["slow"], ["fast"])] == [
        "slow",
        "fast",
    ]
    out = shown(capsys, cfg.out)
    assert out.startswith("toy on toy, finished\n") and "case" in out
    assert json.loads(shown(capsys, cfg.out, "--json"))["cases"].keys() == {
        "slow",
        "fast",
    }


def test_phases_that_were_not_reached(tmp_path, killed_after_a_save, capsys):
    cfg = Config(out=tmp_path / "run", save_every=20)
    phases = [Phase(name, 40, make(1e-2)) for name in ("first", "second")]
    with killed_after_a_save():
        run("toy", phases, DATA, cfg)
    out = shown(capsys, cfg.out)
    assert "first: step 20 of 40 was logged" in out and "second: not begun" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("nowhere", "is not there: expected the folder of a run"),
        (".", "holds no run"),
        ("result.json", "is not there: expected the folder of a run"),
        ("/dev/null", "cannot be used: expected the folder of a run"),
        (__file__, "cannot be used: expected the folder of a run"),
    ],
)
def test_a_folder_that_is_no_run(refused, words, said):
    assert said in refused(cli.main, ["show", words])


@pytest.mark.parametrize("name", ["config.json", "result.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "other"])
def test_a_damaged_run(finished, tmp_path, capsys, name, damage):
    copy = tmp_path / "run"
    copy.mkdir()
    for each in ("config.json", "result.json"):
        (copy / each).write_text((finished / each).read_text())
    text = (copy / name).read_text()
    broken = {"cut": text[:-30], "changed": text.replace("60", "70"), "other": "[1]"}
    (copy / name).write_text(broken[damage])
    assert cli.main(["show", str(copy)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    assert name in err


def test_the_step_at_which_a_stopping_rule_held(tmp_path, capsys):
    experiment = make_experiment(FAST, done=lambda state: state.count >= 20)
    base = experiment.step

    def step(state, batch):
        import jax

        return jax.lax.cond(
            state.count >= 20,
            lambda: (state, {"loss": 0.0 * state.weights.sum()}),
            lambda: base(state, batch),
        )

    experiment = experiment._replace(step=step)
    cfg = dataclasses.replace(FAST, out=tmp_path / "run", block_steps=10, steps=60)
    record = run("toy", experiment, DATA, cfg)
    assert record.result["stopped_step"] == 20 and record.result["steps"] == 60
    assert "stopping rule held by step 20 of 60" in capsys.readouterr().out
    (cfg.out / "result.json").unlink()  # as if it had been killed before that
    again = run("toy", experiment, DATA, cfg)
    assert again.result["stopped_step"] == 20
    assert "stopping rule held by step 20" in shown(capsys, cfg.out)


def refusal(capsys, *words):
    assert cli.main(["show", *map(str, words)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    return err


def test_a_log_that_was_edited_is_damaged(stopped, capsys):
    log = stopped / "metrics.jsonl"
    for text in ('{"step": "x"}\n[]\nnull\n', "\0\1\2\n\n"):
        log.write_text(text)
        assert "metrics.jsonl is damaged at line 1" in refusal(capsys, stopped)
        assert "damaged" in refusal(capsys, stopped, "--json")
    log.unlink()
    assert "metrics.jsonl is missing: put a good copy" in refusal(capsys, stopped)
    log.mkdir()
    assert "metrics.jsonl cannot be read" in refusal(capsys, stopped)


def test_checkpoints_are_ordered_as_numbers(stopped, capsys):
    for name in ("9", "100", "notes", "x9"):
        (stopped / "checkpoints" / name).mkdir()
    assert "step 100 saved" in shown(capsys, stopped)


def test_a_file_of_a_run_names_its_folder(finished, capsys):
    said = refusal(capsys, finished / "result.json")
    assert f"is a file: name its folder, {finished}" in said


def test_a_folder_of_runs_lists_them(finished, tmp_path, monkeypatch, capsys):
    copy = tmp_path / "runs" / "toy" / "first"
    shutil.copytree(finished, copy)
    shutil.copytree(finished, copy.with_name("second"))
    (copy.with_name("second") / "result.json").unlink()
    (tmp_path / "runs" / "toy" / "third").mkdir()
    (tmp_path / "runs" / "toy" / "third" / "config.json").write_text("{")
    monkeypatch.chdir(tmp_path)
    assert shown(capsys).splitlines() == [
        "runs/toy/first  60 steps, 1 seed, finished",
        "runs/toy/second  60 steps, 1 seed, not finished",
        "runs/toy/third  damaged",
        "jaxdl show FOLDER shows one of them.",
    ]
    assert shown(capsys, "runs/toy") == shown(capsys)
