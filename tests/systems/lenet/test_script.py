"""LeNet as a user starts it: resumed, distorted, loaded by others, misused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.ledger.schema import read_result
from jaxdl.pretrained import load_lenet

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


def test_the_net_can_be_looked_through(script, finished):
    """What is loaded has the run's own test error."""
    net = load_lenet(finished)
    assert (net.data, net.image_shape, net.num_classes) == ("digits", (8, 8, 1), 10)
    result = json.loads((finished / "result.json").read_text())
    assert net.digest == result["state_sha256_per_seed"][0]
    test = script.load_images("digits").test
    x = np.asarray(test.image, np.float32) / 255
    answers = np.argmax(net.logits(x), axis=1)
    error = 100 * np.mean(answers != np.asarray(test.label))
    assert error == pytest.approx(result["metrics"]["test_error"]["mean"], abs=0.01)
    assert net.features(x[:2]).shape == (2, 84)


def spoiled(finished, tmp_path, change):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    change(folder)
    return folder


def rewrite(**fields):
    def change(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda folder: (folder / "result.json").unlink(), "holds an unfinished run"),
        (lambda folder: (folder / "config.json").unlink(), "holds no run"),
        (rewrite(experiment="gan"), "holds a run of gan, not of lenet"),
        (rewrite(config={"model": "lenet5"}), "holds a run of another version"),
        (rewrite(config=None), "holds a run of another version"),
    ],
    ids=["unfinished", "empty", "another", "old", "no config"],
)
def test_runs_that_cannot_be_loaded(finished, tmp_path, change, sentence):
    with pytest.raises(InputError, match=sentence):
        load_lenet(spoiled(finished, tmp_path, change))


BAD = [
    ("--learning-rate 0", "learning_rate is 0.0: expected a finite number above 0"),
    ("--rotation nan", "rotation is nan: expected a finite number, 0 or more"),
    ("--translation -1", "translation is -1.0: expected a finite number, 0 or more"),
    ("--batch-size 2000", "batch_size is 2000: expected at most 1497"),
]


@pytest.mark.parametrize(("flags", "sentence"), BAD, ids=[flags for flags, _ in BAD])
def test_bad_flags(script, flags, sentence, refused):
    assert sentence in refused(script.main, [*TOY, *flags.split()])
