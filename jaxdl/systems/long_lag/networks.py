"""The nets of the long-lag tasks: those of 1997, and an LSTM of today."""

from typing import Any

from jaxdl.data import Task
from jaxdl.models import lstm_1997_readout, sequence_readout
from jaxdl.nn.recurrence import Recurrence, lstm, lstm_1997
from jaxdl.systems.long_lag.tasks import input_gate_biases
from jaxdl.types import Model


def make_net(cfg: Any, task: Task) -> tuple[Recurrence, Model]:
    """The recurrent layer of a configuration, and the net that reads it out."""
    sizes = task.in_size, task.out_size
    if cfg.net == "paper":
        biases = input_gate_biases(cfg)
        layer = lstm_1997(len(biases), 2, truncated=True)
        return layer, lstm_1997_readout(*sizes, biases)
    layer = lstm(cfg.hidden_size, forget_bias=cfg.forget_bias)
    return layer, sequence_readout([layer], *sizes)
