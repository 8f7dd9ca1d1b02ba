"""Nets that hold one bit, and their training."""

import functools
from typing import Any, NamedTuple

import optax

from jaxdl.data import Task
from jaxdl.models import sequence_readout
from jaxdl.nn.recurrence import Recurrence, elman, gru, lstm
from jaxdl.train.state import TrainState
from jaxdl.train.step import make_init, make_train_step
from jaxdl.types import InitFn, Model, Params, StepFn


class State(NamedTuple):
    """A net in training, and the parameters that it began with."""

    training: TrainState
    initial: Params

    @property
    def params(self) -> Params:
        """Those of now."""
        return self.training.params


def make_net(cfg: Any, task: Task) -> tuple[Recurrence, Model]:
    """The recurrent layer of a configuration with one cell, and its net."""
    (cell,) = cfg.cells
    layer = {
        "rnn": elman,
        "gru": gru,
        "lstm": functools.partial(lstm, forget_bias=cfg.forget_bias),
    }[cell](cfg.hidden_size)
    return layer, sequence_readout([layer], task.in_size, task.out_size)


def make_training(
    model: Model, optimizer: optax.GradientTransformation
) -> tuple[InitFn, StepFn]:
    """`init` and `step` on the cross-entropy of the bit; the first parameters stay."""

    def loss_fn(params, batch, key):
        del key  # this objective draws nothing
        logits = model.apply(params, batch.inputs)
        loss = optax.sigmoid_binary_cross_entropy(logits, batch.targets).mean()
        return loss, {"loss": loss}

    init_training = make_init(model, optimizer)
    train_step = make_train_step(loss_fn, optimizer)

    def init(key, data, previous):
        training = init_training(key, data, previous)
        return State(training, training.params)

    def step(state, batch):
        training, metrics = train_step(state.training, batch)
        return State(training, state.initial), metrics

    return init, step
