"""The flags of the study of vanishing gradients, and of its nets."""

import dataclasses
from typing import get_args

from jaxdl.data import DataName
from jaxdl.systems.vanishing_gradient import nets
from jaxdl.train import config


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.ImagesConfig):
    """Vanishing gradients, before and in training."""

    data: DataName = "digits"
    """Images to classify: 8x8 digits, or 28x28 digits or clothes."""
    cases: tuple[nets.CaseName, ...] = get_args(nets.CaseName)
    """What to run: the study of untrained nets, and the nets to train."""
    steps: int = 6_000
    """Training steps of each net."""
    batch_size: int = 10
    """Images in one minibatch; the paper's."""
    hidden_layers: int = 5
    """Hidden layers of the nets that are trained."""
    hidden_size: int = 100
    """Their units in each hidden layer."""
    learning_rate: float | None = None
    """First step size, which falls linearly to 0; None takes each case's own."""
    depths: tuple[int, ...] = (1, 2, 5, 10, 20, 50)
    """Hidden layers of the untrained nets."""
    study_size: int = 100
    """Their units in each hidden layer."""

    def __post_init__(self):
        super().__post_init__()
        config.require_positive(learning_rate=self.learning_rate)
        config.require_at_least(1, study_size=self.study_size)
        config.require_at_least(1, hidden_layers=self.hidden_layers)
        config.require_at_least(1, hidden_size=self.hidden_size)
        config.require_each_once(cases=self.cases, depths=self.depths)
        config.require_at_least(1, depths=min(self.depths))
        layers = dict(hidden_layers=self.hidden_layers, depths=max(self.depths))
        config.require_at_most(200, "each is compiled", **layers)
        squared = "each layer has so many weights squared"
        config.require_at_most(5_000, squared, study_size=self.study_size)

    def idle(self):
        trained = "steps", "batch_size", "hidden_layers", "hidden_size", "learning_rate"
        return (
            super().idle()
            | config.idle_unless(
                "initialisation" in self.cases,
                "without the case initialisation",
                *("depths", "study_size"),
            )
            | config.idle_unless(
                self.cases != ("initialisation",),
                "with the case initialisation alone",
                *trained,
            )
        )
