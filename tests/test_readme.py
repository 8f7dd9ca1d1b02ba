"""What the README promises in code."""

import math
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_ten_lines_run():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert abs(float(done.stdout) + math.log(4)) < 0.1


def test_linked_files_and_mapped_folders_exist():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    folders = re.findall(r"^([\w./]+)  +\w", README.split("## Map")[1], re.MULTILINE)
    assert links and len(folders) > 8
    for name in [*links, *folders]:
        assert (ROOT / name).exists(), name


def test_ci_runs_the_readme_s_test_command():
    commands = [line for line in README.splitlines() if "pytest" in line]
    assert len(commands) == 1 and commands[0].startswith("python3 -m venv")
    assert "README.md" in (ROOT / ".ci/run").read_text()
