"""Weights from files that the tests write themselves, whole and broken."""

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors.numpy

from jaxdl.data.weight_files import known_sha256, read_ncnn
from jaxdl.data.weights import load_mobilenet, load_squeezenet
from jaxdl.errors import InputError
from jaxdl.models.mobilenets import mobilenet
from jaxdl.models.squeezenets import squeezenet
from jaxdl.types import Model

FIRES = {3: 2, 4: 3, 6: 4, 7: 5, 9: 6, 10: 7, 11: 8, 12: 9}  # torchvision's, ours
RNG = np.random.default_rng(0)


def random_like(shapes):
    return jax.tree.map(
        lambda leaf: RNG.uniform(0, 1, leaf.shape).astype(np.float32), shapes
    )


def assert_equal(ours, expected):
    assert jax.tree.structure(ours) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, ours, expected)


# SqueezeNet's


@pytest.fixture(scope="module")
def squeezed():
    """Random parameters for three classes, representable in 16 bits; a quick model."""
    shapes = jax.eval_shape(squeezenet(3).init, jax.random.key(0))
    params = jax.tree.map(lambda x: np.round(x * 64) / 64, random_like(shapes))
    return params, Model(lambda key: params, None)


def torch_names(params):
    """torchvision's state dict."""
    layers = {"features.0": params["conv1"], "classifier.1": params["classifier"]}
    for theirs, ours in FIRES.items():
        for name, layer in params[f"fire{ours}"].items():
            layers[f"features.{theirs}.{name}"] = layer
    state = {}
    for name, layer in layers.items():
        kernel = layer["kernel"].transpose(3, 2, 0, 1)
        state |= {f"{name}.weight": kernel.copy(), f"{name}.bias": layer["bias"]}
    return state


def write_ncnn(folder, params):
    """Both files; the order within a fire module is not always the same."""
    layers = [params["conv1"]]
    for i, fire in enumerate(params[f"fire{n}"] for n in range(2, 10)):
        expand = [fire["expand1x1"], fire["expand3x3"]]
        layers += [fire["squeeze"], *(expand if i % 2 else expand[::-1])]
    lines, content = ["7767517", "27 27", "Input in0 0 1 in0"], b""
    for i, layer in enumerate([*layers, params["classifier"]]):
        kernel = layer["kernel"].transpose(3, 2, 0, 1)
        out, _, height, width = kernel.shape
        sizes = f"0={out} 1={width} 11={height} 6={kernel.size} 9=1"
        lines.append(f"Convolution conv{i} 1 1 {i} {i + 1} {sizes}")
        raw = kernel.astype("<f2").tobytes()
        content += bytes.fromhex("476b3001") + raw + b"\0" * (-len(raw) % 4)
        content += layer["bias"].astype("<f4").tobytes()
    (folder / "net.param").write_text("\n".join(lines) + "\n")
    (folder / "net.bin").write_bytes(content)


def test_ncnn_fills_an_odd_kernel_up_to_four_bytes(tmp_path):
    """Two layers, of 9 and of 3 numbers, so that the second is read in its place."""
    lines, content = ["7767517", "3 3", "Input in0 0 1 in0"], b""
    kernels = np.arange(9.0).reshape(1, 1, 3, 3), -np.arange(3.0).reshape(3, 1, 1, 1)
    for i, kernel in enumerate(kernels):
        out, _, height, width = kernel.shape
        sizes = f"0={out} 1={width} 11={height} 6={kernel.size} 9=1"
        lines.append(f"Convolution conv{i} 1 1 {i} {i + 1} {sizes}")
        content += bytes.fromhex("476b3001") + kernel.astype("<f2").tobytes() + b"\0\0"
        content += np.full(out, 7 + i, "<f4").tobytes()
    (tmp_path / "net.param").write_text("\n".join(lines) + "\n")
    (tmp_path / "net.bin").write_bytes(content)
    layers, _ = read_ncnn(tmp_path / "net.param", {})
    for i, (layer, kernel) in enumerate(zip(layers, kernels, strict=True)):
        np.testing.assert_array_equal(layer.kernel, kernel)
        np.testing.assert_array_equal(layer.bias, 7 + i)


@pytest.mark.parametrize("name", ["", "net.param", "net.bin"])
def test_ncnn(name, squeezed, tmp_path):
    params, model = squeezed
    write_ncnn(tmp_path, params)
    loaded = load_squeezenet(tmp_path / name, model)
    assert_equal(loaded.params, params)
    assert loaded.statistics == {}
    digest = hashlib.sha256((tmp_path / "net.bin").read_bytes()).hexdigest()
    assert loaded.sha256["net.bin"] == digest


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.float64])
def test_torchvision(kind, squeezed, tmp_path):
    params, model = squeezed
    state = {name: x.astype(kind) for name, x in torch_names(params).items()}
    safetensors.numpy.save_file(state, tmp_path / "x.safetensors")
    for path in (tmp_path, str(tmp_path / "x.safetensors")):
        assert_equal(load_squeezenet(path, model).params, params)


def test_the_digest_is_that_of_the_lines_of_sha256sum(squeezed, tmp_path):
    params, model = squeezed
    write_ncnn(tmp_path, params)
    listed = subprocess.run(
        ["sha256sum", "net.bin", "net.param"], cwd=tmp_path, capture_output=True
    )
    expected = hashlib.sha256(listed.stdout).hexdigest()
    assert load_squeezenet(tmp_path, model).digest == expected


def without(state, name):
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: without(s, "features.0.bias"), ["lacks features.0.bias"]),
        (lambda s: {"a": s["classifier.1.bias"]}, ["lacks", "and 49 more", "has a"]),
        (
            lambda s: s | {"fc.weight": s["features.0.bias"]},
            ["has fc.weight, which the net does not have"],
        ),
        (
            lambda s: s | {"features.0.weight": np.zeros((64, 3, 5, 5), np.float32)},
            ["features.0.weight of shape (64, 3, 5, 5)", "(64, 3, 3, 3)"],
        ),
        (
            lambda s: s | {"classifier.1.bias": np.float32([1, np.nan, 2])},
            ["classifier.1.bias", "not finite"],
        ),
        (
            lambda s: s | {"classifier.1.bias": np.float64([1, 1e300, 2])},
            ["classifier.1.bias", "not finite in float32"],
        ),
        (
            lambda s: s | {"classifier.1.bias": np.int8([1, 2, 3])},
            ["classifier.1.bias", "int8", "expected floats"],
        ),
    ],
    ids=["missing", "most_missing", "extra", "shape", "nan", "overflow", "integers"],
)
def test_tensors_that_do_not_fit_are_named(change, words, squeezed, tmp_path):
    params, model = squeezed
    path = tmp_path / "x.safetensors"
    safetensors.numpy.save_file(change(torch_names(params)), path)
    with np.errstate(over="ignore"), pytest.raises(InputError) as error:
        load_squeezenet(path, model)
    assert all(word in str(error.value) for word in [*words, str(path)])


class Trap:
    def __reduce__(self):
        return os.mkdir, ("unpickled",)


@pytest.mark.parametrize("name", ["x.pt", "x.pth", "x.bin", "x.safetensors", "x.param"])
@pytest.mark.parametrize("zipped", [False, True], ids=["pickle", "zip"])
def test_a_pickle_is_refused_with_the_way_out(
    name, zipped, squeezed, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    if zipped:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("archive/data.pkl", pickle.dumps(Trap()))
    else:
        path.write_bytes(pickle.dumps(Trap()))
    if name == "x.param":
        shutil.copy(path, path.with_suffix(".bin"))
    with pytest.raises(InputError, match=r"pickle.*safetensors.torch.save_file"):
        load_squeezenet(path, squeezed[1])
    with pytest.raises(InputError, match="pickle"):
        load_mobilenet(path, squeezed[1])
    assert not (tmp_path / "unpickled").exists()


def test_a_wrong_checksum(squeezed, tmp_path):
    params, model = squeezed
    write_ncnn(tmp_path, params)
    for part in ("param", "bin"):
        path = tmp_path / f"squeezenet_v1.1.ncnn.{part}"
        (tmp_path / f"net.{part}").rename(path)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    expected = known_sha256("squeezenet_v1.1")[path.name]
    with pytest.raises(InputError, match=f"{expected}, found {found}; replace it"):
        load_squeezenet(tmp_path, model)
    assert_equal(load_squeezenet(tmp_path, model, sha256={}).params, params)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def lengthen(path):
    path.write_bytes(path.read_bytes() + b"1234")


def no_tag(path):
    path.write_bytes(b"\0\0\0\0" + path.read_bytes()[4:])


def empty(path):
    path.write_bytes(b"")


def delete(path):
    path.unlink()


def one_layer_less(path):
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]))
    content = path.with_suffix(".bin").read_bytes()
    last = 4 + 2 * 512 * 3 + 4 * 3
    path.with_suffix(".bin").write_bytes(content[:-last])


def odd_size(path):
    path.write_text(path.read_text().replace("6=1728", "6=1729"))


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("net.bin", cut, "does not hold what net.param lists"),
        ("net.bin", lengthen, "expected .* which net.param lists"),
        ("net.bin", no_tag, "expected a float16 kernel of 1728 numbers at byte 0"),
        ("net.bin", delete, "net.bin is missing"),
        ("net.param", delete, "must hold one .param file"),
        ("net.param", empty, "no layer list of ncnn"),
        ("net.param", one_layer_less, "lists 25 convolutions: expected the 26"),
        ("net.param", odd_size, "conv0 has impossible sizes"),
    ],
)
def test_damaged_ncnn_files(name, damage, words, squeezed, tmp_path):
    params, model = squeezed
    write_ncnn(tmp_path, params)
    damage(tmp_path / name)
    with pytest.raises(InputError, match=words):
        load_squeezenet(tmp_path, model)


@pytest.mark.parametrize("damage", [cut, empty], ids=["cut", "empty"])
def test_damaged_safetensors(damage, squeezed, tmp_path):
    params, model = squeezed
    path = tmp_path / "x.safetensors"
    safetensors.numpy.save_file(torch_names(params), path)
    damage(path)
    with pytest.raises(InputError, match="no whole safetensors file"):
        load_squeezenet(path, model)


def test_other_paths(squeezed, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    for path, words in [
        (tmp_path / "none.safetensors", "is missing"),
        (tmp_path / "none", "is missing"),
        (tmp_path, "found none"),
        (tmp_path / "notes.txt", "holds no weights of SqueezeNet"),
    ]:
        with pytest.raises(InputError, match=words):
            load_squeezenet(path, squeezed[1])
    for path, words in [
        (tmp_path / "none", "model.json is missing"),
        (tmp_path / "notes.txt", "holds no weights of MobileNet"),
    ]:
        with pytest.raises(InputError, match=words):
            load_mobilenet(path, squeezed[1])


# MobileNet's


@pytest.fixture(scope="module")
def mobile():
    """Random weights of the smallest net, and a quick model of them."""
    net = mobilenet(3, width=0.03125)
    params = jax.eval_shape(net.init, jax.random.key(0))
    _, statistics = jax.eval_shape(
        lambda p, x: net.apply(p, x, with_statistics=True),
        params,
        np.zeros((1, 32, 32, 3), np.float32),
    )
    params, statistics = random_like(params), random_like(statistics)

    def apply(params, x, with_statistics):
        return x, statistics

    return params, statistics, Model(lambda key: params, apply)


def write_tfjs(folder, params, statistics):
    """model.json and a file for each layer."""
    groups = []
    for name, leaves in params.items():
        tensors = dict(leaves)
        if name.endswith("_bn"):
            mean, variance = statistics[name]["moments"]
            tensors = {"gamma": leaves["scale"], "beta": leaves["shift"]}
            tensors |= {"moving_mean": mean, "moving_variance": variance}
        elif name.startswith("conv_dw"):
            kernel = leaves["kernel"].transpose(0, 1, 3, 2)
            tensors = {"depthwise_kernel": kernel}
        elif name == "conv_preds":
            tensors["kernel"] = leaves["kernel"][None, None]
        entries = [
            {"name": f"{name}/{part}", "shape": list(x.shape), "dtype": "float32"}
            for part, x in tensors.items()
        ]
        groups.append({"paths": [f"{name}-shard"], "weights": entries})
        raw = b"".join(x.astype("<f4").tobytes() for x in tensors.values())
        (folder / f"{name}-shard").write_bytes(raw)
    manifest = {"modelTopology": {}, "weightsManifest": groups}
    (folder / "model.json").write_text(json.dumps(manifest))


def test_tfjs(mobile, tmp_path):
    params, statistics, model = mobile
    write_tfjs(tmp_path, params, statistics)
    for path in (tmp_path, tmp_path / "model.json"):
        loaded = load_mobilenet(path, model, sha256={})
        assert_equal((loaded.params, loaded.statistics), (params, statistics))
    assert len(loaded.sha256) == 1 + len(params)
    with pytest.raises(InputError, match="model.json has a wrong checksum"):
        load_mobilenet(tmp_path, model)


def edit(old, new):
    def damage(path):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return damage


def deepen(path):
    path.write_text("[" * 100_000)


def negate(path):
    values = np.fromfile(path, "<f4")
    values[-1] *= -1  # of the variances, which are last
    values.tofile(path)


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("conv_pw_3-shard", delete, "conv_pw_3-shard is missing"),
        ("conv_pw_3-shard", lengthen, "conv_pw_3-shard in .* bytes: expected"),
        ("conv_pw_13_bn-shard", negate, "conv_pw_13_bn/moving_variance .* negative"),
        ("model.json", empty, "no TensorFlow.js layers model"),
        ("model.json", edit('"dtype": "float32"', '"dtype": "uint8"'), "plain float32"),
        ("model.json", edit("conv1/kernel", "conv7/kernel"), "lacks conv1/kernel"),
        ("model.json", edit("conv1-shard", "../conv1-shard"), "not beside it"),
        ("model.json", edit("[3, 3, 3, 1]", "[9, 3, 1]"), r"of shape \(9, 3, 1\)"),
        ("model.json", edit("weightsManifest", "weights"), "weightsManifest"),
        ("model.json", deepen, "no TensorFlow.js layers model .*[Rr]ecursion"),
        ("model.json", edit("conv1_bn/beta", "conv1_bn/gamma"), "names .* twice"),
    ],
)
def test_damaged_tfjs_files(name, damage, words, mobile, tmp_path):
    params, statistics, model = mobile
    write_tfjs(tmp_path, params, statistics)
    damage(tmp_path / name)
    with pytest.raises(InputError, match=words):
        load_mobilenet(tmp_path, model, sha256={})


# The table of checksums


@pytest.mark.parametrize(
    ("name", "num"), [("squeezenet_v1.1", 2), ("mobilenet_v1_0.25_224", 56)]
)
def test_known_checksums_are_those_of_the_files(name, num):
    known = known_sha256(name)
    assert len(known) == num and all(len(digest) == 64 for digest in known.values())
    if "JAXDL_TEST_DATA" not in os.environ:
        pytest.skip(f"JAXDL_TEST_DATA, a folder with {name}/, is not set")
    folder = Path(os.environ["JAXDL_TEST_DATA"]) / name
    for file, digest in known.items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
