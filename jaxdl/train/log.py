"""What a run says while it goes on: `metrics.jsonl`, TensorBoard, the terminal."""

import hashlib
import io
import json
import os
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from jaxdl.errors import RunError
from jaxdl.files import read_regular
from jaxdl.train.disk import set_aside, write_whole
from jaxdl.train.leaves import leaf_digests
from jaxdl.types import History, Series

Values = Mapping[str, Sequence[Any] | np.ndarray]  # one number a seed

SEED_CURVES = 8  # TensorBoard draws a curve a seed up to here, their mean above


class _Lines(NamedTuple):
    """The lines of `metrics.jsonl` that are as they were written.

    Attributes:
      whole: up to the first that is not.
      texts: what each says in the file.
      damaged: number of the first line that is not as it was written, from 1; None if
        there is none but a last one that a kill broke off.
    """

    whole: list[dict[str, Any]]
    texts: list[bytes]
    damaged: int | None


def read_history(folder: Path) -> History:
    """The log of the run in `folder`.

    Raises:
      RunError: if `metrics.jsonl` or an evaluation's arrays are damaged.
    """
    lines = _require_whole(folder / "metrics.jsonl")
    evaluations = _series(lines, "eval")
    saved = [_read_arrays(folder, line) for line in lines if "eval" in line]
    names = set.intersection(*map(set, saved)) if saved else set()
    for name in sorted(names):
        evaluations.values[name] = np.stack([arrays[name] for arrays in saved])
    return History(_series(lines, "train"), evaluations)


def seed_history(history: History, index: int) -> History:
    """The history of one seed of a run: `values[name]` with axes [time, ...]."""
    return History(
        *(
            Series(series.steps, {k: v[:, index] for k, v in series.values.items()})
            for series in history
        )
    )


def _check_of(line: Mapping[str, Any], before: str) -> str:
    """The checksum of a line: 16 hex digits over it and the one before."""
    text = before + json.dumps(line, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read_lines(path: Path) -> _Lines:
    """The lines of `metrics.jsonl` up to the first that is not as it was written.

    Each carries a checksum of itself and the one before, so that no line is changed,
    left out or put in without being seen.
    """
    texts = read_regular(path).split(b"\n") if path.exists() else []
    lines: list[dict[str, Any]] = []
    before = ""
    for i, text in enumerate(texts):
        try:
            line = json.loads(text)
            check = line.pop("check")
            if check != _check_of(line, before):
                raise ValueError("it does not match its checksum")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            is_last = i + 1 == len(texts)  # broken off, or what follows the last
            return _Lines(lines, texts[:i], None if is_last else i + 1)
        lines.append({**line, "check": check})
        before = check
    return _Lines(lines, texts, None)


def _require_whole(path: Path) -> list[dict[str, Any]]:
    lines, _, damaged = _read_lines(path)
    if damaged is not None:
        raise RunError(
            f"{path} is damaged at line {damaged}: put a good copy back, or give "
            "--overwrite to set the folder aside and start again"
        )
    return lines


def _read_arrays(folder: Path, line: Mapping[str, Any]) -> dict[str, np.ndarray]:
    if "arrays" not in line:
        return {}
    path = _arrays_path(folder, line["step"])
    try:
        with np.load(io.BytesIO(read_regular(path))) as file:
            arrays = {name: file[name] for name in line["arrays"]}
        if leaf_digests(arrays) != line["arrays"]:
            raise ValueError("it does not match its checksum")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(
            f"{path} is missing or damaged ({error}): put a good copy back, or give "
            "--overwrite to set the folder aside and start again"
        ) from None
    return arrays


def _arrays_path(folder: Path, step: int) -> Path:
    return folder / "evaluations" / f"{step:09d}.npz"


class LogFile:
    """`metrics.jsonl` as a run finds it, before anything in it is changed.

    Args:
      folder: the run's folder.

    Attributes:
      path: of the file.
      damaged: number of the first damaged line; None if there is none.
      lines: what the lines before say.
    """

    def __init__(self, folder: Path):
        self.path = folder / "metrics.jsonl"
        self.lines, self._texts, self.damaged = _read_lines(self.path)

    def misses(self, step: int, check: str) -> str | None:
        """Why a run cannot go on from a checkpoint, or None if it can.

        Args:
          step: the last that was logged when it was saved; -1 for none.
          check: that line's checksum.
        """
        if step < 0:
            return None
        if any(line["step"] == step for line in self.lines):
            line = next(line for line in self.lines if line["step"] == step)
            return None if line["check"] == check else f"{self.path} is of another run"
        if self.damaged is not None:
            return f"{self.path} is damaged at line {self.damaged}"
        last = self.lines[-1]["step"] if self.lines else "none"
        return f"{self.path} ends at step {last}, before the checkpoint's {step}"

    def require_arrays(self, last_step: int) -> None:
        """Read the arrays of evaluations up to `last_step`, which a resumed run needs.

        Raises:
          RunError: if some are missing or damaged.
        """
        for line in self.lines:
            if line["step"] <= last_step:
                _read_arrays(self.path.parent, line)

    def cut(self, last_step: int) -> tuple[int, str]:
        """Keep the lines up to `last_step`; set a damaged file aside.

        Returns:
          The step and the checksum of the last line kept; -1 and "" if none is.
        """
        count = sum(line["step"] <= last_step for line in self.lines)
        if self.damaged is not None:
            set_aside(self.path, self.path.parent)
        text = b"".join(text + b"\n" for text in self._texts[:count])
        if not self.path.exists() or self.path.read_bytes() != text:
            write_whole(self.path, text)
        if not count:
            return -1, ""
        return self.lines[count - 1]["step"], self.lines[count - 1]["check"]


class RunLog:
    """The record of a run on disk: each logged step once, however often it was killed.

    A line of `metrics.jsonl` is `{"step", "train": {name: [a value a seed]}, "eval":
    {...}, "arrays": {name: SHA-256}, "clock": {...}, "check"}`; all but `clock` is
    decided by configuration and data alone, and `check` is a checksum of the line and
    the one before. Arrays that an evaluation returns are kept in
    `evaluations/<step>.npz`, axes [seed, ...].

    Args:
      folder: the run's folder.
      resume_step: what was logged after this step is cut off.
      seeds: of the run; they name its curves.

    Attributes:
      last_step: the last step that was logged; -1 before the first.
      last_check: the checksum of that line.

    Raises:
      OSError: here and in all methods, if the folder cannot be written.
    """

    def __init__(self, folder: Path, resume_step: int, seeds: Sequence[int]):
        self._folder = folder
        self._arrays = folder / "evaluations"
        self._arrays.mkdir(exist_ok=True)
        self._seeds = seeds
        log_file = LogFile(folder)
        self.last_step, self.last_check = log_file.cut(resume_step)
        for path in self._arrays.glob("*.npz"):
            if path.stem.isdecimal() and int(path.stem) > resume_step:
                path.unlink()
        self._file = log_file.path.open("a")
        self._events = _Events(folder, resume_step, seeds)

    def write(
        self,
        step: int,
        clock: Mapping[str, float],
        train: Values | None = None,
        evaluated: Values | None = None,
        arrays: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Log one step: training metrics, an evaluation, its arrays, or all of them."""
        if arrays:
            content = io.BytesIO()
            np.savez(content, **cast(Any, arrays))
            write_whole(_arrays_path(self._folder, step), content.getvalue())
        line: dict[str, Any] = {"step": step}
        if train:
            line["train"] = train
        if evaluated:
            line["eval"] = evaluated
        if arrays:
            line["arrays"] = leaf_digests(arrays)
        line["clock"] = {name: round(value, 3) for name, value in clock.items()}
        check = _check_of(line, self.last_check)
        self._file.write(json.dumps({**line, "check": check}, allow_nan=False) + "\n")
        self._file.flush()
        self.last_step, self.last_check = step, check
        scalars: dict[str, float] = {}
        for group in ("train", "eval"):
            for name, values in line.get(group, {}).items():
                if 1 < len(self._seeds) <= SEED_CURVES:
                    named = zip(self._seeds, values, strict=True)
                    curves = {f"/seed_{seed}": value for seed, value in named}
                else:
                    curves = {"": float(np.mean(values))}
                scalars |= {f"{group}/{name}{k}": v for k, v in curves.items()}
        self._events.write(step, scalars, arrays or {})
        if arrays:  # they take long enough to be looked for at once
            self.flush()

    def history(self) -> History:
        """Everything logged so far; a `RunError` if it is not what was written."""
        self.flush()
        self._written()
        return read_history(self._folder)

    def flush(self) -> None:
        """Hand what was logged to the system, where a kill cannot reach it."""
        self._file.flush()
        self._events.flush()

    def sync(self) -> None:
        """Wait until what was logged is on the disk, where no power cut reaches it."""
        self.flush()
        os.fsync(self._file.fileno())

    def evaluation(self, step: int) -> Values | None:
        """What the evaluation after `step` found, if that is the last line.

        Raises:
          RunError: if `metrics.jsonl` is damaged.
        """
        lines = self._written()
        last = lines[-1] if lines else {}
        return last.get("eval") if last.get("step") == step else None

    def _written(self) -> list[dict[str, Any]]:
        """The lines that were written, while others may reach the folder."""
        path = self._folder / "metrics.jsonl"
        lines = _require_whole(path)
        if (lines[-1]["check"] if lines else "") != self.last_check:
            raise RunError(
                f"{self._folder} cannot be used any more: {path.name} was removed or "
                "cut while the run went on; put it back and give the same command "
                "again, or name another folder with --out"
            )
        return lines

    def close(self) -> None:
        """Flush and close the files."""
        self._file.close()
        self._events.close()


def _series(lines: Sequence[Mapping[str, Any]], group: str) -> Series:
    lines = [line for line in lines if group in line]
    # An evaluation's last line has what only the final one computes; a curve has not.
    names = set.intersection(*(set(line[group]) for line in lines)) if lines else set()
    values = {
        name: np.array([line[group][name] for line in lines]) for name in sorted(names)
    }
    return Series(np.array([line["step"] for line in lines], int), values)


class _Events:
    """TensorBoard's event file, written in the caller's thread.

    tensorboardX's SummaryWriter hands events to a thread through a queue; on a full
    disk the thread dies and its caller waits for ever. This uses its file writer
    directly.
    """

    def __init__(self, folder: Path, resume_step: int, seeds: Sequence[int]):
        self._folder, self._resume_step, self._seeds = folder, resume_step, seeds
        self._writer: Any = None

    def _open(self) -> Any:
        """The writer, whose file is made for the first event: who only draws has none.

        What an earlier process wrote after the step of the resume did not happen.
        """
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        # The suffix keeps two processes of the same second apart.
        suffix = f".{os.getpid()}.{time.monotonic_ns()}"
        writer = EventsWriter(str(self._folder / "events"), suffix)
        start, step = SessionLog(status=SessionLog.START), self._resume_step + 1
        writer.write_event(Event(wall_time=time.time(), step=step, session_log=start))
        return writer

    def write(
        self,
        step: int,
        scalars: Mapping[str, float],
        arrays: Mapping[str, np.ndarray],
    ) -> None:
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary
        from tensorboardX.summary import image

        values = [Summary.Value(tag=t, simple_value=v) for t, v in scalars.items()]
        for name, rows in arrays.items():
            if rows.dtype == np.uint8 and rows.ndim == 5:  # [seed, image, h, w, c]
                for seed, images in zip(self._seeds, rows, strict=True):
                    strip = np.concatenate(list(images), axis=1)
                    tag = f"eval/{name}/seed_{seed}"
                    values.extend(image(tag, strip, dataformats="HWC").value)
        event = Event(wall_time=time.time(), step=step, summary=Summary(value=values))
        if self._writer is None:
            self._writer = self._open()
        self._writer.write_event(event)

    def flush(self) -> None:
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
