"""What all tests share."""

import contextlib
import functools
import importlib.util
import socket
import sys

import jax
import jax.numpy as jnp
import pytest
from hypothesis import settings
from jax._src import compiler

jax.config.update("jax_numpy_rank_promotion", "raise")
# The same examples in every run; `--hypothesis-profile=default` draws new ones.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


QUICKLY_COMPILED = (
    *("adversarial", "benchmarks", "data", "figures", "gradcheck"),
    *("measures", "models", "nn", "objectives", "ops"),
)
"""Folders whose tests spend most of their time on compiling programs that run once.

The others, those of training above all, see the code that users get; experiments, which
also compare the bits of runs, see its fusions, without which blocks of other lengths
give other bits.
"""


@pytest.fixture(scope="module", autouse=True)
def compile_quickly(request):
    """Leaves out most of the compiler's optimizations where running is not the cost.

    JAX has no public way to give options to all programs, operations that run one by
    one among them.
    """
    from jaxdl.gradcheck.problem import quick_options

    place, quick = request.path.parent.name, quick_options()
    in_system = request.path.parent.parent.name == "systems"
    if request.path.stem in ("test_script", "test_experiments"):
        quick = {k: v for k, v in quick.items() if k != "xla_cpu_use_fusion_emitters"}
    elif place not in QUICKLY_COMPILED and not in_system:
        quick = {}
    get_options = compiler.get_compile_options

    def get_quick_options(*args, env_options_overrides=None, **kwargs):
        options = quick | (env_options_overrides or {})
        return get_options(*args, env_options_overrides=options, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "get_compile_options", get_quick_options)
        yield


def under_vmap(f):
    """`f` as the last row of a `vmap` over two equal ones."""

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
        spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look there
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def no_network(monkeypatch):
    """Points the downloads to a port that refuses connections."""
    from jaxdl.data import builders

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
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
