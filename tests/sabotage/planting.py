"""Plant mistakes in a copy of the repository, and run the test that must see each."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from .mistakes import Mistake

PYTEST = (sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "-q")
TIMEOUT = 600  # seconds of one test


def copy_repository(root: Path, copy: Path) -> None:
    """Copy what git knows of, as it stands in the working tree."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout
    for name in listed.decode().split("\0"):
        if name and (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, copy / name)


def run_pytest(copy: Path, *words: str, timeout: float | None = TIMEOUT):
    """pytest in a copy, in a process of its own: its exit code and lines."""
    env = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*PYTEST, "--tb=line", *words],
        **dict(cwd=copy, env=env, capture_output=True, text=True, timeout=timeout),
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def run_test(copy: Path, test: str) -> tuple[str, str]:
    """Run one test in a copy.

    Returns:
      "passed", "failed" or "error", and the last lines that pytest printed. Failed
      means that the test itself did: what ended otherwise (no such test, a file that
      cannot be imported, a broken fixture, no test run, time out) is an error.
    """
    try:
        code, lines = run_pytest(copy, "-x", "-rfE", test)
    except subprocess.TimeoutExpired:
        return "error", f"the test took longer than {TIMEOUT} seconds"
    told = "\n".join(lines[-6:])
    if any(line.startswith("ERROR ") for line in lines):
        return "error", told
    if code == 0 and " passed" in lines[-1]:
        return "passed", told
    return "failed" if code == 1 else "error", told


def passing(copy: Path, tests: Iterable[str]) -> set[str]:
    """Those of the tests that pass in a copy, all of them run by one process."""
    tests = set(tests)
    if not tests:
        return set()
    code, lines = run_pytest(copy, "-rA", *sorted(tests), timeout=None)
    if code not in (0, 1):  # a name that pytest does not know stops it at once
        return {test for test in tests if run_test(copy, test)[0] == "passed"}
    ended = [line.split(" - ")[0].partition(" ") for line in lines]
    good = {name for word, _, name in ended if word == "PASSED"}
    bad = {name for word, _, name in ended if word in ("FAILED", "ERROR")}

    def among(test: str, names: set[str]) -> bool:
        return any(name == test or name.startswith(f"{test}[") for name in names)

    return {test for test in tests if among(test, good) and not among(test, bad)}


class Memory:
    """What was found before, in a JSON file; it outlives an interrupt.

    Attributes:
      path: of the file.
    """

    def __init__(self, path: Path):
        self.path = path
        self._found = json.loads(path.read_text()) if path.is_file() else {}

    def get(self, key: str) -> str | None:
        """What was found under this key, if anything."""
        return self._found.get(key)

    def __setitem__(self, key: str, outcome: str) -> None:
        self._found[key] = outcome
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(self._found, indent=0))
        beside.replace(self.path)


def digest(root: Path, mistake: Mistake) -> str:
    """sha256, in hex, of a mistake, its file and its test's."""
    found = hashlib.sha256(repr(mistake).encode())
    for name in (mistake.file, mistake.test.partition("::")[0]):
        found.update((root / name).read_bytes() + b"\0")
    return found.hexdigest()


def plant(copy: Path, mistake: Mistake) -> tuple[str, str]:
    """Plant a mistake in a copy, run its test there, and take it out again.

    Returns:
      "caught", "survived" or "error", and what pytest said.
    """
    path = copy / mistake.file
    text = path.read_bytes()
    try:
        path.write_bytes(text.replace(mistake.before.encode(), mistake.after.encode()))
        found, told = run_test(copy, mistake.test)
    finally:
        path.write_bytes(text)
    return {"failed": "caught", "passed": "survived"}.get(found, "error"), told
