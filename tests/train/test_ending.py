"""Command lines that go on from a finished run."""

import dataclasses
import sys
from pathlib import Path

import pytest

from jaxdl import cli
from jaxdl.train import ending
from jaxdl.train.config import RunConfig, free
from jaxdl.train.ending import Command, next_commands, short_path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    sample: int | None = free(None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Writer(RunConfig):
    prompt: str = free("")


PROGRAM = ending.program


@pytest.fixture(autouse=True)
def on_path(monkeypatch):
    """Programs are found by their names, as in an environment that is activated."""
    monkeypatch.setattr(ending, "program", lambda name: name)


FOLDER = Path("/data/my runs/gan")


@pytest.mark.parametrize(
    "typed",
    [
        "full --seed 3 --seeds 2 --data mnist --overwrite",
        "full --seeds=2 --seed=3 --data mnist",
    ],
)
def test_more_seeds_are_the_next_ones_of_the_same_configuration(typed):
    command = Command("python gan.py", tuple(typed.split()))
    found = next_commands(command, Config(seed=3, seeds=2), FOLDER)
    assert found["to train more seeds"] == (
        "python gan.py full --data mnist --seed 5 --seeds 2"
    )
    assert found["to see it again"] == "jaxdl show '/data/my runs/gan'"
    assert found["to draw samples"] == (
        "python gan.py --sample 100 --out '/data/my runs/gan'"
    )


def test_a_folder_that_was_named_gets_another_name():
    command = Command("python x.py", ("--out", "a", "--steps", "4"))
    found = next_commands(command, RunConfig(out=Path("a")), Path("a").absolute())
    assert found == {
        "to see it again": "jaxdl show a",
        "to train more seeds": "python x.py --steps 4 --seed 1 --seeds 1 --out a-more",
    }


def test_a_model_of_text_can_write_more():
    command = Command("python c.py", ("--prompt", "Once upon", "--steps", "4"))
    found = next_commands(command, Writer(), FOLDER)
    assert found["to write more"] == 'python c.py --steps 4 --prompt "The "'


def test_a_program_of_ones_own_has_no_command_line():
    found = next_commands(None, Config(), FOLDER)
    assert found == {"to see it again": "jaxdl show '/data/my runs/gan'"}


def test_paths_below_the_working_folder_are_short(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert short_path(tmp_path / "runs" / "x") == "runs/x"
    assert short_path(Path("/elsewhere")) == "/elsewhere"


def test_programs_that_are_not_found_by_name_have_a_path(tmp_path, monkeypatch):
    folder = tmp_path / "my env" / "bin"
    folder.mkdir(parents=True)
    for name in ("python3", "python", "jaxdl"):
        (folder / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python3"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert PROGRAM("jaxdl") == "'my env/bin/jaxdl'"
    monkeypatch.setenv("PATH", str(folder))
    assert PROGRAM("jaxdl") == "jaxdl" and PROGRAM("python") == "python"
    (folder / "jaxdl").unlink()
    assert PROGRAM("jaxdl") == "jaxdl"


def test_the_end_of_a_script_has_the_command_it_was_started_by(
    toy_run, monkeypatch, capsys
):
    toy = toy_run("gan")
    monkeypatch.chdir(toy.home)
    monkeypatch.setattr(sys, "argv", ["jaxdl"])
    assert cli.main(["run", "gan", *toy.flags]) == 0
    out = capsys.readouterr().out
    flags = " ".join(toy.flags)
    assert f"to train more seeds: jaxdl run gan {flags} --seed 1 --seeds 1\n" in out
    monkeypatch.setattr(sys, "argv", ["gan.py"])
    assert toy.script.main(toy.flags) == 0
    out = capsys.readouterr().out
    assert f"experiments/gan.py {flags} --seed 1 --seeds 1\n" in out
    assert "to train more seeds: python " in out
