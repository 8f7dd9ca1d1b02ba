"""Where a number comes from."""

import ast
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import psutil
import pytest

import jaxdl
from jaxdl.train import provenance

ROOT = Path(__file__).resolve().parents[2]


def test_versions():
    found = provenance.versions()
    assert found["jaxdl"] == jaxdl.__version__
    assert found["python"] == platform.python_version()
    assert found["jax"] == jax.__version__ and found["numpy"] == np.__version__
    assert found["orbax-checkpoint"] == importlib.metadata.version("orbax-checkpoint")
    assert {"jaxlib", "flax", "optax"} < found.keys()
    assert json.loads(json.dumps(found)) == found


def test_versions_of_package_and_metadata_agree():
    assert jaxdl.__version__ == importlib.metadata.version("jaxdl")


def test_device_name():
    name = provenance.device_name()
    if jax.default_backend() == "cpu":
        assert name.startswith("CPU ") and name.endswith(" cores")
        cores = int(name.split()[-2])
        assert 1 <= cores <= psutil.cpu_count()
    else:
        assert name == jax.devices()[0].device_kind


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder that holds the package as far as `git_commit` can see."""
    (tmp_path / "jaxdl").mkdir()
    monkeypatch.setattr(jaxdl, "__file__", str(tmp_path / "jaxdl" / "__init__.py"))
    # A repository around the temporary folder must not count.
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)  # nobody's hooks or signatures
    return tmp_path


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    return subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True
    )


def test_no_commit_outside_a_checkout(checkout):
    assert provenance.git_commit() is None


needs_git = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


@needs_git
def test_no_commit_yet(checkout):
    git(checkout, "init", "-q")
    assert provenance.git_commit() is None


def test_no_git(checkout, monkeypatch):
    (checkout / ".git").mkdir()
    monkeypatch.setenv("PATH", str(checkout))
    assert provenance.git_commit() is None


@needs_git
def test_commit(checkout):
    (checkout / "a").write_text("1")
    git(checkout, "init", "-q")
    git(checkout, "add", "a")
    git(checkout, "commit", "-q", "-m", "first")
    git(checkout, "tag", "-a", "v1", "-m", "a tag does not stand for the commit")
    head = git(checkout, "rev-parse", "HEAD").stdout.decode().strip()
    assert len(head) == 40
    assert provenance.git_commit() == head
    (checkout / "a").write_text("2")
    assert provenance.git_commit() == head + "-dirty"


def test_peak_memory():
    before = psutil.Process().memory_info().rss
    peak = provenance.peak_memory_bytes()
    assert before * 0.9 < peak < 2**40
    block = np.ones(peak - before + 2**26, np.uint8)  # touched: more than ever before
    assert provenance.peak_memory_bytes() >= peak + 2**25
    del block
    assert provenance.peak_memory_bytes() >= peak + 2**25  # it never falls


UNIX = "crypt fcntl grp nis ossaudiodev posix pty pwd resource spwd syslog termios tty"


def test_nothing_imports_what_windows_lacks():
    """At the top of a module, that is: inside functions it can be guarded."""
    for path in [*ROOT.glob("jaxdl/**/*.py"), *ROOT.glob("experiments/*.py")]:
        tree = ast.parse(path.read_text("utf-8"))
        found = [node for node in tree.body if isinstance(node, ast.Import)]
        names = {alias.name for node in found for alias in node.names}
        names |= {x.module for x in tree.body if isinstance(x, ast.ImportFrom)}
        assert names.isdisjoint(UNIX.split()), path


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_peak_memory_is_in_bytes():
    text = open("/proc/self/status").read()
    kilobytes = int(text.split("VmHWM:")[1].split()[0])
    assert 0 <= provenance.peak_memory_bytes() - 1024 * kilobytes < 2**22


def test_peak_memory_without_the_means_to_know_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    assert provenance.peak_memory_bytes() > 10e6 or sys.platform != "linux"
    monkeypatch.setattr(provenance.Path, "exists", lambda path: False)
    assert provenance.peak_memory_bytes() == 0
