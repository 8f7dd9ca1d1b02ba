"""The goal of benchmarks/accuracy.py on a part of all numbers, and its own oracle."""

import importlib
import json
from pathlib import Path

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
    found = script.sweep(script.cases()[name], stride, peers=False)
    for side, pair in found.items():
        for worst, holds in zip(pair, UNATTAINED.get(name, (True, True)), strict=True):
            assert (worst.misses == 0) == holds, (side, worst)
            if holds:
                assert worst.relative <= 1e-6 or worst.ulp <= 4
                assert worst.below <= 1


@each
def test_goal_at_sixteen_thousand_numbers(script, name):
    check(script, name, 262_147)


@pytest.mark.slow
@each
def test_goal_at_forty_million_numbers(script, name):
    check(script, name, 101)


def test_every_case_is_listed(script):
    assert list(script.cases()) == NAMES


def test_strides_meet_every_power_of_two(script):
    z = np.concatenate(list(script.numbers(262_147)))
    exponents = set(np.frexp(z[np.isfinite(z)])[1].tolist())
    assert set(range(-125, 129)) < exponents
    assert np.isnan(z).any() and np.isposinf(z).any() and np.isneginf(z).any()


def test_all_numbers_come_once_and_in_order(script, monkeypatch):
    monkeypatch.setattr(script, "CHUNK", 2**20)
    chunks = script.numbers(1)
    next(chunks)  # special ones
    first, second = (next(chunks).view(np.uint32) for _ in range(2))
    np.testing.assert_array_equal(first, np.arange(2**20))
    assert second[0] == 2**20


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
    values, slopes = case.value(z), case.derivative(z)
    for x, value, slope in zip(z.tolist(), values, slopes, strict=True):
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


def test_errors_by_hand(script):
    z = np.float32([1, 2, 3])
    exact = script.errors(z, np.float32([1, 4, 9]), square)
    assert (exact.relative, exact.ulp, exact.below, exact.misses) == (0, 0, 0, 0)
    last = np.nextafter(np.float32(4), np.float32(5))
    found = script.errors(z, np.float32([1, last, 9]), square)
    assert (found.ulp, found.at, found.misses) == (1, 2, 0)
    assert found.relative == pytest.approx(2.0**-23 * 2 / 2)
    far = script.errors(z, np.float32([1, 4, 9.0001]), square)
    assert far.misses == 1 and far.at == 3


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 0])
def test_a_wrong_infinity_is_found(script, wrong):
    z = np.float32([1, -np.inf, np.nan])
    right = np.float32([1, np.inf, np.nan])
    assert script.errors(z, right, square).misses == 0
    for place in range(3):
        if place == 2 and np.isnan(wrong):
            continue
        if place == 1 and wrong == np.inf:
            continue
        got = right.copy()
        got[place] = wrong
        found = script.errors(z, got, square)
        assert found.misses == 1 and found.relative >= 1


def test_below_the_normal_range_zero_will_do(script):
    z = np.float32([2e-20, 2e-21])  # with squares of 4e-40 and 4e-42
    assert script.errors(z, np.float32([0, 0]), square).misses == 0
    found = script.errors(z, np.float32([2e-38, 0]), square)
    assert found.misses == 1 and found.below > 1


def test_subnormal_numbers_may_be_taken_for_zero(script):
    z = np.float32([-1e-40])
    assert script.errors(z, np.float32([0.5]), lambda z: np.heaviside(z, 0.5)) == (
        script.Worst(0, 0, float(z[0]), 0, 0)
    )


def test_report(script, tmp_path, capsys):
    file = tmp_path / "found.json"
    flags = "--functions silu relu --stride 16777259 --repeats 1 --seconds 1e-9"
    assert script.main([*flags.split(), "--json", str(file)]) == 0
    rows = json.loads(file.read_text())["rows"]
    assert [row["case"] for row in rows] == ["silu", "relu"]
    assert rows[0]["ours value"]["misses"] == 0 and rows[0]["ours ns"] > 0
    assert rows[0]["jax.nn value"]["misses"] > 0  # NaN at -inf
    printed = capsys.readouterr().out
    assert "| silu | " in printed and "wrong at" in printed


@pytest.mark.parametrize("flags", ["--stride 0", "--repeats -1", "--functions tahn"])
def test_bad_flags_exit_with_two(script, flags, capsys):
    with pytest.raises(SystemExit) as stopped:
        raise SystemExit(script.main(flags.split()))
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
