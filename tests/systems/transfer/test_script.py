"""Transfer learning at toy size, as a user starts it."""

import functools
import json
import os
import types
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxdl.data import Images, Split
from jaxdl.data import weights as weight_loaders
from jaxdl.errors import InputError
from jaxdl.nn import BatchNorm
from jaxdl.nn.linen import from_linen
from jaxdl.ops.images import unit_images
from jaxdl.systems.transfer import data as transfer_data
from jaxdl.systems.transfer import measures as transfer_measures
from jaxdl.systems.transfer import networks as transfer
from jaxdl.systems.transfer.data import load_data
from jaxdl.systems.transfer.learners import NETS, Net, mobilenet_net, squeezenet_net
from jaxdl.train.runner import check_step

ROOT = Path(__file__).resolve().parents[3]
TOY = (
    "--weights toy --methods frozen tuned scratch --sizes 40 --steps 20 --seeds 2 "
    "--eval-every 10 --batch-size 16 --block-steps 10 --image-size 16 "
    "--learning-rate 0.05"
).split()


class Features(nn.Module):
    """Six features with batch normalisation; pictures of 8 pixels or more."""

    @nn.compact
    def __call__(self, x):
        if x.shape[1] < 8:
            raise InputError(f"the toy got {x.shape[1]} pixels: expected 8 or more")
        blocks = x.reshape(len(x), 2, x.shape[1] // 2, 2, x.shape[2] // 2, 3)
        x = blocks.mean(axis=(2, 4)).reshape(len(x), -1)
        return nn.relu(BatchNorm()(nn.Dense(6)(x)))


def toy_net():
    model = from_linen(Features(), example=np.zeros((2, 8, 8, 3), np.float32))
    params = model.init(jax.random.key(1))
    x = unit_images(toy_images().train.image)
    _, statistics = model.apply(params, x, with_statistics=True)

    def load(path):
        return weight_loaders.Pretrained(params, statistics, {"toy": "ab" * 32})

    return Net(load, functools.partial(transfer.Body, model, 6, unit_images))


def toy_images(*args, **kwargs):
    """Noise with a patch whose place says the class."""
    splits = []
    for i, n in enumerate((50, 10, 20)):
        image = np.random.default_rng(i).integers(0, 100, (n, 32, 32, 3), np.uint8)
        label = np.arange(n) % 10
        for j, c in enumerate(label):
            image[j, 16 * (c % 2) :, :, c % 3] += np.uint8(15 * c)
        splits.append(Split(jnp.asarray(image), jnp.asarray(label, jnp.int32)))
    return Images(*splits, name="cifar10_subset", checksum="0" * 64)


@pytest.fixture(scope="module")
def script(load_script):
    module = load_script(ROOT / "experiments" / "transfer.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer_data, "load_images", toy_images)
        patch.setitem(NETS, "squeezenet", functools.cache(toy_net))
        yield module


@pytest.fixture(scope="module")
def folder(script, tmp_path_factory):
    folder = tmp_path_factory.mktemp("transfer") / "run"
    assert script.main([*TOY, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def cases(folder):
    return json.loads((folder / "result.json").read_text())["cases"]


def test_a_result_for_each_method_and_size(cases):
    assert list(cases) == ["frozen-40", "tuned-40", "scratch-40"]
    for name, case in cases.items():
        assert list(case["metrics"]) == ["trained_error", "test_error"]
        metric = case["metrics"]["test_error"]
        protocol = metric["protocol"]
        assert len(metric["per_seed"]) == 2 and 0 <= metric["mean"] <= 90
        assert name == f"{protocol['method']}-{protocol['train_images']}"
        assert ("weights_sha256" in protocol) is (protocol["method"] != "scratch")
        assert protocol["held_out_images"] == 20 and protocol["image_size"] == 16


def test_the_loss_falls(folder):
    for name in ("frozen-40", "tuned-40/head", "scratch-40"):
        lines = map(json.loads, (folder / name / "metrics.jsonl").open())
        losses = [line["train"]["loss"] for line in lines if "train" in line]
        assert np.all(np.array(losses[-1]) < np.array(losses[0]) - 0.1)


def test_figures(folder):
    paths = sorted((folder / "figures").iterdir())
    assert [path.stem for path in paths] == ["curves", "guesses"]
    for path in paths:
        with Image.open(path) as picture:
            assert picture.width == 1000
            assert np.asarray(picture.convert("L")).std() > 5


def test_a_killed_sweep_goes_on_in_the_same_bits(
    script, cases, tmp_path, killed_after_a_save, capsys
):
    flags = [
        *TOY,
        "--methods",
        "tuned",
        "--sizes",
        "40",
        "--out",
        str(tmp_path / "run"),
    ]
    flags += ["--save-every", "15"]
    for _ in range(2):  # while the layer is trained, then while the net is
        with killed_after_a_save():
            script.main(flags)
    assert script.main(flags) == 0
    assert "going on from the checkpoint of step 15" in capsys.readouterr().out
    again = json.loads((tmp_path / "run" / "result.json").read_text())
    found = again["cases"]["tuned-40"]["state_sha256"]
    assert found == cases["tuned-40"]["state_sha256"]


def config(script, **fields):
    """The configuration of a case."""
    numbers = dict(steps=9, batch_size=4, learning_rate=0.1, decay=0.0, image_size=16)
    case = dict(methods=("frozen",), sizes=(20,), weights=Path("toy"))
    return script.Config(**numbers | case | fields)


@pytest.fixture(scope="module")
def data(script):
    """With features, which only the method frozen needs."""
    return load_data(config(script), NETS["squeezenet"])


def begin(script, data, **fields):
    """An experiment and the state that it begins with."""
    cfg = config(script, **fields)
    experiment = script.make_experiment(cfg, data)
    init = jax.jit(experiment.init)
    return experiment, init(jax.random.key(3), data, None)


def test_training_sets_are_nested_and_the_same_for_all_methods(script, data):
    _, many = begin(script, data, sizes=(40,))
    _, few = begin(script, data)
    _, other = begin(script, data, methods=("scratch",))
    np.testing.assert_array_equal(many.subset[:20], few.subset)
    np.testing.assert_array_equal(other.subset, few.subset)
    labels = np.asarray(data.train.label[many.subset])
    assert np.bincount(labels[:20]).tolist() == [2] * 10
    assert len(set(np.asarray(many.subset).tolist())) == 40


def test_what_each_method_begins_with_and_changes(script, data):
    """Tuned and frozen begin as the same function; only tuned moves the net."""
    frozen, frozen_state = begin(script, data)
    tuned, state = begin(script, data, methods=("tuned",))
    _, fresh = begin(script, data, methods=("scratch",))
    given = data.pretrained.params
    jax.tree.map(np.testing.assert_array_equal, state.training.params["body"], given)
    kernels = (p["Dense_0"]["kernel"] for p in (fresh.training.params["body"], given))
    assert np.abs(np.subtract(*kernels)).max() > 0.1
    for experiment, begun in ((frozen, frozen_state), (tuned, state)):
        batch = experiment.batch(data, jax.random.key(0), 0)
        moved, metrics = jax.jit(experiment.step)(begun, batch)
        assert metrics["loss"] == pytest.approx(np.log(10), abs=1e-5)
    moved, _ = jax.jit(tuned.step)(
        moved, batch
    )  # the first moved the layer of zeros alone
    kernel = moved.training.params["body"]["Dense_0"]["kernel"]
    assert np.abs(kernel - given["Dense_0"]["kernel"]).max() > 1e-3
    np.testing.assert_array_equal(moved.subset, state.subset)


def test_batches_come_from_the_training_set_alone(script, data):
    experiment, state = begin(script, data)
    draws = [experiment.batch(data, jax.random.key(0), i)[1] for i in range(50)]
    assert {int(i) for draw in draws for i in draw} == set(range(20))
    assert set(state.subset.tolist()) <= set(range(60))
    assert len(data.train.label) == 60 and len(data.held_out.label) == 20


def test_validation_images_choose_recipes(script):
    """Then the held-out images are not those of the test."""
    cfg = config(script, methods=("small",), train_on="train")
    data = load_data(cfg, toy_net)
    images = toy_images()
    np.testing.assert_array_equal(data.held_out.image, images.validation.image)
    np.testing.assert_array_equal(data.train.image, images.train.image)


def test_the_checksum_tells_weights_apart(script, data):
    net, cfg = toy_net(), config(script, methods=("tuned",))
    same = load_data(cfg, lambda: net)

    def load(path):
        return net.load(path)._replace(sha256={"toy": "cd" * 32})

    other = load_data(cfg, lambda: net._replace(load=load))
    assert same.checksum == data.checksum != other.checksum
    assert same.weights_sha256 == data.weights_sha256 != other.weights_sha256


def test_the_nets_of_imagenet_can_be_trained():
    """One step each is traced, with arrays in the form of weights."""
    net = mobilenet_net()
    body = net.body(64)
    params = jax.eval_shape(body.features.init, jax.random.key(0))
    assert jax.eval_shape(
        lambda params, x: transfer.read_features(
            body, transfer.Pretrained(params, None), x
        ),
        params,
        jnp.zeros((2, 32, 32, 3), jnp.uint8),
    ).shape == (2, body.size)
    assert squeezenet_net().body(64).size == 512


def test_published_weights_know_cifar10():
    """Nearest class means of frozen features, at the smallest useful size."""
    if "JAXDL_TEST_DATA" not in os.environ:
        pytest.skip("JAXDL_TEST_DATA, a folder with mobilenet_v1_0.25_224/, not set")
    folder = Path(os.environ["JAXDL_TEST_DATA"])
    net = mobilenet_net()
    found = net.load(folder / "mobilenet_v1_0.25_224")
    with Image.open(folder / "cifar10_subset" / "cifar10_batch_0.png") as picture:
        images = np.asarray(picture).reshape(-1, 32, 32, 3)[:500]
    lines = (folder / "cifar10_subset" / "cifar10_labels.txt").read_text().split()
    labels = np.array(lines[:500], int)
    features_fn = jax.jit(functools.partial(transfer.read_features, net.body(64)))
    given = transfer.Pretrained(found.params, found.statistics)
    features = np.asarray(features_fn(given, images))
    np.testing.assert_allclose(features.mean(axis=1), 0, atol=1e-4)
    means = np.stack(
        [features[:400][labels[:400] == c].mean(axis=0) for c in range(10)]
    )
    guesses = np.argmax(features[400:] @ means.T - (means**2).sum(axis=1) / 2, axis=1)
    assert np.mean(guesses == labels[400:]) > 0.3  # guessing: 0.1


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            "--sizes 10 61",
            "a training size is 61: expected 10, one image a class, to 60",
        ),
        ("--sizes 51 --train-on train", "expected 10, one image a class, to 50"),
        ("--sizes 5", "a training size is 5: expected 10"),
        ("--sizes 10 10", "sizes is (10, 10): expected at least one, each once"),
        ("--image-size 4", "the toy got 4 pixels: expected 8 or more"),
        ("--image-size 4 --methods tuned", "the toy got 4 pixels"),
        ("--image-size 0", "image_size is 0: expected 1 or more"),
        ("--learning-rate 0", "learning_rate is 0.0"),
        ("--decay -1", "decay is -1.0"),
        ("--methods frozen frozen", "expected at least one, each once"),
        ("--net vgg", "vgg"),
    ],
)
def test_bad_input(script, flags, said, refused):
    assert said in refused(
        script.main,
        ["pretrained", "--weights", "toy", "--sizes", "10", *flags.split()],
    )


def test_weights_that_are_not_there(script, refused, monkeypatch):
    said = refused(script.main, ["pretrained", "--sizes", "10"])
    assert "need the weights of squeezenet: give --weights" in said
    monkeypatch.setitem(NETS, "squeezenet", squeezenet_net)
    said = refused(
        script.main,
        ["pretrained", "--weights", "/nowhere/at/all", "--sizes", "10"],
    )
    assert "/nowhere/at/all" in said


def test_without_weights_where_none_are_needed(script):
    cfg = config(script, methods=("small",), weights=None)
    data = load_data(cfg, toy_net)
    assert data.weights_sha256 is None
    assert data.pretrained is None and data.train.features is None
    check_step(script.make_experiment, data, cfg)


def test_held_out_images_are_not_trained_on(script):
    images = toy_images()
    for train_on, split in (("all", images.test), ("train", images.validation)):
        cfg = script.Config(methods=("small",), sizes=(10,), train_on=train_on)
        data = load_data(cfg, toy_net)
        np.testing.assert_array_equal(data.held_out.image, split.image)
        assert len(data.train.image) == (60 if train_on == "all" else 50)


def test_the_tuned_net_begins_with_the_head_before(script, data):
    """And with its training set; the whole net is the second phase."""
    cfg = config(script, methods=("tuned",))
    head, whole = script.make_tuning(cfg, data)
    before = jax.jit(head.experiment.init)(jax.random.key(3), data, None)
    params = jax.tree.map(lambda leaf: leaf + 7.0, before.training.params)
    training = before.training._replace(params=params)
    before = before._replace(training=training, subset=before.subset[::-1])
    state = jax.jit(whole.experiment.init)(jax.random.key(4), data, before)
    assert (head.name, whole.name) == ("head", "whole")
    assert script.head_config(cfg).methods == ("frozen",)
    found = state.training.params["head"]
    jax.tree.map(np.testing.assert_array_equal, found, params)
    np.testing.assert_array_equal(state.subset, before.subset)


def test_a_step_is_on_the_subsets_images(script, data, monkeypatch):
    experiment, state = begin(script, data, methods=("frozen",))
    asked, rows = [], script.rows

    def remember(examples, index):
        asked.append(index)
        return rows(examples, index)

    monkeypatch.setattr(script, "rows", remember)
    experiment.step(state, (data, jnp.array([1, 4])))
    np.testing.assert_array_equal(asked[0], state.subset[jnp.array([1, 4])])
    measured = begin(script, data, methods=("small",), train_on="train")[0]
    assert measured.protocols.keys() == {"validation_error"}
    assert experiment.protocols.keys() == {"test_error"}


def test_the_error_is_that_of_the_held_out_images(script, data, monkeypatch):
    """A net that knows images of training alone, and calls all others 3."""
    known, labels = np.asarray(data.train.image), np.asarray(data.train.label)

    def predict(spec, finished, examples):
        found = [(known == x).all((1, 2, 3)) for x in np.asarray(examples.image)]
        answers = [labels[x.argmax()] if x.any() else 3 for x in found]
        return jnp.eye(10)[np.array(answers)]

    monkeypatch.setattr(transfer_measures, "predict", predict)
    monkeypatch.setattr(transfer_measures, "finish", lambda *args: None)
    experiment = script.make_experiment(config(script), data)
    training = types.SimpleNamespace(params=None)
    state = types.SimpleNamespace(training=training, subset=jnp.arange(20))
    values = experiment.evaluate(state, data, None, True)
    assert values["trained_error"] == 0 and values["test_error"] == 90
    np.testing.assert_array_equal(values["guesses"], np.full(20, 3))
    watched = experiment.evaluate(state, data, None, False)
    assert watched.keys() == {"trained_error", "guesses"}
    np.testing.assert_array_equal(watched["guesses"], np.full(20, -1))


def test_a_set_of_one_batch_is_taken_whole(script, data):
    for size in (10, 20):
        cfg = config(script, sizes=(size,), batch_size=20)
        draw = script.make_experiment(cfg, data).batch
        assert draw(data, None, 3)[1].tolist() == list(range(size))
