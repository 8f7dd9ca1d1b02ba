"""What a run writes down: each step once, whatever stopped it."""

import contextlib
import io
import json
import random
import struct

import numpy as np
import pytest
from PIL import Image
from tensorboardX.proto.event_pb2 import Event, SessionLog

from jaxdl.errors import RunError
from jaxdl.train.log import LogFile, RunLog, read_history

CLOCK = {"seconds": 1.23456, "steps_per_second": 100.0}


def train_values(step, num_seeds=2):
    return {
        "loss": [step + 0.1 * i for i in range(num_seeds)],
        "value": [-step - 0.1 * i for i in range(num_seeds)],
    }


def arrays(step, num_seeds=2):
    images = np.random.default_rng(step).integers(
        0, 256, (num_seeds, 3, 4, 5, 1), np.uint8
    )
    return {"samples": images, "weights": np.full((num_seeds, 2), step, np.float32)}


def write_steps(log, steps, num_seeds=2):
    """Logs training at each step, and an evaluation with arrays at even ones."""
    for step in steps:
        evaluated = {"score": [float(step)] * num_seeds} if step % 2 == 0 else None
        log.write(
            step,
            CLOCK,
            train_values(step, num_seeds),
            evaluated,
            arrays(step, num_seeds) if evaluated else None,
        )


def lines_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").open()]


@pytest.fixture
def new_log(tmp_path):
    logs = []

    def make(resume_step=0, num_seeds=2):
        logs.append(RunLog(tmp_path, resume_step, range(5, 5 + num_seeds)))
        return logs[-1]

    yield make
    for log in logs:
        with contextlib.suppress(ValueError):  # closed already
            log.close()


# Lines


def test_lines(tmp_path, new_log):
    log = new_log()
    log.write(1, CLOCK, train={"loss": [1.5, 2.5]})
    log.write(2, CLOCK, evaluated={"score": [3.0, 4.0]})
    log.write(3, CLOCK, {"loss": [0.5, 0.1]}, {"score": [1.0, 2.0]})
    clock = {"seconds": 1.235, "steps_per_second": 100.0}
    lines = lines_of(tmp_path)
    assert len({line.pop("check") for line in lines}) == 3
    assert lines == [
        {"step": 1, "train": {"loss": [1.5, 2.5]}, "clock": clock},
        {"step": 2, "eval": {"score": [3.0, 4.0]}, "clock": clock},
        {
            "step": 3,
            "train": {"loss": [0.5, 0.1]},
            "eval": {"score": [1.0, 2.0]},
            "clock": clock,
        },
    ]  # read while the log is open: a kill loses no line


def test_numbers_keep_every_bit(tmp_path, new_log):
    values = np.random.default_rng(0).normal(size=50).astype(np.float32)
    new_log(num_seeds=50).write(1, CLOCK, {"loss": values.tolist()})
    (line,) = lines_of(tmp_path)
    np.testing.assert_array_equal(np.float32(line["train"]["loss"]), values)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_line_that_is_not_json(tmp_path, new_log, value):
    log = new_log()
    log.write(1, CLOCK, {"loss": [1.0, 2.0]})
    with pytest.raises(ValueError):
        log.write(2, CLOCK, {"loss": [1.0, value]})
    assert [line["step"] for line in lines_of(tmp_path)] == [1]


def test_evaluation_is_that_of_the_last_line(new_log):
    log = new_log()
    assert log.evaluation(0) is None
    log.write(0, CLOCK, evaluated={"score": [7.0, 8.0]})
    assert log.evaluation(0) == {"score": [7.0, 8.0]}
    log.write(1, CLOCK, train={"loss": [1.0, 2.0]})
    assert log.evaluation(0) is None and log.evaluation(1) is None


# Resuming


@pytest.mark.parametrize("resume_step", [0, 1, 3, 4, 6, 9])
def test_resume_cuts_what_came_later(tmp_path, new_log, resume_step):
    log = new_log()
    write_steps(log, range(1, 7))
    log.close()
    before = (tmp_path / "metrics.jsonl").read_text().splitlines()
    log = new_log(resume_step)
    assert (tmp_path / "metrics.jsonl").read_text().splitlines() == before[:resume_step]
    kept = [step for step in (2, 4, 6) if step <= resume_step]
    files = sorted(path.name for path in (tmp_path / "evaluations").iterdir())
    assert files == [f"{step:09d}.npz" for step in kept]
    # Going on gives what never stopping gives.
    write_steps(log, range(min(resume_step, 6) + 1, 7))
    assert (tmp_path / "metrics.jsonl").read_text().splitlines() == before


@pytest.mark.parametrize("length", [1, 9, 30, -1])
@pytest.mark.parametrize("resume_step", [1, 2, 3])
def test_resume_after_a_line_that_a_kill_broke_off(
    tmp_path, new_log, length, resume_step
):
    log = new_log()
    write_steps(log, [1, 2, 3])
    log.close()
    path = tmp_path / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2]) + lines[2][:length])
    log = new_log(resume_step)
    # Without its line break (length -1) the last line is whole.
    kept = 3 if (length, resume_step) == (-1, 3) else min(resume_step, 2)
    assert path.read_text() == "".join(lines[:kept])
    write_steps(log, range(kept + 1, 4))
    assert path.read_text() == "".join(lines)


def test_half_written_arrays_are_no_arrays(tmp_path, new_log):
    log = new_log()
    write_steps(log, [1, 2])
    log.close()
    (tmp_path / "evaluations" / "000000004.npz.tmp").write_bytes(b"PK")
    log = new_log(2)
    write_steps(log, [3, 4])
    names = sorted(path.name for path in (tmp_path / "evaluations").iterdir())
    assert names == ["000000002.npz", "000000004.npz"]


# Damage: what is read is what was written, or an error


def flipped(contents: bytes, rng) -> bytes:
    damaged = bytearray(contents)
    damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


@pytest.fixture
def finished(tmp_path, new_log):
    """The folder of a closed log of six steps, and its history."""
    log = new_log()
    write_steps(log, range(1, 7))
    log.close()
    return tmp_path, read_history(tmp_path)


def same(left, right) -> bool:
    return all(
        np.array_equal(a.steps, b.steps)
        and a.values.keys() == b.values.keys()
        and all(np.array_equal(a.values[name], b.values[name]) for name in a.values)
        for a, b in zip(left, right, strict=True)
    )


@pytest.mark.parametrize("name", ["metrics.jsonl", "evaluations/000000004.npz"])
def test_a_flipped_bit_is_never_another_number(finished, name):
    folder, history = finished
    contents = (folder / name).read_bytes()
    rng = random.Random(name)
    refused = 0
    for _ in range(150):
        (folder / name).write_bytes(flipped(contents, rng))
        try:
            found = read_history(folder)
        except RunError as error:
            refused += 1
            assert str(folder / name) in str(error)
        else:  # in the last line break, or in what an archive says twice
            assert same(found, history)
    assert refused >= 100


def swap(lines):
    return [lines[0], lines[2], lines[1], *lines[3:]]


@pytest.mark.parametrize(
    "edit",
    [swap, lambda x: x[1:], lambda x: [*x[:2], *x[3:]], lambda x: [*x[:2], *x[1:]]],
    ids=["swapped", "first_lost", "one_lost", "one_twice"],
)
def test_lines_are_in_their_places(finished, edit):
    folder, _ = finished
    lines = (folder / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "metrics.jsonl").write_bytes(b"".join(edit(lines)))
    with pytest.raises(RunError, match=r"damaged at line [123]:"):
        read_history(folder)


@pytest.mark.parametrize(
    "line",
    [b"[]", b"7", b'{"check": 1}', b"[" * 100_000, b'{"step": 1' + b"0" * 5000 + b"}"],
    ids=["list", "number", "no_step", "deep", "huge"],
)
def test_lines_of_another_form(finished, line):
    folder, _ = finished
    lines = (folder / "metrics.jsonl").read_bytes().splitlines()
    (folder / "metrics.jsonl").write_bytes(b"\n".join([lines[0], line, *lines[2:]]))
    with pytest.raises(RunError, match="damaged at line 2"):
        read_history(folder)


def test_arrays_of_another_step(finished):
    folder, _ = finished
    contents = (folder / "evaluations" / "000000002.npz").read_bytes()
    (folder / "evaluations" / "000000004.npz").write_bytes(contents)
    with pytest.raises(RunError, match="000000004.npz.*does not match its checksum"):
        read_history(folder)


def test_a_damaged_file_is_set_aside_whole(finished, new_log):
    folder, _ = finished
    path = folder / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = b"".join([*lines[:3], lines[3].replace(b"loss", b"lost"), *lines[4:]])
    path.write_bytes(damaged)
    log = new_log(2)
    assert (folder / "set-aside" / "metrics.jsonl").read_bytes() == damaged
    write_steps(log, range(3, 7))
    assert path.read_bytes() == b"".join(lines)


def test_what_a_checkpoint_must_find(finished):
    folder, _ = finished
    checks = {line["step"]: line["check"] for line in lines_of(folder)}
    log_file = LogFile(folder)
    assert log_file.misses(-1, "") is None
    assert all(log_file.misses(*each) is None for each in checks.items())
    assert "of another run" in log_file.misses(3, checks[4])
    path = folder / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4]))
    assert LogFile(folder).misses(4, checks[4]) is None
    said = "ends at step 4, before the checkpoint's 5"
    assert said in LogFile(folder).misses(5, checks[5])
    path.write_bytes(b"".join([*lines[:3], b"x", *lines[4:]]))
    assert LogFile(folder).misses(3, checks[3]) is None
    assert "damaged at line 4" in LogFile(folder).misses(5, checks[5])
    path.unlink()
    assert "ends at step none" in LogFile(folder).misses(5, checks[5])


# History


def test_history_is_what_was_written(new_log):
    log = new_log()
    write_steps(log, range(1, 6))
    train, evaluations = log.history()
    assert train.steps.tolist() == [1, 2, 3, 4, 5]
    for name in ("loss", "value"):
        expected = [train_values(step)[name] for step in range(1, 6)]
        np.testing.assert_array_equal(train.values[name], expected)
    assert evaluations.steps.tolist() == [2, 4]
    np.testing.assert_array_equal(evaluations.values["score"], [[2, 2], [4, 4]])
    for name in ("samples", "weights"):
        expected = np.stack([arrays(2)[name], arrays(4)[name]])
        np.testing.assert_array_equal(evaluations.values[name], expected)
        assert evaluations.values[name].dtype == expected.dtype


def test_history_leaves_out_what_only_the_last_evaluation_has(new_log):
    log = new_log()
    log.write(1, CLOCK, evaluated={"score": [1.0, 2.0]})
    log.write(2, CLOCK, evaluated={"score": [3.0, 4.0], "test_score": [5.0, 6.0]})
    assert list(log.history().evaluations.values) == ["score"]
    assert log.evaluation(2)["test_score"] == [5.0, 6.0]


def test_history_of_nothing(new_log):
    train, evaluations = new_log().history()
    assert train.steps.shape == evaluations.steps.shape == (0,)
    assert train.values == evaluations.values == {}


@pytest.mark.parametrize("loss", ["file", "last line", "all lines", "more lines"])
def test_what_others_do_to_an_open_log_is_seen(tmp_path, new_log, loss):
    log = new_log()
    write_steps(log, range(1, 4))
    path = tmp_path / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    if loss == "file":
        path.unlink()
    else:
        kept = {"last line": lines[:-1], "all lines": [], "more lines": lines * 2}[loss]
        path.write_bytes(b"".join(kept))
    said = (
        "damaged at line 4" if loss == "more lines" else "cannot be used any more: met"
    )
    for read in (log.history, lambda: log.evaluation(2)):
        with pytest.raises(RunError, match=said):
            read()


# TensorBoard


def events(folder):
    """All events in the folder, file by file in the order of writing.

    A record is its length (8 bytes), a checksum of that, the event, its checksum.
    """
    found = []
    for path in sorted(
        folder.glob("events.out.tfevents.*"), key=lambda path: path.stat().st_mtime_ns
    ):
        raw = path.read_bytes()
        while raw:
            (length,) = struct.unpack("<Q", raw[:8])
            found.append(Event.FromString(raw[12 : 12 + length]))
            assert len(raw) >= 16 + length, "the last event is not whole"
            raw = raw[16 + length :]
    return [event for event in found if not event.file_version]


def scalars(event):
    return {
        value.tag: value.simple_value
        for value in event.summary.value
        if value.WhichOneof("value") == "simple_value"
    }


def test_event_file(tmp_path, new_log):
    log = new_log(num_seeds=1)
    log.write(1, CLOCK, {"loss": [0.5], "value": [-1.5]})
    log.write(7, CLOCK, {"loss": [0.25]}, {"score": [2.0]})
    log.close()
    start, first, second = events(tmp_path)
    assert start.session_log.status == SessionLog.START and start.step == 1
    assert (first.step, second.step) == (1, 7)
    assert scalars(first) == {"train/loss": 0.5, "train/value": -1.5}
    assert scalars(second) == {"train/loss": 0.25, "eval/score": 2.0}
    assert 0 <= second.wall_time - start.wall_time < 100


@pytest.mark.parametrize("num_seeds", [2, 8])
def test_a_curve_for_each_of_few_seeds(tmp_path, new_log, num_seeds):
    log = new_log(num_seeds=num_seeds)
    log.write(1, CLOCK, {"loss": [float(i) for i in range(num_seeds)]})
    log.close()
    expected = {f"train/loss/seed_{5 + i}": float(i) for i in range(num_seeds)}
    assert scalars(events(tmp_path)[-1]) == expected


def test_the_mean_of_many_seeds(tmp_path, new_log):
    log = new_log(num_seeds=9)
    log.write(1, CLOCK, {"loss": [float(i) for i in range(9)]})
    log.close()
    assert scalars(events(tmp_path)[-1]) == {"train/loss": 4.0}


def test_images_of_each_seed(tmp_path, new_log):
    log = new_log()
    log.write(4, CLOCK, evaluated={"score": [1.0, 2.0]}, arrays=arrays(4))
    event = events(tmp_path)[-1]  # not closed: images are there at once
    assert event.step == 4
    images = {v.tag: v.image for v in event.summary.value if v.HasField("image")}
    assert set(images) == {"eval/samples/seed_5", "eval/samples/seed_6"}
    for i in range(2):
        strip = images[f"eval/samples/seed_{5 + i}"]
        assert (strip.height, strip.width) == (4, 3 * 5)
        pixels = np.asarray(Image.open(io.BytesIO(strip.encoded_image_string)))
        expected = np.concatenate(
            [image[..., 0] for image in arrays(4)["samples"][i]], 1
        )
        np.testing.assert_array_equal(pixels.reshape(4, 15, -1)[..., 0], expected)


def test_resume_tells_tensorboard_what_did_not_happen(tmp_path, new_log):
    log = new_log()
    write_steps(log, range(1, 6))
    log.close()
    log = new_log(3)
    write_steps(log, [4, 5, 6])
    log.close()
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 2
    curve = {}
    for event in events(tmp_path):  # as TensorBoard reads: a start purges from there
        if event.session_log.status == SessionLog.START:
            curve = {step: loss for step, loss in curve.items() if step < event.step}
        else:
            assert event.step not in curve
            curve[event.step] = scalars(event)["train/loss/seed_5"]
    assert curve == {step: float(step) for step in range(1, 7)}
