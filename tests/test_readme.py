"""What the README promises in code."""

import json
import math
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from PIL import Image

from jaxdl.cli import start
from jaxdl.registry import System
from jaxdl.train.config import RunConfig
from jaxdl.train.pieces import ARGUMENTS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
LEDGER = (ROOT / "experiments" / "README.md").read_text()


def test_the_ten_lines_run():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert abs(float(done.stdout) + math.log(4)) < 0.1


def test_the_experiment_of_your_own_runs(tmp_path, load_script, monkeypatch):
    """As it stands in CONTRIBUTING.md, from any folder, but for the number of steps."""
    code, system = re.findall(r"```python\n(.*?)```", CONTRIBUTING, re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 45
    (tmp_path / "rings.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    script = load_script(tmp_path / "rings.py")
    assert start(RunConfig, script.train, ["--steps", "200"]) == 0
    (folder,) = (tmp_path / "runs" / "rings").iterdir()
    error = json.loads((folder / "result.json").read_text())["metrics"]["error"]
    assert error["mean"] < 15
    assert Image.open(folder / "figures" / "rings.png").width >= 900
    names: dict = {"System": System}
    exec(textwrap.dedent(system), names)
    assert names["SYSTEM"].figures == ("rings",)


def test_the_newcomer_s_signatures_are_the_runner_s():
    block = CONTRIBUTING.split("What the runner is given")[1].split("```")[1]
    for name, arguments in ARGUMENTS.items():
        assert name == "make_work" or f"{name}({arguments})" in block, name


def test_linked_files_and_mapped_folders_exist():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    folders = re.findall(
        r"^([\w./]+)  +\w", CONTRIBUTING.split("## Map")[1].split("##")[0], re.MULTILINE
    )
    assert links and len(folders) > 8
    for name in [*links, *folders, *re.findall(r"src=([^>\s]+)>", README)]:
        assert (ROOT / name).exists(), name


def test_files_that_the_ledger_s_page_links_exist():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", LEDGER)
    pictures = re.findall(r"src=([^>\s]+)>", LEDGER)
    assert len(links) > 30 and len(pictures) > 30
    for name in [*links, *pictures]:
        assert (ROOT / "experiments" / name).exists(), name
    anchors = set(re.findall(r'<a id="(\w+)">', LEDGER))
    assert set(re.findall(r"\]\(#(\w+)\)", LEDGER)) == anchors


def test_every_committed_result_and_picture_is_shown():
    results = ROOT / "experiments" / "results"
    for path in [*results.glob("*.*"), *results.glob("figures/*")]:
        assert path.relative_to(ROOT / "experiments").as_posix() in LEDGER, path.name


def test_the_readme_fits_8_kb_and_keeps_its_order():
    assert len((ROOT / "README.md").read_bytes()) <= 8192
    order = ["<img", "experiments/gan.py", "-m pytest", "## Four claims", "best:begin"]
    order += ["systems:begin", "## Ten lines", "## Add", "speed:begin", "CONTRIBUTING"]
    places = [README.index(word) for word in order]
    assert places == sorted(places)


def test_ci_runs_the_readme_s_test_command():
    commands = [line for line in README.splitlines() if "pytest" in line]
    assert len(commands) == 1 and commands[0].startswith("python3 -m venv")
    assert "README.md" in (ROOT / ".ci/run").read_text()
