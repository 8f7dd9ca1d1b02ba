"""Both sides of benchmarks/xor.py train alike, and report in the common form."""

import importlib
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxdl.train.seeds import scan_block, seed_keys

torch = pytest.importorskip("torch")

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    """The script, imported as if its folder were the script's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("xor")


@pytest.mark.parametrize("num_nets", [1, 5])
def test_training_equals_pytorch(benchmark, num_nets):
    """The same weights after 200 steps from the same ones, to float32."""
    experiment, data, learning_rate = benchmark.make_nets(num_nets)
    keys, steps = seed_keys(0), 200
    state = experiment.init(keys.init, data, None)
    module = benchmark.torch_nets(state.params)
    loss = benchmark.torch_loop(module, learning_rate)(steps)
    block = jax.jit(
        scan_block(experiment.batch, experiment.step), static_argnames="length"
    )
    after, metrics = block(state, data, keys.batch, 0, length=steps)
    np.testing.assert_allclose(loss, metrics["loss"][-1], rtol=1e-4)
    for theirs, expected, initial in zip(
        module.parameters(), *map(leaves, (after.params, state.params)), strict=True
    ):
        # Linear layers hold kernels transposed, the ensemble its nets last.
        expected, initial = (
            w[0].T if num_nets == 1 else np.moveaxis(w, 0, -1)
            for w in (expected, initial)
        )
        theirs = theirs.detach().numpy()
        np.testing.assert_allclose(theirs, expected, rtol=1e-4, atol=1e-4)
        assert np.abs(theirs - initial).max() > 0.05  # they did move


def leaves(params):
    """Kernel and bias of each layer."""
    return [np.array(layer[name]) for layer in params for name in ("kernel", "bias")]


def test_writes_the_common_form(benchmark, tmp_path, capsys):
    file = tmp_path / "rows.json"
    flags = "--nets 20 --steps 100 --repeats 2 --seconds 1e-9".split()
    assert benchmark.main([*flags, "--json", str(file)]) == 0
    document = json.loads(file.read_text())
    assert list(document) == ["device", "versions", "rows"]
    assert [row["case"] for row in document["rows"]] == ["1 net", "20 nets"]
    for row in document["rows"]:
        form = ["case", "ours_seconds", "peer", "peer_seconds", "speedup"]
        assert list(row)[:5] == form
        assert row["speedup"] == row["peer_seconds"] / row["ours_seconds"]
        assert row["all_steps_seconds"] > 0 and row["all_steps"] == 100
    assert "all_steps_seconds" in capsys.readouterr().out


@pytest.mark.parametrize("steps", ["50", "150", "0"])
def test_refuses_steps_that_are_not_whole_blocks(benchmark, steps, capsys):
    assert benchmark.main(["--steps", steps]) == 2
    assert f"steps is {steps}" in capsys.readouterr().err
