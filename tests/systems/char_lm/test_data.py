"""Texts, their codes and the windows of their streams."""

import hashlib
import os
import platform
import sys
import sysconfig
import tracemalloc
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import cli
from jaxdl.errors import InputError
from jaxdl.systems.char_lm import data as text

PYTHON_FILES = [
    Path(sysconfig.get_path("stdlib")) / f"{module}.py"
    for module in text.PYTHON_MODULES
]


def whole(data):
    codes = np.concatenate([data.train, data.validation])
    return text.decode(codes, data.alphabet)


def test_python_is_the_source_of_the_python_that_runs():
    data = text.load_text()
    source = "".join(path.read_text("utf-8") for path in PYTHON_FILES)
    assert whole(data) == source and 0.7e6 < len(source) < 1.5e6
    assert data.name == f"python_{platform.python_version()}"
    assert data.checksum == hashlib.sha256(source.encode()).hexdigest()
    assert list(data.alphabet) == sorted(set(source))
    assert data.train.dtype == jnp.uint8
    assert len(data.train) == int(0.9 * len(source))


@pytest.fixture(scope="module")
def shakespeare(tmp_path_factory):
    """The file of tiny Shakespeare and a folder in which it has been prepared."""
    if "JAXDL_TEST_DATA" not in os.environ:
        pytest.skip("JAXDL_TEST_DATA, a folder with tiny_shakespeare/, is not set")
    source = Path(os.environ["JAXDL_TEST_DATA"]) / "tiny_shakespeare"
    folder = tmp_path_factory.mktemp("prepared")
    argv = ["data", "prepare", "tiny_shakespeare", "--source-dir", str(source)]
    assert cli.main([*argv, "--data-dir", str(folder)]) == 0
    return source / "input.txt", folder


def test_tiny_shakespeare_is_cut_as_in_nanogpt(shakespeare):
    file, folder = shakespeare
    data = text.load_text("tiny_shakespeare", data_dir=folder)
    assert (len(data.train), len(data.validation)) == (1_003_854, 111_540)
    assert whole(data) == file.read_text("ascii") and len(data.alphabet) == 65
    assert data.checksum == hashlib.sha256(file.read_bytes()).hexdigest()
    assert data.checksum.startswith("86c4e6aa") and data.name == "tiny_shakespeare"


def test_tiny_shakespeare_has_its_name_in_tensorflow_datasets(shakespeare):
    import tensorflow_datasets as tfds

    file, folder = shakespeare
    builder = tfds.builder("jaxdl_tiny_shakespeare", data_dir=folder)
    (record,) = builder.as_data_source(split="validation")
    assert record["text"].tobytes() == file.read_bytes()[1_003_854:]


def test_damaged_prepared_text_is_refused(shakespeare, tmp_path):
    (source,) = shakespeare[1].glob("jaxdl_tiny_shakespeare/*")
    folder = tmp_path / source.relative_to(shakespeare[1])
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_bytes(b"{}")
    with pytest.raises(InputError, match=f"{folder} is damaged"):
        text.load_text("tiny_shakespeare", data_dir=tmp_path)


def test_no_file_and_no_network(no_network, tmp_path):
    with pytest.raises(InputError, match=r"input\.txt.*--data-dir.*--data python"):
        text.load_text("tiny_shakespeare", data_dir=tmp_path)


@pytest.mark.parametrize("count", [2, 256, 257], ids=str)
def test_a_file_in_any_script(tmp_path, count):
    characters = "".join(map(chr, range(0x4E00, 0x4E00 + count))) * 2
    (tmp_path / "novel.txt").write_text(characters, "utf-8")
    data = text.load_text(path=tmp_path / "novel.txt")
    assert whole(data) == characters and data.name == "novel"
    assert data.train.dtype == (jnp.uint8 if count <= 256 else jnp.uint16)
    codes = text.encode(characters[:5], data.alphabet)
    assert text.decode(codes, data.alphabet) == characters[:5]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read .No such file"),
        (b"", "bad.txt is empty"),
        ("häßlich".encode("latin-1"), "bad.txt is not UTF-8: byte 1 is 0xe4"),
        (b"abc\xff", "byte 3 is 0xff"),
        (b"aaaa", "bad has 1 distinct characters: expected at least 2"),
    ],
    ids=["missing", "empty", "latin-1", "bytes", "one character"],
)
def test_a_file_that_is_no_text(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "bad.txt").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        text.load_text(path=tmp_path / "bad.txt")


@pytest.mark.parametrize("block", [1, 2, 3, 7, 1 << 18])
@pytest.mark.parametrize(
    ("content", "characters"),
    [
        ("\ufeffabc".encode(), "abc"),
        (b"a\r\nb\r\n", "a\nb\n"),
        (b"a\rb\r\r\nc\r", "a\rb\r\nc\r"),  # a lone CR is a character
        ("a\ufeff\ufeffb".encode(), "a\ufeff\ufeffb"),
        ("häß∂😀\r\n\r\n😀".encode(), "häß∂😀\n\n😀"),
        (b"\0\x1b[31m\x7f", "\0\x1b[31m\x7f"),
    ],
    ids=["mark", "CR LF", "CR", "mark inside", "wide", "controls"],
)
def test_characters_of_a_file(content, characters, block, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "_BLOCK", block)
    (tmp_path / "x.txt").write_bytes(content)
    data = text.load_text(path=tmp_path / "x.txt")
    assert whole(data) == characters and list(data.alphabet) == sorted(set(characters))
    assert data.checksum == hashlib.sha256(characters.encode()).hexdigest()
    assert len(data.train) == len(characters) * 9 // 10


@pytest.mark.parametrize("block", [1, 2, 3, 5, 1 << 18])
def test_the_byte_that_is_not_utf8_is_counted_from_the_begin(
    block, tmp_path, monkeypatch
):
    monkeypatch.setattr(text, "_BLOCK", block)
    for content in ("häß∂😀x".encode() + b"\xff\xff", "ab∂".encode()[:-1]):
        (tmp_path / "x.txt").write_bytes(content)
        with pytest.raises(UnicodeDecodeError) as whole_file:
            content.decode()
        place = whole_file.value.start
        with pytest.raises(InputError, match=f"byte {place} is 0x{content[place]:02x}"):
            text.load_text(path=tmp_path / "x.txt")


@pytest.mark.parametrize("num", [255, 256, 257, 300])
def test_codes_widen_while_a_text_is_read(num, monkeypatch):
    monkeypatch.setattr(text, "_BLOCK", 100)
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.integers(50, 90, 500), rng.permutation(num) + 0x3B0])
    characters = "".join(map(chr, points))
    data = text.make_text("x", characters)
    alphabet = sorted(set(characters))
    codes = np.concatenate([data.train, data.validation])
    assert codes.tolist() == [alphabet.index(x) for x in characters]
    assert data.train.dtype == (np.uint8 if len(alphabet) <= 256 else np.uint16)


def test_a_large_text_takes_two_bytes_a_character(tmp_path):
    """Beside the one that its codes keep: they are made in place."""
    size = 4_000_000
    letters = np.random.default_rng(0).integers(32, 120, size).astype(np.uint8)
    (tmp_path / "x.txt").write_bytes(letters.tobytes())
    tracemalloc.start()
    data = text.load_text(path=tmp_path / "x.txt")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    fixed = 4 * (sys.maxunicode + 1) + 40 * text._BLOCK
    assert peak < fixed + 1.2 * size
    assert len(data.train) == 9 * size // 10


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(
            InputError, match=f"{path} cannot be read .*(no regular file|a directory)"
        ):
            text.load_text(path=path)


def test_a_text_that_grows_is_refused(tmp_path, monkeypatch):
    (tmp_path / "x.txt").write_text("abc" * 100)
    monkeypatch.setattr(text, "_size", lambda paths: 200)
    with pytest.raises(InputError, match="x has grown while it was read"):
        text.load_text(path=tmp_path / "x.txt")


def test_a_name_has_no_control_characters(tmp_path):
    path = tmp_path / "a\x1b[31m\n.txt"
    path.write_text("abab")
    assert text.load_text(path=path).name == r"a\x1b[31m\n"


def test_unknown_text():
    with pytest.raises(InputError, match="no text 'bible': expected python, tiny"):
        text.load_text("bible")


def test_characters_never_seen_are_named():
    with pytest.raises(InputError, match="the prompt has 'x', 'é', which the text"):
        text.encode("axeé", "ae")


def test_a_text_is_a_pytree():
    data = text.make_text("toy", "abcabc" * 10)
    assert [leaf.shape for leaf in jax.tree.leaves(data)] == [(54,), (6,)]
    assert jax.jit(lambda d: d)(data).alphabet == "abc"


def test_windows_are_those_of_a_loop():
    data = text.make_text("toy", "".join(map(chr, range(65, 65 + 90))))
    codes, batch_fn = np.asarray(data.train), text.make_stream_batch(3, 4, 5)
    length = 80 // 3  # 81 characters have 80 successors
    assert text.windows_of_pass(81, 3, 4) == 6
    for step in range(14):
        windows = jax.jit(batch_fn)(data, jax.random.key(0), step)
        for stream in range(3):
            begin = stream * length + step % 6 * 4
            np.testing.assert_array_equal(
                windows.inputs[stream], codes[begin : begin + 4]
            )
            np.testing.assert_array_equal(
                windows.targets[stream], codes[begin + 1 : begin + 5]
            )
        turns = [(step + stream) % 5 == 0 for stream in range(3)]
        expected = [True] * 3 if step in (0, 6, 12) else turns
        assert windows.fresh.tolist() == expected


def test_a_text_shorter_than_a_window():
    data = text.make_text("toy", "ab" * 25)  # 45 and 5
    text.require_windows(data, 4, 11)
    with pytest.raises(InputError, match="train .* 45 characters: .* at least 49, for"):
        text.require_windows(data, 4, 12)
    short = text.make_text("toy", "ab" * 5)  # 9 and 1
    with pytest.raises(InputError, match="validation .* 1 characters: .* at least 2"):
        text.require_windows(short, 1, 4)
