"""DCGAN: convolutional GANs (Radford, Metz & Chintala 2016), and sums of their latents.

    python experiments/dcgan.py
    python experiments/dcgan.py --data mnist --classifier FOLDER --seeds 3
    python experiments/dcgan.py --data coloured_mnist --classifier FOLDER --seeds 3
    python experiments/dcgan.py --sample 100 --out runs/dcgan/digits_16-0123abcd

The classifier is a finished run of experiments/lenet.py: distances in its features
compare only with others in the features of the same run, whose digest stands in each
row. With `--networks mlp` a fully connected pair (256 units) is trained by the same
recipe.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import sys
from pathlib import Path
from typing import Any

from jaxdl.adversarial.health import health_remarks
from jaxdl.adversarial.networks import gan_networks
from jaxdl.adversarial.sampler import Sampler, draw
from jaxdl.cli import start
from jaxdl.data import Images
from jaxdl.systems.dcgan.classifier import load_classifier
from jaxdl.systems.dcgan.config import Config
from jaxdl.systems.dcgan.data import load
from jaxdl.systems.dcgan.extras import make_extras
from jaxdl.systems.dcgan.figures import make_dcgan_figures
from jaxdl.systems.dcgan.measures import make_dcgan_evaluate
from jaxdl.systems.dcgan.protocols import dcgan_protocols
from jaxdl.systems.dcgan.training import build, make_training
from jaxdl.train import read_config, step
from jaxdl.train.experiment import Experiment, Plan
from jaxdl.train.load import load_trees
from jaxdl.train.runner import run
from jaxdl.types import Params

LARGE: dict[str, Any] = dict(batch_size=128, base_channels=32)
PRESETS = {
    "digits": Config(),
    "coloured_digits": Config(data="coloured_digits"),
    "mnist": Config(data="mnist", image_size=28, **LARGE),
    "fashion_mnist": Config(data="fashion_mnist", image_size=28, **LARGE),
    "coloured_mnist": Config(data="coloured_mnist", image_size=28, **LARGE),
    "cifar10_subset": Config(data="cifar10_subset", image_size=32, **LARGE),
}


def make_experiment(cfg: Config, data: Images) -> Experiment:
    """The experiment of a configuration."""
    gan, sampler = build(cfg)
    init, train_step = make_training(cfg, gan)
    classifier = load_classifier(cfg)
    arithmetic, extras = make_extras(cfg, gan, classifier)
    measured = gan.discriminator, sampler, cfg.measured_samples
    return Experiment(
        init=init,
        step=train_step,
        evaluate=make_dcgan_evaluate(*measured, classifier=classifier, extras=extras),
        figures=make_dcgan_figures(sampler, arithmetic),
        batch=step.make_uniform_batch(cfg.batch_size, num_batches=1),
        protocols=dcgan_protocols(cfg, data, classifier),
        remarks=health_remarks,
        networks=gan_networks(gan),
    )


def plan(cfg: Config) -> Plan:
    """One GAN a seed, and the classifier's digest where there is one."""
    build(cfg)  # sizes that do not fit are refused before data is read
    if (classifier := load_classifier(cfg)) is not None:
        cfg = dataclasses.replace(cfg, classifier_digest=classifier.digest)
    return Plan("dcgan", make_experiment, load(cfg), cfg)


def train(cfg: Config) -> int:
    """Train, or draw from a finished run."""
    if cfg.sample is not None:
        return draw(restore, cfg.out, cfg.sample, cfg.seed)
    return run(*plan(cfg)).exit_code


def restore(folder: Path) -> tuple[Params, Sampler]:
    """The generator's parameters of a finished run's first seed, and its sampler."""
    trained = read_config(folder, "dcgan", Config)
    return load_trees(folder)[0]["gen_params"], build(trained)[1]


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(PRESETS, train, argv, select=("data",), script=__file__)


if __name__ == "__main__":
    sys.exit(main())
