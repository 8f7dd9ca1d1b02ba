"""The Boltzmann machine as a user starts it: resumed, enumerated, misused."""

import inspect
import types
from pathlib import Path

import pytest

from jaxdl.ledger.schema import read_result
from jaxdl.systems.rbm.measures import make_rbm_evaluate
from jaxdl.train.seeds import seed_keys

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def script(load_script):
    """The script without its figures, which other tests draw."""
    module = load_script(ROOT / "experiments" / "rbm.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "rbm_figures", lambda *args: {})
        yield module


@pytest.fixture(scope="module")
def toy(toy_run):
    """The toy run: five hidden units."""
    return toy_run("rbm")


def test_a_small_machine_is_enumerated(toy):
    metrics = toy.result["metrics"]
    exact, estimate, error, in_se = (
        metrics[name]["mean"]
        for name in (
            "log_partition_exact",
            "log_partition",
            "log_partition_error",
            "ais_error_in_se",
        )
    )
    assert in_se == pytest.approx((estimate - exact) / error, abs=0.05)
    assert metrics["test_log_likelihood"]["protocol"]["log_partition"] == "enumerated"


def test_chains_and_temperatures_are_not_exchanged(script, monkeypatch):
    asked = []
    monkeypatch.setattr(
        script.measures,
        "make_rbm_evaluate",
        lambda *args: asked.append(bound.bind(*args)),
    )
    bound = inspect.signature(make_rbm_evaluate)
    cfg = script.Config(ais_chains=3, ais_steps=700)
    script.make_experiment(cfg, script.plan(cfg).data)
    assert asked[-1].arguments == {"ais_chains": 3, "ais_steps": 700}


def test_a_stopped_run_goes_on_in_the_same_bits(
    script, toy, tmp_path, killed_after_a_save, capsys
):
    """The persistent chains too: they are part of the state."""
    flags = [*toy.flags, "--out", str(tmp_path / "run"), "--save-every", "15"]
    with killed_after_a_save():
        script.main(flags)
    assert not (tmp_path / "run" / "result.json").exists()
    assert script.main(flags) == 0
    assert "going on from the checkpoint of step 15" in capsys.readouterr().out
    ours = read_result(tmp_path / "run" / "result.json")
    assert ours["state_sha256"] == toy.result["state_sha256"]
    assert ours["metrics"] == toy.result["metrics"]


def test_chains_that_begin_at_the_data(script, toy, tmp_path):
    """Contrastive divergence keeps no chains, and rebuilds what it sees."""
    flags = "--method cd --cd-steps 2 --weight-decay 0.001 --no-binarise".split()
    folder = tmp_path / "run"
    assert script.main([*toy.flags, *flags, "--out", str(folder)]) == 0
    protocol = read_result(folder / "result.json")["metrics"]["test_log_likelihood"]
    assert protocol["protocol"]["method"] == "cd"
    assert protocol["protocol"]["cd_steps"] == 2


BAD = [
    ("--cd-steps 0", "cd_steps is 0: expected 1 or more"),
    ("--hidden-size 0", "hidden_size is 0: expected 1 or more"),
    ("--hidden-size 21 --enumerate", "21 units in the smaller layer: expected at most"),
    ("--ais-chains 1", "ais_chains is 1: expected 2 or more"),
    ("--ais-steps 0", "ais_steps is 0: expected 1 or more"),
    ("--learning-rate 0", "learning_rate is 0.0: expected a finite number above 0"),
    ("--weight-decay -1", "weight_decay is -1.0: expected a finite number from 0"),
    ("--weight-decay nan", "weight_decay is nan: expected a finite number, 0"),
]


@pytest.mark.parametrize(("flags", "sentence"), BAD, ids=[flags for flags, _ in BAD])
def test_bad_flags(script, toy, flags, sentence, refused):
    assert sentence in refused(script.main, [*toy.flags, *flags.split()])


def test_pictures_are_of_test_images_and_the_first_seed(script, monkeypatch):
    def split(name):
        return types.SimpleNamespace(image=name)

    monkeypatch.setattr(script.measures, "shown", lambda *args: args)
    monkeypatch.setattr(script, "rbm_figures", lambda record, shown: shown)
    data = types.SimpleNamespace(
        train=split("train"), validation=split("validation"), test=split("test")
    )
    states = [types.SimpleNamespace(params=name) for name in ("first", "second")]
    record = types.SimpleNamespace(
        config=script.Config(seed=5), states=states, data=data
    )
    key, *others = script.figures(record)
    assert others == ["first", "test"] and key == seed_keys(5).figures
