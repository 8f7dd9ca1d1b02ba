"""A system in a folder of one's own is found everywhere, with no edit elsewhere."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from jaxdl.registry import PROJECT

FILES = {
    "systems/planted/__init__.py": """
        from jaxdl.registry import System

        SYSTEM = System(
            title="A cube", paper="Nobody 2026", toy="--steps 20 --block-steps 10"
        )
    """,
    "systems/planted/networks.py": """
        from jaxtyping import Array, Float


        def cube(x: Float[Array, " n"]) -> Float[Array, " n"]:
            return x**3
    """,
    "systems/planted/checks.py": """
        from jaxdl.gradcheck.problem import Case, draw_normals
        from jaxdl.gradcheck.subjects import Subject
        from jaxdl.systems.planted.networks import cube

        NOT_DIFFERENTIABLE = {}


        def make(key):
            return Case(cube, tuple(draw_normals(key, (3,))), ("x",), True)


        def subjects():
            return [Subject("cube", ("systems.planted.networks.cube",), make)]
    """,
    "systems/planted/published.json": json.dumps(
        [
            {
                "id": "planted-figure",
                "system": "cube of a planted system",
                "metric": "root",
                "value": 1.0,
                "error": None,
                "error_kind": None,
                "direction": "lower",
                "protocol": {"data": "toy"},
                "source": {"paper": "Nobody 2026", "table": "1"},
                "trust": "P",
            }
        ]
    ),
    "systems/planted/metrics.json": json.dumps(
        {
            "*error": {"means": "mean squared error", "better": "lower"},
            "draw": {"means": "a number drawn at random", "better": None},
        }
    ),
    "experiments/planted.py": """
        import toy_experiment
        from jaxdl.cli import start
        from jaxdl.train.experiment import Plan
        from jaxdl.train.runner import run

        Config = toy_experiment.Config


        def plan(cfg):
            experiment = toy_experiment.make_experiment(cfg)
            return Plan("planted", experiment, toy_experiment.examples(), cfg)


        def train(cfg):
            return run(*plan(cfg)).exit_code


        def main(argv=None):
            return start(Config, train, argv, script=__file__)
    """,
}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Runs a command in a process that knows the folder with the system."""
    root = tmp_path_factory.mktemp("own")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())
    paths = [str(PROJECT), str(PROJECT / "tests"), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {
        "JAXDL_SYSTEMS": str(root),
        "PYTHONPATH": os.pathsep.join(paths),
    }

    def run(*command):
        return subprocess.run(
            [sys.executable, *command],
            capture_output=True,
            text=True,
            env=env,
            cwd=PROJECT,
        )

    return run


ALL = """
import sys
from jaxdl.cli import main
ledger = ["results", "--format", "json"]
for argv in (["list"], ["gradcheck", "cube", "--json"], ledger):
    code = main(argv)
    print("\\0", end="")
    if code:
        sys.exit(f"{argv} ended with {code}")
"""


def test_list_gradient_check_and_ledger_know_it(planted):
    done = planted("-c", ALL)
    assert done.returncode == 0, done.stderr
    listed, checked, ledger, _ = done.stdout.split("\0")
    assert any(line.startswith("planted ") for line in listed.splitlines())
    assert "cube" in json.dumps(json.loads(checked))
    assert "cube of a planted system" in ledger


def test_the_contract_holds_it(planted):
    flags = "-n 0 -q -p no:cacheprovider -k planted".split()
    done = planted("-m", "pytest", "tests/test_contract.py", *flags)
    said = done.stdout[-2000:]
    # The toy draws no picture, and its result refers to no published figure.
    assert done.returncode == 0, said
    assert " passed" in said and "failed" not in said
