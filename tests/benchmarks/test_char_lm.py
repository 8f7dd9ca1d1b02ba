"""The twin of the character model in PyTorch computes the same."""

import importlib
import json
import types
from pathlib import Path

import numpy as np
import pytest

from jaxdl.ledger.schema import RunResult
from jaxdl.systems.char_lm.data import make_text, windows_of_pass
from jaxdl.train.config import deciding_fields
from jaxdl.train.seeds import seed_keys

torch = pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[2]
TEXT = "Ring a ring o' roses,\nA pocket full of posies.\n" * 5


@pytest.fixture(scope="module")
def twin():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield importlib.import_module("char_lm")


@pytest.fixture(scope="module")
def cfg(twin):
    return twin.experiment_script().Config(
        data="file",
        steps=12,
        layers=2,
        hidden_size=8,
        batch_size=3,
        window=8,
        restart_every=2,
        learning_rate=0.05,
        max_norm=0.3,
    )


@pytest.fixture(scope="module")
def data():
    return make_text("poem", TEXT)


def test_training_equals_pytorch(twin, cfg, data):
    """Losses to 1e-4: over the start of a second pass, with bound and schedule."""
    sides = twin.make_step_sides(cfg, data)
    assert list(sides) == ["ours", "PyTorch", "PyTorch, fused optimizer"]
    (ours,), *theirs = [side(12) for side in sides.values()]
    assert windows_of_pass(len(data.train), 3, 8) < 12
    assert (ours["grad_norm"] > 0.3).any() and (ours["grad_norm"] < 0.3).any()
    assert ours["loss"][-1] < ours["loss"][0] - 0.1
    for losses in theirs:
        np.testing.assert_allclose(losses, ours["loss"], atol=1e-4)


def test_evaluation_equals_pytorch(twin, cfg, data):
    script = twin.experiment_script()
    experiment = script.make_experiment(cfg, data)
    params = twin.initial_params(experiment, data, 3)
    state = types.SimpleNamespace(params=params)
    ours = experiment.evaluate(state, data, seed_keys(3).evaluate, True)
    its = twin.validation_nats(twin.Twin(params), data)
    assert its == pytest.approx(ours["validation_nats"], abs=1e-5)


@pytest.fixture
def argv(cfg, data, tmp_path):
    """Flags for a run with a made-up result, and its text."""
    metric = {"mean": 3.0, "ci95": None, "per_seed": [3.0], "protocol": {}}
    result = dict.fromkeys(RunResult.__required_keys__) | {
        "experiment": "char_lm",
        "config": json.loads(json.dumps(deciding_fields(cfg) | {"seed": 3})),
        "config_hash": "0" * 8,
        "seeds": [3],
        "steps": 12,
        "metrics": {"validation_nats": metric},
        "data": {"name": "poem", "checksum": data.checksum},
        "versions": {},
        "state_sha256": "0" * 64,
    }
    (tmp_path / "poem.txt").write_text(TEXT)
    (tmp_path / "result.json").write_text(json.dumps(result))
    flags = [f"--text={tmp_path}/poem.txt", f"--result={tmp_path}/result.json"]
    return [*flags, f"--json={tmp_path}/new/twin.json"]


def test_the_comparison_is_written_and_gone_on_with(
    twin, argv, tmp_path, monkeypatch, capsys
):
    assert twin.main(argv) == 0
    document = json.loads((tmp_path / "new" / "twin.json").read_text())
    assert document["seeds"] == [3] and document["metric"] == "validation_nats"
    (its,) = document["twin"]["per_seed"]
    assert document["ours"]["per_seed"] == [3.0] and 1 < its < 4
    assert document["difference"]["per_seed"] == [3.0 - its]
    assert {"device", "versions", "config", "data"} < document.keys()
    assert "seed 3, step 12" in capsys.readouterr().out
    monkeypatch.setattr(twin, "train_twin", None)  # nothing is trained again
    assert twin.main(argv) == 0


def test_another_text_is_refused(twin, argv, tmp_path, capsys):
    (tmp_path / "poem.txt").write_text(TEXT + "!")
    assert twin.main(argv) == 2
    assert "give the same with --text" in capsys.readouterr().err


def test_interval_of_the_difference(twin):
    inside = twin.compare([1.0, 2.0, 3.0], [1.1, 1.9, 3.0])
    assert inside["zero_inside_interval_of_difference"] is True
    low, high = inside["difference"]["ci95"]
    # t quantile of 2 degrees of freedom, deviation 0.1
    assert (low, high) == pytest.approx((-0.248414, 0.248414), abs=1e-5)
    outside = twin.compare([1.0, 2.0, 3.0], [1.1, 2.11, 3.1])
    assert outside["zero_inside_interval_of_difference"] is False
    assert twin.compare([1.0], [1.0])["zero_inside_interval_of_difference"] is None
