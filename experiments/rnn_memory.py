"""Why there is LSTM: one bit held through noise, by an RNN, a GRU and an LSTM.

    python experiments/rnn_memory.py
    python experiments/rnn_memory.py --forget-bias 1

The first input is one of two symbols; noise follows, four other symbols; at the end the
net says which it was. A seed has solved a lag when it is right for 99 % of 1,000 new
sequences. All cells have equal size, optimizer and steps; ours: experiments/results.

The gradient of the answer by what is carried on from the first input shrinks with the
lag, by about a constant factor a step: in the RNN by what its tanh leaves, in the GRU
by its update gate, which begins at 1/2, in the LSTM by its forget gate alone. Where it
has vanished nothing is learned. The bias of the forget gate says how much an LSTM keeps
before it has learned anything: with 1 it is 0.73 a step, 10^-68 over a lag of 500; with
5 it is 0.993, 10^-1.5. So the LSTM here begins with 5; the other two have no such knob
here, but a GRU could be begun likewise.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import itertools
import sys
from typing import Any, Literal

import optax

from jaxdl.cli import start
from jaxdl.data import Task, latch, make_draws
from jaxdl.errors import InputError
from jaxdl.systems.rnn_memory.figures import memory_figures
from jaxdl.systems.rnn_memory.gradient_reach import make_memory_evaluate
from jaxdl.systems.rnn_memory.training import make_net, make_training
from jaxdl.train import config
from jaxdl.train.experiment import Case, Experiment, Plan, Sweep
from jaxdl.train.protocol import fields
from jaxdl.train.runner import run
from jaxdl.types import Network

CellName = Literal["rnn", "gru", "lstm"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
    """A bit held through noise; each cell with each lag is a case."""

    cells: tuple[CellName, ...] = ("rnn", "gru", "lstm")
    """Recurrent layers to compare."""
    lags: tuple[int, ...] = (10, 50, 100)
    """Inputs of noise between the bit and the answer."""
    hidden_size: int = 16
    """Cells of the layer."""
    forget_bias: float = 5.0
    """Initial bias of the LSTM's forget gates; 1 forgets a quarter at each step."""
    learning_rate: float = 0.001
    """Step size of Adam."""
    max_norm: float = 1.0
    """Longer gradients are cut to this length."""
    steps: int = 2000
    """Training steps of each net."""
    batch_size: int = 16
    """Sequences in a step."""
    seeds: int = 3
    """Seeds of each case."""
    executor: Literal["auto", "sequential", "vmap"] = "vmap"
    """How seeds run; so small nets run all at once."""
    eval_every: int | None = config.free(None)
    """Steps between evaluations; by default one, at the end."""

    def __post_init__(self):
        super().__post_init__()
        config.require_positive(
            learning_rate=self.learning_rate, max_norm=self.max_norm
        )
        config.require_at_least(1, hidden_size=self.hidden_size)
        for name in ("cells", "lags"):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given):
                raise InputError(f"{name} is {given}: expected at least one, each once")
        config.require_at_least(1, lags=min(self.lags))
        config.require_at_most(100_000, "inputs are read in turn", lags=max(self.lags))

    def idle(self):
        used = "lstm" in self.cells
        return config.idle_unless(used, "without an LSTM", "forget_bias")


def make_experiment(cfg: Config, data: Task) -> Experiment:
    """The experiment of a configuration with one cell and one lag."""
    del data  # it stands for all lags; each case draws from its own task
    task = latch(cfg.lags[0])
    layer, model = make_net(cfg, task)
    optimizer = optax.chain(
        optax.clip_by_global_norm(cfg.max_norm), optax.adam(cfg.learning_rate)
    )
    init, step = make_training(model, optimizer)
    draws = make_draws(cfg.batch_size)
    return Experiment(
        init=init,
        step=step,
        evaluate=make_memory_evaluate(layer, model.apply, task),
        figures=lambda record: {},
        batch=lambda _, key, step: draws(task, key, step),
        protocols=protocols(cfg),
        networks={"net": Network(model, "sequences [n time 6] to logits [n 1]")},
    )


def protocols(cfg: Config) -> dict[str, Any]:
    """How what a case finds was measured."""
    (cell,), (lag,) = cfg.cells, cfg.lags
    shared = {
        **{"cell": cell, "lag": lag, "hidden_size": cfg.hidden_size},
        "optimizer": f"Adam, gradients cut to {cfg.max_norm:g}",
        **fields(cfg, "learning_rate", "batch_size", "steps"),
    }
    if cell == "lstm":
        shared["forget_bias"] = cfg.forget_bias
    solved = "99 % of 1,000 new sequences right"
    return {"solved": shared | {"solved_if": solved}}


def plan(cfg: Config) -> Plan:
    """A case for each cell and lag."""
    if cfg.eval_every is None:
        cfg = dataclasses.replace(cfg, eval_every=max(1, cfg.steps))
    cases = {}
    for lag, cell in itertools.product(cfg.lags, cfg.cells):
        case = dataclasses.replace(cfg, cells=(cell,), lags=(lag,))
        cases[f"{cell}-{lag}"] = Case(case, make_experiment)
    tasks = dataclasses.replace(latch(max(cfg.lags)), name="latch")
    return Plan("rnn_memory", Sweep(cases, memory_figures), tasks, cfg)


def train(cfg: Config) -> int:
    """Train what is planned."""
    return run(*plan(cfg)).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv, script=__file__)


if __name__ == "__main__":
    sys.exit(main())
