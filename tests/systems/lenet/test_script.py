"""LeNet as a user starts it: resumed, distorted, loaded by others, misused."""

from pathlib import Path

import pytest

from jaxdl.ledger.schema import read_result

ROOT = Path(__file__).resolve().parents[3]
TOY = "--steps 12 --batch-size 4 --block-steps 3 --eval-every 12 --distort".split()
TOY += "--model modern --train-on all".split()


@pytest.fixture(scope="module")
def script(load_script):
    """The script without its figures, which other tests draw."""
    module = load_script(ROOT / "experiments" / "lenet.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "lenet_figures", lambda *args: {})
        yield module


@pytest.fixture(scope="module")
def finished(script, tmp_path_factory):
    """The modern net with dropout, on distorted images."""
    folder = tmp_path_factory.mktemp("lenet") / "run"
    assert script.main([*TOY, "--out", str(folder)]) == 0
    return folder


def test_the_protocol_says_how(finished):
    metrics = read_result(finished / "result.json")["metrics"]
    assert {"watched_loss", "watched_error", "test_error"} == metrics.keys()
    protocol = metrics["test_error"]["protocol"]
    assert protocol["train_images"] == 1497 and protocol["test_images"] == 300
    assert protocol["model"] == "modern"
    assert protocol["distortions"].startswith("translation 0.3, rotation 10")
    assert metrics["test_error"].get("published") is None  # it is not MNIST


def test_a_stopped_run_goes_on_in_the_same_bits(
    script, finished, tmp_path, killed_after_a_save, capsys
):
    """Distortions and dropout too: their keys are part of the state."""
    flags = [*TOY, "--out", str(tmp_path / "run"), "--save-every", "6"]
    with killed_after_a_save():
        script.main(flags)
    assert not (tmp_path / "run" / "result.json").exists()
    assert script.main(flags) == 0
    assert "going on from the checkpoint of step 6" in capsys.readouterr().out
    ours, untouched = (
        read_result(folder / "result.json") for folder in (tmp_path / "run", finished)
    )
    assert ours["state_sha256"] == untouched["state_sha256"]
    assert ours["metrics"] == untouched["metrics"]


BAD = [
    ("--learning-rate 0", "learning_rate is 0.0: expected a finite number above 0"),
    ("--rotation nan", "rotation is nan: expected a finite number, 0 or of a size"),
    ("--translation -1", "translation is -1.0: expected a finite number, 0 or more"),
    ("--batch-size 2000", "batch_size is 2000: expected at most 1497"),
]


@pytest.mark.parametrize(("flags", "sentence"), BAD, ids=[flags for flags, _ in BAD])
def test_bad_flags(script, flags, sentence, refused):
    assert sentence in refused(script.main, [*TOY, *flags.split()])
