"""SIGKILL at random moments: the end is that of a run that was never touched."""

import json
import multiprocessing
import random
import signal
import struct
import time

import pytest
import toy_experiment
from tensorboardX.proto import event_pb2

LIBRARIES = ["jaxdl.cli", "jaxdl.train.runner", "optax", "orbax.checkpoint.v1"]
LIBRARIES += ["scipy.stats", "tensorboardX.event_file_writer", "tensorboardX.summary"]
FLAGS = ["--seeds", "2", "--log-every", "3", "--block-steps", "10", "--eval-every"]


def command(folder, executor, steps, *flags):
    fixed = [*FLAGS, "50", "--executor", executor, "--steps", str(steps), *flags]
    return ["--out", str(folder), *fixed]


@pytest.fixture(scope="module")
def start():
    """Starts the toy in a new process, forked from one that has the imports behind it.

    There JAX has not begun.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)

    def run(folder, arguments):
        ready, said = folder.parent / "ready", folder.parent / "said"
        ready.unlink(missing_ok=True)
        process = context.Process(
            target=toy_experiment.main, args=(arguments, ready, said)
        )
        process.start()
        return process, ready, said

    return run


def finish(start, folder, executor, steps, *flags):
    process, _, said = start(folder, command(folder, executor, steps, *flags))
    process.join()
    assert process.exitcode == 0, said.read_text()
    return json.loads((folder / "result.json").read_text())


def lines_without_clock(folder):
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [{**line, "clock": None, "check": None} for line in lines]


def newest(folder) -> int:
    steps = [p.name for p in (folder / "checkpoints").glob("*") if p.name.isdigit()]
    return max(map(int, steps), default=0)


def unfinished_save(folder) -> bool:
    """Whether a folder of a save under way is there."""
    return any((folder / "checkpoints").glob("*orbax-checkpoint-tmp*"))


def kill_once(start, folder, arguments, rng, kind: str) -> bool:
    """Start the run and kill it; whether that left a save unfinished.

    Kinds: "early", at any moment of beginning, restoring and the first steps; "going
    on", some time after its next checkpoint; "saving", when a save has begun.
    """
    before = newest(folder)
    process, ready, _ = start(folder, arguments)
    arrived = {
        "early": ready.exists,
        "going on": lambda: newest(folder) > before,
        "saving": lambda: newest(folder) > before and unfinished_save(folder),
    }[kind]
    deadline = time.monotonic() + 60
    while not arrived() and process.is_alive():
        assert time.monotonic() < deadline
        time.sleep(0 if kind == "saving" else 0.001)
    if kind != "saving":
        time.sleep(rng.uniform(0, 1.5 if kind == "early" else 0.3))
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    return unfinished_save(folder)


def events_of(folder) -> dict:
    """What TensorBoard shows: each tag's values by step, less what was purged."""
    shown = {}
    paths = (folder).glob("events.out.tfevents.*")
    for path in sorted(paths, key=lambda path: int(path.name.rpartition(".")[2])):
        data, position = path.read_bytes(), 0
        while position + 12 <= len(data):
            (length,) = struct.unpack_from("<Q", data, position)
            event = event_pb2.Event.FromString(
                data[position + 12 : position + 12 + length]
            )
            position += 16 + length
            if event.HasField("session_log"):
                shown = {key: v for key, v in shown.items() if key[1] < event.step}
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    shown[value.tag, event.step] = value.simple_value
    return shown


@pytest.mark.parametrize("executor", ["sequential", "vmap"])
@pytest.mark.parametrize(
    "kills, steps",
    [
        pytest.param(3, 600, id="few"),
        pytest.param(20, 20_000, id="many", marks=pytest.mark.slow),
    ],
)
def test_killed_runs_end_in_the_same_bits(start, tmp_path, executor, kills, steps):
    rng = random.Random(kills)
    flags = ["--save-every", "10"]
    inside = 0
    for i in range(kills):
        arguments = command(tmp_path / "killed", executor, steps, *flags)
        kind = ["going on", "saving", "early", "going on"][i % 4]
        inside += kill_once(start, tmp_path / "killed", arguments, rng, kind)
        assert not (tmp_path / "killed" / "result.json").exists(), "it had finished"
    other = ["--save-every", "5000", "--block-steps", "7"]  # blocks of other lengths
    expected = finish(start, tmp_path / "untouched", executor, steps, *other)
    found = finish(start, tmp_path / "killed", executor, steps, *flags)
    assert found["state_sha256"] == expected["state_sha256"]
    assert found["metrics"] == expected["metrics"]
    left, right = tmp_path / "killed", tmp_path / "untouched"
    assert lines_without_clock(left) == lines_without_clock(right)
    assert events_of(left) == events_of(right)
    assert inside >= (3 if kills >= 20 else 1)
