"""The timing of benchmarks, on sides whose speed is known."""

import importlib
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.train.experiment import Experiment

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def harness():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("harness")


class Device:
    """A clock, and sides that return at once: who waits for an answer sees their time.

    A side compiles for 50 seconds at each number of steps that it has not seen. To
    queue a step takes a millisecond.
    """

    def __init__(self):
        self.now = 0.0
        self.calls = []

    def side(self, name, seconds):
        compiled = set()

        def run(steps):
            self.calls.append(name)
            self.now += 0.001 * steps + (0 if steps in compiled else 50)
            compiled.add(steps)
            return types.SimpleNamespace(
                block_until_ready=lambda: self.wait(seconds * steps)
            )

        return run

    def wait(self, seconds):
        self.now += seconds


def test_steps_are_waited_for_compiled_before_and_counted(harness, monkeypatch):
    device = Device()
    clock = types.SimpleNamespace(perf_counter=lambda: device.now)
    monkeypatch.setattr(harness, "time", clock)
    sides = {"quick": device.side("quick", 0.1), "slow": device.side("slow", 3.0)}
    times, lengths = harness.time_in_turns(sides, repeats=3, seconds=10.0)
    for name, seconds in (("quick", 0.101), ("slow", 3.001)):
        np.testing.assert_allclose(times[name], [seconds] * 3)
        assert 8 <= lengths[name] * seconds <= 15
    turns = ["quick", "slow", "slow", "quick", "quick", "slow"]
    assert device.calls[-6:] == turns


def test_a_row_holds_medians_their_ratio_and_the_spread(harness):
    ours, peers = np.array([9.0, 1.0, 2.0]), np.array([8.0, 3.0, 99.0, 5.0])
    row = harness.compare("case", ours, "peer", peers, more=7)
    assert row == {
        "case": "case",
        "ours_seconds": 2.0,
        "peer": "peer",
        "peer_seconds": 6.5,
        "speedup": 3.25,
        "ours_spread": [1.0, 1.5, 2.0, 5.5, 9.0],
        "peer_spread": [3.0, 4.5, 6.5, 30.75, 99.0],
        "repeats": 3,
        "more": 7,
    }


def test_a_loop_goes_on_where_its_last_call_ended(harness):
    experiment = Experiment(
        init=lambda key, data, previous: jnp.float32(0),
        step=lambda state, batch: (state + 1, {"state": state, "batch": batch}),
        evaluate=None,
        figures=None,
        batch=lambda data, key, step: step,
    )
    side = harness.training_loop("sequential", experiment, None, seeds=2)
    found = [side(2), side(2)]
    for seed in range(2):
        for name in ("state", "batch"):
            values = [jax.device_get(metrics[seed][name]) for metrics in found]
            np.testing.assert_array_equal(np.concatenate(values), range(4))
