"""The two tasks of the 1997 paper: what differs between them, and their protocols."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl.data import Task, adding, temporal_order
from jaxdl.ledger.published import read_published
from jaxdl.measures import stopping_protocol

PUBLISHED = Path(__file__).with_name("published.json")


class About(NamedTuple):
    """A task of the paper.

    Attributes:
      experiment: by which results name it.
      make: the task of a configuration.
      max_error: the mean error below which training may stop.
      figure: id of a published figure without its metric, such as "lstm-adding-100".
      fields: protocol fields of a configuration that the other task does not have.
      weights: of the paper's net.
    """

    experiment: str
    make: Callable[[Any], Task]
    max_error: float
    figure: Callable[[Any], str]
    fields: tuple[str, ...]
    weights: Callable[[Any], int]


TASKS = {
    "adding": About(
        experiment="lstm_adding",
        make=lambda cfg: adding(cfg.lag, cfg.first_pair),
        max_error=0.01,
        figure=lambda cfg: f"lstm-adding-{cfg.lag}",
        fields=("lag", "first_pair", "output"),
        weights=lambda cfg: 93,
    ),
    "temporal order": About(
        experiment="lstm_temporal_order",
        make=lambda cfg: temporal_order(cfg.symbols),
        max_error=0.1,
        figure=lambda cfg: f"lstm-temporal-order-{cfg.symbols}",
        fields=("symbols",),
        weights=lambda cfg: {2: 156, 3: 308}[cfg.symbols],
    ),
}
"""The tasks, by the `task` of a configuration."""


def task_of(cfg: Any) -> About:
    """The particulars of a configuration's task."""
    return TASKS[cfg.task]


def input_gate_biases(cfg: Any) -> tuple[float, ...]:
    """Initial biases of the paper's input gates, one for each block of two cells."""
    if cfg.task == "adding":
        return -3.0, -6.0
    return (-2.0, -4.0, -6.0)[: cfg.symbols]


def published_sequences(cfg: Any) -> float | None:
    """Training sequences that the paper needed for this task, if it says so."""
    row = read_published(PUBLISHED).get(f"{task_of(cfg).figure(cfg)}-sequences")
    return None if row is None else float(row.value)


def make_protocols(cfg: Any, *, window: int) -> dict[str, dict[str, Any]]:
    """Protocols of sequences and wrong answers, and the figures beside them.

    Args:
      cfg: the configuration of either task.
      window: sequences that the stopping rule looks back on.
    """
    about, paper = task_of(cfg), cfg.net == "paper"
    blocks = f"{len(input_gate_biases(cfg))} blocks of 2 cells"
    modern = f"{cfg.hidden_size} cells, forget gate (bias {cfg.forget_bias:g})"
    shared = {name: getattr(cfg, name) for name in about.fields} | {
        "net": f"{blocks}, {about.weights(cfg)} weights" if paper else modern,
        "gradient": "truncated" if paper else "full",
        "optimizer": "gradient descent" if paper else "Adam",
        "batch_size": cfg.batch_size,
        "learning_rate": cfg.learning_rate,
        "average_error": f"E, of the last {window:,}",
        "stopped": stopping_protocol(cfg.steps * cfg.batch_size),
    }
    known = read_published(PUBLISHED)
    found = {"solved": shared}
    for name in ("sequences", "wrong"):
        figure = f"{about.figure(cfg)}-{name}"
        found[name] = shared | ({"published": figure} if figure in known else {})
    return found
