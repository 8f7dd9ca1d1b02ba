"""What a run says while it goes on: `metrics.jsonl`, TensorBoard, the terminal."""

import json
import os
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from jaxdl.errors import RunError
from jaxdl.types import History, Series

Values = Mapping[str, Sequence[Any] | np.ndarray]  # one number a seed

SEED_CURVES = 8  # TensorBoard draws a curve a seed up to here, their mean above


def read_history(folder: Path) -> History:
    """The log of the run in `folder`.

    Raises:
      RunError: if `metrics.jsonl` or an evaluation's arrays are damaged.
    """
    lines = _read_lines(folder / "metrics.jsonl")
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


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of `metrics.jsonl`, without a last one that a kill broke off."""
    texts = path.read_bytes().split(b"\n") if path.exists() else []
    lines = []
    for i, text in enumerate(texts):
        try:
            line = json.loads(text)
            if not isinstance(line["step"], int):
                raise ValueError("step is no whole number")
            lines.append(line)
        except (ValueError, KeyError, TypeError):
            if i + 1 < len(texts):
                raise RunError(
                    f"{path} is damaged at line {i + 1}: put a good copy back, or give "
                    "--overwrite to set the folder aside and start again"
                ) from None
    return lines


def _read_arrays(folder: Path, line: Mapping[str, Any]) -> dict[str, np.ndarray]:
    if "arrays" not in line:
        return {}
    path = folder / "evaluations" / f"{line['step']:09d}.npz"
    try:
        with np.load(path) as file:
            return {name: file[name] for name in line["arrays"]}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(
            f"{path} is missing or damaged ({error}): put a good copy back, or give "
            "--overwrite to set the folder aside and start again"
        ) from None


class RunLog:
    """The record of a run on disk: each logged step once, however often it was killed.

    A line of `metrics.jsonl` is `{"step", "train": {name: [a value a seed]}, "eval":
    {...}, "clock": {...}}`; all but `clock` is decided by configuration and data alone.
    Arrays that an evaluation returns are kept in `evaluations/<step>.npz`, axes [seed,
    ...].

    Args:
      folder: the run's folder.
      resume_step: what was logged after this step is cut off.
      seeds: of the run; they name its curves.

    Attributes:
      last_step: the last step that was logged; -1 before the first.

    Raises:
      RunError: if `metrics.jsonl` is damaged.
      OSError: here and in all methods, if the folder cannot be written.
    """

    def __init__(self, folder: Path, resume_step: int, seeds: Sequence[int]):
        self._path = folder / "metrics.jsonl"
        self._arrays = folder / "evaluations"
        self._arrays.mkdir(exist_ok=True)
        self._seeds = seeds
        self._cut(resume_step)
        self._file = self._path.open("a")
        self._events = _Events(folder, resume_step, seeds)

    def _cut(self, last_step: int) -> None:
        lines = _read_lines(self._path)
        kept = [line for line in lines if line["step"] <= last_step]
        self.last_step = kept[-1]["step"] if kept else -1
        partial = self._path.with_suffix(".tmp")
        partial.write_text("".join(json.dumps(line) + "\n" for line in kept))
        os.replace(partial, self._path)
        (self._arrays / "partial.tmp").unlink(missing_ok=True)
        for path in self._arrays.glob("*.npz"):
            if path.stem.isdigit() and int(path.stem) > last_step:
                path.unlink()

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
            partial = self._arrays / "partial.tmp"
            with partial.open("wb") as file:
                np.savez(file, **cast(Any, arrays))
            os.replace(partial, self._arrays / f"{step:09d}.npz")
        line: dict[str, Any] = {"step": step}
        if train:
            line["train"] = train
        if evaluated:
            line["eval"] = evaluated
        if arrays:
            line["arrays"] = sorted(arrays)
        line["clock"] = {name: round(value, 3) for name, value in clock.items()}
        self._file.write(json.dumps(line, allow_nan=False) + "\n")
        self._file.flush()
        self.last_step = step
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
        """Everything logged so far."""
        self.flush()
        return read_history(self._path.parent)

    def flush(self) -> None:
        """Hand what was logged to the system, where a kill cannot reach it."""
        self._file.flush()
        self._events.flush()

    def evaluation(self, step: int) -> Values | None:
        """What the evaluation after `step` found, if that is the last line."""
        lines = self._path.read_text().splitlines()
        last = json.loads(lines[-1]) if lines else {}
        return last.get("eval") if last.get("step") == step else None

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
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        self._seeds = seeds
        # The suffix keeps two processes of the same second apart.
        suffix = f".{os.getpid()}.{time.monotonic_ns()}"
        self._writer = EventsWriter(str(folder / "events"), suffix)
        # What an earlier process wrote from this step on did not happen.
        start = SessionLog(status=SessionLog.START)
        self._writer.write_event(
            Event(wall_time=time.time(), step=resume_step + 1, session_log=start)
        )

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
        self._writer.write_event(event)

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class Progress:
    """Steps done, speed, loss and time left: a bar in a terminal, else a line at times.

    Args:
      total: steps of the run.
      done: steps done before.
    """

    SECONDS_BETWEEN_LINES = 10.0

    def __init__(self, total: int, done: int):
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar

        self._total = total
        self._last_line = time.monotonic()
        self._bar = None
        console = Console(stderr=True)
        if console.is_terminal:
            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[text]}"),
            )
            self._bar = Bar(*columns, console=console, refresh_per_second=4)
            self._task = self._bar.add_task("", total=total, completed=done, text="")
            self._bar.start()

    def update(self, step: int, values: Values, steps_per_second: float) -> None:
        """Show where the run is, with the mean over seeds of each value."""
        if self._bar is None and (
            time.monotonic() - self._last_line < self.SECONDS_BETWEEN_LINES
        ):
            return
        means = "  ".join(f"{name} {np.mean(v):.4g}" for name, v in values.items())
        text = f"{steps_per_second:,.0f} steps/s  {means}"
        if self._bar is not None:
            self._bar.update(self._task, completed=step, text=text)
        else:
            self._last_line = time.monotonic()
            left = "time left unknown"
            if steps_per_second:
                left = f"{(self._total - step) / steps_per_second:,.0f} s left"
            self.say(f"step {step:,}/{self._total:,}  {left}  {text}")

    def say(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, flush=True)

    def close(self) -> None:
        """Take the bar off the terminal's hands."""
        if self._bar is not None:
            self._bar.stop()
