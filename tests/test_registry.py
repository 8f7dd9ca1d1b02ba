"""Systems are found by looking; what does not fit together is one sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxdl import cli, registry
from jaxdl.errors import InputError
from jaxdl.registry import System, find_system, find_systems

DESCRIPTION = """
from jaxdl.registry import System

SYSTEM = System(title="A toy", paper="Nobody 2026", toy="--steps 2")
"""


def plant(root: Path, name: str, *, folder=True, script=True, text=DESCRIPTION) -> Path:
    """A system below a folder, or a part of one."""
    for part in ("systems", "experiments"):
        (root / part).mkdir(parents=True, exist_ok=True)
    if folder:
        (root / "systems" / name).mkdir()
        (root / "systems" / name / "__init__.py").write_text(text)
    if script:
        (root / "experiments" / f"{name}.py").write_text("def main(argv=None): ...\n")
    return root


def test_every_script_has_a_system_and_every_system_a_script():
    systems = find_systems()
    names = [system.name for system in systems]
    assert names == sorted(set(names)) and {"gan", "xor", "long_lag"} <= set(names)
    scripts = {path.stem for path in (registry.PROJECT / "experiments").glob("*.py")}
    assert set(names) == scripts
    for system in systems:
        assert system.script.is_file() and system.folder.is_dir()
        assert system.title and system.paper
        pictures = registry.PROJECT / "experiments" / "results" / "figures"
        assert system.picture is None or (pictures / system.picture).is_file()


def test_a_planted_system_is_found_and_described(tmp_path):
    (system,) = find_systems([plant(tmp_path, "planted")])
    assert system == System(
        "A toy",
        "Nobody 2026",
        "--steps 2",
        name="planted",
        folder=tmp_path / "systems" / "planted",
        script=tmp_path / "experiments" / "planted.py",
    )


def test_a_script_knows_its_system_wherever_it_is_called_from(tmp_path, monkeypatch):
    root = plant(tmp_path / "own", "planted")
    monkeypatch.setattr(registry, "OUTSIDE", (root,))
    script = root / "experiments" / "planted.py"
    linked = tmp_path / "linked.py"
    linked.symlink_to(script)
    monkeypatch.chdir(root / "systems")
    for path in (script, Path("../experiments/planted.py"), linked):
        system = registry.system_of(path)
        assert system is not None and system.toy == "--steps 2"
        assert system.name == "planted"
    assert registry.system_of(root / "planted.py") is None
    gan = registry.PROJECT / "experiments" / "gan.py"
    assert registry.system_of(gan) == registry.find_system("gan")


def test_the_environment_names_further_systems(tmp_path):
    """In a process of its own, as a user has it; its modules import from there."""
    plant(tmp_path, "planted")
    (tmp_path / "systems" / "planted" / "networks.py").write_text("SIZE = 7\n")
    code = (
        "from jaxdl.systems.planted.networks import SIZE; from jaxdl.cli import main;"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{code}assert SIZE == 7 and main(['list', '--json']) == 0",
        ],
        capture_output=True,
        text=True,
        env=os.environ | {"JAXDL_SYSTEMS": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows["planted"]["title"] == "A toy" and "gan" in rows


FINDS_ITSELF = """
import jaxdl.startup
from jaxdl.registry import find_system
from jaxdl.systems.planted import SYSTEM

assert jaxdl.startup.signal.getsignal(2) is jaxdl.startup.end_run
print(find_system("planted").title)
"""


@pytest.mark.parametrize("named", [False, True])
def test_a_script_finds_the_folders_that_it_is_started_from(tmp_path, named):
    plant(tmp_path / "own", "planted")
    (tmp_path / "link").symlink_to(tmp_path / "own")
    (tmp_path / "own" / "experiments" / "planted.py").write_text(FINDS_ITSELF)
    done = subprocess.run(
        [sys.executable, "own/experiments/planted.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"JAXDL_SYSTEMS": str(tmp_path / "link") if named else ""},
    )
    assert (done.stdout, done.returncode) == ("A toy\n", 0), done.stderr


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (dict(script=False), "has no script: expected"),
        (dict(folder=False), "has no system folder: expected"),
        (dict(text="SYSTEM = 3\n"), "does not describe its system"),
        (dict(text=""), "does not describe its system"),
        (dict(text="SYSTEM = (\n"), "cannot be imported .SyntaxError"),
        (dict(text="raise ValueError('boom')\n"), "cannot be imported .*boom"),
        (dict(text="import sys\nsys.exit(0)\n"), "cannot be imported .SystemExit"),
        (dict(text=DESCRIPTION.replace('"A toy"', "3")), "something else than text"),
        (dict(text=DESCRIPTION.replace('paper="Nobody 2026", ', "")), "TypeError"),
    ],
    ids=[
        *("no script", "no folder", "something else", "nothing", "syntax", "error"),
        *("exit", "no text", "no paper"),
    ],
)
def test_halves_are_refused(tmp_path, parts, said):
    root = plant(tmp_path, "half", **parts)
    for _ in range(2):  # what failed once does not count as imported
        with pytest.raises(InputError, match=said):
            find_systems([root])


def test_two_systems_of_one_name_are_refused(tmp_path):
    roots = [plant(tmp_path / x, "twin") for x in "ab"]
    with pytest.raises(InputError, match="two systems are called twin"):
        find_systems(roots)


def test_a_folder_without_systems_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not there: expected a checkout"):
        find_systems([tmp_path])


def test_an_unknown_system_is_refused():
    with pytest.raises(InputError, match="there is no system gna: expected one of"):
        find_system("gna")


def test_the_command_says_what_does_not_fit(tmp_path, monkeypatch, capsys):
    roots = (plant(tmp_path, "half", script=False),)
    monkeypatch.setattr(registry, "OUTSIDE", roots)
    assert cli.main(["list"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: the system ") and err.count("\n") == 1


def test_the_command_lists_every_system(capsys):
    assert cli.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(find_systems())
    assert any(x.startswith("gan ") and x.endswith("jaxdl run gan") for x in lines)


def test_a_script_that_can_name_no_system_is_refused(tmp_path):
    with pytest.raises(InputError, match="such as my_sys.py"):
        find_systems([plant(tmp_path, "my-sys")])
