"""Why deep sigmoid nets would not learn (Glorot & Bengio 2010): signals, then training.

    python experiments/vanishing_gradient.py
    python experiments/vanishing_gradient.py --data mnist --source-dir FOLDER --seeds 5

The case `initialisation` follows gradients and Jacobians through untrained nets of 1 to
50 hidden layers; the others train five hidden layers and stand beside the paper's
Table 1 (MNIST test error 1.64 to 2.21 %).
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import functools
import math
import sys

import optax

from jaxdl.cli import start
from jaxdl.data import Images, load_images
from jaxdl.measures import make_classification_evaluate, make_split_signals
from jaxdl.models import forward
from jaxdl.nn import INITIALIZERS
from jaxdl.objectives import make_classification_loss
from jaxdl.systems.vanishing_gradient import nets, protocols
from jaxdl.systems.vanishing_gradient.config import Config
from jaxdl.systems.vanishing_gradient.figures import vanishing_gradient_figures
from jaxdl.systems.vanishing_gradient.untrained_measures import (
    Nets,
    make_study_evaluate,
)
from jaxdl.train import config, step
from jaxdl.train.experiment import Case, Experiment, Plan, Sweep
from jaxdl.train.runner import run
from jaxdl.types import Network

PRESETS = {
    "digits": Config(),
    "mnist": Config(data="mnist", steps=20_000, hidden_size=1000),
    "fashion_mnist": Config(data="fashion_mnist", steps=20_000, hidden_size=1000),
}
STUDIED = "linear", "sigmoid", "tanh", "softsign", "relu"
NETS = Nets(nets.make_net, forward, STUDIED, tuple(INITIALIZERS))


def make_study(cfg: Config, data: Images) -> Experiment:
    """The experiment that trains nothing: signals in nets as they are initialised."""
    return Experiment(
        init=lambda key, data, previous: key,
        step=lambda key, batch: (key, {}),
        evaluate=make_study_evaluate(NETS, cfg.depths, cfg.study_size),
        figures=lambda record: {},
        batch=lambda data, key, step: None,
        protocols=protocols.study_protocols(cfg),
    )


def make_training(cfg: Config, data: Images) -> Experiment:
    """The experiment of one setting: a classifier, gradient descent, its signals."""
    setting = nets.SETTINGS[cfg.cases[0]]
    hidden_sizes = [cfg.hidden_size] * cfg.hidden_layers
    sizes = [math.prod(data.image_shape), *hidden_sizes, 10]
    model = nets.make_net(sizes, setting.hidden, setting.initializer)
    assert cfg.learning_rate is not None  # `make_case` has filled it in
    rate = optax.linear_schedule(cfg.learning_rate, 0, max(cfg.steps, 1))
    optimizer = optax.sgd(rate)
    errors = make_classification_evaluate(model.apply)
    signals = make_split_signals(setting.hidden)

    def evaluate(state, data, key, final):
        found = errors(state, data, key, final)
        return found | signals(state.params, data.validation)

    return Experiment(
        init=step.make_init(model, optimizer),
        step=step.make_train_step(make_classification_loss(model.apply), optimizer),
        evaluate=evaluate,
        figures=lambda record: {},
        protocols=protocols.training_protocols(cfg, data, setting),
        networks={"net": Network(model, "pixels [n pixels] in 0..1 to logits [n 10]")},
    )


def make_case(cfg: Config, name: nets.CaseName) -> Case:
    """The study, or the training of one setting."""
    cfg = dataclasses.replace(cfg, cases=(name,))
    if name == "initialisation":
        return Case(dataclasses.replace(cfg, steps=0), make_study)
    rate = {"learning_rate": nets.SETTINGS[name].learning_rate}
    return Case(config.fill_defaults(cfg, rate), make_training)


def plan(cfg: Config) -> Plan:
    """A case of each name on the images of a configuration."""
    data = load_images(cfg.data, data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    figures = functools.partial(
        vanishing_gradient_figures,
        nets=NETS,
        depths=cfg.depths,
        published=nets.published_errors(cfg.cases) if cfg.data == "mnist" else {},
    )
    cases = {name: make_case(cfg, name) for name in cfg.cases}
    return Plan("vanishing_gradient", Sweep(cases, figures), data, cfg)


def train(cfg: Config) -> int:
    """Run the cases."""
    return run(*plan(cfg)).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(PRESETS, train, argv, select=("data",), script=__file__)


if __name__ == "__main__":
    sys.exit(main())
