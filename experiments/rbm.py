"""Restricted Boltzmann machine (Hinton 2002, Tieleman 2008), on digits and clothes.

    python experiments/rbm.py
    python experiments/rbm.py --hidden-size 16
    python experiments/rbm.py --data mnist --seeds 3

Binary units, learned by contrastive divergence or with persistent chains. With at most
20 hidden units log Z is enumerated beside its estimate by annealed importance sampling.
Digits take half a minute on two CPU cores, MNIST with 500 hidden units three minutes a
seed.
"""

import dataclasses
import functools
import math
import sys
from pathlib import Path
from typing import Literal

import jax
import optax

from jaxdl.cli import start
from jaxdl.data import IMAGE_SHAPES, DataName, load_images
from jaxdl.errors import InputError
from jaxdl.models import rbm
from jaxdl.objectives.contrastive_divergence import (
    make_contrastive_divergence_loss,
    make_free_energy_loss,
)
from jaxdl.ops import mean_image
from jaxdl.systems.rbm import persistent_chains as chains
from jaxdl.systems.rbm.figures import rbm_figures
from jaxdl.systems.rbm.likelihood import MAX_UNITS
from jaxdl.systems.rbm.measures import make_rbm_evaluate, rbm_protocols
from jaxdl.train import config
from jaxdl.train.run import Experiment, run
from jaxdl.train.state import TrainState
from jaxdl.train.step import make_train_step

DIGITS = dict(steps=20_000, batch_size=64, hidden_size=100)
DIGITS |= dict(learning_rate=0.1, ais_steps=2000)
LARGE = dict(steps=30_000, batch_size=100, hidden_size=500)
LARGE |= dict(learning_rate=0.1, ais_steps=10_000)
RECIPES = {"digits": DIGITS, "mnist": LARGE, "fashion_mnist": LARGE}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
    """Restricted Boltzmann machine. What is None follows the data's recipe."""

    data: DataName = "digits"
    """Images to learn: 8x8 digits, or 28x28 digits or clothes."""
    method: Literal["pcd", "cd"] = "pcd"
    """Chains that go on from step to step, or that begin at the data in every step."""
    cd_steps: int = 1
    """Gibbs steps of the chains in each training step."""
    hidden_size: int | None = None
    """Hidden units (digits 100, else 500)."""
    steps: int | None = None
    """Training steps of each seed (digits 20,000, else 30,000); 0 only evaluates."""
    batch_size: int | None = None
    """Images in one minibatch, and persistent chains (digits 64, else 100)."""
    learning_rate: float | None = None
    """First step size (0.1); it falls linearly to 0."""
    weight_decay: float = 0.0
    """L2 penalty: half of it times the squared weights joins the loss."""
    binarise: bool = True
    """Draw pixels of 0 and 1 anew in each step, or take intensities as values."""
    ais_chains: int = 100
    """Chains of annealed importance sampling at the end."""
    ais_steps: int | None = None
    """Temperatures of annealed importance sampling (digits 2,000, else 10,000)."""
    enumerate: bool = False
    """Insist on log Z by enumeration, which 20 units of a layer or fewer always get."""
    source_dir: Path | None = config.free(None)
    """Folder with the original MNIST files; they are downloaded without it."""
    data_dir: Path | None = config.free(None)
    """Where prepared data lives; by default the usual tensorflow-datasets folder."""

    def __post_init__(self):
        super().__post_init__()
        config.require_at_least(1, cd_steps=self.cd_steps, ais_steps=self.ais_steps)
        config.require_at_least(1, hidden_size=self.hidden_size)
        config.require_at_least(2, ais_chains=self.ais_chains)
        config.require_positive(learning_rate=self.learning_rate)
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise InputError(
                f"weight_decay is {self.weight_decay}: expected a finite number from 0"
            )


@functools.lru_cache(maxsize=8)  # the same command compiles once a process
def make_experiment(cfg: Config) -> Experiment:
    """The experiment of a configuration without gaps."""
    num_visible = math.prod(IMAGE_SHAPES[cfg.data])
    schedule = optax.linear_schedule(cfg.learning_rate, 0, max(cfg.steps, 1))
    optimizer = optax.sgd(schedule)
    options = dict(binarise=cfg.binarise, weight_decay=cfg.weight_decay)

    def init_params(key, data):
        mean = None if data is None else mean_image(data.train.image)
        return rbm.init_rbm(key, num_visible, cfg.hidden_size, visible_mean=mean)

    def start_chains(key, params):
        return rbm.start_chains(key, params, cfg.batch_size)

    def move_chains(key, params, visible):
        return rbm.gibbs_chain(key, params, visible, cfg.cd_steps)[0]

    def init_cd(key, data, previous):
        key, params_key = jax.random.split(key)
        params = init_params(params_key, data)
        return TrainState(key, params, optimizer.init(params))

    if cfg.method == "cd":
        options["num_steps"] = cfg.cd_steps
        loss_fn = make_contrastive_divergence_loss(
            rbm.free_energy, rbm.gibbs_chain, **options
        )
        init, step = init_cd, make_train_step(loss_fn, optimizer)
    else:
        loss_fn = make_free_energy_loss(rbm.free_energy, **options)
        init = chains.make_chain_init(init_params, start_chains, optimizer)
        step = chains.make_chain_step(loss_fn, move_chains, optimizer)
    return Experiment(
        init=init,
        step=step,
        evaluate=make_rbm_evaluate(cfg.ais_chains, cfg.ais_steps),
        figures=rbm_figures,
    )


def train(cfg: Config) -> int:
    """Train one machine a seed."""
    cfg = config.fill_defaults(cfg, RECIPES[cfg.data])
    smaller = min(cfg.hidden_size, math.prod(IMAGE_SHAPES[cfg.data]))
    if cfg.enumerate and smaller > MAX_UNITS:
        raise InputError(
            f"--enumerate with {smaller} units in the smaller layer: expected at most "
            f"{MAX_UNITS}; leave it out, and annealed importance sampling estimates "
            "log Z"
        )
    data = load_images(cfg.data, data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    names = ("method", "cd_steps", "hidden_size", "steps", "batch_size", "binarise")
    fields = {name: getattr(cfg, name) for name in names}
    fields["learning_rate"] = f"{cfg.learning_rate:g}, falling linearly to 0"
    fields["weight_decay"] = cfg.weight_decay
    ais = cfg.ais_chains, cfg.ais_steps
    protocols = rbm_protocols(data, fields, smaller <= MAX_UNITS, *ais)
    experiment = make_experiment(cfg)._replace(protocols=protocols)
    return run("rbm", experiment, data, cfg).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv)


if __name__ == "__main__":
    sys.exit(main())
