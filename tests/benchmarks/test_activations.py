"""Both sides of benchmarks/activations.py compute the same, and report in one form."""

import importlib
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.ops import ACTIVATIONS

torch = pytest.importorskip("torch")

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
each = pytest.mark.parametrize("name", ACTIVATIONS)
TOY = "--sizes 200 1000 --repeats 2 --seconds 1e-9 --warm-size 1000".split()


@pytest.fixture(scope="module")
def script():
    """The benchmark, imported as if its folder were the script's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("activations")


@pytest.fixture
def toy_layer(script, monkeypatch):
    monkeypatch.setattr(script, "LAYER", (3, 5, 4))


def normal(shape, seed):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.normal(size=shape), jnp.float32)


def both_sides(script, work, args):
    """Value and gradients of each."""
    ours = jax.jit(script.in_direction(work.fn, script.BOTH))(*args)
    leaves = [t.detach().requires_grad_() for t in script.as_torch(work.inputs)]
    value = work.torch_fn(*leaves)
    (cotangent,) = script.as_torch(work.cotangent)
    grads = torch.autograd.grad(value, leaves, cotangent)
    return jax.tree.leaves(ours), [value.detach(), *grads]


@each
def test_values_and_gradients_equal_pytorch(script, name):
    z, cotangent = normal((3, script.FEATURES), 0), normal((3, script.FEATURES), 1)
    work = script.alone(name, script.BOTH, z, cotangent)
    for got, expected in zip(
        *both_sides(script, work, (z, work.cotangent)), strict=True
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@each
def test_layers_equal_pytorch(script, toy_layer, name):
    work = script.in_layer(name, script.BOTH, "float32")
    args = (*work.inputs, work.cotangent)
    for got, expected in zip(*both_sides(script, work, args), strict=True):
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@each
def test_the_copy_reads_and_writes_arrays_of_the_same_sizes(script, name):
    z = jnp.zeros((2, script.FEATURES))
    for direction in script.DIRECTIONS:
        work = script.alone(name, direction, z, z)
        args = (*work.inputs, work.cotangent)
        ours = jax.eval_shape(script.in_direction(work.fn, direction), *args)
        copy = jax.eval_shape(work.yardstick_fn, *work.yardstick_args)
        assert [y.shape for y in ours] == [y.shape for y in copy]
        shapes = [x.shape for x in work.yardstick_args]
        assert shapes == [x.shape for x in args]


def test_donated_and_fresh_arrays_hold_the_same(script):
    z = normal((2, script.FEATURES), 0)
    work = script.alone("maxout", script.BOTH, z, z)
    fn, args = script.in_direction(work.fn, script.BOTH), (z, work.cotangent)
    expected = script.fresh(fn, args)(2)
    side = script.donated(fn, args)
    for steps in (1, 3):
        jax.tree.map(np.testing.assert_array_equal, side(steps), expected)


def run(script, tmp_path, *flags):
    file = tmp_path / "new" / "rows.json"
    assert script.main([*TOY, *flags, "--json", str(file)]) == 0
    return json.loads(file.read_text())


def test_writes_the_common_form(script, toy_layer, tmp_path, capsys):
    figure = tmp_path / "figures" / "rows.png"
    flags = "--no-compile --dtypes float32 --activations relu maxout --figure".split()
    document = run(script, tmp_path, *flags, str(figure))
    assert list(document) == ["device", "versions", "rows"]
    rows = document["rows"]
    assert len(rows) == 2 * 2 * 2 + 2 * 2  # sizes, or the layer
    for row in rows:
        form = ["case", "ours_seconds", "peer", "peer_seconds", "speedup"]
        assert list(row)[:5] == form
        assert row["peer"] == "PyTorch eager"
        assert row["speedup"] == row["peer_seconds"] / row["ours_seconds"]
        assert row["dtype"] == "float32"
        assert row["elements_per_second"] == row["size"] / row["ours_seconds"]
        yardstick = "copy" if row["layer"] == "alone" else "bare_layer"
        share = row[f"{yardstick}_seconds"] / row["ours_seconds"]
        assert row[f"of_{yardstick}"] == share
        assert ("warm_seconds" in row) == (row["size"] == 1000)
    assert len({row["case"] for row in rows}) == len(rows)
    num_bytes = [row["bytes_per_second"] * row["ours_seconds"] for row in rows]
    # 200 numbers: read and written; the same twice; half of them written.
    np.testing.assert_allclose(num_bytes[:4], [1600, 3200, 1200, 2400])
    assert "dense + maxout, forward + backward" in capsys.readouterr().out
    assert 10_000 < figure.stat().st_size < 300_000


def test_names_what_torch_compile_lacks(script, tmp_path, monkeypatch, capsys):
    def broken(fn, **options):
        def called(*args):
            raise RuntimeError("no compiler found\nsecond line")

        return called

    monkeypatch.setattr(torch, "compile", broken)
    flags = "--no-layer --dtypes float32 --activations relu --compile-sizes 200".split()
    rows = run(script, tmp_path, *flags)["rows"]
    problems = [row.get("compile_problem") for row in rows]
    assert problems == ["RuntimeError: no compiler found"] * 2 + [None] * 2
    assert "does not work here: RuntimeError: no comp" in capsys.readouterr().out


def test_without_pytorch_the_copy_is_the_peer(
    script, toy_layer, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(script, "torch", None)
    figure = str(tmp_path / "rows.png")
    flags = ["--dtypes", "bfloat16", "--activations", "tanh", "--figure", figure]
    rows = run(script, tmp_path, *flags)["rows"]
    assert [row["peer"] for row in rows] == ["copy"] * 4 + ["bare_layer"] * 2
    assert "pip install torch" in capsys.readouterr().out


def test_verdicts_name_what_is_below_the_claim(script):
    def row(name, direction, *, share, speedup, size=script.GATE_SIZE):
        return {
            "activation": name,
            "direction": direction,
            "dtype": "float32",
            "size": size,
            "layer": "alone",
            "peer": "PyTorch eager",
            "of_copy": share,
            "speedup": speedup,
        }

    rows = [
        row("relu", script.BOTH, share=0.79, speedup=1.1),
        row("relu", script.FORWARD, share=0.5, speedup=0.99),
        row("tanh", script.BOTH, share=0.81, speedup=1.5),
        row("gelu", script.BOTH, share=0.1, speedup=0.5),
        row("gelu", script.BOTH, share=0.1, speedup=0.1, size=1000),
    ]
    share, speed = script.verdicts(rows)
    assert share.endswith("of 2 below 0.8: relu 0.79")
    assert speed.endswith(
        "of 4 below 1: relu (forward) 0.99, gelu (forward + backward) 0.50"
    )
    assert script.verdicts(rows[-1:]) == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--sizes 1050", "1050: expected multiples of 100"),
        ("--sizes 0", "0: expected multiples of 100"),
        ("--activations tahn", "tahn"),
    ],
)
def test_bad_flags_exit_with_two(script, flags, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        raise SystemExit(script.main(flags.split()))
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
