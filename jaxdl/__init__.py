"""The classics of deep learning as pure JAX functions.

`jaxdl.ops`, `jaxdl.nn`, `jaxdl.models` and the other rooms are imported at their first
use. An experiment of one's own is an `Experiment` for `run`; `load` reads a finished
run back.
"""

from typing import TYPE_CHECKING

from jaxdl import startup
from jaxdl.lazy import lazily

if TYPE_CHECKING:
    from jaxdl import adversarial as adversarial
    from jaxdl import data as data
    from jaxdl import errors as errors
    from jaxdl import figures as figures
    from jaxdl import gradcheck as gradcheck
    from jaxdl import measures as measures
    from jaxdl import models as models
    from jaxdl import nn as nn
    from jaxdl import objectives as objectives
    from jaxdl import ops as ops
    from jaxdl import systems as systems
    from jaxdl import train as train
    from jaxdl import types as types
    from jaxdl.train.experiment import Experiment as Experiment
    from jaxdl.train.runner import run as run
    from jaxdl.trained import load as load

__version__ = "0.2.0"

startup.begin()

if not TYPE_CHECKING:
    _ROOMS = "adversarial data errors figures gradcheck measures models nn objectives"
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "train.experiment": ["Experiment"],
            "train.runner": ["run"],
            "trained": ["load"],
        },
        [*_ROOMS.split(), "ops", "systems", "train", "types"],
    )
