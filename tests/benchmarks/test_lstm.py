"""Both sides of benchmarks/lstm.py compute the same, and report in one form."""

import importlib
import json
from pathlib import Path

import jax
import numpy as np
import pytest

torch = pytest.importorskip("torch")

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def script():
    """The benchmark, imported as if its folder were the script's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("lstm")


def test_outputs_and_gradients_equal_pytorch(script):
    problem = script.make_problem(script.Shape(7, 3, 2, 5))
    theirs = script.torch_sides(problem)
    for plain in (False, True):
        ours = script.our_sides(problem, plain=plain)
        for name in ("forward", "forward + backward"):
            difference = script.largest_difference(ours[name](), theirs[name]())
            assert difference < script.TOLERANCE


def test_a_difference_is_seen(script):
    problem = script.make_problem(script.Shape(4, 3, 2, 5))
    outputs, grads = script.our_sides(problem)["forward + backward"]()
    off = jax.tree.map(np.array, grads)
    off[0]["bias"][3] += 1e-3 * np.abs(off[0]["bias"]).max()
    assert script.largest_difference((outputs, grads), (outputs, off)) > 5e-4


def test_a_block_moves_the_weights(script):
    problem = script.make_problem(script.Shape(4, 3, 2, 5))
    block = jax.jit(script.in_block(script.our_both(script.our_forward(problem))))
    (params, _), last = block(*problem[1:])
    assert last.shape == (script.BLOCK,)
    moved = params["bias"] - problem.params["bias"]
    grads = script.our_sides(problem)["forward + backward"]()[1][0]["bias"]
    np.testing.assert_allclose(moved, -script.BLOCK * 1e-6 * grads, atol=1e-6)


def test_rows_hold_every_shape_and_the_geometric_mean(script, monkeypatch, tmp_path):
    shapes = script.Shape(4, 3, 2, 5), script.Shape(3, 2, 4, 2)
    monkeypatch.setattr(script, "SHAPES", shapes)
    monkeypatch.setattr(script, "product_rate", lambda config: 1e9)
    path = tmp_path / "rows.json"
    flags = "--repeats 2 --seconds 1e-9 --no-char-lm --no-memory --json".split()
    assert script.main([*flags, str(path)]) == 0
    rows = {row["case"]: row for row in json.loads(path.read_text())["rows"]}
    assert len(rows) == 6
    both = [rows[f"forward + backward {tuple(shape)}"] for shape in shapes]
    mean = rows["forward + backward, geometric mean"]
    product = both[0]["speedup"] * both[1]["speedup"]
    assert mean["speedup"] == pytest.approx(product**0.5)
    assert mean["lowest_speedup"] == min(row["speedup"] for row in both)
    flop = 6 * 4 * 3 * 20 * 7
    expected = flop / both[0]["ours_seconds"] / 1e9
    assert both[0]["of_product_rate"] == pytest.approx(expected)
