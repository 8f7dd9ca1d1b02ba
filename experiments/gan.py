"""Generative adversarial nets (Goodfellow et al. 2014), on digits and clothes.

    python experiments/gan.py
    python experiments/gan.py --data mnist --source-dir FOLDER --seeds 3
    python experiments/gan.py --sample 100 --out runs/gan/digits-0123abcd

On MNIST the networks and the measure are the paper's (225 +- 2 nats there; ours:
experiments/README.md).
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import math
import sys
from pathlib import Path
from typing import Any, Literal

from jaxdl.adversarial.figures import gan_figures
from jaxdl.adversarial.health import health_remarks
from jaxdl.adversarial.networks import GAN, gan_networks, mlp_gan
from jaxdl.adversarial.pictures import make_gan_pictures
from jaxdl.adversarial.sampler import Sampler, draw, make_sampler
from jaxdl.cli import start
from jaxdl.data import IMAGE_SHAPES, DataName, Images, load_images
from jaxdl.errors import InputError
from jaxdl.systems.gan.measures import gan_protocols, make_gan_evaluate
from jaxdl.systems.gan.networks import paper_gan, small_gan
from jaxdl.systems.gan.training import make_training
from jaxdl.train import config, read_config, step
from jaxdl.train.experiment import Experiment, Plan, Record
from jaxdl.train.load import load_trees
from jaxdl.train.runner import run
from jaxdl.train.seeds import seed_keys
from jaxdl.types import Params

NETWORKS = dict(small=small_gan, mlp=mlp_gan, paper=paper_gan)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.ImagesConfig):
    """Generative adversarial nets."""

    data: DataName = "digits"
    """Images to learn: 8x8 digits, or 28x28 digits or clothes."""
    steps: int = 40_000
    """Generator steps of each seed; 0 only evaluates."""
    batch_size: int = 64
    """Images in one minibatch."""
    networks: Literal["small", "mlp", "paper"] = "small"
    """Pair of networks: small (for digits), mlp (256 units), or the paper's."""
    generator_loss: Literal["non_saturating", "minimax"] = "non_saturating"
    """-log D(G(z)), or log(1 - D(G(z))), which saturates."""
    disc_steps: int = 1
    """Discriminator steps for each generator step, each on its own minibatch."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """Adam, or the paper's gradient descent with momentum."""
    learning_rate: float = 5e-4
    """First step size; it falls linearly to 0."""
    momentum: float = 0.5
    """Momentum of gradient descent, or Adam's beta 1."""
    max_norm: float | None = None
    """Bound on the weights of each unit of the discriminator; None sets no bound."""
    parzen_samples: int = 10_000
    """Samples of the Parzen window."""
    sample: int | None = config.free(None)
    """Draw so many images from the finished run in --out instead of training."""

    def __post_init__(self):
        super().__post_init__()
        drawn = dict(parzen_samples=self.parzen_samples, sample=self.sample)
        config.require_at_least(1, disc_steps=self.disc_steps, **drawn)
        rates = dict(learning_rate=self.learning_rate, max_norm=self.max_norm)
        config.require_positive(**rates)
        config.require_at_most(50, "each is compiled", disc_steps=self.disc_steps)
        config.require_at_most(1_000_000, "all are in memory at once", **drawn)
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum is {self.momentum}: expected 0 to below 1")

    def finished(self):
        if self.sample is None or self.out is None:
            return None
        return read_config(self.out, "gan", Config)


PAPER: dict[str, Any] = dict(
    batch_size=100, networks="paper", learning_rate=2e-4, max_norm=1.9365
)
PRESETS = {
    "digits": Config(),
    "mnist": Config(data="mnist", **PAPER),
    "fashion_mnist": Config(data="fashion_mnist", **PAPER),
}


def build(cfg: Config) -> tuple[GAN, Sampler]:
    """The networks of a configuration, and ways to draw from them."""
    shape = IMAGE_SHAPES[cfg.data]
    gan = NETWORKS[cfg.networks](math.prod(shape))
    return gan, make_sampler(gan.generator, gan.latent_size, shape)


def make_experiment(cfg: Config, data: Images) -> Experiment:
    """The experiment of a configuration."""
    gan, sampler = build(cfg)

    def figures(record: Record):
        assert record.states is not None
        key = seed_keys(record.config.seed).figures
        params, images = record.states[0].gen_params, record.data.train.image
        return gan_figures(record, make_gan_pictures(sampler, params, images, key))

    return Experiment(
        *make_training(cfg, gan),
        evaluate=make_gan_evaluate(gan.discriminator, sampler, cfg.parzen_samples),
        figures=figures,
        batch=step.make_uniform_batch(cfg.batch_size, num_batches=cfg.disc_steps),
        protocols=gan_protocols(data, cfg.parzen_samples, cfg.networks),
        remarks=health_remarks,
        networks=gan_networks(gan),
    )


def plan(cfg: Config) -> Plan:
    """One GAN a seed."""
    data = load_images(cfg.data, data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    return Plan("gan", make_experiment, data, cfg)


def train(cfg: Config) -> int:
    """Train, or draw from a finished run."""
    if cfg.sample is not None:
        return draw(restore, cfg.out, cfg.sample, cfg.seed)
    return run(*plan(cfg)).exit_code


def restore(folder: Path) -> tuple[Params, Sampler]:
    """The generator's parameters of a finished run's first seed, and its sampler."""
    trained = read_config(folder, "gan", Config)
    return load_trees(folder)[0]["gen_params"], build(trained)[1]


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(PRESETS, train, argv, select=("data",), script=__file__)


if __name__ == "__main__":
    sys.exit(main())
