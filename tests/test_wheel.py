"""An installed package, away from its checkout, finds scripts and results."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import jaxdl
from jaxdl.registry import find_systems

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WHEEL = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """What a wheel unpacks: the package, and of experiments what is not excluded."""
    site = tmp_path_factory.mktemp("site")
    assert WHEEL["only-include"] == ["jaxdl", "experiments"]
    bytecode = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "jaxdl", site / "jaxdl", ignore=bytecode)
    patterns = [each[1:] for each in WHEEL["exclude"] if each[0] == "!"]
    for path in {path for pattern in patterns for path in ROOT.glob(pattern)}:
        name = path.relative_to(ROOT / "experiments")
        target = site / WHEEL["sources"]["experiments"] / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return site


COMMANDS = """
import sys
from jaxdl import cli
from jaxdl.train.provenance import git_commit

assert git_commit() is None
for command in sys.argv[1:]:
    print(cli.main(command.split()), end="\\n---\\n", flush=True)
"""


def test_commands_work_outside_the_checkout(site, tmp_path):
    commands = ["list --json", "results --system gan --format json"]
    commands += ["results --system gan --check", "results --check", "run gan --help"]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, *commands],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site), "JAXDL_SYSTEMS": ""},
    )
    assert done.returncode == 0, done.stderr
    listed, rows, refused, stale, usage = done.stdout.split("\n---\n")[:-1]
    systems = json.loads(listed.removesuffix("0"))
    assert [x["name"] for x in systems] == [x.name for x in find_systems()]
    scripts = site.resolve() / "jaxdl" / "_project" / "experiments"
    assert all(Path(each["script"]).parent == scripts for each in systems)
    published = [row["published"] for row in json.loads(rows.removesuffix("0"))]
    assert {"gan-mnist-parzen"} <= {figure["id"] for figure in published if figure}
    assert (refused, stale, usage[-1]) == ("2", "2", "0")
    assert f"{tmp_path} is in none: run it inside a checkout" in done.stderr
    assert usage.startswith("usage: jaxdl run gan ")


def test_the_wheel_has_scripts_and_results_and_no_pictures(site):
    """The figures take 7 MB, ten times the rest."""
    packed = site / WHEEL["sources"]["experiments"]
    for system in find_systems():
        assert (packed / system.script.name).is_file()
        for record in system.records:
            assert (packed / "results" / record).is_file()
    assert {path.suffix for path in packed.rglob("*.*")} == {".py", ".json"}
    assert (site / "jaxdl" / "py.typed").is_file()


def test_version_citation_and_changelog_agree():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["cff-version"] == "1.2.0" and cited["message"] and cited["title"]
    assert cited["authors"] == [{"name": "The jaxdl authors"}]
    project = PYPROJECT["project"]
    assert cited["license"] == project["license"]
    assert cited["version"] == project["version"] == jaxdl.__version__
    changes = (ROOT / "CHANGELOG.md").read_text()
    sections = re.findall("^## (.*)", changes, re.MULTILINE)
    newest = f"{cited['version']} - {cited['date-released']}"
    assert sections[:2] == ["Unreleased", newest]
