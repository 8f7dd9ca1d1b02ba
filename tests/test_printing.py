"""Printing what a terminal should not be sent, for readers that go away."""

import contextlib
import io
import json
import os
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from jaxdl import cli
from jaxdl.printing import escape_unencodable, quietly, say, visible

EMPTY = ["--results-dir", str(Path(__file__).parent / "data")]  # it holds no results
HOSTILE = "\x1b]0;title\x07\x1b[31m\x9b2J\r\b\x00\x7f\u202e\u2028\udcff"


def test_visible_leaves_no_control_character():
    everything = "".join(map(chr, [*range(0x3100), *range(0xD800, 0x10100)]))
    shown = visible(everything)
    categories = {unicodedata.category(character) for character in set(shown)}
    assert categories.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not turning & {unicodedata.bidirectional(x) for x in set(shown)}
    printable = "".join(x for x in everything if x.isprintable())
    assert visible(printable) == printable
    assert visible("👩\u200d🔬 می\u200cخواهم") == "👩\u200d🔬 می\u200cخواهم"  # joiners


def test_visible_is_read_back():
    assert visible(HOSTILE) == ascii(HOSTILE)[1:-1]
    assert visible("a\nb\t", keep="\n") == "a\nb\\t"
    assert visible(os.fsdecode(b"\xff\x1b")) == "\\udcff\\x1b"


@contextlib.contextmanager
def reader_gone():
    """Standard output and error go to a reader that has gone."""
    with contextlib.ExitStack() as stack:  # to close fails if there is more to write
        for name in ("stdout", "stderr"):
            read, write = os.pipe()
            os.close(read)
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            patch.setattr(sys, name, stack.enter_context(os.fdopen(write, "w")))
        yield


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["list", "--json"], 0),
        (["list"], 0),
        (["results", *EMPTY], 0),
        (["results", "--format", "json", *EMPTY], 0),
        (["results", "--format", "markdown", *EMPTY], 0),
        (["data", "prepare", "digits"], 0),
        (["gradcheck", "--worked-example"], 0),
        (["gradcheck", "--help"], 0),
        (["--help"], 0),
        (["nothing"], 2),
        (["list", "--wrong"], 2),
        (["gradcheck", "--step", "7"], 2),
        (["results", "--results-dir", "none"], 2),
    ],
    ids=lambda given: " ".join(given[:2]) if isinstance(given, list) else given,
)
def test_a_broken_pipe_ends_output_and_nothing_else(argv, code):
    with reader_gone():
        assert cli.main(argv) == code


@contextlib.contextmanager
def disk_full(*names):
    """Some of the standard streams go to a full disk."""
    with contextlib.ExitStack() as stack:
        for name in names:
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            stream = stack.enter_context(open("/dev/full", "w"))
            patch.setattr(sys, name, stream)
        yield


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["list", "--json"], 0),
        (["results", "--help"], 0),
        (["--help"], 0),
        (["nothing"], 2),
        (["list", "--wrong"], 2),
        (["gradcheck", "--step", "7"], 2),
    ],
    ids=lambda given: " ".join(given[:2]) if isinstance(given, list) else given,
)
def test_a_full_disk_ends_output_and_nothing_else(argv, code, capsys):
    with disk_full("stdout", "stderr"):
        assert cli.main(argv) == code
    assert capsys.readouterr() == ("", "")
    with disk_full("stdout"):
        assert cli.main(argv) == code
    err = capsys.readouterr().err
    told = "warning: standard output cannot be written (No space left on device)"
    assert err.count(told) == (code == 0) and "Traceback" not in err
    with disk_full("stderr"):
        assert cli.main(argv) == code


def test_the_table_for_a_terminal_too(monkeypatch):
    with reader_gone():
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        assert cli.main(["results", *EMPTY]) == 0


def test_other_errors_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        quietly(lambda: 1 // 0, sys.stdout)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_every_text_can_be_printed(encoding, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    escape_unencodable()
    say(f"naïve ∂ 😀\t{HOSTILE}\nend")
    shown = raw.getvalue().decode(encoding)
    assert shown.split("\n")[0].encode().isascii() == (encoding == "ascii")
    assert np.frombuffer(shown.encode("utf-32-le"), np.uint32).min() >= ord("\t")
    assert "\\x1b[31m" in shown and shown.endswith("\nend\n")


@pytest.mark.parametrize("argv", [["list"], ["list", "--wrong=é\x1b[3m"]])
def test_commands_print_ascii(argv, monkeypatch):
    out, err = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(err, encoding="ascii"))
    assert cli.main(argv) == 2 * (len(argv) - 1)
    sys.stderr.flush()
    assert b"\x1b" not in out.getvalue() + err.getvalue()
    assert bool(out.getvalue()) != bool(err.getvalue())


def test_words_with_escapes_are_shown_as_such(capsys):
    assert cli.main(["list", "--json", "\x1b[31mred\x07"]) == 2
    assert cli.main(["\x1b[31mred"]) == 2
    assert cli.main(["results", "--results-dir", "\x1b[31mred\nline"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "\x1b" not in err and "\x07" not in err
    assert err.count("\\x1b[31mred") >= 3
    assert err.splitlines()[-1].startswith("error: \\x1b[31mred\\nline: no such folder")


def test_json_is_what_it_was(capsys):
    assert cli.main(["list", "--json"]) == 0
    assert {"char_lm", "xor"} < {
        row["name"] for row in json.loads(capsys.readouterr().out)
    }
