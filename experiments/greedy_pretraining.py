"""Greedy layer-wise pretraining (Hinton et al. 2006; Bengio et al. 2007), does it pay?

    python experiments/greedy_pretraining.py
    python experiments/greedy_pretraining.py full
    python experiments/greedy_pretraining.py --data mnist --seeds 3

The same deep net with and without layers that were pretrained as Boltzmann machines or
as (denoising) autoencoders; with the sigmoids and initial weights of 2006 and with
today's, against a support vector machine and a random forest on the same images.
Published test errors on MNIST are 1.15 to 1.40 %, on MNIST basic 2.84 to 3.46 %; ours:
experiments/results.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import math
import sys
from typing import Any

import jax
import optax

from jaxdl.cli import start
from jaxdl.data import Images, load_images, mnist_basic, train_on_all
from jaxdl.measures import make_classification_evaluate, make_split_signals
from jaxdl.models import mlp
from jaxdl.nn import INITIALIZERS
from jaxdl.objectives import make_classification_loss
from jaxdl.systems.greedy_pretraining import greedy
from jaxdl.systems.greedy_pretraining.config import Config
from jaxdl.systems.greedy_pretraining.figures import greedy_figures
from jaxdl.systems.greedy_pretraining.layers import layer_kinds, layer_phase
from jaxdl.systems.greedy_pretraining.protocols import make_protocol, published_errors
from jaxdl.systems.greedy_pretraining.settings import BASELINES, SETTINGS, CaseName
from jaxdl.systems.greedy_pretraining.sklearn_baselines import make_baseline
from jaxdl.train import config, step
from jaxdl.train.experiment import Case, Experiment, Phase, Plan, Sweep
from jaxdl.train.runner import run
from jaxdl.train.state import TrainState
from jaxdl.types import Network

LARGE: dict[str, Any] = dict(
    steps=10_000, pretrain_steps=2_500, hidden_sizes=(500, 500, 2000)
)
BASIC: dict[str, Any] = LARGE | dict(steps=3_000, pretrain_steps=2_000)
PRESETS = {
    "digits": Config(),
    "mnist": Config(data="mnist", **LARGE),
    "mnist_basic": Config(data="mnist_basic", **BASIC),
    "fashion_mnist": Config(data="fashion_mnist", **LARGE),
}


def make_phases(cfg: Config, data: Images) -> list[Phase]:
    """Each layer, then the net as it begins, then its training."""
    setting = SETTINGS[cfg.cases[0]]
    style = setting.style
    sizes = [math.prod(data.image_shape), *cfg.hidden_sizes, 10]
    kinds = layer_kinds(cfg, setting, sizes)
    phases = [
        layer_phase(cfg, kind, style.hidden, number)
        for number, kind in enumerate(kinds, start=1)
    ]
    model = mlp(sizes, hidden=style.hidden, kernel_init=INITIALIZERS[style.initializer])
    assert cfg.learning_rate is not None  # `make_case` has filled it in
    rate = optax.linear_schedule(cfg.learning_rate, 0, max(cfg.steps, 1))
    optimizer = dict(momentum=optax.sgd(rate, momentum=0.9), adam=optax.adam(rate))[
        style.optimizer
    ]

    def assemble(key, data, previous):
        key, params_key = jax.random.split(key)
        params = model.init(params_key)
        if previous is not None:
            layers = greedy.trained_layers(previous, kinds[-1].layer_of)
            params = [*layers, params[-1]]
        return TrainState(key, params, optimizer.init(params))

    start_net = Experiment(
        init=assemble,
        step=step.make_train_step(make_classification_loss(model.apply), optimizer),
        evaluate=make_evaluate(cfg, model, style.hidden, test=False),
        figures=lambda record: {},
        networks={"net": Network(model, "pixels [n pixels] in 0..1 to logits [n 10]")},
    )
    whole = start_net._replace(
        init=lambda key, data, previous: previous._replace(key=key),
        evaluate=make_evaluate(cfg, model, style.hidden),
        protocols={"test_error": make_protocol(cfg, data)},
    )
    return [*phases, Phase("start", 0, start_net), Phase("whole", cfg.steps, whole)]


def make_evaluate(cfg: Config, model, hidden: str, *, test: bool = True):
    """Errors, and the norm of the gradient in each layer (200 validation images)."""
    errors = make_classification_evaluate(model.apply, watched=cfg.watched)
    signals = make_split_signals(hidden)

    def evaluate(state, data, key, final):
        found = errors(state, data, key, final and test)
        return found | signals(state.params, data.validation)

    return evaluate


def make_case(cfg: Config, name: CaseName) -> Case:
    """A net with its pretraining, or a baseline."""
    cfg = dataclasses.replace(cfg, cases=(name,))
    if name in BASELINES:  # the machine draws nothing: all seeds would be the same
        seeds = 1 if name == "svm" else cfg.seeds
        return Case(dataclasses.replace(cfg, steps=0, seeds=seeds), make_baseline)
    rate = {"learning_rate": SETTINGS[name].style.learning_rate}
    return Case(config.fill_defaults(cfg, rate), make_phases)


def plan(cfg: Config) -> Plan:
    """The cases on the images of a configuration."""
    source = "mnist" if cfg.data == "mnist_basic" else cfg.data
    data = load_images(source, data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    data = mnist_basic(data) if cfg.data == "mnist_basic" else data
    data = train_on_all(data) if cfg.train_on == "all" else data
    cases = {name: make_case(cfg, name) for name in cfg.cases}
    published = published_errors({name: case.config for name, case in cases.items()})

    def figures(records):
        return greedy_figures(records, published, data.image_shape)

    return Plan("greedy_pretraining", Sweep(cases, figures), data, cfg)


def train(cfg: Config) -> int:
    """Run the cases."""
    return run(*plan(cfg)).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(PRESETS, train, argv, select=("data",), script=__file__)


if __name__ == "__main__":
    sys.exit(main())
