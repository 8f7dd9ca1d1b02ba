import gzip
import hashlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxdl.data import (
    IMAGE_SHAPES,
    Images,
    Split,
    builders,
    load,
    load_images,
    prepare,
)
from jaxdl.errors import InputError


def write_idx(path, array):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes(), compresslevel=1))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder of four small IDX files, their arrays, and their sha256."""
    folder = tmp_path_factory.mktemp("tiny")
    rng = np.random.default_rng(0)
    arrays = {}
    for prefix, n in (("train", 300), ("t10k", 50)):
        images = rng.integers(0, 256, (n, 28, 28), np.uint8)
        images[1] = images[0]  # equal images must not be lost or swapped
        arrays[prefix] = images, rng.integers(0, 10, n, np.uint8)
        write_idx(folder / f"{prefix}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", arrays[prefix][1])
    sha256 = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }
    return folder, arrays, sha256


@pytest.fixture
def tiny_mnist(tiny, monkeypatch):
    """The folder of `tiny`, taken for the original files of MNIST."""
    monkeypatch.setattr(builders.JaxdlMnist, "SHA256", tiny[2])
    return tiny[0]


@pytest.fixture(scope="module")
def real_dirs(tmp_path_factory):
    """The folders of the original files, and one to prepare data in."""
    if "JAXDL_TEST_DATA" not in os.environ:
        pytest.skip("JAXDL_TEST_DATA, a folder with mnist/ and fashion_mnist/, not set")
    return Path(os.environ["JAXDL_TEST_DATA"]), tmp_path_factory.mktemp("prepared")


def files_in(folder):
    return sorted(p.name for p in folder.rglob("*")) if folder.exists() else []


# --- digits ---------------------------------------------------------------------------


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    data = load_images("digits")
    original = load_digits()
    splits = [data.train, data.validation, data.test]
    assert [len(split.label) for split in splits] == [1197, 300, 300]
    image = np.concatenate([split.image for split in splits])
    label = np.concatenate([split.label for split in splits])
    assert image.dtype == np.uint8 and label.dtype == np.int32
    np.testing.assert_array_equal(label, original.target)
    assert image.shape == (1797, 8, 8, 1)
    # 0 to 16 and back again: nothing is lost, both ends are reached.
    np.testing.assert_array_equal(np.round(image[..., 0] * (16 / 255)), original.images)
    assert np.unique(image)[[0, 1, 2, -1]].tolist() == [0, 16, 32, 255]
    assert data.image_shape == IMAGE_SHAPES["digits"] == (8, 8, 1)
    assert prepare("digits") is None


def test_checksum_covers_every_array():
    from jaxdl.data.load import images_checksum

    data = load_images("digits")
    assert data.checksum == load_images("digits").checksum
    splits = [
        jax.tree.map(np.array, s) for s in (data.train, data.validation, data.test)
    ]
    assert images_checksum(splits) == data.checksum
    for array in jax.tree.leaves(splits):
        array.flat[-1] ^= 1
        assert images_checksum(splits) != data.checksum
        array.flat[-1] ^= 1
    # Another value would mean other data than that of the committed results.
    assert data.checksum.startswith("6168b5a8")


def test_images_is_a_pytree():
    data = load_images("digits")
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(data))
    assert len(jax.tree.leaves(data)) == 6
    same = jax.jit(lambda d: d)(data)
    assert isinstance(same, Images) and isinstance(same.test, Split)
    assert (same.name, same.checksum) == ("digits", data.checksum)
    shapes = jax.eval_shape(lambda d: d, data)
    assert shapes.image_shape == (8, 8, 1)
    empty = jax.tree.map(lambda _: object(), data)  # placeholder leaves
    assert empty.name == "digits"
    jax.vmap(lambda d, i: d.train.label[i], (None, 0))(data, jnp.arange(3))


# --- the original files ---------------------------------------------------------------


def test_real_files_in_their_order(real_dirs):
    """`tests/data/test_builders.py` reads the files of Fashion-MNIST as well."""
    name = "mnist"
    sources, data_dir = real_dirs
    data = load_images(name, data_dir=data_dir, source_dir=sources / name)
    assert data.image_shape == IMAGE_SHAPES[name]
    splits = (data.train, data.validation, data.test)
    assert [len(s.image) for s in splits] == [50_000, 10_000, 10_000]
    assert {s.image.dtype.name for s in splits} == {"uint8"}
    assert {s.label.dtype.name for s in splits} == {"int32"}

    def original(file_name, offset):
        raw = gzip.decompress((sources / name / file_name).read_bytes())
        return np.frombuffer(raw, np.uint8, offset=offset)

    images = original("train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1)
    labels = original("train-labels-idx1-ubyte.gz", 8)
    np.testing.assert_array_equal(data.train.image, images[:50_000])
    np.testing.assert_array_equal(data.train.label, labels[:50_000])
    np.testing.assert_array_equal(data.validation.image, images[50_000:])
    np.testing.assert_array_equal(data.validation.label, labels[50_000:])
    np.testing.assert_array_equal(
        np.ravel(data.test.image), original("t10k-images-idx3-ubyte.gz", 16)
    )
    np.testing.assert_array_equal(
        data.test.label, original("t10k-labels-idx1-ubyte.gz", 8)
    )
    # Again, without the source: quick, and the same bits.
    start = time.monotonic()
    assert prepare(name, data_dir=data_dir).is_dir()
    assert time.monotonic() - start < 1
    assert load_images(name, data_dir=data_dir).checksum == data.checksum


def test_cifar10_subset_in_the_order_of_its_files(real_dirs):
    sources, data_dir = real_dirs
    source = sources / "cifar10_subset"
    data = load_images("cifar10_subset", data_dir=data_dir, source_dir=source)
    assert data.image_shape == IMAGE_SHAPES["cifar10_subset"] == (32, 32, 3)
    splits = (data.train, data.validation, data.test)
    assert [len(split.label) for split in splits] == [3500, 500, 1000]
    labels = (source / "cifar10_labels.txt").read_text().splitlines()
    kept = [*labels[:4000], *labels[50_000:]]
    found = np.concatenate([split.label for split in splits])
    np.testing.assert_array_equal(found, [int(label) for label in kept])
    for split, i, batch, row in [  # a pixel is (x, y) in a PNG
        (data.train, 1007, 1, 7),
        (data.validation, 499, 3, 999),
        (data.test, 0, 50, 0),
    ]:
        with Image.open(source / f"cifar10_batch_{batch}.png") as picture:
            pixels = [picture.getpixel((x, row)) for x in (0, 1, 31, 32, 1023)]
        image = np.asarray(split.image[i])
        places = [(0, 0), (0, 1), (0, 31), (1, 0), (31, 31)]
        assert [tuple(image[place]) for place in places] == pixels


# --- preparing ------------------------------------------------------------------------


def test_prepared_records_keep_the_order_quietly(tiny, tiny_mnist, tmp_path, capfd):
    folder = prepare("mnist", data_dir=tmp_path, source_dir=tiny_mnist)
    data = load_images("mnist", data_dir=tmp_path)
    images, labels = tiny[1]["train"]
    np.testing.assert_array_equal(data.train.image[..., 0], images)
    np.testing.assert_array_equal(data.train.label, labels)
    images, labels = tiny[1]["t10k"]
    np.testing.assert_array_equal(data.test.image[..., 0], images)
    np.testing.assert_array_equal(data.test.label, labels)
    # Any user of tensorflow-datasets can read it by its name.
    import tensorflow_datasets as tfds

    builder = tfds.builder("jaxdl_mnist", data_dir=tmp_path)
    assert Path(builder.data_dir) == folder
    assert builder.info.splits["train"].num_examples == 300
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        ".jaxdl_mnist.lock",
        "jaxdl_mnist",
    ]
    assert capfd.readouterr() == ("", "")


def test_fashion_mnist_is_prepared_and_split_as_mnist(tiny, tmp_path, monkeypatch):
    folder, arrays, sha256 = tiny
    monkeypatch.setattr(builders.JaxdlFashionMnist, "SHA256", sha256)
    prepared = prepare("fashion_mnist", data_dir=tmp_path, source_dir=folder)
    assert prepared == tmp_path / "jaxdl_fashion_mnist/1.0.0"
    data = load_images("fashion_mnist", data_dir=tmp_path)
    assert data.image_shape == IMAGE_SHAPES["fashion_mnist"] == (28, 28, 1)
    for split, (images, labels) in (
        (data.train, arrays["train"]),
        (data.test, arrays["t10k"]),
    ):
        np.testing.assert_array_equal(split.image[..., 0], images)
        np.testing.assert_array_equal(split.label, labels)
    assert load._NUM_TRAIN["fashion_mnist"] == load._NUM_TRAIN["mnist"]


def test_default_folder_is_that_of_tensorflow_datasets(
    tiny_mnist, tmp_path, monkeypatch
):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "by_variable"))
    folder = prepare("mnist", source_dir=tiny_mnist)
    assert folder == tmp_path / "by_variable/jaxdl_mnist/1.0.0"
    monkeypatch.delenv("TFDS_DATA_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = prepare("mnist", source_dir=tiny_mnist)
    assert folder == tmp_path / "tensorflow_datasets/jaxdl_mnist/1.0.0"


def test_leftovers_of_a_killed_process_go(tiny_mnist, tmp_path):
    leftover = tmp_path / "jaxdl_mnist/incomplete.ABCDEF_1.0.0"
    leftover.mkdir(parents=True)
    (leftover / "half.array_record").write_bytes(b"half")
    prepare("mnist", data_dir=tmp_path, source_dir=tiny_mnist)
    assert [p.name for p in (tmp_path / "jaxdl_mnist").iterdir()] == ["1.0.0"]


PREPARE_SCRIPT = """
import sys, time, jaxdl.data
heavy = {"tensorflow", "tensorflow_datasets", "sklearn", "flax", "absl.logging"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
source_dir, data_dir, start, *sha256 = sys.argv[1:]
from jaxdl.data import builders
builders.JaxdlMnist.SHA256 = dict(pair.split("=") for pair in sha256)
import random
random.seed(0)  # equal names for the temporary folders of tensorflow-datasets
time.sleep(max(0, float(start) - time.time()))
data = jaxdl.data.load_images("mnist", data_dir=data_dir, source_dir=source_dir)
assert "tensorflow_datasets" in sys.modules and "tensorflow" not in sys.modules
print(data.checksum)
"""


def test_two_processes_at_once_without_tensorflow(tiny, tmp_path):
    folder, _, sha256 = tiny
    args = [f"{name}={digest}" for name, digest in sha256.items()]
    args = [str(folder), str(tmp_path), str(time.time() + 3), *args]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PREPARE_SCRIPT, *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert outputs[0] == outputs[1]
    assert outputs[0][1] == ""
    assert [p.name for p in (tmp_path / "jaxdl_mnist").iterdir()] == ["1.0.0"]


# --- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hint"),
    [("mnits", "mnist"), ("MNIST", "mnist"), ("fashion", "fashion_mnist")],
)
def test_unknown_name_gets_the_list_and_the_nearest(name, hint):
    with pytest.raises(InputError, match=f"digits, mnist, fashion_mnist.*'{hint}'"):
        load_images(name)


def test_unknown_name_far_from_any_gets_the_list():
    with pytest.raises(InputError, match="digits, mnist, .*, cifar10_subset$"):
        load_images("imagenet")


@pytest.mark.parametrize("flag", ["source_dir", "data_dir"])
def test_a_home_that_nobody_has_is_a_missing_folder(flag, tmp_path):
    folders = {"data_dir": tmp_path, "source_dir": "none", flag: "~nobody-has-it/x"}
    with pytest.raises(InputError, match="there is no source folder"):
        prepare("mnist", **folders)


def test_wrong_source_file_leaves_nothing(tiny_mnist, tmp_path):
    source, data_dir = tmp_path / "source", tmp_path / "data"
    shutil.copytree(tiny_mnist, source)
    content = bytearray((source / "t10k-labels-idx1-ubyte.gz").read_bytes())
    content[-9] ^= 1
    (source / "t10k-labels-idx1-ubyte.gz").write_bytes(content)
    with pytest.raises(InputError, match="t10k-labels-idx1-ubyte.gz has a wrong check"):
        prepare("mnist", data_dir=data_dir, source_dir=source)
    assert files_in(data_dir) == []
    (source / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match="lacks t10k-labels-idx1-ubyte.gz"):
        prepare("mnist", data_dir=data_dir, source_dir=source)
    with pytest.raises(InputError, match="no source folder"):
        prepare("mnist", data_dir=data_dir, source_dir=tmp_path / "nowhere")
    assert files_in(data_dir) == []


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_no_source_and_no_network_names_three_ways_out(name, no_network, tmp_path):
    start = time.monotonic()
    with pytest.raises(InputError) as error:
        load_images(name, data_dir=tmp_path / "data")
    assert time.monotonic() - start < 30
    message = str(error.value)
    for part in ("--source-dir FOLDER", "--data-dir FOLDER", "--data digits"):
        assert part in message
    assert all(file_name in message for file_name in builders.BUILDERS[name].SHA256)
    assert "\n" not in message
    assert files_in(tmp_path / "data") == []


def test_without_an_address_there_are_two_ways_out(tmp_path):
    with pytest.raises(InputError, match="cannot be downloaded; two ways") as error:
        load_images("cifar10_subset", data_dir=tmp_path / "data")
    for part in ("--source-dir FOLDER", "cifar10_labels.txt", "--data-dir FOLDER"):
        assert part in str(error.value)
    assert files_in(tmp_path / "data") == []


def test_folder_that_cannot_be_written(tiny_mnist, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match="cannot be written to .*--data-dir"):
        prepare("mnist", data_dir=tmp_path / "file/data", source_dir=tiny_mnist)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_write_permission(tiny_mnist, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written to .*--data-dir"):
        prepare("mnist", data_dir=tmp_path, source_dir=tiny_mnist)
    tmp_path.chmod(0o700)


def test_full_disk_leaves_nothing_half_prepared(tiny_mnist, tmp_path, monkeypatch):
    def fail(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(builders.JaxdlMnist, "_generate_examples", fail)
    with pytest.raises(InputError, match="No space left"):
        prepare("mnist", data_dir=tmp_path, source_dir=tiny_mnist)
    assert files_in(tmp_path) == [".jaxdl_mnist.lock", "jaxdl_mnist"]


@pytest.mark.parametrize("damage", ["flip", "truncate", "no records", "no info"])
def test_damaged_prepared_data_is_never_used(damage, tiny_mnist, tmp_path):
    folder = prepare("mnist", data_dir=tmp_path, source_dir=tiny_mnist)
    (records,) = folder.glob("*-test.array_record*")
    content = bytearray(records.read_bytes())
    if damage == "flip":
        content[random.Random(0).randrange(100, 30_000)] ^= 1
        records.write_bytes(content)
    elif damage == "truncate":
        records.write_bytes(content[: len(content) // 2])
    elif damage == "no records":
        records.unlink()
    else:
        (folder / "dataset_info.json").unlink()
    with pytest.raises(InputError, match=f"{folder} is damaged.*delete that folder"):
        load_images("mnist", data_dir=tmp_path, source_dir=tiny_mnist)


@pytest.mark.parametrize("kind", ["pythonClassName", "type"])
def test_no_module_is_imported_that_a_data_folder_names(
    kind, tiny_mnist, tmp_path, monkeypatch
):
    folder = prepare("mnist", data_dir=tmp_path, source_dir=tiny_mnist)
    honest = load_images("mnist", data_dir=tmp_path)
    (tmp_path / "hostile_module.py").write_text("raise SystemExit('it was imported')")
    monkeypatch.syspath_prepend(tmp_path)
    named = {kind: "hostile_module.Feature", "content": {}}
    (folder / "features.json").write_text(json.dumps(named))
    info = json.loads((folder / "dataset_info.json").read_text())
    info["moduleName"] = "hostile_module"
    (folder / "dataset_info.json").write_text(json.dumps(info))
    assert load_images("mnist", data_dir=tmp_path).checksum == honest.checksum
    assert "hostile_module" not in sys.modules


@pytest.mark.parametrize(
    "info",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 10_000,
        b'{"version": "7.0.0"}',
        b"\xff",
        b'{"name": 3}',
    ],
    ids=["empty", "list", "object", "deep", "version", "bytes", "number"],
)
def test_an_edited_description_of_prepared_data_is_refused(info, tiny_mnist, tmp_path):
    folder = prepare("mnist", data_dir=tmp_path, source_dir=tiny_mnist)
    (folder / "dataset_info.json").write_bytes(info)
    with pytest.raises(InputError, match=f"{folder} is damaged"):
        load_images("mnist", data_dir=tmp_path)
