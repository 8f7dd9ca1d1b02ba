"""A script ends cleanly at Ctrl-C from its first line on, whatever it is doing."""

import ast
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from jaxdl import startup
from jaxdl.registry import PROJECT, find_systems

SCRIPT = """
import jaxdl.startup
import time
def busy():
    try:
        print("ready", flush=True)
        while True:
            time.sleep(0.01)
    except BaseException as error:  # what a callback of C++ does
        print("swallowed", error, flush=True)
busy()
"""


@pytest.fixture(autouse=True)
def interrupts_are_heard():
    """A shell starts its background jobs deaf to Ctrl-C, and they their children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def script(tmp_path):
    """Starts a script of a system outside the project; gives process and output."""
    (tmp_path / "experiments").mkdir()

    def start(text, folder="experiments", **changes):
        path = tmp_path / folder / "mine.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        env = {**os.environ, "JAXDL_SYSTEMS": str(tmp_path), "PYTHONPATH": str(PROJECT)}
        pipe = subprocess.PIPE
        options = {"stdout": pipe, "stderr": pipe, "text": True, "env": env} | changes
        return subprocess.Popen([sys.executable, str(path)], **options)

    return start


def interrupted(process):
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_no_exception_is_raised_where_it_could_be_swallowed(script):
    said = "\ninterrupted; what was saved is kept\n"
    assert interrupted(script(SCRIPT)) == (130, "", said)


def test_a_program_that_only_imports_jaxdl_keeps_its_interrupts(script):
    code, out, err = interrupted(script(SCRIPT, folder="elsewhere"))
    assert (code, out, err) == (0, "swallowed \n", "")


def test_an_ignored_interrupt_stays_ignored(script):
    """As in a shell's background job."""
    text = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + SCRIPT
    process = script(text)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    assert process.poll() is None
    process.kill()
    process.communicate()


def test_closed_streams_are_never_a_file_of_ours(script, tmp_path):
    """A file opened while descriptor 1 is free would get what C++ prints."""
    text = (
        "import os, sys\nfor n in range(3): os.close(n)\n"
        "sys.stdout = sys.stderr = None\n"  # as Python finds them closed
        "import jaxdl.startup\n"
        "assert not sys.stdout.isatty() and not sys.stderr.isatty()\n"
        "fd = os.open(sys.argv[0] + '.out', os.O_CREAT | os.O_WRONLY)\n"
        "for n in range(3): os.write(n, b'noise')\n"
        "os.write(fd, b'data')"
    )
    process = script(text)
    process.communicate()
    assert process.returncode == 0
    assert (tmp_path / "experiments" / "mine.py.out").read_text() == "data"


@pytest.mark.parametrize(
    "name, value, said",
    [
        (
            "XLA_FLAGS",
            "--foo",
            "XLA refuses XLA_FLAGS (Unknown flag in XLA_FLAGS: --foo",
        ),
        ("JAX_ENABLE_X64", "maybe", "JAX refuses the environment (invalid truth value"),
    ],
)
def test_an_environment_that_libraries_refuse(script, name, value, said):
    """XLA would abort and JAX end in a traceback, once something needs them."""
    env = {**os.environ, "PYTHONPATH": str(PROJECT), name: value}
    process = script("import jaxdl.startup", folder="experiments", env=env)
    out, err = process.communicate()
    assert (process.returncode, out) == (0, "") and err == ""  # no script of ours
    env["JAXDL_SYSTEMS"] = str(Path(process.args[1]).parents[1])
    process = script("import jaxdl.startup\nprint('on')", env=env)
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert err.startswith(f"error: {said}") and err.count("\n") == 1
    assert "unset it" in err


def test_a_benchmark_is_refused_likewise():
    command = [sys.executable, str(PROJECT / "benchmarks" / "xor.py")]
    env = {**os.environ, "PYTHONPATH": str(PROJECT), "JAX_ENABLE_X64": "maybe"}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: JAX refuses") and done.stderr.count("\n") == 1


def test_variables_that_do_not_count_reach_no_thread_and_no_process(script):
    text = (
        "import jaxdl.startup as startup, os, jax, threading\n"
        "def show():\n"
        "    found = {k: jax.config.values[k] for k in startup.PINNED}\n"
        "    print([k for k, v in startup.PINNED.items() if found[k] != v])\n"
        "thread = threading.Thread(target=show); thread.start(); thread.join()\n"
        "names = [k.upper() for k in startup.PINNED] + ['MPLBACKEND']\n"
        "print([k for k in names if k in os.environ])"
    )
    given = {name.upper(): "true" for name in startup.PINNED}
    given |= {name: "disallow" for name in given if "TRANSFER" in name}
    given |= {"JAX_DEFAULT_PRNG_IMPL": "rbg", "JAX_RANDOM_SEED_OFFSET": "7"}
    given |= {"JAX_NUMPY_DTYPE_PROMOTION": "strict", "JAX_THREEFRY_PARTITIONABLE": "0"}
    given |= {"JAX_DEFAULT_MATMUL_PRECISION": "bfloat16", "MPLBACKEND": "none"}
    process = script("", folder="experiments")
    process.communicate()
    root = str(Path(process.args[1]).parents[1])
    env = {**os.environ, **given, "PYTHONPATH": str(PROJECT), "JAXDL_SYSTEMS": root}
    out, err = script(text, env=env).communicate()
    assert (out, err) == ("[]\n[]\n", "")


def test_flags_that_xla_knows(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
    assert startup._xla_refuses() is None


def test_a_process_may_open_enough_files(monkeypatch):
    limits = {"now": (20, 20)}
    fake = types.SimpleNamespace(
        RLIMIT_NOFILE=7,
        getrlimit=lambda kind: limits["now"],
        setrlimit=lambda kind, new: limits.update(now=new),
    )
    monkeypatch.setattr(startup, "resource", fake)
    said = startup._too_few_files()
    assert said.startswith("this process may open 20 files: expected 64 or more")
    for before, after in [((20, 64), (64, 64)), ((20, -1), (64, -1)), ((-1, -1),) * 2]:
        limits["now"] = before
        assert startup._too_few_files() is None and limits["now"] == after
    limits["now"] = 1024, 4096
    assert startup._too_few_files() is None and limits["now"] == (1024, 4096)


@pytest.mark.parametrize(
    "path",
    [system.script for system in find_systems()]
    + [p for p in (PROJECT / "benchmarks").glob("*.py") if "__main__" in p.read_text()],
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_every_script_begins_with_it(path: Path):
    """Importing JAX takes a second, in which Ctrl-C would end in a traceback."""
    nodes = ast.parse(path.read_text()).body
    first = next(
        node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)
    )
    assert ast.unparse(first) == "import jaxdl.startup"


def test_a_command_cleans_up_at_an_interrupt(tmp_path):
    """`jaxdl` ends by an exception again once its imports are done."""
    (tmp_path / "jaxdl").write_text(
        "import signal, time\nimport jaxdl.startup as startup\n"
        "assert signal.getsignal(signal.SIGINT) is startup.end\n"
        "startup.raise_interrupts()\n"
        "try:\n    print('ready', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('cleaned up')\n"
    )
    command = [sys.executable, str(tmp_path / "jaxdl")]
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=env)
    assert interrupted(process) == (0, "cleaned up\n", "")
