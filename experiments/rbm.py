"""Restricted Boltzmann machine (Hinton 2002, Tieleman 2008), on digits and clothes.

    python experiments/rbm.py
    python experiments/rbm.py --hidden-size 16
    python experiments/rbm.py --data mnist --seeds 3

Binary units, learned by contrastive divergence or with persistent chains. With at most
20 hidden units log Z is enumerated beside its estimate by annealed importance sampling.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import math
import sys
from typing import Any, Literal

import optax

from jaxdl.cli import start
from jaxdl.data import IMAGE_SHAPES, DataName, Images, load_images
from jaxdl.errors import InputError
from jaxdl.systems.rbm import measures
from jaxdl.systems.rbm.figures import rbm_figures
from jaxdl.systems.rbm.likelihood import MAX_UNITS
from jaxdl.systems.rbm.training import make_training
from jaxdl.train import config
from jaxdl.train.experiment import Experiment, Plan, Record
from jaxdl.train.protocol import falling, fields
from jaxdl.train.runner import run
from jaxdl.train.seeds import seed_keys


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.ImagesConfig):
    """Restricted Boltzmann machine."""

    data: DataName = "digits"
    """Images to learn: 8x8 digits, or 28x28 digits or clothes."""
    method: Literal["pcd", "cd"] = "pcd"
    """Chains that go on from step to step, or that begin at the data in every step."""
    cd_steps: int = 1
    """Gibbs steps of the chains in each training step."""
    hidden_size: int = 100
    """Hidden units of the machine."""
    steps: int = 20_000
    """Training steps of each seed; 0 only evaluates."""
    batch_size: int = 64
    """Images in one minibatch, and persistent chains."""
    learning_rate: float = 0.1
    """First step size; it falls linearly to 0."""
    weight_decay: float = 0.0
    """L2 penalty: half of it times the squared weights joins the loss."""
    binarise: bool = True
    """Draw pixels of 0 and 1 anew in each step, or take intensities as values."""
    ais_chains: int = 100
    """Chains of annealed importance sampling at the end."""
    ais_steps: int = 2000
    """Temperatures of annealed importance sampling."""
    enumerate: bool = False
    """Insist on log Z by enumeration, which 20 units of a layer or fewer always get."""

    def __post_init__(self):
        super().__post_init__()
        config.require_at_least(1, cd_steps=self.cd_steps, ais_steps=self.ais_steps)
        config.require_at_least(1, hidden_size=self.hidden_size)
        config.require_at_least(2, ais_chains=self.ais_chains)
        config.require_positive(learning_rate=self.learning_rate)
        in_turn = "they follow one another"
        config.require_at_most(10_000, in_turn, cd_steps=self.cd_steps)
        config.require_at_most(1_000_000, in_turn, ais_steps=self.ais_steps)
        config.require_at_most(100_000, "all run at once", ais_chains=self.ais_chains)
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise InputError(
                f"weight_decay is {self.weight_decay}: expected a finite number from 0"
            )

    @property
    def smaller_layer(self) -> int:
        """Units in the smaller of the two layers."""
        return min(self.hidden_size, math.prod(IMAGE_SHAPES[self.data]))


MNIST = Config(
    data="mnist", steps=30_000, batch_size=100, hidden_size=500, ais_steps=10_000
)
PRESETS = {
    "digits": Config(),
    "mnist": MNIST,
    "fashion_mnist": dataclasses.replace(MNIST, data="fashion_mnist"),
}


def make_experiment(cfg: Config, data: Images) -> Experiment:
    """The experiment of a configuration."""
    schedule = optax.linear_schedule(cfg.learning_rate, 0, max(cfg.steps, 1))
    init, step = make_training(cfg, math.prod(data.image_shape), optax.sgd(schedule))
    return Experiment(
        init=init,
        step=step,
        evaluate=measures.make_rbm_evaluate(cfg.ais_chains, cfg.ais_steps),
        figures=figures,
        protocols=protocols(cfg, data),
    )


def figures(record: Record) -> dict[str, Any]:
    """Pictures of the first seed's machine."""
    assert record.states is not None
    key = seed_keys(record.config.seed).figures
    shown = measures.shown(key, record.states[0].params, record.data.test.image)
    return rbm_figures(record, shown)


def protocols(cfg: Config, data: Images) -> dict[str, dict[str, Any]]:
    """How a machine was trained and measured."""
    names = ("method", "cd_steps", "hidden_size", "steps", "batch_size", "binarise")
    trained = fields(cfg, *names) | {"learning_rate": falling(cfg.learning_rate)}
    trained["weight_decay"] = cfg.weight_decay
    exact = cfg.smaller_layer <= MAX_UNITS
    return measures.rbm_protocols(data, trained, exact, cfg.ais_chains, cfg.ais_steps)


def plan(cfg: Config) -> Plan:
    """One machine a seed."""
    if cfg.enumerate and cfg.smaller_layer > MAX_UNITS:
        raise InputError(
            f"--enumerate with {cfg.smaller_layer} units in the smaller layer: "
            f"expected at most {MAX_UNITS}; leave it out, and annealed importance "
            "sampling estimates log Z"
        )
    data = load_images(cfg.data, data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    return Plan("rbm", make_experiment, data, cfg)


def train(cfg: Config) -> int:
    """Train what is planned."""
    return run(*plan(cfg)).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(PRESETS, train, argv, select=("data",), script=__file__)


if __name__ == "__main__":
    sys.exit(main())
