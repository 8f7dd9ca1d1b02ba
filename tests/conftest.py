"""What all tests share."""

import collections
import contextlib
import ctypes
import functools
import gc
import importlib.util
import io
import itertools
import json
import os
import platform
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import psutil
import pytest
from hypothesis import settings

from jaxdl import registry

jax.config.update("jax_numpy_rank_promotion", "raise")
# Programs do not say which line each operation is from: nothing here reads it.
jax.config.update("jax_traceback_in_locations_limit", 0)
# The same examples in every run; `--hypothesis-profile=default` draws new ones.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


COMPILER_FLAGS = [
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_parallel_codegen_split_count=1",
]
"""Most programs of the tests run once: compiling them is most of what they cost."""
if platform.machine() == "x86_64":
    # The quicker way to fuse operations fuses others in a block of one step. Without
    # multiply-add instructions (AVX has none) that changes no rounding, hence no bit.
    COMPILER_FLAGS += ["--xla_cpu_use_fusion_emitters=false", "--xla_cpu_max_isa=AVX"]
MUCH_MEMORY = 2e9  # bytes of a worker, most of them programs compiled before
LIBC = ctypes.CDLL(None)


def compile_quickly():
    """Start JAX in this process with `COMPILER_FLAGS`.

    XLA reads them once, when the first backend starts. What the tests run as a user
    would, in processes of their own, does not inherit them.
    """
    with pytest.MonkeyPatch.context() as patch:
        flags = [*COMPILER_FLAGS, os.environ.get("XLA_FLAGS", "")]
        patch.setenv("XLA_FLAGS", " ".join(flags))
        jax.devices()


compile_quickly()


def pytest_collection_modifyitems(items):
    """Put the contract's tests of a system before its script's: they share programs."""
    contract, others = [], []
    for item in items:
        (contract if item.path.name == "test_contract.py" else others).append(item)
    by_system = collections.defaultdict(list)
    for item in contract:
        by_system[item.callspec.params["finished"].name].append(item)
    items[:] = []
    for item in others:
        if item.path.name == "test_script.py":
            items += by_system.pop(item.path.parent.name, [])
        items.append(item)
    items += itertools.chain(*by_system.values())


def pytest_collection_finish():
    """Look for garbage less often: what was imported stays, and tracing makes much."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


@pytest.fixture(autouse=True)
def forget_programs():
    """Drop what was compiled once a worker holds too much of it."""
    yield
    if psutil.Process().memory_info().rss > MUCH_MEMORY:
        jax.clear_caches()
        gc.collect()
        if hasattr(LIBC, "malloc_trim"):  # without it glibc keeps nearly all of it
            LIBC.malloc_trim(0)


def under_vmap(f):
    """`f` as the last row of a compiled `vmap` over two equal ones."""

    @jax.jit
    def mapped(*args):
        twice = jax.tree.map(lambda x: jnp.stack([x, x]), args)
        return jax.tree.map(lambda y: y[-1], jax.vmap(f)(*twice))

    return mapped


@pytest.fixture(params=["eager", "jit", "vmap"])
def variant(request):
    """Turns a function of arrays into itself, run in one of three ways."""
    return {"eager": lambda f: f, "jit": jax.jit, "vmap": under_vmap}[request.param]


@pytest.fixture(scope="session")
def load_script():
    """Imports a Python file that is in no package, once."""

    @functools.cache
    def load(path):
        if path.parent == registry.PROJECT / "experiments":
            return registry.load_script(registry.find_system(path.stem))
        spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look there
        spec.loader.exec_module(module)
        return module

    return load


class Toy(NamedTuple):
    """The toy run of a system: script, flags, home and folder, output and result.

    Faults are those of the texts in its figures, by their files' names.
    """

    system: registry.System
    script: ModuleType
    flags: list[str]
    home: Path
    folder: Path
    printed: str
    result: dict
    faults: dict[str, list[str]]


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory):
    """The toy run of a system, made once in its default folder below an empty one.

    Whoever wants to change it takes a copy.
    """

    from drawing import faults_of_texts
    from matplotlib.figure import Figure

    @contextlib.contextmanager
    def texts_checked(faults):
        save = Figure.savefig

        def savefig(self, path, **options):
            save(self, path, **options)
            found = faults_of_texts(self, one_seed=True)
            faults[getattr(path, "name", "frame")] = found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Figure, "savefig", savefig)
            yield

    @functools.cache
    def run(name: str) -> Toy:
        system, faults = registry.find_system(name), {}
        home = tmp_path_factory.mktemp(name)
        script, flags = registry.load_script(system), system.toy.split()
        printed = io.StringIO()
        with (
            contextlib.chdir(home),
            contextlib.redirect_stdout(printed),
            texts_checked(faults),
        ):
            assert script.main(flags) == 0
        folder = min(home.rglob("result.json"), key=lambda path: len(path.parts)).parent
        result = json.loads((folder / "result.json").read_text())
        said = printed.getvalue()
        return Toy(system, script, flags, home, folder, said, result, faults)

    return run


@pytest.fixture(scope="session")
def undrawn():
    """A context in which figures are made and saved as empty files.

    Drawing is a third of what a toy run costs, and most tests do not look.
    """

    def leave_empty(self, path):
        path.touch()

    @contextlib.contextmanager
    def context():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("matplotlib.figure.Figure.savefig", leave_empty)
            yield

    return context


@pytest.fixture
def no_network(monkeypatch):
    """Points the downloads to a port that refuses connections."""
    from jaxdl.data import builders

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{unused.getsockname()[1]}/"
    for builder_cls in builders.BUILDERS.values():
        monkeypatch.setattr(builder_cls, "URL", url)


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """What a refused command line says, without frames; it may not have written."""
    monkeypatch.chdir(tmp_path)

    def run(main, argv):
        assert main(argv) == 2
        said = " ".join(w for w in capsys.readouterr().err.split() if w.strip("╭╮╰╯│─"))
        assert "Traceback" not in said and not list(tmp_path.iterdir())
        return said

    return run


class Killed(BaseException):
    """What no code catches."""


@pytest.fixture
def killed_after_a_save(monkeypatch):
    """A context in which a run dies as soon as it has saved a checkpoint."""
    from jaxdl.train.checkpoint import Checkpoints

    saved = Checkpoints.save

    def save_and_die(self, step, *args):
        saved(self, step, *args)
        self.wait()
        raise Killed

    @contextlib.contextmanager
    def context():
        with monkeypatch.context() as patch:
            patch.setattr(Checkpoints, "save", save_and_die)
            with pytest.raises(Killed):
                yield

    return context
