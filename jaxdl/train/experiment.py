"""The runner's input and output: a tree of work, and the record of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import jax

from jaxdl.ledger.schema import RunResult, SweepResult
from jaxdl.train.config import RunConfig
from jaxdl.types import (
    BatchFn,
    EvaluateFn,
    FiguresFn,
    History,
    InitFn,
    Network,
    State,
    StepFn,
)


@runtime_checkable
class DoneFn(Protocol):
    """A stopping rule of an experiment's own."""

    def __call__(self, state: State, /) -> jax.Array:
        """True once no further step changes anything in this state.

        Args:
          state: of one seed.
        """


@runtime_checkable
class RemarksFn(Protocol):
    """Remarks on the history of one seed."""

    def __call__(self, history: History, /) -> Mapping[str, Mapping[str, Any]]:
        """By name, `{"text": one line, ...}`, made of what JSON can hold.

        Args:
          history: of one seed; `values[name]` has axes [time, ...].
        """


class Experiment(NamedTuple):
    """A system to train, as pure functions; the runner does the rest.

    Attributes:
      init: `init(key, data, previous) -> state`; `previous` is the same seed's last
        state of the phase before, None in the first. Compiled by the runner.
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
      networks: the networks in its state, by name, for whoever loads a finished run
        (`jaxdl.load`); the one that matters most comes first.
    """

    init: InitFn
    step: StepFn
    evaluate: EvaluateFn
    figures: FiguresFn
    batch: BatchFn | None = None
    protocols: Mapping[str, Mapping[str, Any]] = {}
    done: DoneFn | None = None
    remarks: RemarksFn | None = None
    networks: Mapping[str, Network] = {}


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


class Case(NamedTuple):
    """One configuration of a sweep.

    Attributes:
      config: its configuration, `dataclasses.replace(config, ...)` of the sweep's; the
        folder and `overwrite` in it are not used.
      work: built from it.
    """

    config: RunConfig
    work: "Work"


class Sweep(NamedTuple):
    """Several configurations, trained one after the other, each in its sub-folder.

    Attributes:
      cases: by name, in the order in which they run; names as those of phases.
      figures: `figures(records) -> {name: matplotlib figure}`, drawn from all cases;
        None draws nothing.
    """

    cases: Mapping[str, Case]
    figures: FiguresFn | None = None


@runtime_checkable
class MakeWork(Protocol):
    """Builds the work of a configuration."""

    def __call__(self, config: Any, data: Any, /) -> "Work":
        """The work, made once for equal configurations and data.

        Args:
          config: whose fields decide the bits of the run; `seed` and `seeds` are at
            their defaults, since no program may depend on them.
          data: as given to the runner.
        """


Work: TypeAlias = Experiment | Sequence[Phase] | Sweep | MakeWork
"""One training, trainings that follow each other, or trainings side by side; or the
function that builds one of these."""


class Plan(NamedTuple):
    """All that `jaxdl.train.runner.run` takes: `run(*plan)`.

    Attributes:
      name: of the experiment.
      work: what to train.
      data: a tree of arrays with `name` and `checksum`.
      config: the configuration.
    """

    name: str
    work: Work
    data: Any
    config: RunConfig


class Record(NamedTuple):
    """Record of a run. Of phases, states and history are the last one's.

    Attributes:
      config: its configuration.
      folder: where it lives.
      data: the data it was given.
      states: each seed's state; None of a sweep, or if a finished run has lost its
        checkpoint.
      history: what was logged; None likewise.
      result: the contents of `result.json`; None if the run was interrupted.
      exit_code: 0, or 130 or 143 if interrupted by Ctrl-C or SIGTERM.
      parts: the record of each phase or case by name, up to one that was interrupted;
        empty for a run of one experiment.
    """

    config: RunConfig
    folder: Path
    data: Any
    states: list[State] | None
    history: History | None
    result: RunResult | SweepResult | None
    exit_code: int
    parts: Mapping[str, "Record"] = {}
