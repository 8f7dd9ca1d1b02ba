"""What the runner is given, and what it gives back."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxdl.train.config import RunConfig
from jaxdl.types import (
    BatchFn,
    EvaluateFn,
    FiguresFn,
    History,
    InitFn,
    State,
    StepFn,
)


class Experiment(NamedTuple):
    """A system to train, as pure functions; the runner does the rest.

    Attributes:
      init: `init(key, data, previous) -> state`; `previous` is the same seed's last
        state of the phase before, None in the first, and `data` is None where only the
        form of the state is wanted (`load_run`). Compiled by the runner.
      step: `step(state, batch) -> (state, metrics)`; metrics are scalars. Compiled.
      evaluate: `evaluate(state, data, key, final) -> values`: scalars are metrics,
        arrays are kept for the figures. Called between blocks, with the same key each
        time; it compiles what it likes, and touches the test split only when `final`.
      figures: `figures(record) -> {name: matplotlib figure}`.
      batch: `batch(data, key, step) -> batch`, compiled with the step; None draws one
        uniform minibatch of `batch_size` training examples.
      protocols: for each metric of the final evaluation that has one, the fields of its
        protocol; `published` among them is the id of the figure to set it beside. A
        field may be a function of the final metrics, `{name: value of each seed}`, for
        what is known only then.
      done: `done(state) -> bool`, for experiments with a stopping rule of their own;
        once true, a step must change nothing in the state. When all seeds are done the
        remaining steps are skipped: the state is that of step `steps` already.
      remarks: `remarks(history) -> {name: {"text": one line, ...}}`, what the history
        of one seed (`values[name]` with axes [time, ...]) says about its run; made of
        what JSON can hold. The runner prints the lines and keeps all of it in
        `result.json`. It is given what was logged, so `log_every` may change it.
    """

    init: InitFn
    step: StepFn
    evaluate: EvaluateFn
    figures: FiguresFn
    batch: BatchFn | None = None
    protocols: Mapping[str, Mapping[str, Any]] = {}
    done: Callable[[State], jax.Array] | None = None
    remarks: Callable[[History], Mapping[str, Mapping[str, Any]]] | None = None


class Phase(NamedTuple):
    """One of several trainings that follow each other in one run.

    Attributes:
      name: of its sub-folder; lower-case letters, digits, `_`, `.` and `-`.
      steps: training steps of each seed; 0 evaluates the initial state only.
      experiment: its functions; its `init` gets the state that the phase before left.
    """

    name: str
    steps: int
    experiment: Experiment


class Record(NamedTuple):
    """What a run was. Of phases, states and history are the last one's.

    Attributes:
      config: its configuration.
      folder: where it lives.
      data: the data it was given.
      states: each seed's state; None if a finished run has lost its checkpoint.
      history: what was logged; None likewise.
      result: the contents of `result.json`; None if the run was interrupted.
      exit_code: 0, or 130 or 143 if interrupted by Ctrl-C or SIGTERM.
      phases: the record of each phase by name, up to one that was interrupted; empty
        for a run of one experiment.
    """

    config: RunConfig
    folder: Path
    data: Any
    states: list[State] | None
    history: History | None
    result: dict[str, Any] | None
    exit_code: int
    phases: Mapping[str, "Record"] = {}
