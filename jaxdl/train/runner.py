"""The one runner: a tree of trainings, each resumed exactly where it was stopped."""

import contextlib
import dataclasses
import json
import math
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax

from jaxdl.errors import InputError, RunError
from jaxdl.ledger import report
from jaxdl.memory import array_bytes, largest_bytes, require_memory
from jaxdl.printing import say
from jaxdl.train import provenance
from jaxdl.train.checkpoint import is_disk_full
from jaxdl.train.config import RunConfig, deciding_fields, run_folder
from jaxdl.train.disk import read_sealed, write_sealed
from jaxdl.train.ending import end_lines, next_commands
from jaxdl.train.experiment import Experiment, Phase, Plan, Record, Sweep, Work
from jaxdl.train.folder import differing_fields, open_folder, save_figures
from jaxdl.train.load import abstract_seeds, load_run, load_states, lost
from jaxdl.train.log import read_history
from jaxdl.train.loop import Loop, warn
from jaxdl.train.pieces import (
    make_checked_step,
    require_function,
    require_pieces,
    require_work,
)
from jaxdl.train.programs import batch_of, built, executor_of, trainings
from jaxdl.train.progress import Progress
from jaxdl.train.results import phases_result, sweep_result
from jaxdl.train.returns import drawn
from jaxdl.train.seeds import ExecutorName, choose_executor, seed_keys, step_flop
from jaxdl.train.words import named
from jaxdl.types import History, State

__all__ = ["Experiment", "Phase", "Plan", "Record", "Sweep", "check_step", "load_run"]
__all__ += ["run"]


class _Node(NamedTuple):
    """A work with its folder, as a part of a tree."""

    name: str
    work: Experiment | Sequence[Phase] | Sweep
    data: Any
    config: RunConfig
    folder: Path
    number: int = 0  # of a phase


class _Before(NamedTuple):
    """Each seed's state after the phase before, and its form."""

    states: list[State] | None = None
    form: list[Any] | None = None


def run(name: str, work: Work, data: Any, config: RunConfig) -> Record:
    """Train, evaluate and record, or continue where the run was stopped.

    The state after any number of kills and restarts is that of a run never touched, bit
    for bit: it depends on the deciding fields of `config`, the seed and the data alone.
    What is finished is read, not repeated.

    Args:
      name: of the experiment.
      work: an experiment; phases, each trained in a sub-folder of its name from what
        the one before left (`steps` of the configuration is then not used); a sweep,
        whose cases are runs in sub-folders; or a function that builds one of these.
      data: a tree of arrays with `name` and `checksum`.
      config: its configuration.

    Returns:
      The record of the run.

    Raises:
      InputError: before anything is written, if a piece is not what it should be
        (`jaxdl.train.pieces`), or a configuration does not fit the data or the folder.
      RunError: if a value was not finite, the disk was full, no good checkpoint is
        left, or `evaluate`, `figures` or `remarks` give something of no use
        (`jaxdl.train.returns`); finished parts are kept.
    """
    require_pieces(name, data, config)
    with Progress() as progress:
        with progress.doing("checking what is to be trained"):
            check_step(work, data, config)
            work = built(work, config, data)
        folder = run_folder(name, data.name, config)
        say(f"run folder: {folder}")
        # Orbax refuses relative paths; "." may be set aside.
        node = _Node(name, work, data, config, folder.absolute())
        record = _run(node, _Before())
        if record.result is not None:
            commands = next_commands(progress.command, config, node.folder)
            say("\n".join(["", *end_lines(record.result, node.folder, commands)]))
        return record


def _run(node: _Node, before: _Before) -> Record:
    """Open the folder, check whose it is, then read or compute."""
    identity = _identity(node)
    with (
        disk_full_as_error(node.folder),
        open_folder(node.folder, identity, node.config.overwrite) as found,
    ):
        if isinstance(node.work, Experiment):
            if found and (node.folder / "result.json").exists():
                return _read_training(node, before)
            return _train(node, before, identity, found)
        if not found:
            write_sealed(node.folder / "config.json", identity)
        parts, stopped = _run_parts(node, before)
        if stopped is not None:
            return stopped
        return _finish(node, identity, parts)


def _identity(node: _Node) -> dict[str, Any]:
    """What must agree with the run that a folder holds already."""
    identity: dict[str, Any] = {
        "experiment": node.name,
        "config": _as_json(deciding_fields(node.config)),
        "data": {"name": node.data.name, "checksum": node.data.checksum},
        "settings": provenance.settings(),
    }
    if isinstance(node.work, Sweep):
        cases = node.work.cases.items()
        identity["cases"] = {
            name: _as_json(deciding_fields(case.config)) for name, case in cases
        }
    elif not isinstance(node.work, Experiment):
        identity["phases"] = {phase.name: phase.steps for phase in node.work}
    if node.number:
        identity["phase"] = node.number
    return identity


def _as_json(fields: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(fields))


def _read_training(node: _Node, before: _Before) -> Record:
    """The record of a finished training."""
    result = _read_result(node)
    states, history = None, None
    try:
        experiment = cast(Experiment, node.work)
        with Progress.current().doing("reading the finished run"):
            states = load_states(node.folder, experiment, node.data, before.form)
            history = _whole_history(node.folder, result["steps"])
    except RunError as error:
        warn(str(error))
    return Record(node.config, node.folder, node.data, states, history, result, 0)


def _read_result(node: _Node) -> Any:
    """The `result.json` of a finished part.

    Raises:
      InputError: if it is damaged, or of another run.
    """
    path, identity = node.folder / "result.json", _identity(node)
    result = read_sealed(path)
    names = ("experiment", "config", "data")
    differences = differing_fields(
        {name: result.get(name) for name in names},
        {name: identity[name] for name in names},
    )
    if differences:
        raise InputError(
            f"{path} is of another run ({'; '.join(differences)}): move it out of that "
            "folder, and give the same command again"
        )
    return result


def _whole_history(folder: Path, steps: int) -> History:
    """The log of a finished training.

    Raises:
      RunError: if it is damaged, or its end is missing.
    """
    history = read_history(folder)
    if steps not in history.evaluations.steps[-1:]:
        raise RunError(f"{folder / 'metrics.jsonl'} lacks its last lines")
    return history


def _train(
    node: _Node,
    before: _Before,
    identity: Mapping[str, Any],
    found: dict[str, Any] | None,
) -> Record:
    """Train from each seed's state before, or from the newest checkpoint."""
    config, data, experiment = node.config, node.data, cast(Experiment, node.work)
    if node.number and before.states is None:
        raise RunError(f"{node.folder} cannot go on: {lost('the phase before it')}")
    keys = [seed_keys(config.seed + i, node.number) for i in range(config.seeds)]
    with Progress.current().doing("choosing how seeds run"):
        executor_name: ExecutorName = (found or {}).get("executor") or _executor_name(
            experiment, data, keys, config, before.states
        )
    written = {**identity, "executor": executor_name}
    written["versions"] = provenance.versions()
    written["device"] = provenance.device_name()
    written["xla_flags"] = os.environ.get("XLA_FLAGS", "")
    for field in ("versions", "device", "xla_flags"):
        if found and found.get(field) != written[field]:
            warn(f"this run was begun with other {field}: its bits may differ")
    if not found:
        write_sealed(node.folder / "config.json", written)
    executor = executor_of(executor_name, experiment, config.batch_size)
    loop = Loop(
        experiment, executor, data, config, keys, node.folder, written, before.states
    )
    return loop.train()


def _parts(node: _Node) -> Iterator[tuple[str, _Node]]:
    """Phases or cases with their names, in order."""
    if isinstance(node.work, Sweep):
        for name, case in node.work.cases.items():
            folder = node.folder / name
            config = dataclasses.replace(case.config, out=folder, overwrite=False)
            work = built(case.work, config, node.data)
            yield name, _Node(node.name, work, node.data, config, folder)
    else:
        for number, phase in enumerate(cast(Sequence[Phase], node.work)):
            config = dataclasses.replace(
                node.config, steps=phase.steps, overwrite=False
            )
            folder = node.folder / phase.name
            work = phase.experiment
            yield phase.name, _Node(node.name, work, node.data, config, folder, number)


def _run_parts(node: _Node, before: _Before) -> tuple[dict[str, Record], Record | None]:
    """The records of all parts; and that of this node, if one was interrupted."""
    is_sweep = isinstance(node.work, Sweep)
    kind = "case" if is_sweep else "phase"
    parts = list(_parts(node))
    records: dict[str, Record] = {}
    for position, (name, part) in enumerate(parts, start=1):
        if not (node.folder / "config.json").exists():
            raise RunError(
                f"{node.folder} cannot be used any more: its config.json was removed "
                "while the run went on; put the folder back and give the same command "
                "again, or name another one with --out"
            )
        say(f"\n{kind} {name}, {position} of {len(parts)}")
        if is_sweep:
            say(f"run folder: {part.folder}")
        record = records[name] = _run(part, before)
        if record.exit_code:
            if is_sweep:  # states of one case are not the sweep's
                record = record._replace(states=None, history=None)
            return records, record._replace(
                config=node.config, folder=node.folder, result=None, parts=records
            )
        result: Any = record.result
        words = report.words_of(node.name)
        say("\n".join(report.brief_lines(result, words, report.columns())))
        if not is_sweep:
            experiment = cast(Experiment, part.work)
            form = abstract_seeds(part.folder, experiment, node.data, before.form)
            before = _Before(record.states, form)
    return records, None


def _finish(
    node: _Node, identity: Mapping[str, Any], records: dict[str, Record]
) -> Record:
    """The record of finished parts; their result and figures, unless there already."""
    path = node.folder / "result.json"
    is_sweep = isinstance(node.work, Sweep)
    if path.exists():
        result = _read_result(node)
    else:
        if isinstance(node.work, Sweep):
            _require_states(records)
            draw = node.work.figures
            with Progress.current().doing("drawing pictures of all cases"):
                figures = drawn(draw, records, node.folder) if draw is not None else {}
                save_figures(node.folder / "figures", figures)
        together = sweep_result if is_sweep else phases_result
        results = {name: cast(Any, record.result) for name, record in records.items()}
        result = together(identity, node.config, results)
        write_sealed(path, result)
    config, folder, data = node.config, node.folder, node.data
    if is_sweep:
        return Record(config, folder, data, None, None, result, 0, records)
    last = list(records.values())[-1]
    return Record(config, folder, data, last.states, last.history, result, 0, records)


def _require_states(records: Mapping[str, Record]) -> None:
    """Refuse to draw figures from a case that has lost its checkpoint."""
    for record in records.values():
        for part in (record, *record.parts.values()):
            if part.states is None or part.history is None:
                raise RunError(
                    f"{part.folder} has lost its final checkpoint or its log, which "
                    "the figures need: remove that folder and give the same command "
                    "again, without --overwrite"
                )


def check_step(work: Work, data: Any, config: RunConfig, owner: str = "") -> None:
    """Trace one step of every training, so that what cannot work is refused early.

    Args:
      work, data, config: as for `run`.
      owner: whose work it is, such as " of the case fast".

    Raises:
      InputError: as the experiments' functions do; if a part of the work is not what
        it should be (`jaxdl.train.pieces`); or if the states, the data and the largest
        array of a step exceed the memory.
    """
    if callable(work):
        require_function("make_work", work)
    work = built(work, config, data)
    require_work(work, owner)
    if isinstance(work, Sweep):
        for name, case in work.cases.items():
            check_step(case.work, data, case.config, f" of the case {name}")
        return
    keys = seed_keys(config.seed)
    for training in trainings(work, data, config):
        previous = None
        for phase in training.phases:
            batch_fn = batch_of(phase.experiment, config.batch_size)
            step = make_checked_step(phase.experiment, batch_fn)
            trace = jax.make_jaxpr(step, return_shape=True)
            traced, (previous, metrics) = trace(data, keys, previous)
            if phase.steps and not metrics:
                raise InputError(
                    f"{named('step', phase.experiment.step)} gives no metrics: "
                    "expected at least one scalar, such as {'loss': loss}"
                )
            at_once = config.seeds if config.executor == "vmap" else 1
            block = min(config.block_steps, max(phase.steps, 1))
            require_memory(
                array_bytes(data)
                + config.seeds * array_bytes(previous)
                + at_once * largest_bytes(traced.jaxpr)
                + block * config.seeds * array_bytes(metrics)
            )


def _executor_name(experiment, data, keys, config, previous) -> ExecutorName:
    if config.executor != "auto":
        return config.executor
    platform = jax.default_backend()
    if config.seeds == 1 or platform != "cpu":  # the size decides nothing there
        return choose_executor(config.seeds, math.inf, platform)
    batch_fn, first = batch_of(experiment, config.batch_size), previous and previous[0]
    flop = step_flop(
        experiment.init, batch_fn, experiment.step, data, keys[0].init, first
    )
    return choose_executor(config.seeds, flop, platform)


@contextlib.contextmanager
def disk_full_as_error(folder: Path) -> Generator[None, None, None]:
    """Turn an `OSError` of writing in a run's folder into one clear `RunError`."""
    try:
        yield
    except OSError as error:
        if not is_disk_full(error):
            raise RunError(f"{folder} cannot be used any more: {error}") from error
        raise RunError(
            f"the disk of {folder} is full: what was saved is kept; make room and give "
            "the same command again, without --overwrite"
        ) from error
