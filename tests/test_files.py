"""What is no file is refused wherever a file of others is read."""

import os
from pathlib import Path

import pytest

from jaxdl.data.pictures import read_picture
from jaxdl.data.weight_files import read_file
from jaxdl.errors import InputError
from jaxdl.files import read_regular, require_regular
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
