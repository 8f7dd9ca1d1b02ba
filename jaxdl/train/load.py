"""States of finished runs."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from jaxdl.errors import InputError, RunError
from jaxdl.train.checkpoint import Checkpoints
from jaxdl.train.disk import read_sealed
from jaxdl.train.experiment import Experiment, Phase
from jaxdl.train.folder import run_of
from jaxdl.train.loop import warn
from jaxdl.train.programs import executor_of
from jaxdl.train.seeds import Executor, seed_keys
from jaxdl.types import State


def load_run(
    folder: Path, work: Experiment | Sequence[Phase], data: Any
) -> tuple[dict[str, Any], list[State]]:
    """The configuration and the final states of a finished run.

    Args:
      folder: of the run.
      work: built from that configuration (`jaxdl.train.folder.read_config`).
      data: of the run.

    Raises:
      InputError: if there is no run, or it is not finished.
      RunError: if no good checkpoint is left.
    """
    folder = Path(folder).absolute()
    config = require_finished(folder)
    if isinstance(work, Experiment):
        return config, load_states(folder, work, data, None)
    return config, load_phases(folder, work, data)


def load_phases(folder: Path, phases: Sequence[Phase], data: Any) -> list[State]:
    """Each seed's state after the last of some phases, whose folders are in `folder`.

    Raises:
      InputError: if one of them has no folder.
      RunError: if the last one's final checkpoint is missing or damaged.
    """
    previous = None
    for phase in phases[:-1]:  # their states are wanted in form only
        previous = abstract_seeds(folder / phase.name, phase.experiment, data, previous)
    last = phases[-1]
    return load_states(folder / last.name, last.experiment, data, previous)


def load_trees(folder: Path) -> list[dict[str, Any]]:
    """Each seed's final state of a finished run, as its checkpoint describes it.

    Nested dicts by the names of fields, keys and indices; nobody needs to know the
    experiment.

    Raises:
      InputError, RunError: as `load_run` does.
    """
    folder = Path(folder).absolute()
    require_finished(folder)
    written = read_sealed(folder / "config.json")
    with contextlib.closing(_checkpoints(folder, written)) as found:
        restored = found.restore(None)
    if restored is None or restored.step != written["config"]["steps"]:
        raise RunError(lost(folder))
    tree, seeds = restored.state, written["config"]["seeds"]
    if written["executor"] == "sequential":  # a list of states
        return [tree[str(i)] for i in range(seeds)]
    return [jax.tree.map(lambda leaf, i=i: leaf[i], tree) for i in range(seeds)]


def require_finished(folder: Path) -> dict[str, Any]:
    """The configuration of a finished run, as JSON.

    Raises:
      InputError: if there is no run, or it is not finished.
    """
    config = read_sealed(folder / "config.json")["config"]
    if not (folder / "result.json").exists():
        raise InputError(
            f"{folder} holds an unfinished run: give its command again first"
        )
    return config


def load_states(
    folder: Path, experiment: Experiment, data: Any, previous: list[Any] | None
) -> list[State]:
    """Each seed's final state of one training.

    Args:
      folder: of the training.
      experiment, data: those of the run.
      previous: the form of each seed's state of the phase before.

    Raises:
      RunError: if the final checkpoint is missing or damaged.
    """
    executor, like = _abstract_states(folder, experiment, data, previous)
    written = read_sealed(folder / "config.json")
    with contextlib.closing(_checkpoints(folder, written)) as found:
        restored = found.restore(like)
    if restored is None or restored.step != written["config"]["steps"]:
        raise RunError(lost(folder))
    return executor.split(restored.state)


def _checkpoints(folder: Path, written: Mapping[str, Any]) -> Checkpoints:
    return Checkpoints(folder / "checkpoints", warn, run_of(written))


def lost(folder: Path | str) -> str:
    """The sentence on a final checkpoint that cannot be read."""
    return (
        f"the final checkpoint of {folder} is missing or damaged: remove its "
        "result.json and give its command again, without --overwrite"
    )


def abstract_seeds(
    folder: Path, experiment: Experiment, data: Any, previous: list[Any] | None
) -> list[Any]:
    """The form of each seed's state, by the executor that the folder names."""
    executor, states = _abstract_states(folder, experiment, data, previous)
    return jax.eval_shape(executor.split, states)


def _abstract_states(
    folder: Path, experiment: Experiment, data: Any, previous: list[Any] | None
) -> tuple[Executor, Any]:
    """The executor of the run in a folder, and the form of what it holds."""
    written = read_sealed(folder / "config.json")
    config = written["config"]
    executor = executor_of(written["executor"], experiment, config["batch_size"])
    keys = [seed_keys(config["seed"] + i).init for i in range(config["seeds"])]

    def init(previous):
        return executor.init(keys, data, previous)

    return executor, jax.eval_shape(init, previous)
