"""A finished run of LeNet as a classifier, and runs that cannot be one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.systems.dcgan.classifier import load_lenet
from jaxdl.train.disk import read_sealed, write_sealed

ROOT = Path(__file__).resolve().parents[3]
TOY = "--steps 2 --batch-size 4 --block-steps 2 --eval-every 2 --model modern".split()


@pytest.fixture(scope="module")
def script(load_script):
    """The script of LeNet without its figures."""
    module = load_script(ROOT / "experiments" / "lenet.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "lenet_figures", lambda *args: {})
        yield module


@pytest.fixture(scope="module")
def finished(script, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lenet") / "run"
    assert script.main([*TOY, "--out", str(folder)]) == 0
    return folder


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


def test_the_error_is_that_of_the_first_net(finished, tmp_path):
    """Whose weights are loaded, whatever the others of the run reach."""

    def other_seeds(folder):
        result = read_sealed(folder / "result.json")
        result["metrics"]["test_error"] |= {"mean": 20.0, "per_seed": [10.0, 30.0]}
        write_sealed(folder / "result.json", result)

    assert load_lenet(spoiled(finished, tmp_path, other_seeds)).test_error == 10


def rewrite(**fields):
    def change(folder):
        path = folder / "config.json"
        write_sealed(path, read_sealed(path) | fields)

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
