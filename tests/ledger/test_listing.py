"""`jaxdl list` fits the terminal and takes its minutes from recorded results."""

import json
import re

import pytest

from jaxdl import cli, printing
from jaxdl.ledger.listing import describe_system, format_systems
from jaxdl.ledger.minutes import format_minutes, recorded_minutes
from jaxdl.registry import System, find_systems


@pytest.fixture
def system(tmp_path):
    """A system with both times."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "toy.json").write_text('{"wall_seconds": 600}')
    times = {"device": "CPU", "cores": 2, "systems": {"toy": {"seconds": 42.0}}}
    (tmp_path / "defaults.json").write_text(json.dumps(times))
    script = tmp_path / "toy.py"
    return System(
        "A toy", "", None, records={"toy.json": ""}, name="toy", script=script
    )


def test_a_line_of_a_file_has_everything(system):
    head, line = format_systems([system]).splitlines()
    assert head.split("  ")[0] == "system"
    assert re.split("  +", line) == ["toy", "A toy", "-", "0.7", "10", "jaxdl run toy"]
    described = describe_system(system)
    assert (described["default_seconds"], described["full_seconds"]) == (42, 600)


@pytest.mark.parametrize("width", [40, 66, 80, 100, 120, 160])
def test_lines_fit_the_terminal_and_lose_no_title(width):
    systems = find_systems()
    text = format_systems(systems, width)
    assert max(map(len, text.splitlines())) <= width
    words = text.split()
    for each in systems:
        assert each.name in words and set(each.title.split()) <= set(words)
    full = format_minutes(recorded_minutes(systems[0]).full)
    assert full in text and "two cores" in " ".join(words)
    assert (systems[0].paper in text) == (width > 120)


def test_the_command_asks_the_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(printing.sys.stdout, "isatty", lambda: True)
    assert cli.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80 and any("default" in line for line in lines)
