"""The goal of benchmarks/accuracy.py on a part of all numbers, and its own oracle."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
NAMES = (
    "unit_step sign linear piecewise_linear sigmoid tanh relu leaky_relu softplus "
    "softmax softsign elu gelu silu maxout"
).split() + [
    "bernoulli, t = 0",
    "bernoulli, t = 1",
    "softmax loss, label 0",
    "softmax loss, label 1",
    "gan, generator",
    "gan, minimax generator",
]
RECORD = BENCHMARKS / "results" / "accuracy-all-cpu-amd-epyc-1-core.json"
each = pytest.mark.parametrize("name", NAMES)
UNATTAINED = {
    "softmax": (True, False),
    "softmax loss, label 0": (False, False),
    "softmax loss, label 1": (False, True),
}
"""Whether value and derivative hold where 1 minus a probability is rounded first."""


@pytest.fixture(scope="module")
def script():
    """The benchmark, imported as if its folder were the script's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("accuracy")


def check(script, name, stride):
    found = script.sweep(script.cases()[name], stride)
    held = zip(found.values(), UNATTAINED.get(name, (True, True)), strict=True)
    for sides, holds in held:
        assert "ours" in sides and "jax.nn" not in sides
        for side, worst in sides.items():
            assert (worst.misses == 0) == holds, (side, worst)
            assert (worst.relative <= 1e-6) == holds, (side, worst)


@each
def test_goal_at_sixteen_thousand_numbers(script, name):
    check(script, name, 262_147)


@pytest.mark.slow
@each
def test_goal_at_forty_million_numbers(script, name):
    check(script, name, 101)


def test_all_numbers_were_tried_with_the_programs_of_today(script):
    """The recorded sweep: every number, where JAX is the same version."""
    document = json.loads(RECORD.read_text())
    rows = {row["case"]: row for row in document["rows"]}
    assert set(rows) <= set(NAMES) and len(rows) == len(document["rows"])
    for name, row in rows.items():
        value, derivative = UNATTAINED.get(name, (True, True))
        held = {"value": value, "derivative": derivative}
        assert row["stride"] == 1
        for key, worst in row.items():
            side, _, order = key.rpartition(" ")
            if side in ("ours", "table"):
                assert (worst["misses"] == 0) == held[order], (name, key)
                assert (float(worst["relative"]) <= 1e-6) == held[order], (name, key)
        assert {"ours value", "ours derivative"} <= set(row)
    if document["versions"]["jax"] == jax.__version__:
        for name, case in script.cases().items():
            if name in rows:
                assert script.program(case) == rows[name]["program"], (
                    f"{name} has changed: sweep it again (benchmarks/README.md)"
                )


@pytest.mark.slow
def test_a_sweep_of_all_numbers(tmp_path):
    """All 2^32, in a process with the compiler's flags of a user: a minute."""
    file = tmp_path / "found.json"
    flags = "--stride 1 --peers --repeats 0 --functions relu --json".split()
    command = [sys.executable, str(BENCHMARKS / "accuracy.py"), *flags, str(file)]
    subprocess.run(command, check=True)
    (row,) = json.loads(file.read_text())["rows"]
    assert row in json.loads(RECORD.read_text())["rows"]


def test_every_case_is_listed(script):
    assert list(script.cases()) == NAMES


def test_strides_meet_every_power_of_two(script):
    (z, num), *more = script.numbers(262_147)
    z = np.asarray(z)
    assert not more and num == len(z) == 16384 + len(script.SPECIAL)
    exponents = set(np.frexp(z[np.isfinite(z)])[1].tolist())
    assert set(range(-125, 129)) < exponents
    assert np.isnan(z).any() and np.isposinf(z).any() and np.isneginf(z).any()


@pytest.mark.parametrize(("stride", "total"), [(2**28, 16 + 9), (2**28 + 1, 16 + 9)])
def test_numbers_come_once_and_in_order(script, monkeypatch, stride, total):
    monkeypatch.setattr(script, "CHUNK", 10)
    chunks = [(np.asarray(z).view(np.uint32), n) for z, n in script.numbers(stride)]
    assert {len(bits) for bits, _ in chunks} == {10}
    bits = np.concatenate([bits[:n] for bits, n in chunks])
    patterns = np.arange(0, 2**32, stride).astype(np.uint32)
    assert len(bits) == total
    np.testing.assert_array_equal(bits[:16], patterns)
    np.testing.assert_array_equal(bits[16:], script.SPECIAL.view(np.uint32))


def test_all_numbers_come_once_and_in_order(script, monkeypatch):
    monkeypatch.setattr(script, "_chunk", lambda first, stride, num, size: first + num)
    found = list(script.numbers(1))
    assert [num for _, num in found] == [2**18] * 2**14
    assert [int(last) for last, _ in found[:-1]] == [*range(2**18, 2**32, 2**18)]


@each
def test_oracle_equals_sixty_digits(script, name):
    mp = pytest.importorskip("mpmath").mp
    mp.dps = 60
    sigmoid = lambda z: 1 / (1 + mp.exp(-z))  # noqa: E731
    softplus = lambda z: mp.log1p(mp.exp(z))  # noqa: E731
    exact = {
        "sigmoid": sigmoid,
        "softmax": sigmoid,
        "tanh": mp.tanh,
        "softplus": softplus,
        "softsign": lambda z: z / (1 + abs(z)),
        "elu": lambda z: z if z > 0 else mp.expm1(z),
        "gelu": lambda z: z * mp.erfc(-z / mp.sqrt(2)) / 2,
        "silu": lambda z: z * sigmoid(z),
        "bernoulli, t = 0": softplus,
        "bernoulli, t = 1": lambda z: softplus(-z),
        "softmax loss, label 0": lambda z: softplus(-z),
        "softmax loss, label 1": softplus,
        "gan, generator": lambda z: softplus(-z),
        "gan, minimax generator": lambda z: -softplus(z),
    }
    if name not in exact:
        pytest.skip("it is piecewise linear")
    case = script.cases()[name]
    size = np.geomspace(1e-10, 80, 30)
    z = np.float32(np.concatenate([-size, size, [-0.7517915, -1.2784646, 11.5, -12.9]]))
    z = z.astype(np.float64)
    with jax.enable_x64(True):
        values, slopes = case.value(jnp.asarray(z)), case.derivative(jnp.asarray(z))
    assert values.dtype == np.float64
    columns = (np.asarray(x).tolist() for x in (z, values, slopes))
    for x, value, slope in zip(*columns, strict=True):
        true = exact[name](mp.mpf(x))
        # What a difference in steps of 1e-15 of x leaves of sixty digits is enough.
        step = abs(mp.mpf(x)) * mp.mpf(10) ** -15
        above, below = (exact[name](mp.mpf(x) + s) for s in (step, -step))
        assert value == pytest.approx(float(true), rel=1e-12, abs=1e-300)
        # Beside the zero of a derivative float64 keeps 2^-53 of its parts.
        true_slope = float((above - below) / (2 * step))
        assert slope == pytest.approx(true_slope, rel=1e-12, abs=1e-300) or (
            abs(slope - true_slope) < 1e-16
        )


# The measure of errors


def square(z):
    return z * z


def found_errors(script, z, got, fn=square):
    z, got = np.float32(z), np.float32(got)
    return script.errors(z, got, *script.truths(z, (fn,)))


def test_errors_by_hand(script):
    assert found_errors(script, [1, 2, 3], [1, 4, 9]) == (0, 1, 0)
    last = np.nextafter(np.float32(4), np.float32(5))
    found = found_errors(script, [1, 2, 3], [1, last, 9])
    assert (found.at, found.misses) == (2, 0)
    assert found.relative == pytest.approx(2.0**-21 / 4)
    found = found_errors(script, [1, 2, 3], [1, 4, 9.0001])
    assert (found.at, found.misses) == (3, 1)
    assert found.relative == pytest.approx(1e-4 / 9, rel=0.01)


def test_errors_are_those_of_float64(script):
    """A rounded product is off by up to half a unit, which float32 would not show."""
    z = np.float32(np.random.default_rng(0).uniform(1, 2, 40_000))  # three blocks
    exact = z.astype(np.float64) ** 3
    cubes = z * z * z
    (true,) = script.truths(z, (lambda z: z**3,))
    found = script.errors(z, cubes, true)
    assert found == script.errors(z, cubes.astype(np.float64), true)
    relative = np.abs(cubes.astype(np.float64) - exact) / exact
    assert found.relative == pytest.approx(relative.max(), rel=1e-6)
    assert found.at == z[relative.argmax()] and found.misses == 0


def test_errors_count_each_number_that_counts(script):
    z = np.ones(40_000, np.float32)
    got = np.where(np.arange(40_000) % 100 == 0, 1.1, 1).astype(np.float32)
    (true,) = script.truths(z, (square,))
    assert script.errors(z, got, true).misses == 400
    assert script.errors(z, got, true, 20_001).misses == 201


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 0])
def test_a_wrong_infinity_is_found(script, wrong):
    z, right = [1, -np.inf, np.nan], [1, np.inf, np.nan]
    assert found_errors(script, z, right).misses == 0
    for place in range(3):
        if place == 2 and np.isnan(wrong):
            continue
        if place == 1 and wrong == np.inf:
            continue
        got = list(right)
        got[place] = wrong
        found = found_errors(script, z, got)
        assert found.misses == 1 and found.relative >= 1


def test_below_the_normal_range_zero_will_do(script):
    z = [2e-20, 2e-21]  # with squares of 4e-40 and 4e-42
    assert found_errors(script, z, [0, 0]) == (0, np.float32(2e-20), 0)
    found = found_errors(script, z, [0, 2e-38])
    assert found.misses == 1 and found.at == np.float32(2e-21)
    assert found.relative == pytest.approx(2e-38 / 2.0**-126, rel=1e-3)


def test_subnormal_numbers_may_be_taken_for_zero(script):
    def step(z):
        return jnp.heaviside(z, 0.5)

    for right in (0.5, 0):
        assert found_errors(script, [-1e-40], [right], step).misses == 0
    assert found_errors(script, [-1e-40], [1], step).misses == 1


def test_report(script, tmp_path, capsys):
    file = tmp_path / "found.json"
    flags = "--functions silu relu --stride 16777259 --repeats 1 --seconds 1e-9"
    assert script.main([*flags.split(), "--json", str(file)]) == 0
    rows = json.loads(file.read_text())["rows"]
    assert [row["case"] for row in rows] == ["relu", "silu"]
    assert rows[1]["ours value"]["misses"] == 0 and rows[1]["ours ns"] > 0
    assert rows[1]["jax.nn value"]["misses"] > 0  # NaN at -inf
    printed = capsys.readouterr().out
    assert "| silu | " in printed and "wrong at" in printed
    assert script.torch is None or rows[1]["PyTorch value"]["misses"] > 0


def test_a_sweep_is_resumed(script, tmp_path, monkeypatch, capsys):
    tried = []

    def row_of(*args):
        tried.append(args[0])
        return script.description(*args) | {"number": len(tried)}

    monkeypatch.setattr(script, "row_of", row_of)
    file = tmp_path / "found.json"
    flags = ["--stride", "16777259", "--repeats", "0", "--peers", "jax.nn", "--resume"]

    def ends(names):
        return script.main([*flags, "--json", str(file), "--functions", *names])

    assert ends(["relu"]) == 0 and ends(["sign", "relu"]) == 0
    assert "relu is in" in capsys.readouterr().out
    first = json.loads(file.read_text())
    assert [row["case"] for row in first["rows"]] == ["sign", "relu"]
    cases = script.cases()
    changed = cases["relu"]._replace(ours=lambda z: 2 * z)
    monkeypatch.setattr(script, "cases", lambda: cases | {"relu": changed})
    assert ends(["sign", "relu"]) == 0
    printed = capsys.readouterr().out
    assert "sign is in" in printed and "tried relu" in printed
    found = json.loads(file.read_text())["rows"]
    assert found[0] == first["rows"][0] and found[1] != first["rows"][1]
    file.write_text(json.dumps(first | {"device": "abacus"}))
    assert ends(["relu"]) == 2
    assert "of another device" in capsys.readouterr().err
    assert json.loads(file.read_text())["device"] == "abacus"


@pytest.mark.parametrize(
    "flags", ["--stride 0", "--repeats -1", "--functions tahn", "--resume"]
)
def test_bad_flags_exit_with_two(script, flags, capsys):
    with pytest.raises(SystemExit) as stopped:
        raise SystemExit(script.main(flags.split()))
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
