"""The few types that every room shares."""

import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Float, Key

PRNGKey = Key[Array, ""]
Params = Any  # a pytree of arrays
State = Any  # a pytree of arrays
Batch = Any  # a pytree of arrays, or None
Metrics = Mapping[str, Float[Array, ""] | float]


# The contracts of what is handed to the runner. Arguments are given by place; beartype,
# which checks annotations in the tests, wants protocols that `isinstance` takes.


@runtime_checkable
class InitFn(Protocol):
    """The first state of one seed; compiled by the runner."""

    def __call__(self, key: PRNGKey, data: Any, previous: State, /) -> State:
        """The state before the first step.

        Args:
          key: of this seed; decides all that is drawn.
          data: what the experiment was given.
          previous: the same seed's last state of the phase before; None in the first.
        """


@runtime_checkable
class BatchFn(Protocol):
    """The minibatch of a step, a pure function; compiled with the step."""

    def __call__(self, data: Any, key: PRNGKey, step: Any, /) -> Batch:
        """One minibatch.

        Args:
          data: what the experiment was given.
          key: of this seed and step.
          step: number of the step, from 0.
        """


@runtime_checkable
class StepFn(Protocol):
    """One step of training, a body for `scan`; compiled by the runner."""

    def __call__(self, state: State, batch: Batch, /) -> tuple[State, Metrics]:
        """The state after a step, and scalar metrics of the step.

        Args:
          state: of one seed.
          batch: what `BatchFn` gave for this step.
        """


@runtime_checkable
class EvaluateFn(Protocol):
    """Measurement of a state between blocks of steps."""

    def __call__(
        self, state: State, data: Any, key: PRNGKey, final: bool, /
    ) -> dict[str, Any]:
        """Values by name: scalars are metrics, arrays are kept for the figures.

        Args:
          state: of one seed.
          data: what the experiment was given.
          key: the same each time.
          final: after the last step; only then may the test split be touched.
        """


@runtime_checkable
class FiguresFn(Protocol):
    """The pictures of a finished run."""

    def __call__(self, record: Any, /) -> Mapping[str, Any]:
        """Matplotlib figures by name.

        Args:
          record: of the run (`jaxdl.train.experiment.Record`), or of a sweep's cases.
        """


@runtime_checkable
class LossFn(Protocol):
    """The objective that a step of descent makes smaller."""

    def __call__(
        self, params: Params, batch: Batch, key: PRNGKey, /
    ) -> tuple[Float[Array, ""], Metrics]:
        """The mean loss over a batch, and scalar metrics.

        Args:
          params: what it is differentiated by.
          batch: one minibatch.
          key: decides what the loss draws, such as noise.
        """


@runtime_checkable
class ApplyFn(Protocol):
    """A model as a function of its parameters."""

    def __call__(self, params: Params, x: Any, /, *args: Any, **options: Any) -> Any:
        """What the model gives for inputs with a leading batch axis.

        Args:
          params: as its `init` gives them.
          x: inputs.
          *args, **options: what else the model takes, such as a mask, a carry, or a
            key if it is stochastic.
        """


class Model(NamedTuple):
    """A model as two pure functions.

    Attributes:
      init: `init(key) -> params`.
      apply: `apply(params, x) -> y` over a leading batch axis; a stochastic model takes
        a keyword `key` as well.
    """

    init: Callable[[PRNGKey], Params]
    apply: ApplyFn


@runtime_checkable
class AnyModel(Protocol):
    """A `Model`, or a tuple of pure functions with `init` and `apply` among them."""

    @property
    def init(self) -> Callable[..., Params]:
        """`init(key) -> params`."""

    @property
    def apply(self) -> Callable[..., Any]:
        """`apply(params, x, ...)`."""


class Network(NamedTuple):
    """A network in the state of an experiment, to be used once it is trained.

    Attributes:
      model: its pure functions.
      about: what goes in and what comes out, such as "images [n 28 28 1] in 0..1 to
        logits [n 10]".
      params: `params(state)`, its parameters in the state of one seed.
    """

    model: AnyModel
    about: str
    params: Callable[[State], Params] = operator.attrgetter("params")


class Series(NamedTuple):
    """Values over a run: `values[name]` has axes [time, seed, ...], `steps` [time]."""

    steps: np.ndarray
    values: dict[str, np.ndarray]


class History(NamedTuple):
    """Logged values of training, and of evaluations."""

    train: Series
    evaluations: Series
