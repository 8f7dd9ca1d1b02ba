"""Files that are whole, in their place, and read only as they were written."""

import json
import os
import threading

import pytest

from jaxdl.errors import InputError
from jaxdl.train import disk
from jaxdl.train.disk import (
    read_sealed,
    set_aside,
    write_json,
    write_sealed,
    write_whole,
)


def test_write_json(tmp_path):
    path = tmp_path / "a.json"
    for value in ({"a": [1, 0.1, None, True]}, {"b": "c"}):
        write_json(path, value)
        assert json.loads(path.read_text()) == value
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}], ids=str)
def test_write_json_refuses_what_is_not_json(tmp_path, value):
    path = tmp_path / "a.json"
    write_json(path, [1])
    with pytest.raises((ValueError, TypeError)):
        write_json(path, {"a": 1, "b": value})
    assert json.loads(path.read_text()) == [1]
    assert list(tmp_path.iterdir()) == [path]


def test_write_json_shows_no_partial_file(tmp_path):
    """A reader beside the writer sees old or new contents, never half of them."""
    path = tmp_path / "a.json"
    values = [["a" * 100_000], ["b" * 200_000]]
    write_json(path, values[0])
    done = threading.Event()
    seen = []

    def read():
        last = False
        while not last:
            last = done.is_set()  # so that there is a reading whatever the timing
            seen.append(json.loads(path.read_text()))

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(50):
        write_json(path, values[i % 2])
    done.set()
    reader.join()
    assert seen[-1] == values[1]  # the reader lived to see the last
    assert all(value in values for value in seen)


def test_write_json_that_is_stopped_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_json(path, [1])

    def fail(*args):
        assert json.loads(path.read_text()) == [1]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk.os, "replace", fail)
    with pytest.raises(OSError):
        write_json(path, [2])
    assert json.loads(path.read_text()) == [1]


def test_read_sealed_names_what_is_missing(tmp_path):
    with pytest.raises(InputError, match=r"holds no run \(result.json is missing\)"):
        read_sealed(tmp_path / "result.json")


RECORD = {"experiment": "toy", "config": {"rate": 0.1, "seed": 3}, "names": ["a", None]}


def test_a_sealed_object_comes_back(tmp_path):
    path = tmp_path / "a.json"
    write_sealed(path, {**RECORD, "pair": (1, 2)})
    assert read_sealed(path) == {**RECORD, "pair": [1, 2]}
    with pytest.raises(ValueError):
        write_sealed(path, {"a": float("nan")})


def test_the_form_of_the_text_does_not_matter(tmp_path):
    path = tmp_path / "a.json"
    write_sealed(path, RECORD)
    fields = json.loads(path.read_text())
    path.write_text(json.dumps(dict(sorted(fields.items(), reverse=True))))
    assert read_sealed(path) == RECORD


def test_a_flipped_bit_is_never_another_value(tmp_path):
    path = tmp_path / "a.json"
    write_sealed(path, RECORD)
    contents = path.read_bytes()
    refused = 0
    for position in range(len(contents)):
        damaged = bytearray(contents)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        try:
            assert read_sealed(path) == RECORD  # white space
        except InputError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused > 0.8 * len(contents)


@pytest.mark.parametrize(
    "raw, said",
    [
        (b"[" * 100_000, "is not JSON"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[1]", "no JSON object"),
        (b"{}", "lacks its checksum"),
        (b'{"sha256": 3}', "does not match its checksum"),
        (b'{"a": NaN, "sha256": "0"}', "does not match its checksum"),
    ],
    ids=["deep", "huge", "not_text", "list", "no_seal", "number", "nan"],
)
def test_what_is_no_sealed_object(tmp_path, raw, said):
    path = tmp_path / "a.json"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=said) as info:
        read_sealed(path)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize("where", ["a.json.tmp", "a.json"])
def test_links_are_not_followed(tmp_path, where):
    other = tmp_path / "thesis.tex"
    other.write_text("years of work")
    (tmp_path / where).symlink_to(other)
    write_json(tmp_path / "a.json", [1])
    assert other.read_text() == "years of work"
    assert json.loads((tmp_path / "a.json").read_text()) == [1]
    assert not (tmp_path / "a.json").is_symlink()


def test_it_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    path = tmp_path / "a"
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append("sync"), fsync(fd)))
    monkeypatch.setattr(
        os, "replace", lambda *names: (events.append("name"), replace(*names))
    )
    write_whole(path, b"x")
    assert events == ["sync", "name", "sync"] and path.read_bytes() == b"x"


def test_what_is_set_aside_takes_no_name_twice(tmp_path):
    for i in range(3):
        (tmp_path / "40").mkdir()
        (tmp_path / "40" / "array").write_text(str(i))
        set_aside(tmp_path / "40", tmp_path)
    names = sorted(path.name for path in (tmp_path / "set-aside").iterdir())
    assert names == ["40", "40.1", "40.2"]
    kept = [(tmp_path / "set-aside" / n / "array").read_text() for n in names]
    assert kept == ["0", "1", "2"]
