"""One pass over one experiment: blocks of steps, and what is due between them."""

import contextlib
import hashlib
import math
import os
import signal
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import numpy as np

from jaxdl.errors import RunError
from jaxdl.ledger.schema import MetricResult, RunResult
from jaxdl.measures.statistics import mean_ci95
from jaxdl.printing import say
from jaxdl.train import provenance
from jaxdl.train.checkpoint import Checkpoints
from jaxdl.train.config import RunConfig, config_hash
from jaxdl.train.disk import write_sealed
from jaxdl.train.experiment import Experiment, Record
from jaxdl.train.folder import run_of, save_figures
from jaxdl.train.leaves import state_sha256
from jaxdl.train.log import LogFile, RunLog, Values, seed_history
from jaxdl.train.programs import all_done_of
from jaxdl.train.progress import EvaluationTable, Progress
from jaxdl.train.returns import drawn, evaluated, remarked, require_known_metrics
from jaxdl.train.seeds import Executor
from jaxdl.types import State


def warn(text: str) -> None:
    """A line on standard error."""
    say(f"warning: {text}", sys.stderr)


class _Interrupt:
    """Turns SIGINT and SIGTERM into a flag that is read between blocks.

    A second signal acts at once.
    """

    def __init__(self):
        self.signal: int | None = None
        self._previous = {}

    def _handle(self, number, frame):
        del frame
        self.signal = number
        self._restore()
        with contextlib.suppress(OSError):  # `print` may be what was interrupted
            os.write(2, b"\nstopping after this block; again to stop at once\n")

    def _restore(self):
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def __enter__(self):
        with contextlib.suppress(ValueError):  # only the main thread may set handlers
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception):
        self._restore()


class _Block(NamedTuple):
    """A block of steps that may still be running: what came before, what it gives."""

    before: int
    metrics: Any
    timed_steps: int  # 0 if the block's time was spent on compiling


class _Clock:
    """Seconds spent on each kind of work, this process's and its predecessors'."""

    def __init__(self):
        self._begin = time.monotonic()
        self.seconds = {"wall": 0.0, "train": 0.0, "compile": 0.0, "evaluate": 0.0}
        self.timed_steps = 0  # steps of one seed within "train"

    def resume(self, seconds: Mapping[str, float], timed_steps: int) -> None:
        self.seconds.update(seconds)
        self._begin -= self.seconds["wall"]
        self.timed_steps = timed_steps

    @contextlib.contextmanager
    def measure(self, kind: str) -> Generator[None, None, None]:
        begin = time.monotonic()
        try:
            yield
        finally:
            now = time.monotonic()
            self.seconds[kind] += now - begin
            self.seconds["wall"] = now - self._begin

    def steps_per_second(self) -> float:
        return self.timed_steps / max(self.seconds["train"], 1e-9)


class Loop:
    """One pass of the runner over one experiment, in a folder that is its own."""

    def __init__(
        self, experiment, executor, data, config, keys, folder, written, previous
    ):
        self.experiment: Experiment = experiment
        self.executor: Executor = executor
        self.data, self.keys, self.previous = data, keys, previous
        self.config: RunConfig = config
        self.folder: Path = folder
        self.written: dict[str, Any] = written
        self.eval_every = config.eval_every or max(1, math.ceil(config.steps / 10))
        self.save_every = config.save_every or max(1, config.steps)
        self.clock = _Clock()
        self.peak_memory = 0
        self.checkpoints = Checkpoints(folder / "checkpoints", warn, run_of(written))
        self.all_done = all_done_of(executor, experiment.done)
        self.progress = Progress.current()
        self.evaluations = EvaluationTable()
        self.stopped_step: int | None = None  # where the stopping rule held

    def train(self) -> Record:
        """Restore or initialise, advance to the end, finish; or stop at a signal."""
        total = self.config.steps
        with contextlib.ExitStack() as closing:
            closing.callback(self.checkpoints.close)
            states, step = self._start()
            first = self.config.seed
            seeds = range(first, first + self.config.seeds)
            self.log = RunLog(self.folder, step, seeds)
            closing.callback(self.log.close)
            self.progress.update(step, total)
            closing.callback(self.progress.rest)
            interrupt = closing.enter_context(_Interrupt())
            states, step = self._advance(states, step, interrupt)
            self._wait_for_save()
            exit_code = 128 + interrupt.signal if interrupt.signal else 0
            if step == total:
                return self._finish(states)._replace(exit_code=exit_code)
            say(
                f"saved at step {step}: the same command, without --overwrite, goes on "
                "from there"
            )
            return self._record(states, None, exit_code)

    def _start(self) -> tuple[Any, int]:
        """States and step to begin with: the newest good checkpoint's, or new ones."""
        init_keys = [key.init for key in self.keys]

        def init():
            return self.executor.init(init_keys, self.data, self.previous)

        logged = LogFile(self.folder)

        def fits(notes: Mapping[str, Any]) -> str | None:
            return logged.misses(notes["last_logged"], notes["last_check"])

        with self.progress.doing("initialising"):
            restored = self.checkpoints.restore(jax.eval_shape(init), fits)
        self.checkpoints.clean()
        if logged.damaged is not None:
            warn(f"{logged.path} is set aside: its line {logged.damaged} is damaged")
        if restored is None:
            if logged.path.exists():
                say("no checkpoint had been saved: starting again")
            with self.progress.doing("initialising"):
                return init(), 0
        logged.require_arrays(restored.step)
        self.checkpoints.set_aside_after(restored.step)
        self.clock.resume(restored.notes["seconds"], restored.notes["timed_steps"])
        self.peak_memory = restored.notes["peak_memory_bytes"]
        self.stopped_step = restored.notes.get("stopped_step")
        say(f"going on from the checkpoint of step {restored.step}")
        return restored.state, restored.step

    def _advance(self, states, step: int, interrupt: _Interrupt) -> tuple[Any, int]:
        """Blocks up to the last step or a signal, with what is due between them."""
        total = self.config.steps
        batch_keys = [key.batch for key in self.keys]
        compiled: set[int] = set()
        running = None  # the block whose metrics are still on the device
        saved = self.checkpoints.newest()
        last_save = time.monotonic()
        while step < total and interrupt.signal is None:
            with self.clock.measure("train"):
                if self.all_done(states):
                    self.stopped_step, step = step, total
                    break
            due = min(
                total, *(_next(step, n) for n in (self.eval_every, self.save_every))
            )
            length = _block_length(due - step, self.config.block_steps)
            with self._block(new=length not in compiled):
                states, metrics = self.executor.advance(
                    states, self.data, batch_keys, step, length
                )
                if length not in compiled:
                    jax.block_until_ready(metrics)
            self._log_block(running)  # while the device runs the new block
            running = _Block(step, metrics, length if length in compiled else 0)
            step += length
            compiled.add(length)
            evaluate = step % self.eval_every == 0 and step < total
            late = time.monotonic() - last_save > self.config.save_seconds
            save = (late or step % self.save_every == 0) and step < total
            if evaluate or save:
                held = self._log_block(running, hold=step if evaluate else None)
                running = None
                if evaluate:
                    self._evaluate(states, step, held, final=False)
                if save:
                    self._save(states, step)
                    saved, last_save = step, time.monotonic()
        held = self._log_block(running, hold=total)
        if step == total and self.log.evaluation(total) is None:
            self._evaluate(states, total, held, final=True)
        if saved != step:
            self._save(states, step)
        return states, step

    @contextlib.contextmanager
    def _block(self, new: bool) -> Generator[None, None, None]:
        """Measure the time of a block, and say so if it has to be compiled first."""
        with contextlib.ExitStack() as around:
            around.enter_context(self.clock.measure("compile" if new else "train"))
            if new:
                around.enter_context(self.progress.doing("compiling"))
            yield

    def _wait_for_save(self) -> None:
        with self.progress.doing("saving"):
            self.checkpoints.wait()

    def _log_block(
        self, running: "_Block | None", hold: int | None = None
    ) -> dict[str, list[Any]] | None:
        """Check and log a block's metrics; return those of step `hold` instead."""
        if running is None:
            return None
        before = running.before
        with self.clock.measure("train"):
            rows = self.executor.fetch(running.metrics)
        self.clock.timed_steps += running.timed_steps
        held = None
        self._require_finite(before + 1, rows)
        length = next(iter(rows.values())).shape[1]
        with self.clock.measure("train"):
            for i in range(length):
                step = before + i + 1
                if step == hold or step == 1 or step % self.config.log_every == 0:
                    values = {name: row[:, i].tolist() for name, row in rows.items()}
                    if step == hold:
                        held = values
                    else:
                        self.log.write(step, self._times(), train=values)
        last = {name: row[:, -1] for name, row in rows.items()}
        speed = self.clock.steps_per_second()
        self.progress.update(before + length, self.config.steps, last, speed)
        return held

    def _require_finite(self, first: int, rows: Mapping[str, np.ndarray]) -> None:
        finite = {name: np.isfinite(row) for name, row in rows.items()}
        if all(row.all() for row in finite.values()):
            return
        i = min(
            int(np.argmin(row.all(axis=0))) for row in finite.values() if not row.all()
        )
        name = next(name for name, row in finite.items() if not row[:, i].all())
        seed = int(np.argmin(finite[name][:, i]))
        self.checkpoints.wait()
        raise RunError(
            f"{name} is {rows[name][seed, i]} at step {first + i} of seed "
            f"{self.config.seed + seed}: a finite number was expected; "
            f"{self.checkpoints.intact()}; try a lower learning rate"
        )

    def _evaluate(self, states, step: int, train: Values | None, final: bool) -> None:
        """Evaluate each seed, and write the line of this step."""
        self._wait_for_save()  # its copy of the states and ours would add up
        with self.clock.measure("evaluate"), self.progress.doing("evaluating"):
            evaluate, split = self.experiment.evaluate, self.executor.split(states)
            found = [
                evaluate(state, self.data, key.evaluate, final)
                for state, key in zip(split, self.keys, strict=True)
            ]
            rows = evaluated(evaluate, found, final, self.checkpoints.intact())
            scalars = {name: row for name, row in rows.items() if row.ndim == 1}
            arrays = {name: row for name, row in rows.items() if row.ndim > 1}
            self._require_finite(step, {k: v[:, None] for k, v in scalars.items()})
        if final:
            kept = self.checkpoints.intact()
            require_known_metrics(self.experiment.protocols, scalars, kept)
        values = {name: row.tolist() for name, row in scalars.items()}
        self.log.write(step, self._times(), train, values, arrays)
        means = {name: float(row.mean()) for name, row in scalars.items()}
        table = self.evaluations
        for line in (table.last_line if final else table.lines)(step, means):
            say(line)

    def _save(self, states, step: int) -> None:
        with self.clock.measure("train"), self.progress.doing("saving"):
            self.log.sync()
            notes = {
                "seconds": dict(self.clock.seconds),
                "last_logged": self.log.last_step,
                "last_check": self.log.last_check,
                "timed_steps": self.clock.timed_steps,
                "peak_memory_bytes": self._peak_memory(),
                "stopped_step": self.stopped_step,
            }
            self.checkpoints.save(step, states, notes)

    def _peak_memory(self) -> int:
        return max(self.peak_memory, provenance.peak_memory_bytes())

    def _times(self) -> dict[str, float]:
        return {
            "seconds": self.clock.seconds["wall"],
            "steps_per_second": self.clock.steps_per_second(),
        }

    def _record(self, states, result, exit_code: int) -> Record:
        states = self.executor.split(states)
        history = self.log.history()
        return Record(
            self.config, self.folder, self.data, states, history, result, exit_code
        )

    def _finish(self, states) -> Record:
        """Figures and `result.json`, of states that are evaluated and saved."""
        record = self._record(states, None, 0)
        assert record.states is not None and record.history is not None
        with self.progress.doing("drawing pictures"):
            figures = drawn(self.experiment.figures, record, self.folder)
            save_figures(self.folder / "figures", figures)
        result = self._result(record.states)
        if self.experiment.remarks is not None:
            seeds = range(self.config.seeds)
            histories = [seed_history(record.history, i) for i in seeds]
            result["remarks"] = remarked(self.experiment.remarks, histories)
        write_sealed(self.folder / "result.json", result)
        self.progress.rest()
        return record._replace(result=result)

    def _result(self, states: Sequence[State]) -> RunResult:
        values = self.log.evaluation(self.config.steps)
        assert values is not None  # the final evaluation has been logged
        metrics: dict[str, MetricResult] = {}
        for name, per_seed in values.items():
            mean, low, high = mean_ci95(per_seed)
            metric: dict[str, Any] = {
                "mean": mean,
                "ci95": None if low is None else [low, high],
                "per_seed": per_seed,
            }
            protocol = {
                field: value(values) if callable(value) else value
                for field, value in self.experiment.protocols.get(name, {}).items()
            }
            if "published" in protocol:
                metric["published"] = protocol.pop("published")
            metric["protocol"] = protocol
            metrics[name] = cast(MetricResult, metric)
        with self.clock.measure("evaluate"):
            digests = [state_sha256(state) for state in states]
        first = self.config.seed
        result: RunResult = {
            "experiment": self.written["experiment"],
            "config": self.written["config"],
            "config_hash": config_hash(self.written["experiment"], self.config),
            "seeds": list(range(first, first + self.config.seeds)),
            "steps": self.config.steps,
            "metrics": metrics,
            "data": self.written["data"],
            "executor": self.written["executor"],
            "wall_seconds": self.clock.seconds["wall"],
            "seconds": self.clock.seconds,
            "steps_per_second": self.clock.steps_per_second(),
            "peak_memory_bytes": self._peak_memory(),
            "device": provenance.device_name(),
            "versions": provenance.versions(),
            "git_commit": provenance.git_commit(),
            "state_sha256": hashlib.sha256("".join(digests).encode()).hexdigest(),
            "state_sha256_per_seed": digests,
        }
        if self.stopped_step is not None:
            result["stopped_step"] = self.stopped_step
        return result


def _next(step: int, interval: int) -> int:
    return (step // interval + 1) * interval


def _block_length(gap: int, block_steps: int) -> int:
    """The longest of three lengths that fits: few programs serve every interval."""
    lengths = block_steps, max(1, block_steps // 10), 1
    return next(length for length in lengths if length <= gap)
