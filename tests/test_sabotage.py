"""The planted mistakes fit the sources, and the tool tells caught from survived."""

import json
import subprocess

import pytest
from sabotage.__main__ import main
from sabotage.mistakes import faults, read_mistakes

from jaxdl.registry import PROJECT, find_systems

MISTAKES = read_mistakes()
ROOMS = (
    "ops nn models objectives adversarial measures gradcheck figures data train ledger"
)


def test_every_mistake_fits_one_place_and_one_test():
    assert faults(MISTAKES, PROJECT) == []


def test_there_are_mistakes_in_every_room_and_script():
    assert len(MISTAKES) >= 120
    files = [mistake.file for mistake in MISTAKES]
    for room in ROOMS.split():
        assert any(name.startswith(f"jaxdl/{room}/") for name in files), room
    for system in find_systems():
        script = f"experiments/{system.name}.py"
        assert files.count(script) >= 1, script
        own = f"jaxdl/systems/{system.name}/"
        assert sum(name.startswith((script, own)) for name in files) >= 3, script


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A repository of one module, and a folder of mistakes below it."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they start slowly
    monkeypatch.setenv("PYTEST_PLUGINS", "xdist.plugin")
    files = {
        "half.py": "def half(x):\n    return x / 2\n",
        "test_half.py": "import half\n\n\n"
        "def test_half():\n    assert half.half(4) == 2\n\n\n"
        "def test_wrong():\n    assert half.half(4) == 3\n",
        ".gitignore": "mistakes/\n.sabotage/\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "mistakes").mkdir()

    def plant(*changes, argv=()):
        entries = [
            dict(file="half.py", before=before, after=after, test=test, kind=after)
            for before, after, test in changes
        ]
        (tmp_path / "mistakes" / "all.json").write_text(json.dumps(entries))
        return main(argv, root=tmp_path, folder=tmp_path / "mistakes")

    return plant


def test_caught_survived_and_error(fake, capsys):
    seen = "test_half.py::test_half"
    changes = [
        ("x / 2", "x / 3", seen),
        ("x / 2", "x * 0.5", seen),
        ("x / 2", "x / ", seen),  # the test's file cannot be imported
        ("x / 2", "x - 2 + 1", "test_half.py::test_wrong"),  # fails anyhow
    ]
    assert fake(*changes) == 1
    said = capsys.readouterr().out.splitlines()
    found = [line.split()[1] for line in said if ": half.py (" in line]
    assert found == ["caught:", "survived:", "error:", "error:"]
    assert said[-1] == "caught 1 of 4, 1 survived, 2 errors"
    # What was found is not run again.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "run", only_git)
        assert fake(*changes[:1]) == 0
        assert fake(*changes[:2]) == 1


RUN = subprocess.run


def only_git(command, **options):
    assert command[0] == "git"
    return RUN(command, **options)


@pytest.mark.parametrize(
    ("before", "test", "said"),
    [
        ("x / 3", "test_half.py::test_half", "found 0 times: 'x / 3'"),
        ("x", "test_half.py::test_half", "found 2 times: 'x'"),
        ("x / 2", "test_half.py::test_third", "no test test_half.py::test_third"),
        ("x / 2", "test_third.py::test_half", "no test test_third.py::test_half"),
    ],
)
def test_what_does_not_fit_runs_nothing(fake, capsys, monkeypatch, before, test, said):
    monkeypatch.setattr(subprocess, "run", only_git)
    assert fake((before, "y", test)) == 2
    assert said in capsys.readouterr().err
