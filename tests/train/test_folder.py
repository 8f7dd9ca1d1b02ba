"""The folder of a run: nobody's files are lost, whatever it is given."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from jaxdl.errors import InputError
from jaxdl.train import folder as folder_module
from jaxdl.train.config import RunConfig, deciding_fields
from jaxdl.train.disk import write_sealed
from jaxdl.train.folder import (
    differing_fields,
    open_folder,
    read_config,
    run_of,
    save_figures,
)

IDENTITY = {
    "experiment": "toy",
    "config": {"steps": 5, "rate": 0.1},
    "data": {"name": "digits", "checksum": "c0ffee"},
}
WRITTEN = {**IDENTITY, "executor": "sequential"}


def test_a_checkpoint_keeps_all_that_decides_its_bits():
    """Where and with what it was computed decides none that are promised."""
    decides = {**WRITTEN, "phase": 1, "settings": {"jax_default_matmul_precision": "a"}}
    told = {"versions": {"jax": "0.10.2"}, "device": "cpu", "xla_flags": ""}
    assert run_of({**decides, **told}) == decides


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder below, hidden ones too, with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if path.name != ".lock"
    }


@pytest.fixture
def run_folder(tmp_path):
    """A folder with a run of IDENTITY, two levels deep."""
    folder = tmp_path / "runs" / "toy"
    (folder / "checkpoints" / "3").mkdir(parents=True)
    write_sealed(folder / "config.json", WRITTEN)
    (folder / "metrics.jsonl").write_text('{"step": 3}\n')
    (folder / "checkpoints" / "3" / "array").write_bytes(bytes(range(256)))
    return folder


def refused(folder, identity=IDENTITY, overwrite=False) -> str:
    """What is said when the folder is refused, and that it is left as it was."""
    root = folder.parent
    before = contents(root) if root.is_dir() else None
    with pytest.raises(InputError) as info, open_folder(folder, identity, overwrite):
        pytest.fail("the folder was opened")
    assert (contents(root) if root.is_dir() else None) == before
    assert "\n" not in str(info.value)
    return str(info.value)


# New and old runs


@pytest.mark.parametrize("overwrite", [False, True], ids=["plain", "overwrite"])
@pytest.mark.parametrize("made", [False, True], ids=["missing", "empty"])
def test_new(tmp_path, made, overwrite):
    folder = tmp_path / "a" / "b" / "c"
    if made:
        folder.mkdir(parents=True)
    with open_folder(folder, IDENTITY, overwrite) as found:
        assert found is None
        (folder / "config.json").write_text("{}")
    assert set(contents(tmp_path)) == {"a", "a/b", "a/b/c", "a/b/c/config.json"}


def test_new_where_a_kill_came_before_the_configuration(tmp_path):
    (tmp_path / ".lock").touch()
    (tmp_path / "config.json.tmp").write_text('{"experi')
    with open_folder(tmp_path, IDENTITY, False) as found:
        assert found is None


def test_resume(run_folder):
    before = contents(run_folder)
    with open_folder(run_folder, IDENTITY, False) as found:
        assert found == WRITTEN
    assert contents(run_folder) == before


def test_relative_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("runs/toy")
    with open_folder(folder, IDENTITY, False):
        write_sealed(folder / "config.json", WRITTEN)
    with open_folder(folder, IDENTITY, False) as found:
        assert found == WRITTEN
    with open_folder(folder, IDENTITY, True) as found:
        assert found is None
    assert len(list((tmp_path / "runs").iterdir())) == 2


# Another configuration


def test_another_configuration_names_the_fields(run_folder):
    config = {"steps": 5, "rate": 0.2, "width": 3}
    said = refused(run_folder, {**IDENTITY, "config": config})
    assert str(run_folder) in said and "--overwrite" in said and "--out" in said
    assert "config.rate: 0.1, now 0.2" in said
    assert "config.width: absent, now 3" in said
    assert "steps" not in said and "digits" not in said  # these agree


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"experiment": "other"}, "experiment: toy, now other"),
        ({"data": {"name": "digits", "checksum": "dead"}}, "data.checksum: c0ffee"),
        ({"config": {"steps": 5}}, "config.rate: 0.1, now absent"),
        ({"phase": "second"}, "phase: None, now second"),
    ],
    ids=["experiment", "data", "field_gone", "new_part"],
)
def test_another_identity(run_folder, changes, part):
    assert part in refused(run_folder, {**IDENTITY, **changes})


# Overwriting


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: None,
        lambda folder: (folder / "config.json").write_text("{"),
        lambda folder: write_sealed(folder / "config.json", {"experiment": "other"}),
    ],
    ids=["same", "damaged", "another"],
)
def test_overwrite_sets_the_old_run_aside(run_folder, damage, capsys):
    damage(run_folder)
    before = contents(run_folder)
    with open_folder(run_folder, IDENTITY, True) as found:
        assert found is None
        assert contents(run_folder) == {}
        # The new folder is locked, and the name of the old one is free of locks.
        with pytest.raises(filelock.Timeout):
            filelock.FileLock(run_folder / ".lock", timeout=0).acquire()
        (run_folder / "config.json").write_text("new")
    (aside,) = (p for p in run_folder.parent.iterdir() if p != run_folder)
    assert contents(aside) == before
    assert aside.name.startswith("toy.before-")
    assert str(aside) in capsys.readouterr().out
    assert contents(run_folder) == {"config.json": b"new"}


def test_overwrite_of_the_working_directory(run_folder, monkeypatch):
    monkeypatch.chdir(run_folder)
    before = contents(run_folder)
    with open_folder(Path("."), IDENTITY, True) as found:
        assert found is None and contents(run_folder) == {}
    (aside,) = (p for p in run_folder.parent.iterdir() if p != run_folder)
    assert contents(aside) == before


def test_overwrite_twice_within_a_second(run_folder, monkeypatch):
    monkeypatch.setattr(folder_module.time, "strftime", lambda form: "20260101-000000")
    before = contents(run_folder)
    for i in range(3):
        with open_folder(run_folder, IDENTITY, True):
            write_sealed(run_folder / "config.json", {"run": i})
    asides = [p for p in run_folder.parent.iterdir() if p != run_folder]
    assert len(asides) == 3
    kept = [contents(path) for path in asides]
    assert before in kept
    assert json.loads((run_folder / "config.json").read_text())["run"] == 2


# Locks


@contextlib.contextmanager
def held_by_another_process(folder):
    code = (
        "import sys, filelock\n"
        "lock = filelock.FileLock(sys.argv[1])\n"
        "lock.acquire()\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(folder / ".lock")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        try:
            yield
        finally:
            process.stdin.close()


@pytest.mark.parametrize("overwrite", [False, True], ids=["plain", "overwrite"])
def test_locked_by_another_process(run_folder, overwrite):
    with held_by_another_process(run_folder):
        said = refused(run_folder, overwrite=overwrite)
    assert "locked" in said and str(run_folder) in said
    with open_folder(run_folder, IDENTITY, False) as found:
        assert found == WRITTEN  # free again


def test_lock_is_let_go_after_an_error(run_folder):
    with (
        pytest.raises(ZeroDivisionError),
        open_folder(run_folder, IDENTITY, False),
    ):
        raise ZeroDivisionError
    with open_folder(run_folder, IDENTITY, False) as found:
        assert found == WRITTEN


def test_a_run_that_ended_while_we_waited_for_nothing(run_folder, monkeypatch):
    """What the folder holds is read again once the lock is ours."""
    acquire = filelock.FileLock.acquire

    def slow_acquire(self, *args, **kwargs):
        write_sealed(run_folder / "config.json", {**WRITTEN, "experiment": "other"})
        return acquire(self, *args, **kwargs)

    monkeypatch.setattr(filelock.FileLock, "acquire", slow_acquire)
    with (
        pytest.raises(InputError, match="another configuration"),
        open_folder(run_folder, IDENTITY, False),
    ):
        pytest.fail("the folder was opened")


# Folders that are no run's


@pytest.mark.parametrize("overwrite", [False, True], ids=["plain", "overwrite"])
def test_other_files(tmp_path, overwrite):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    said = refused(tmp_path / "home", overwrite=overwrite)
    assert "thesis.tex" in said and "not a run's folder" in said
    assert not (tmp_path / "home" / ".lock").exists()


@pytest.mark.parametrize("overwrite", [False, True], ids=["plain", "overwrite"])
def test_a_file(tmp_path, overwrite):
    (tmp_path / "notes").write_text("years of work")
    assert "is a file" in refused(tmp_path / "notes", overwrite=overwrite)


@pytest.mark.parametrize("overwrite", [False, True], ids=["plain", "overwrite"])
@pytest.mark.parametrize(
    "name", ["notes/run", "notes/a/run", "x" * 300], ids=["file", "files", "too_long"]
)
def test_cannot_be_made(tmp_path, name, overwrite):
    (tmp_path / "notes").write_text("years of work")
    before = contents(tmp_path)
    said = refused(tmp_path / name, overwrite=overwrite)
    assert "cannot be written" in said and name in said and "--out" in said
    assert contents(tmp_path) == before


@pytest.fixture
def sealed(tmp_path):
    """Takes rights from a folder until the test is over."""
    if os.geteuid() == 0:
        pytest.skip("no folder is closed to root")
    changed = []

    def seal(folder, mode):
        changed.append((folder, folder.stat().st_mode))
        folder.chmod(mode)

    yield seal
    for folder, mode in changed:
        folder.chmod(mode)


@pytest.mark.parametrize("mode", [0o500, 0o000], ids=["read_only", "closed"])
@pytest.mark.parametrize("name", ["home", "home/run"], ids=["itself", "parent"])
def test_cannot_be_written(tmp_path, sealed, name, mode):
    (tmp_path / "home").mkdir()
    sealed(tmp_path / "home", mode)
    with (
        pytest.raises(InputError, match="cannot be written"),
        open_folder(tmp_path / name, IDENTITY, False),
    ):
        pytest.fail("the folder was opened")


# Reading and writing


@pytest.mark.parametrize(
    "raw",
    [b"", b'{"experiment": "toy", "con', b"\xff\xfe\x00", b"null", b"[1]", b"{}"],
    ids=["empty", "truncated", "not_text", "null", "list", "no_fields"],
)
def test_damaged_configuration(run_folder, raw):
    (run_folder / "config.json").write_bytes(raw)
    assert "config.json" in refused(run_folder) or raw == b"{}"
    with pytest.raises(InputError) as info:
        read_config(run_folder, "toy", RunConfig)
    assert str(run_folder) in str(info.value)


def test_configuration_is_a_folder(tmp_path):
    (tmp_path / "run" / "config.json").mkdir(parents=True)
    assert "config.json" in refused(tmp_path / "run")


def test_read_config(tmp_path):
    config = RunConfig(steps=7, seeds=3, log_every=5, out=Path("elsewhere"))
    written = {"experiment": "toy", "config": deciding_fields(config)}
    write_sealed(tmp_path / "config.json", written)
    found = read_config(tmp_path, "toy", RunConfig)
    assert found == RunConfig(steps=7, seeds=3, out=tmp_path)


def test_read_config_of_another_experiment(tmp_path):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Other(RunConfig):
        width: int = 3
        height: int = 4

    written = {"experiment": "toy", "config": deciding_fields(Other())}
    write_sealed(tmp_path / "config.json", written)
    with pytest.raises(InputError, match="another version.* height, width$"):
        read_config(tmp_path, "toy", RunConfig)
    with pytest.raises(InputError, match="a run of toy, not of gan"):
        read_config(tmp_path, "gan", Other)
    assert read_config(tmp_path, "toy", Other) == Other(out=tmp_path)


# Figures


class Drawing:
    """A figure that is written as PNG, or as GIF whatever suffix it is given."""

    def __init__(self, suffix):
        self.suffix = suffix

    def savefig(self, path):
        path.with_suffix(self.suffix).write_text("new")


@pytest.mark.parametrize(("suffix", "other"), [(".png", ".gif"), (".gif", ".png")])
def test_a_figure_replaces_those_of_its_name(tmp_path, suffix, other):
    """What a link leads to stays as it is."""
    (tmp_path / "figures").mkdir()
    (tmp_path / "precious").write_text("old")
    for name in (f"a{suffix}", f"a{other}", "b.png", "b.gif"):
        (tmp_path / "figures" / name).symlink_to(tmp_path / "precious")
    save_figures(tmp_path / "figures", {"a": Drawing(suffix)})
    found = {path.name: path.read_text() for path in (tmp_path / "figures").iterdir()}
    assert found == {f"a{suffix}": "new", "b.png": "old", "b.gif": "old"}
    assert (tmp_path / "precious").read_text() == "old"


# Differences


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({}, {}, []),
        ({"a": 1, "b": {"c": [1, 2]}}, {"b": {"c": [1, 2]}, "a": 1}, []),
        ({"a": 1}, {"a": 2}, ["a: 1, now 2"]),
        ({"b": 1}, {"a": 1}, ["a: absent, now 1", "b: 1, now absent"]),
        (
            {"a": {"b": {"c": 1, "d": 0}}},
            {"a": {"b": {"c": 2, "d": 0}}},
            ["a.b.c: 1, now 2"],
        ),
        ({"a": {"b": 1}}, {"a": 3}, ["a: {'b': 1}, now 3"]),
        ({"a": None}, {"a": {"b": 1}}, ["a: None, now {'b': 1}"]),
        ({"a": [1, 2]}, {"a": [1, 3]}, ["a: [1, 2], now [1, 3]"]),
    ],
    ids=["empty", "equal", "value", "keys", "nested", "to_value", "to_map", "list"],
)
def test_differing_fields(old, new, lines):
    assert differing_fields(old, new) == lines
