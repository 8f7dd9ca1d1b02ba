"""The one runner: seeds, compiled blocks, checkpoints, exact resume, logs, results."""

import contextlib
import dataclasses
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from jaxdl.errors import InputError, RunError
from jaxdl.train import provenance
from jaxdl.train.checkpoint import Checkpoints, is_disk_full
from jaxdl.train.config import RunConfig, config_hash, deciding_fields, run_folder
from jaxdl.train.experiment import Experiment, Phase, Record
from jaxdl.train.folder import open_folder, read_json, write_json
from jaxdl.train.log import read_history
from jaxdl.train.loop import Loop, print_result, warn
from jaxdl.train.seeds import (
    Executor,
    choose_executor,
    make_executor,
    seed_keys,
    step_flop,
)
from jaxdl.train.step import make_uniform_batch
from jaxdl.types import State

Phases = Sequence[Phase]


def run(
    name: str, experiment: Experiment | Phases, data: Any, config: RunConfig
) -> Record:
    """Train, evaluate and record an experiment, or go on where its run was stopped.

    The state after any number of kills and restarts is that of a run never touched, bit
    for bit: it depends on the deciding fields of `config`, the seed and the data alone.

    Args:
      name: of the experiment.
      experiment: its functions; or phases, each trained in a sub-folder of its name
        from what the one before left. `steps` of the configuration is then not used.
      data: a tree of arrays with `name` and `checksum`.
      config: its configuration.

    Returns:
      The record of the run.

    Raises:
      InputError: before anything is written, if the configuration does not fit the data
        or the folder.
      RunError: if a value was not finite, the disk was full, or no good checkpoint is
        left.
    """
    check_step(experiment, data, config)
    folder = run_folder(name, data.name, config)
    print(f"run folder: {folder}", flush=True)
    folder = folder.absolute()  # Orbax refuses relative ones; "." may be set aside
    with disk_full_as_error(folder):
        if isinstance(experiment, Experiment):
            return _run_one(name, experiment, data, config, folder)
        return _run_phases(name, experiment, data, config, folder)


def _run_one(
    name: str,
    experiment: Experiment,
    data: Any,
    config: RunConfig,
    folder: Path,
    *,
    number: int = 0,
    previous: list[State] | None = None,
    form: list[Any] | None = None,
) -> Record:
    """Train phase `number` from each seed's `previous` state, which has this form."""
    batch_fn = experiment.batch or make_uniform_batch(config.batch_size)
    keys = [seed_keys(config.seed + i, number) for i in range(config.seeds)]
    identity = _identity(name, data, config) | ({"phase": number} if number else {})
    with open_folder(folder, identity, config.overwrite) as found:
        if found and (folder / "result.json").exists():
            result = read_json(folder / "result.json")
            print_result(result, folder)
            states, history = None, None
            try:
                states = _load_states(folder, experiment, form)
                history = read_history(folder)
            except RunError as error:
                warn(str(error))
            return Record(config, folder, data, states, history, result, 0)
        _require_previous(folder, number, previous)
        executor_name = (found or {}).get("executor") or _executor_name(
            experiment, batch_fn, data, keys, config, previous
        )
        written = {**identity, "executor": executor_name}
        written["versions"] = provenance.versions()
        written["device"] = provenance.device_name()
        for field in ("versions", "device"):
            if found and found.get(field) != written[field]:
                warn(f"this run was begun with other {field}: its bits may differ")
        if not found:
            write_json(folder / "config.json", written)
        executor = make_executor(
            executor_name, experiment.init, batch_fn, experiment.step
        )
        loop = Loop(experiment, executor, data, config, keys, folder, written, previous)
        return loop.train()


def _require_previous(folder: Path, number: int, previous: Any) -> None:
    if number and previous is None:
        raise RunError(f"{folder} cannot go on: {_lost('the phase before it')}")


def _run_phases(
    name: str, phases: Phases, data: Any, config: RunConfig, folder: Path
) -> Record:
    identity = _identity(name, data, config)
    identity["phases"] = {phase.name: phase.steps for phase in phases}
    records: dict[str, Record] = {}
    with open_folder(folder, identity, config.overwrite) as found:
        if not found:
            write_json(folder / "config.json", identity)
        previous = form = None
        for number, phase in enumerate(phases):
            print(f"\nphase {phase.name}, {number + 1} of {len(phases)}", flush=True)
            record = _run_one(
                name,
                phase.experiment,
                data,
                dataclasses.replace(config, steps=phase.steps, overwrite=False),
                folder / phase.name,
                number=number,
                previous=previous,
                form=form,
            )
            records[phase.name], previous = record, record.states
            if record.exit_code:
                return record._replace(
                    config=config, folder=folder, result=None, phases=records
                )
            form = _abstract_seeds(folder / phase.name, phase.experiment, form)
        if (folder / "result.json").exists():
            result = read_json(folder / "result.json")
        else:
            results = {name: record.result for name, record in records.items()}
            result = _result_of_phases(name, identity, config, results)
            write_json(folder / "result.json", result)
    return record._replace(config=config, folder=folder, result=result, phases=records)


def _identity(name: str, data: Any, config: RunConfig) -> dict[str, Any]:
    return {
        "experiment": name,
        "config": json.loads(json.dumps(deciding_fields(config))),
        "data": {"name": data.name, "checksum": data.checksum},
    }


def _result_of_phases(
    name: str,
    identity: Mapping[str, Any],
    config: RunConfig,
    results: Mapping[str, dict[str, Any]],
) -> dict[str, Any]:
    """The last phase's result, with the costs of all and each phase's own."""
    every = results.values()
    last = list(every)[-1]
    return last | {
        "config": identity["config"],
        "config_hash": config_hash(name, config),
        "steps": sum(result["steps"] for result in every),
        "wall_seconds": sum(result["wall_seconds"] for result in every),
        "seconds": {
            kind: sum(result["seconds"][kind] for result in every)
            for kind in last["seconds"]
        },
        "peak_memory_bytes": max(result["peak_memory_bytes"] for result in every),
        "phases": dict(results),
    }


def load_run(
    folder: Path, experiment: Experiment | Phases
) -> tuple[dict[str, Any], list[State]]:
    """The configuration and the final states of a finished run.

    Args:
      folder: of the run.
      experiment: built from that configuration (`jaxdl.train.folder.read_config`).

    Raises:
      InputError: if there is no run, or it is not finished.
      RunError: if no good checkpoint is left.
    """
    folder = Path(folder).absolute()
    config = read_json(folder / "config.json")["config"]
    if not (folder / "result.json").exists():
        raise InputError(
            f"{folder} holds an unfinished run: give its command again first"
        )
    if isinstance(experiment, Experiment):
        return config, _load_states(folder, experiment, None)
    previous = None
    for phase in experiment[:-1]:  # their states are wanted in form only
        previous = _abstract_seeds(folder / phase.name, phase.experiment, previous)
    last = experiment[-1]
    return config, _load_states(folder / last.name, last.experiment, previous)


def _load_states(
    folder: Path, experiment: Experiment, previous: list[Any] | None
) -> list[State]:
    executor, like = _abstract_states(folder, experiment, previous)
    checkpoints = Checkpoints(folder / "checkpoints", warn=warn)
    restored = checkpoints.restore(like)
    checkpoints.close()
    steps = read_json(folder / "config.json")["config"]["steps"]
    if restored is None or restored.step != steps:
        raise RunError(_lost(folder))
    return executor.split(restored.state)


def _lost(folder: Path | str) -> str:
    return (
        f"the final checkpoint of {folder} is missing or damaged: remove its "
        "result.json and give its command again, without --overwrite"
    )


def _abstract_seeds(
    folder: Path, experiment: Experiment, previous: list[Any] | None
) -> list[Any]:
    executor, states = _abstract_states(folder, experiment, previous)
    return jax.eval_shape(executor.split, states)


def _abstract_states(
    folder: Path, experiment: Experiment, previous: list[Any] | None
) -> tuple[Executor, Any]:
    """The executor of the run in a folder, and the form of what it holds."""
    written = read_json(folder / "config.json")
    config = written["config"]
    batch_fn = experiment.batch or make_uniform_batch(config["batch_size"])
    executor = make_executor(
        written["executor"], experiment.init, batch_fn, experiment.step
    )
    keys = [seed_keys(config["seed"] + i).init for i in range(config["seeds"])]

    def init(previous):
        return executor.init(keys, None, previous)

    return executor, jax.eval_shape(init, previous)


def check_step(experiment: Experiment | Phases, data: Any, config: RunConfig) -> None:
    """Trace one step, so that what cannot work is refused before a file is written.

    Raises:
      InputError: as the experiment's functions do; or if phases cannot be folders.
    """
    keys = seed_keys(config.seed)
    previous = None
    if isinstance(experiment, Experiment):
        phases = [Phase("", config.steps, experiment)]
    else:
        phases = experiment
        check_folder_names("phase", [phase.name for phase in phases])
    for phase in phases:
        batch_fn = phase.experiment.batch or make_uniform_batch(config.batch_size)

        def one_step(data, keys, previous, phase=phase, batch_fn=batch_fn):
            state = phase.experiment.init(keys.init, data, previous)
            state, metrics = phase.experiment.step(state, batch_fn(data, keys.batch, 0))
            return state, metrics

        previous, _ = jax.eval_shape(one_step, data, keys, previous)


def check_folder_names(kind: str, names: Iterable[str]) -> None:
    """Refuse names of cases or phases that are not fit for folders, or not unique.

    Raises:
      InputError: naming the first at fault.
    """
    seen = set()
    for name in names:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", name) or name in seen:
            raise InputError(
                f"a {kind} is called {name!r}: expected lower-case letters, digits, "
                "'_', '.' and '-', since it names a folder, and no name twice"
            )
        seen.add(name)
    if not seen:
        raise InputError(f"there is no {kind}: expected at least one")


def _executor_name(experiment, batch_fn, data, keys, config, previous) -> str:
    if config.executor != "auto":
        return config.executor
    platform = jax.default_backend()
    if config.seeds == 1 or platform != "cpu":  # the size decides nothing there
        return choose_executor(config.seeds, math.inf, platform)
    functions = experiment.init, batch_fn, experiment.step
    flop = step_flop(*functions, data, keys[0].init, previous and previous[0])
    return choose_executor(config.seeds, flop, platform)


@contextlib.contextmanager
def disk_full_as_error(folder: Path) -> Iterator[None]:
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
