"""The script on coloured digits, with a classifier, as a user starts it."""

import json
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxdl.adversarial.networks import GAN
from jaxdl.data import IMAGE_SHAPES, Split, load_images
from jaxdl.ops import unit_images
from jaxdl.systems.dcgan import classifier, training
from jaxdl.train.runner import check_step
from jaxdl.types import Model

LOAD_LENET = classifier.load_lenet
ROOT = Path(__file__).resolve().parents[3]
TOY = (
    "--data coloured_digits --steps 4 --base-channels 2 --batch-size 8 "
    "--measured-samples 20 --arithmetic-trials 5 --block-steps 2 --eval-every 2 "
    "--classifier lenet"
).split()


@pytest.fixture(scope="module")
def nearest_mean():
    """A classifier of digits by the nearest mean image; its features are pixels."""
    train = load_images("digits").train
    pixels = np.asarray(unit_images(train.image)).reshape(-1, 64)
    labels = np.asarray(train.label)
    means = np.stack([pixels[labels == digit].mean(axis=0) for digit in range(10)])
    means = jnp.asarray(means)

    def features(x):
        assert x.shape[1:] == (8, 8, 1)
        return x.reshape(len(x), -1)

    def logits(x):
        return -jnp.sum((features(x)[:, None] - means[None]) ** 2, axis=-1)

    return classifier.Classifier(
        logits, features, 5.0, "d" * 64, "digits", IMAGE_SHAPES["digits"], 10
    )


@pytest.fixture(scope="module")
def script(load_script, nearest_mean):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "load_lenet", lambda folder: nearest_mean)
        yield load_script(ROOT / "experiments" / "dcgan.py")


@pytest.fixture(scope="module")
def folder(script, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dcgan") / "run"
    assert script.main([*TOY, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def result(folder):
    return json.loads((folder / "result.json").read_text())


def test_what_is_measured(result):
    metrics = result["metrics"]
    arithmetic = {
        f"arithmetic{end}"
        for end in (
            *("", "_digit", "_colour", "_third_alone", "_chance"),
            *("_missing", "_random", "_random_chance", "_random_missing"),
        )
    }
    boards = {f"{kind}checkerboard_{n}" for kind in ("", "real_") for n in (2, 4)}
    distances = {"frechet", "kernel", "kernel_error", "precision", "recall"}
    distances |= {"classes_covered", "class_distance"}
    assert metrics.keys() == arithmetic | boards | distances | {
        *("value", "d_real", "d_fake"),
    }
    for name in ("frechet", "recall", "classes_covered", "arithmetic"):
        assert metrics[name]["protocol"]["classifier"] == "d" * 64
    assert "classifier" not in metrics["checkerboard_2"]["protocol"]
    assert "published" not in metrics["value"] and not metrics["value"]["protocol"]
    assert result["config"]["classifier_digest"] == "d" * 64
    assert "classifier" not in result["config"]  # the folder decides nothing
    assert metrics["frechet"]["mean"] > 0  # samples of four steps are noise
    assert result["data"]["name"] == "coloured_digits_16"


def test_pictures_are_in_colour(script, folder, capsys):
    paths = {path.stem for path in (folder / "figures").iterdir()}
    assert {"samples", "progress", "interpolation", "curves", "spectrum"} <= paths
    with Image.open(folder / "figures" / "nearest.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert np.ptp(pixels, axis=-1).max() > 100
    assert script.main(["--sample", "5", "--out", str(folder)]) == 0
    array = np.load(capsys.readouterr().out.strip().replace(".png", ".npy"))
    assert array.shape == (5, 16, 16, 3) and array.dtype == np.uint8


def test_a_killed_run_goes_on_to_the_same_bits(
    script, result, killed_after_a_save, tmp_path
):
    argv = [*TOY, "--out", str(tmp_path / "run"), "--save-every", "2"]
    with killed_after_a_save():
        script.main(argv)
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["step"] < 4
    assert script.main(argv) == 0
    again = json.loads((tmp_path / "run" / "result.json").read_text())
    assert again["state_sha256"] == result["state_sha256"]
    for name, metric in result["metrics"].items():
        assert again["metrics"][name]["per_seed"] == metric["per_seed"], name


def test_the_fully_connected_gan_is_measured_likewise(script):
    argv = dict(data="digits", networks="mlp", steps=1, batch_size=8)
    argv |= dict(image_size=16, base_channels=1, measured_samples=20)
    _, make, data, cfg = script.plan(script.Config(**argv))
    experiment = make(cfg, data)
    check_step(experiment, data, cfg)
    state = experiment.init(jax.random.key(0), data, None)
    found = experiment.evaluate(state, data, jax.random.key(1), True)
    boards = {f"{kind}checkerboard_{n}" for kind in ("", "real_") for n in (2, 4)}
    assert found.keys() == boards | {"value", "d_real", "d_fake", "samples"}
    assert "upsampling" not in experiment.protocols["frechet"]


BAD = [
    ("--image-size 15", "images of 15x15 pixels do not fit a DCGAN: expected squares"),
    ("--image-size 129", "side from 16 to 128, such as 28, 32 or 64"),
    ("--image-size 7 --networks mlp", "image_size is 7: expected 8 or more"),
    ("--upsampling bilinear", "bilinear"),
    ("--networks big", "big"),
    ("--data letters", "letters"),
    ("--base-channels 0", "base_channels is 0: expected 1 or more"),
    ("--latent-size 0", "latent_size is 0: expected 1 or more"),
    ("--measured-samples 15", "measured_samples is 15: expected 16 or more"),
    ("--arithmetic-trials 0", "arithmetic_trials is 0: expected 1 or more"),
    ("--momentum 1.0", "momentum is 1.0: expected 0 to below 1"),
    ("--learning-rate 0", "learning_rate is 0.0"),
    ("--batch-size 1198", "batch_size is 1198: expected at most 1197"),
    ("--sample 5", "--sample needs --out"),
    ("--classifier-digest abc", "--classifier-digest needs --classifier"),
    ("--classifier lenet --classifier-digest abc", "expected abc"),
    ("--classifier lenet --data mnist", "trained on digits: give a run of"),
]


@pytest.mark.parametrize(("flags", "said"), BAD, ids=[flags for flags, _ in BAD])
def test_bad_input(script, flags, said, refused):
    assert said in refused(script.main, flags.split())


def test_a_classifier_that_is_not_there(script, refused, monkeypatch):
    monkeypatch.setattr(classifier, "load_lenet", LOAD_LENET)
    assert "nowhere" in refused(script.main, ["--classifier", "nowhere"])


def test_samples_are_of_the_first_seed(load_script, monkeypatch):
    script = load_script(ROOT / "experiments" / "dcgan.py")
    trees = [{"gen_params": "first"}, {"gen_params": "second"}]
    monkeypatch.setattr(script, "load_trees", lambda folder: trees)
    monkeypatch.setattr(script, "read_config", lambda *args: script.Config())
    assert script.restore(Path("run"))[0] == "first"


@pytest.mark.parametrize("networks", ["dcgan", "mlp"])
def test_convolutional_networks_judge_each_kind_by_itself(networks, monkeypatch):
    """As their batch normalisation needs; the others judge both in one pass.

    And those alone begin at the mean of the images to train on.
    """
    seen, adapts = [], []

    def make_gan_losses(*args, apart):
        seen.append(apart)
        return abs, abs

    def make_gan_init(*args, adapt):
        adapts.append(adapt)
        return abs

    monkeypatch.setattr(training, "make_gan_losses", make_gan_losses)
    monkeypatch.setattr(training, "make_gan_init", make_gan_init)
    cfg = types.SimpleNamespace(networks=networks, learning_rate=0.1, momentum=0.5)
    gan = GAN(Model(abs, abs), Model(abs, abs), 3)
    training.make_training(cfg, gan)
    assert seen == [networks == "dcgan"]
    (adapt,) = adapts
    assert (adapt is None) is (networks == "dcgan")
    if adapt is not None:
        image = jnp.array([[30, 90], [60, 120]], jnp.uint8).reshape(2, 1, 2, 1)
        data = types.SimpleNamespace(train=Split(image, jnp.zeros(2, jnp.int32)))
        bias = adapt({"out": {"bias": jnp.zeros(2)}}, data)["out"]["bias"]
        np.testing.assert_allclose(jax.nn.sigmoid(bias), [45 / 255, 105 / 255], 1e-5)
