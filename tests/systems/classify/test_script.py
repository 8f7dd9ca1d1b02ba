"""Pictures classified as a user does it, with weights made here and published ones."""

import hashlib
import json
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors.numpy
from PIL import Image

from jaxdl.data import weights
from jaxdl.errors import InputError
from jaxdl.ledger.schema import read_result
from jaxdl.measures.statistics import wilson_ci95
from jaxdl.models import squeezenet
from jaxdl.systems.classify import recognition, report
from jaxdl.systems.classify.data import read_class_names

ROOT = Path(__file__).resolve().parents[3]
PATH = ROOT / "experiments" / "classify.py"
NAMES = [f"n0000000{i} thing {i}, also called {i}" for i in range(7)]
FOLDER = "mobilenet_v1_0.25_224"
PLACES = {2: 3, 3: 4, 4: 6, 5: 7, 6: 9, 7: 10, 8: 11, 9: 12}


@pytest.fixture(scope="module")
def script(load_script):
    return load_script(PATH)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Weights of seven classes, their names, and three pictures."""
    folder = tmp_path_factory.mktemp("classify")
    rng = np.random.default_rng(0)
    state = {}
    shapes = jax.eval_shape(squeezenet(7).init, jax.random.key(0))
    for path, leaf in jax.tree_util.tree_leaves_with_path(shapes):
        layer, *inner, kind = (key.key for key in path)
        stem = {"conv1": "features.0", "classifier": "classifier.1"}.get(layer)
        stem = stem or f"features.{PLACES[int(layer[4:])]}.{inner[0]}"
        if kind == "bias":
            state[f"{stem}.bias"] = np.float32(rng.normal(0, 0.1, leaf.shape))
        else:
            size = np.sqrt(2 / np.prod(leaf.shape[:3]))
            kernel = np.float32(rng.normal(0, size, leaf.shape)).transpose(3, 2, 0, 1)
            state[f"{stem}.weight"] = np.ascontiguousarray(kernel)
    safetensors.numpy.save_file(state, folder / "own.safetensors")
    (folder / "names.txt").write_text("\n".join(NAMES) + "\n")
    for i in range(3):
        image = Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8))
        image.convert("L" if i == 1 else "RGB").save(folder / f"n0000000{i}_x.png")
    return folder


@pytest.fixture
def flags(home):
    weights = ["--weights", str(home / "own.safetensors")]
    return [*weights, "--classes", str(home / "names.txt")]


@pytest.fixture
def pictures(home):
    return [str(path) for path in sorted(home.glob("*.png"))]


def test_json_text_and_counts_agree(script, flags, pictures, tmp_path, capsys):
    assert script.main([*pictures, *flags, "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert "n00000001_x.png: grey colours became RGB" in err
    assert f"own.safetensors: sha256 {found['sha256']['own.safetensors']}" in err
    for item, path in zip(found["pictures"], pictures, strict=True):
        assert item["picture"] == path and len(item["classes"]) == 5
        shares = [row["probability"] for row in item["classes"]]
        assert shares == sorted(shares, reverse=True) and 5 / 7 < sum(shares) < 1
        for row in item["classes"]:
            assert f"{row['synset']} {row['name']}" == NAMES[row["index"]]
    assert found["pictures"][1]["notes"] == ["grey colours became RGB"]

    assert script.main([*pictures, *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 18 and lines[::6] == pictures
    first = found["pictures"][0]["classes"][0]
    assert lines[1] == f"  {100 * first['probability']:5.1f} %  {first['name']}"

    result_path = tmp_path / "result.json"
    assert (
        script.main([*pictures, *flags, "--labelled", "--out", str(result_path)]) == 0
    )
    lines = capsys.readouterr().out.splitlines()
    orders = [[row["index"] for row in item["classes"]] for item in found["pictures"]]
    places = [
        str(order.index(i) + 1) if i in order else "-" for i, order in enumerate(orders)
    ]
    assert [line.split()[0] for line in lines[:3]] == places
    result = read_result(result_path)  # as the ledger reads it
    centres, _ = recognition.read_pictures(tuple(map(Path, pictures)))
    labels = np.arange(3)
    seen = hashlib.sha256(centres.tobytes() + labels.tobytes()).hexdigest()
    assert result["data"]["checksum"] == seen
    metrics = result["metrics"]
    hits = {"top1": places.count("1"), "top5": 3 - places.count("-")}
    for (name, num), line in zip(hits.items(), lines[3:], strict=True):
        share, low, high = (100 * x for x in wilson_ci95(num, 3))
        metric = metrics[f"{name}_accuracy_percent"]
        assert metric["mean"] == share and metric["ci95"] == [low, high]
        assert line.startswith(f"{name} right: {share:.1f} % of 3 pictures")

    again = [*pictures, *flags, "--labelled", "--out", str(result_path)]
    assert script.main(again) == 2
    assert "exists: name a new file" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("model", ["squeezenet", "mobilenet"])
@pytest.mark.parametrize(("own", "sha256"), [([], None), (["--own-weights"], {})])
def test_the_nets_own_loader_checks_published_weights(
    script, flags, pictures, monkeypatch, capsys, model, own, sha256
):
    seen = []

    def loader(name):
        def load(path, net, *, sha256):
            seen.append((name, sha256))
            raise InputError("stop here")

        return load

    for name in ("squeezenet", "mobilenet"):
        monkeypatch.setattr(script, f"load_{name}", loader(name))
    monkeypatch.setattr(script, "make_net", lambda *args: (None, None))
    assert script.main([*pictures, *flags, "--model", model, *own]) == 2
    assert "stop here" in capsys.readouterr().err
    assert seen == [(model, sha256)]


def test_counts_of_known_answers(script):
    found = recognition.Found(np.array([[3, 1], [0, 2], [2, 0], [1, 3]]), None)
    counts = recognition.count(found, np.array([3, 2, 1, 1]))
    assert [counts[f"top{k}_accuracy_percent"][0] for k in (1, 5)] == [50, 75]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_class_names_of_other_editors(mark, end, tmp_path):
    """One line is one class, whatever else a name holds."""
    lines = ["n00000001 a, b", "n00000002 x\x0c\x85\u2028y", "plain ∂"]
    path = tmp_path / "names.txt"
    path.write_bytes(mark + b"".join(line.encode() + end for line in lines))
    names = [(None, "plain ∂")] + [tuple(x.split(" ", 1)) for x in lines[:2]]
    assert [tuple(x) for x in read_class_names(path)] == names[1:] + names[:1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"a\n\nb\n", "an empty line"),
        (b"a\n\n", "an empty line"),
        (b"n00000001 a\nn00000002 b\nn00000001 c\n", "have n00000001 twice"),
        ("n00000001 a\n".encode("utf-16"), "can't be read .*codec"),
        (b"a\0b\n", "a zero byte"),
        (b"a\xff\n", "can't be read .*codec"),
    ],
)
def test_class_names_that_are_none(content, words, tmp_path):
    (tmp_path / "names.txt").write_bytes(content)
    with pytest.raises(InputError, match=f"class names .*names.txt .*{words}"):
        read_class_names(tmp_path / "names.txt")


def test_a_result_names_the_statistics_too():
    cfg = types.SimpleNamespace(model="mobilenet", own_weights=False, pictures=())

    def digest(kernel, mean):
        given = weights.Pretrained({"kernel": kernel}, {"mean": mean}, {"a": "b"})
        return report.as_result(cfg, {}, given, "c0ffee", 1.0)["state_sha256"]

    one, two = np.zeros(3, np.float32), np.ones(3, np.float32)
    digests = [digest(one, one), digest(two, one), digest(one, two)]
    assert len(set(digests)) == 3 and digest(one, one) == digests[0]


def test_names_of_files_and_classes_print_as_escapes(
    script, home, pictures, tmp_path, capsys
):
    names = tmp_path / "names.txt"
    names.write_text("\n".join(f"{name}\x1b[31m\x07" for name in NAMES), "utf-8")
    copy = tmp_path / "n00000001_\x1b]0;x\x07\n.png"
    copy.write_bytes(Path(pictures[1]).read_bytes())
    argv = [str(copy), "--weights", str(home / "own.safetensors")]
    for more in ([], ["--labelled"], ["--json"]):
        assert script.main([*argv, "--classes", str(names), *more]) == 0
        out, err = capsys.readouterr()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", out + err)
        assert "\\x1b]0;x\\x07\\n.png: grey" in err
        assert "also called" in out and ("\\x1b[31m" in out or "\\u001b[31m" in out)


def test_more_pictures_than_a_batch(script, monkeypatch):
    """Each picture gets its own answer, those of the last, shorter batch too."""
    monkeypatch.setattr(recognition, "BATCH", 4)
    seen = []

    def likeliest(params, statistics, batch):
        seen.append(len(batch))
        return batch[:, :1, 0, 0] / 255, batch[:, :1, 0, 1]

    pretrained = types.SimpleNamespace(params={}, statistics={})
    pictures = np.arange(10, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)
    for num in (1, 4, 5, 10):
        found = recognition.classify(likeliest, pretrained, pictures[:num])
        assert found.classes[:, 0].tolist() == list(range(num))
    assert seen == [1, 4, 4, 4, 4, 4, 4]


def test_bad_pictures_are_named_before_anything_is_printed(
    script, flags, pictures, tmp_path, capsys
):
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    bad = [str(tmp_path / "none.png"), str(tmp_path / "torn.jpg")]
    assert script.main([pictures[0], *bad, pictures[1], *flags]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert f"the picture {bad[0]} is missing" in err and bad[1] in err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--classes", "{tmp}/two.txt"], "does not fit the net"),
        (["--classes", "{tmp}/none.txt"], "the class names"),
        (["--classes", "{tmp}/gap.txt"], "empty line"),
        (["--labelled", "--classes", "{tmp}/two.txt"], "_x.png does not begin"),
        (["--model", "mobilenet"], "holds no weights of MobileNet"),
        (["--weights", "{tmp}/none"], "is missing"),
        (["--weights", "{tmp}/x.pth"], "is a pickle"),
        (["--out", "{tmp}/x.json"], "--out was given without --labelled"),
        (["--labelled", "--out", "{tmp}/no/x.json"], "folder of"),
    ],
    ids=lambda value: (
        "-".join(value).replace("{tmp}/", "") if type(value) is list else ""
    ),
)
def test_bad_flags(change, words, script, flags, pictures, tmp_path, capsys):
    (tmp_path / "two.txt").write_text("n00000000 one\nn00000009 two\n")
    (tmp_path / "gap.txt").write_text("n00000000 one\n\nn00000009 two\n")
    (tmp_path / "x.pth").write_bytes(b"PK\x03\x04" + b"0" * 40)
    change = [part.format(tmp=tmp_path) for part in change]
    assert script.main([*pictures[1:], *flags, *change]) == 2
    out, err = capsys.readouterr()
    assert out == "" and words in " ".join(err.split()) and "Traceback" not in err


def test_no_picture_and_labels_without_names(script, flags, pictures, capsys):
    assert script.main(flags) == 2
    assert script.main([*pictures, *flags[:2], "--labelled"]) == 2
    assert "--labelled needs --classes" in " ".join(capsys.readouterr().err.split())


def test_published_weights_know_two_pictures(script, capsys):
    """As the command line is used, on two labelled pictures."""
    if "JAXDL_TEST_DATA" not in os.environ:
        pytest.skip("JAXDL_TEST_DATA, a folder with imagenet_samples/, is not set")
    data = Path(os.environ["JAXDL_TEST_DATA"])
    files = sorted((data / "imagenet_samples" / "images").iterdir())[:2]
    flags = ["--classes", str(data / "imagenet_samples" / "synset_words.txt")]
    flags += ["--model", "mobilenet", "--labelled", "--weights"]
    assert script.main([*map(str, files), *flags, str(data / FOLDER)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].startswith("top5 right: 100.0 % of 2"), out
    assert "weights 56 files: sha256 90d6c1f7" in err


def test_a_reader_that_goes_away():
    """`classify ... | head -1` is no error."""
    code = (
        "import importlib.util, sys; "
        f"spec = importlib.util.spec_from_file_location('c', {str(PATH)!r}); "
        "c = importlib.util.module_from_spec(spec); sys.modules['c'] = c; "
        "spec.loader.exec_module(c); sys.stdin.readline(); c.say('x' * 10**6)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    process.stdin.write(b"go\n")
    process.stdin.close()
    assert process.wait() == 0 and process.stderr.read() == b""
    process.stderr.close()
