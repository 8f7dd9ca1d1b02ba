"""Training: the one runner, and the parts of an experiment."""

from typing import TYPE_CHECKING

from jaxdl.lazy import lazily

if TYPE_CHECKING:
    from jaxdl.train.config import RunConfig as RunConfig
    from jaxdl.train.experiment import Case as Case
    from jaxdl.train.experiment import Experiment as Experiment
    from jaxdl.train.experiment import Phase as Phase
    from jaxdl.train.experiment import Plan as Plan
    from jaxdl.train.experiment import Record as Record
    from jaxdl.train.experiment import Sweep as Sweep
    from jaxdl.train.folder import read_config as read_config
    from jaxdl.train.load import load_run as load_run
    from jaxdl.train.runner import run as run
    from jaxdl.train.state import TrainState as TrainState
    from jaxdl.train.step import make_init as make_init
    from jaxdl.train.step import make_train_step as make_train_step
    from jaxdl.train.step import make_uniform_batch as make_uniform_batch
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "config": ["RunConfig"],
            "experiment": "Case Experiment Phase Plan Record Sweep".split(),
            "folder": ["read_config"],
            "load": ["load_run"],
            "runner": ["run"],
            "state": ["TrainState"],
            "step": ["make_init", "make_train_step", "make_uniform_batch"],
        },
    )
