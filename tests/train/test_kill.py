"""SIGKILL at random moments: the end is that of a run that was never touched."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOY = Path(__file__).parents[1] / "toy_experiment.py"
FLAGS = ["--seeds", "2", "--log-every", "3", "--block-steps", "10", "--eval-every"]


def command(folder, executor, steps, *flags):
    fixed = [*FLAGS, "50", "--executor", executor, "--steps", str(steps), *flags]
    return [sys.executable, str(TOY), "--out", str(folder), *fixed]


def finish(folder, executor, steps, *flags):
    done = subprocess.run(
        command(folder, executor, steps, *flags), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "result.json").read_text())


def lines_without_clock(folder):
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [{**line, "clock": None} for line in lines]


def newest(folder) -> int:
    steps = [p.name for p in (folder / "checkpoints").glob("*") if p.name.isdigit()]
    return max(map(int, steps), default=0)


def unfinished_save(folder) -> bool:
    """Whether a folder of a save under way is there."""
    return any((folder / "checkpoints").glob("*orbax-checkpoint-tmp*"))


def kill_once(folder, arguments, rng, in_save: bool) -> bool:
    """Start the run, kill it; whether that fell inside a save (None: it had ended)."""
    before = newest(folder)
    process = subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while newest(folder) <= before and process.poll() is None:  # it has gone on
        assert time.monotonic() < deadline
        time.sleep(0.001)
    if in_save:
        while not unfinished_save(folder) and process.poll() is None:
            pass
    else:
        time.sleep(rng.uniform(0, 0.3))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return unfinished_save(folder)


@pytest.mark.parametrize("executor", ["sequential", "vmap"])
@pytest.mark.parametrize(
    "kills, steps",
    [
        pytest.param(2, 1500, id="few"),
        pytest.param(20, 20_000, id="many", marks=pytest.mark.slow),
    ],
)
def test_killed_runs_end_in_the_same_bits(tmp_path, executor, kills, steps):
    rng = random.Random(kills)
    flags = ["--save-every", "10"]
    inside = 0
    for i in range(kills):
        arguments = command(tmp_path / "killed", executor, steps, *flags)
        inside += kill_once(tmp_path / "killed", arguments, rng, in_save=i % 4 == 1)
        assert not (tmp_path / "killed" / "result.json").exists(), "it had finished"
    expected = finish(tmp_path / "untouched", executor, steps, "--save-every", "5000")
    found = finish(tmp_path / "killed", executor, steps, *flags)
    assert found["state_sha256"] == expected["state_sha256"]
    assert found["metrics"] == expected["metrics"]
    left, right = tmp_path / "killed", tmp_path / "untouched"
    assert lines_without_clock(left) == lines_without_clock(right)
    if kills >= 20:
        assert inside >= 3
