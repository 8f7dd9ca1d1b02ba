"""Autoencoders: an image as a few numbers, and back (Hinton & Salakhutdinov 2006).

    python experiments/autoencoder.py
    python experiments/autoencoder.py --data mnist --cases pca deep --seeds 3

Squared error per MNIST test image with 30 numbers, in the paper: 13.87 for PCA, 8.01
for logistic PCA, 3.00 for a deep autoencoder; ours: experiments/results.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import sys
from typing import Any, cast

from jaxdl import ops
from jaxdl.cli import start
from jaxdl.data import Images, load_images, train_on_all
from jaxdl.objectives import make_reconstruction_loss, sigmoid_squared_error
from jaxdl.systems.autoencoder import nets
from jaxdl.systems.autoencoder.cases import (
    make_adam,
    make_evaluate,
    make_logistic_pca,
    make_pca,
    make_variational,
)
from jaxdl.systems.autoencoder.config import Config
from jaxdl.systems.autoencoder.figures import autoencoder_figures
from jaxdl.systems.autoencoder.pictures import make_pictures
from jaxdl.systems.autoencoder.protocols import make_protocols
from jaxdl.train import step
from jaxdl.train.experiment import Case, Experiment, Plan, Sweep
from jaxdl.train.runner import run
from jaxdl.train.seeds import seed_keys
from jaxdl.types import Model, Network

LARGE: dict[str, Any] = dict(
    steps=25_000,
    logistic_steps=1_000,
    hidden_sizes=(1000, 500, 250),
    latent_size=30,
    code_sizes=(),
    feature_size=256,
    variational_sizes=(500, 500, 40),
    train_on="all",
)
PRESETS = {
    "digits": Config(),
    "mnist": Config(data="mnist", **LARGE),
    "fashion_mnist": Config(data="fashion_mnist", **LARGE),
}
ERRORS = {
    "bernoulli": ops.bernoulli_cross_entropy,
    "squared_error": sigmoid_squared_error,
}


def make_net(cfg: Config, data: Images) -> Experiment:
    """A deterministic net, deep or of one layer, trained by Adam."""
    image_size = data.train.image[0].size
    model = nets.make_model(cfg, image_size)
    error_fn = ERRORS[cfg.likelihood]
    loss_fn = make_reconstruction_loss(
        model.apply,
        error_fn,
        corrupt=nets.make_corruption(cfg) if cfg.cases == ("denoising",) else None,
        penalty=nets.make_penalty(cfg),
    )
    optimizer = make_adam(cfg)
    return Experiment(
        init=step.make_init(Model(model.init, model.apply), optimizer),
        step=step.make_train_step(loss_fn, optimizer),
        evaluate=make_evaluate(cfg, nets.make_coder(cfg, image_size), error_fn),
        figures=lambda record: {},
        protocols=make_protocols(cfg, data),
        networks={"autoencoder": Network(model, "pixels [n pixels] in 0..1 to logits")},
    )


MAKERS = {
    "pca": make_pca,
    "logistic-pca": make_logistic_pca,
    "variational": make_variational,
    "variational-two": make_variational,
}
"""Makers of the cases that are no deterministic nets."""


def make_case(cfg: Config) -> Case:
    """The case of a configuration with one name in `cases`."""
    case = nets.case_of(cfg)
    if case == "pca":  # nothing is drawn: all seeds would be the same
        cfg = dataclasses.replace(cfg, steps=0, seeds=1)
    if case == "logistic-pca":
        cfg = dataclasses.replace(cfg, steps=cfg.logistic_steps)
    return Case(cfg, MAKERS.get(case, make_net))


def make_cases(cfg: Config) -> dict[str, Case]:
    """The cases asked for, and deep nets of further code sizes."""
    configs: dict[str, Config] = {
        name: dataclasses.replace(cfg, cases=(name,)) for name in cfg.cases
    }
    there = {nets.code_size(c) for k, c in configs.items() if k in ("deep", "two")}
    for size in (n for n in cfg.code_sizes if n not in there):
        deep = dataclasses.replace(cfg, cases=("deep",), latent_size=size)
        configs[f"deep-{size}"] = deep
    return {name: make_case(own) for name, own in configs.items()}


def plan(cfg: Config) -> Plan:
    """The cases on the images of a configuration."""
    data = load_images(cfg.data, data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    data = train_on_all(data) if cfg.train_on == "all" else data
    cases = make_cases(cfg)

    def figures(records):
        key, image_size = seed_keys(cfg.seed).figures, data.train.image[0].size
        corrupt, pictures = nets.make_corruption(cfg), {}
        for name, record in records.items():
            coder = nets.make_coder(cast(Config, cases[name].config), image_size)
            params = record.states[0].params
            pictures[name] = make_pictures(name, coder, params, data, key, corrupt)
        return autoencoder_figures(records, pictures)

    return Plan("autoencoder", Sweep(cases, figures), data, cfg)


def train(cfg: Config) -> int:
    """Run the cases."""
    return run(*plan(cfg)).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(PRESETS, train, argv, select=("data",), script=__file__)


if __name__ == "__main__":
    sys.exit(main())
