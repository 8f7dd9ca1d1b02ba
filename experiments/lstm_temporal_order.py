"""Temporal order (Hochreiter & Schmidhuber 1997): in which order did X and Y come?

    python experiments/lstm_temporal_order.py --seeds 10
    python experiments/lstm_temporal_order.py --symbols 3 --seeds 10
    python experiments/lstm_temporal_order.py --net modern --seeds 10

The paper's nets learned two symbols (task 6a, 156 weights) from 31,390 sequences and
three (6b, 308 weights) from 571,100, with 1 and 2 wrong of 2,560 new ones; ours:
experiments/results. Their learning rates and initial biases are recalled.

Training stops when the last 2,000 sequences were all right, each output closer than 0.3
to its target, and their mean error is below 0.1. The paper does not say of which error;
here it is E = 1/2 sum_k (target_k - output_k)^2. A seed that has not stopped after
--steps is unsolved: it counts with the sequences of all its steps, and the result says
how many there are.
"""

import dataclasses
import functools
import sys
from typing import Literal

import optax

from jaxdl import data, models
from jaxdl.cli import start
from jaxdl.ledger.published import SYSTEMS, read_published
from jaxdl.measures.long_lag import (
    make_answers,
    make_long_lag_evaluate,
    stopping_protocol,
)
from jaxdl.nn import recurrent
from jaxdl.systems.long_lag import stopping_rule as stopping
from jaxdl.systems.long_lag.figures import temporal_order_figures
from jaxdl.train import config
from jaxdl.train.run import Experiment, run

RECIPES = {
    ("paper", 2): dict(learning_rate=0.5, batch_size=1, steps=500_000),
    ("paper", 3): dict(learning_rate=0.1, batch_size=1, steps=3_000_000),
    ("modern", 2): dict(learning_rate=0.01, batch_size=20, steps=50_000),
    ("modern", 3): dict(learning_rate=0.01, batch_size=20, steps=50_000),
}
INPUT_GATE_BIASES = {2: (-2.0, -4.0), 3: (-2.0, -4.0, -6.0)}
MAX_ERROR, WINDOW = 0.1, 2000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
    """Temporal order. What is None follows the recipe of net and symbols."""

    symbols: Literal[2, 3] = 2
    """Symbols whose order is asked for: task 6a with 4 classes, or 6b with 8."""
    net: Literal["paper", "modern"] = "paper"
    """A block of two cells of 1997 for each symbol, or an LSTM with forget gate,
    trained by Adam."""
    learning_rate: float | None = None
    """Step size (0.5, or 0.1 for three symbols; 0.01 for the modern net)."""
    batch_size: int | None = None
    """Sequences in a step (1; 20 for the modern net)."""
    steps: int | None = None
    """Steps after which a seed is given up (500,000, or 3,000,000 for three symbols;
    50,000 for the modern net)."""
    hidden_size: int = 16
    """Cells of the modern net."""
    forget_bias: float = 5.0
    """Initial bias of the modern net's forget gates; 1 forgets a quarter a step."""
    block_steps: int = config.free(1000)
    """Steps compiled into one program; an interrupt waits for at most one block."""

    def __post_init__(self):
        super().__post_init__()
        config.require_positive(learning_rate=self.learning_rate)
        config.require_at_least(1, hidden_size=self.hidden_size)


def make_net(cfg: Config, task):
    """The recurrent layer and the net that reads it out."""
    sizes = task.in_size, task.out_size
    if cfg.net == "paper":
        biases = INPUT_GATE_BIASES[cfg.symbols]
        layer = recurrent.lstm_1997(len(biases), 2, truncated=True)
        return layer, models.lstm_1997_readout(*sizes, biases)
    layer = recurrent.lstm(cfg.hidden_size, forget_bias=cfg.forget_bias)
    return layer, models.sequence_readout([layer], *sizes)


@functools.lru_cache(maxsize=16)  # the same command compiles once a process
def make_experiment(cfg: Config, task) -> Experiment:
    """The experiment of a configuration without None."""
    layer, model = make_net(cfg, task)
    answers = make_answers(model.apply, task.tolerance)
    make_optimizer = optax.sgd if cfg.net == "paper" else optax.adam
    optimizer = make_optimizer(cfg.learning_rate)

    def figures(record):
        published = read_published(SYSTEMS / "long_lag" / "published.json")
        row = published[f"lstm-temporal-order-{cfg.symbols}-sequences"]
        return temporal_order_figures(record, layer, row.value)

    return Experiment(
        init=stopping.make_stopping_init(model, optimizer, WINDOW),
        step=stopping.make_stopping_step(answers, optimizer, max_error=MAX_ERROR),
        evaluate=make_long_lag_evaluate(answers),
        figures=figures,
        batch=data.make_draws(cfg.batch_size),
        protocols=protocols(cfg),
        done=lambda state: state.done,
    )


def protocols(cfg: Config) -> dict:
    """How sequences and wrong answers were counted, and the figures beside them."""
    paper = cfg.net == "paper"
    weights = {2: 156, 3: 308}[cfg.symbols]
    blocks = f"{cfg.symbols} blocks of 2 cells, {weights} weights"
    modern = f"{cfg.hidden_size} cells, forget gate (bias {cfg.forget_bias:g})"
    shared = {
        "symbols": cfg.symbols,
        "net": blocks if paper else modern,
        "gradient": "truncated" if paper else "full",
        "optimizer": "gradient descent" if paper else "Adam",
        "batch_size": cfg.batch_size,
        "learning_rate": cfg.learning_rate,
        "average_error": f"E, of the last {WINDOW:,}",
        "stopped": stopping_protocol(cfg.steps * cfg.batch_size),
    }
    found = {"solved": shared}
    for name in ("sequences", "wrong"):
        published = f"lstm-temporal-order-{cfg.symbols}-{name}"
        found[name] = {"published": published} | shared
    return found


def train(cfg: Config) -> int:
    """Train until the stopping rule holds, and test."""
    task = data.temporal_order(cfg.symbols)
    cfg = config.fill_defaults(cfg, RECIPES[cfg.net, cfg.symbols])
    return run("lstm_temporal_order", make_experiment(cfg, task), task, cfg).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv)


if __name__ == "__main__":
    sys.exit(main())
