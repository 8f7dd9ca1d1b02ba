"""What is no file is refused wherever a file of others is read."""

import inspect
import os
import sys
from pathlib import Path

import pytest

from jaxdl.data.pictures import read_picture
from jaxdl.data.weight_files import read_file
from jaxdl.errors import InputError
from jaxdl.files import local_path, make_folder, read_regular, require_regular
from jaxdl.ledger.readme import is_stale
from jaxdl.ledger.schema import read_json
from jaxdl.systems.char_lm.data import load_text
from jaxdl.systems.classify.data import read_class_names

READERS = {
    "result": read_json,
    "readme": lambda path: is_stale(path, {"best": ""}),
    "classes": read_class_names,
    "weights": lambda path: read_file(path, {}),
    "picture": read_picture,
    "text": lambda path: load_text("file", path=path),
}


@pytest.fixture(params=["pipe", "device"])
def endless(request, tmp_path):
    if request.param == "device":
        return Path("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.mark.parametrize("reader", READERS)
def test_it_is_refused_in_one_sentence(endless, reader):
    with pytest.raises(InputError, match="no regular file") as info:
        READERS[reader](endless)
    assert str(endless) in str(info.value) and "\n" not in str(info.value)


def test_what_a_file_is(tmp_path, endless):
    (tmp_path / "a").write_bytes(b"\x00\n")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert read_regular(tmp_path / "link") == b"\x00\n"
    with pytest.raises(OSError, match="no regular file"):
        require_regular(endless)
    with pytest.raises(IsADirectoryError):
        require_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        require_regular(tmp_path / "none")


def test_paths_stay_as_they_are():
    for text in ("a", "a/b", "/a/b", "./a:b", "a/c://d", "a/~", "."):
        assert local_path(text) == Path(text)
    assert str(local_path("//a/b")) == "/a/b"  # Path keeps two


def test_a_deep_folder_is_made(tmp_path):
    """`Path.mkdir` calls itself for each folder above."""
    deep = Path(tmp_path, *["a"] * 400)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 200)
    try:
        make_folder(deep)
        make_folder(deep)
    finally:
        sys.setrecursionlimit(limit)
    assert deep.is_dir()


@pytest.mark.parametrize(
    "parts", [["a"] * 2000, ["a", "b", "c" * 300], ["file", "a"], ["file"]], ids=len
)
def test_a_folder_that_cannot_be_made_leaves_none(tmp_path, parts):
    (tmp_path / "file").write_text("years of work")
    with pytest.raises(OSError):
        make_folder(Path(tmp_path, *parts))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
