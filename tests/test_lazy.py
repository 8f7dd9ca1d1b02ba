"""What packages hand on is there at its first use, and listed before."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import jaxdl
from jaxdl.lazy import lazily
from jaxdl.registry import PROJECT

LIGHT = """
import sys
import jaxdl
import jaxdl.train
assert {"nn", "ops", "models", "measures", "run", "load"} < {*dir(jaxdl)}
assert {"run", "RunConfig"} < {*dir(jaxdl.train)}
heavy = {"jax", "flax", "optax", "orbax", "numpy"} & {*sys.modules}
assert not heavy, heavy
from jaxdl import Experiment, load, run
from jaxdl.train import runner
import jaxdl.train.runner as module
assert runner is module and jaxdl.train.run is run is module.run
assert jaxdl.ops.relu and jaxdl.nn.lstm and callable(load) and Experiment._fields
"""


def test_nothing_heavy_is_imported_before_its_first_use():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def checked(path: Path) -> set[str]:
    """Names that type checkers see in a package."""
    (block,) = (
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    nodes = [x for x in block.body if isinstance(x, ast.ImportFrom)]
    return {alias.asname for node in nodes for alias in node.names}


@pytest.mark.parametrize("package", ["jaxdl", "jaxdl.adversarial", "jaxdl.train"])
def test_all_names_are_there_and_known_to_type_checkers(package):
    module = importlib.import_module(package)
    listed = {name for name in dir(module) if not name.startswith("__")}
    assert listed == checked(PROJECT / package.replace(".", "/") / "__init__.py")
    for name in listed:
        assert getattr(module, name) is not None


def test_a_name_that_is_not_there_is_named():
    with pytest.raises(AttributeError, match="'jaxdl' has no attribute 'oops'"):
        _ = jaxdl.oops
    assert not hasattr(jaxdl.train, "oops")


def test_names_are_looked_up_once():
    get, _ = lazily("jaxdl.ops", {"activations": ["tanh"]})
    assert get("tanh") is jaxdl.ops.activations.tanh is vars(jaxdl.ops)["tanh"]
