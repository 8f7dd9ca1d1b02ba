"""What an experiment says at the end of a run: printed, kept, printed again."""

import json

import numpy as np
import pytest
from toy_experiment import Config, examples, make_experiment

from jaxdl.ledger.schema import read_result
from jaxdl.train.experiment import Case, Sweep
from jaxdl.train.log import read_history, seed_history
from jaxdl.train.runner import run

DATA = examples()
FIELDS = dict(steps=20, seeds=2, seed=3, eval_every=10, log_every=5, block_steps=10)


def remarks(history):
    """The last loss, and the shapes of what was logged."""
    losses = history.train.values["loss"]
    return {
        "descent": {"text": f"loss ends at {losses[-1]:.6f}", "lines": len(losses)},
        "shape": {"text": str(history.evaluations.values["weights"].shape)},
    }


EXPERIMENT = make_experiment(Config(**FIELDS))._replace(remarks=remarks)


def test_they_are_printed_kept_and_printed_again(tmp_path, capsys):
    cfg = Config(**FIELDS, out=tmp_path / "run")
    record = run("toy", EXPERIMENT, DATA, cfg)
    first = capsys.readouterr().out
    result = read_result(cfg.out / "result.json")
    assert result["remarks"] == record.result["remarks"]
    losses = record.history.train.values["loss"]
    expected = [
        {"text": f"loss ends at {x:.6f}", "lines": len(losses)} for x in losses[-1]
    ]
    assert result["remarks"]["descent"] == expected and expected[0] != expected[1]
    assert [x["text"] for x in result["remarks"]["shape"]] == ["(2, 2, 16)"] * 2
    for seed, remark in zip((3, 4), expected, strict=True):
        assert f"descent, seed {seed}: {remark['text']}\n" in first
    run("toy", EXPERIMENT, DATA, cfg)
    again = capsys.readouterr().out.splitlines()
    assert again[1:] == first.splitlines()[-len(again) + 1 :]
    assert sum("seed 4: loss ends" in line for line in again) == 1


def test_a_run_without_them_has_no_such_field(tmp_path, capsys):
    """Nor has one that was finished before its experiment learned to speak."""
    cfg = Config(**FIELDS, out=tmp_path / "run")
    record = run("toy", EXPERIMENT._replace(remarks=None), DATA, cfg)
    assert "remarks" not in record.result
    again = run("toy", EXPERIMENT, DATA, cfg)
    assert again.result == record.result
    assert "descent" not in capsys.readouterr().out


def test_they_change_nothing_else(tmp_path):
    with_them, without = (
        run("toy", experiment, DATA, Config(**FIELDS, out=tmp_path / name))
        for name, experiment in (
            ("a", EXPERIMENT),
            ("b", EXPERIMENT._replace(remarks=None)),
        )
    )
    for field in ("metrics", "state_sha256", "config_hash"):
        assert with_them.result[field] == without.result[field]


def test_a_sweep_keeps_those_of_each_case(tmp_path, capsys):
    cfg = Config(**FIELDS, out=tmp_path / "sweep")
    found = run("toy", Sweep({"one": Case(cfg, EXPERIMENT)}), DATA, cfg)
    (case,) = found.result["cases"].values()
    assert len(case["remarks"]["descent"]) == 2
    assert "descent, seed 3: loss ends" in capsys.readouterr().out
    stored = json.loads((cfg.out / "result.json").read_text())
    assert stored["cases"]["one"]["remarks"] == case["remarks"]


@pytest.mark.parametrize("index", [0, 1])
def test_the_history_of_one_seed(tmp_path, index):
    cfg = Config(**FIELDS, out=tmp_path / "run")
    run("toy", EXPERIMENT, DATA, cfg)
    whole = read_history(cfg.out)
    one = seed_history(whole, index)
    np.testing.assert_array_equal(one.train.steps, whole.train.steps)
    np.testing.assert_array_equal(
        one.train.values["loss"], whole.train.values["loss"][:, index]
    )
    np.testing.assert_array_equal(
        one.evaluations.values["weights"],
        whole.evaluations.values["weights"][:, index],
    )
