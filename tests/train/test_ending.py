"""Command lines that go on from a finished run."""

import dataclasses
from pathlib import Path

import pytest

from jaxdl.train.config import RunConfig, free
from jaxdl.train.ending import Command, next_commands, short_path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    sample: int | None = free(None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Writer(RunConfig):
    prompt: str = free("")


FOLDER = Path("/data/my runs/gan")


@pytest.mark.parametrize(
    "typed",
    [
        "full --seed 3 --seeds 2 --data mnist --overwrite",
        "full --data mnist --seeds=2 --seed=3",
    ],
)
def test_more_seeds_are_the_next_ones_of_the_same_configuration(typed):
    command = Command("python gan.py", tuple(typed.split()))
    found = next_commands(command, Config(seed=3, seeds=2), FOLDER)
    assert found["to add seeds"] == (
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
        "to add seeds": "python x.py --steps 4 --seed 1 --seeds 1 --out a-more",
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
