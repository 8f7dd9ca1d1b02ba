"""Generative adversarial nets (Goodfellow et al. 2014), on digits and clothes.

    python experiments/gan.py
    python experiments/gan.py --data mnist --source-dir FOLDER --seeds 3
    python experiments/gan.py --sample 100 --out runs/gan/digits-0123abcd

Digits take half a minute on two CPU cores. MNIST takes the paper's networks and measure
(225 +- 2 nats there; ours: experiments/results), ten minutes a seed.
"""

import dataclasses
import functools
import math
import sys
from pathlib import Path
from typing import Literal

import optax

from jaxdl.adversarial import losses as adversarial
from jaxdl.adversarial.figures import gan_figures
from jaxdl.adversarial.health import health_remarks
from jaxdl.adversarial.networks import mlp_gan, with_mean_image
from jaxdl.adversarial.objectives import make_gan_losses
from jaxdl.adversarial.pictures import make_gan_pictures
from jaxdl.adversarial.sampler import draw, make_sampler
from jaxdl.adversarial.step import make_gan_init, make_gan_step
from jaxdl.cli import start
from jaxdl.data import IMAGE_SHAPES, DataName, load_images
from jaxdl.errors import InputError
from jaxdl.ops import mean_image
from jaxdl.systems.gan.max_column_norm import max_column_norm
from jaxdl.systems.gan.measures import gan_protocols, make_gan_evaluate
from jaxdl.systems.gan.networks import paper_gan, small_gan
from jaxdl.train import config, read_config, step
from jaxdl.train.load import load_trees
from jaxdl.train.run import Experiment, run
from jaxdl.train.seeds import seed_keys

NETWORKS = dict(small=small_gan, mlp=mlp_gan, paper=paper_gan)
GENERATOR_LOSSES = {
    "non_saturating": adversarial.non_saturating_generator_loss,
    "minimax": adversarial.minimax_generator_loss,
}
OPTIMIZERS = dict(adam=optax.adam, sgd=optax.sgd)
DIGITS = dict(steps=40_000, batch_size=64, networks="small", optimizer="adam")
DIGITS |= dict(learning_rate=5e-4, momentum=0.5, max_norm=None)
PAPER = DIGITS | dict(batch_size=100, networks="paper")
PAPER |= dict(learning_rate=2e-4, max_norm=1.9365)
RECIPES = {"digits": DIGITS, "mnist": PAPER, "fashion_mnist": PAPER}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
    """Generative adversarial nets. What is None follows the data's recipe."""

    data: DataName = "digits"
    """Images to learn: 8x8 digits, or 28x28 digits or clothes."""
    steps: int | None = None
    """Generator steps of each seed (40,000); 0 only evaluates."""
    batch_size: int | None = None
    """Images in one minibatch (digits 64, else 100)."""
    networks: Literal["small", "mlp", "paper"] | None = None
    """Pair of networks: small (digits), mlp (256 units), or the paper's (else)."""
    generator_loss: Literal["non_saturating", "minimax"] = "non_saturating"
    """-log D(G(z)), or log(1 - D(G(z))), which saturates."""
    disc_steps: int = 1
    """Discriminator steps for each generator step, each on its own minibatch."""
    optimizer: Literal["adam", "sgd"] | None = None
    """Adam (the recipes'), or gradient descent with momentum (the paper's)."""
    learning_rate: float | None = None
    """First step size (digits 5e-4, else 2e-4); it falls linearly to 0."""
    momentum: float | None = None
    """Momentum of gradient descent, or Adam's beta 1 (0.5)."""
    max_norm: float | None = None
    """Bound on each discriminator unit's weights (digits none, else 1.9365)."""
    parzen_samples: int = 10_000
    """Samples of the Parzen window."""
    source_dir: Path | None = config.free(None)
    """Folder with the original MNIST files; they are downloaded without it."""
    data_dir: Path | None = config.free(None)
    """Where prepared data lives; by default the usual tensorflow-datasets folder."""
    sample: int | None = config.free(None)
    """Draw so many images from the finished run in --out instead of training."""

    def __post_init__(self):
        super().__post_init__()
        config.require_at_least(1, disc_steps=self.disc_steps, sample=self.sample)
        config.require_at_least(1, parzen_samples=self.parzen_samples)
        config.require_positive(learning_rate=self.learning_rate)
        config.require_positive(max_norm=self.max_norm)
        if self.momentum is not None and not 0 <= self.momentum < 1:
            raise InputError(f"momentum is {self.momentum}: expected 0 to below 1")


def build(cfg: Config):
    """The networks of a configuration without gaps, and ways to draw from them."""
    shape = IMAGE_SHAPES[cfg.data]
    gan = NETWORKS[cfg.networks](math.prod(shape))
    return gan, make_sampler(gan.generator, gan.latent_size, shape)


@functools.lru_cache(maxsize=8)  # the same command compiles once a process
def make_experiment(cfg: Config) -> Experiment:
    """The experiment of a configuration without gaps."""
    gan, sampler = build(cfg)
    applies = gan.generator.apply, gan.discriminator.apply
    loss = GENERATOR_LOSSES[cfg.generator_loss]
    losses = make_gan_losses(*applies, gan.latent_size, generator_loss=loss)
    schedule = optax.linear_schedule(cfg.learning_rate, 0, max(cfg.steps, 1))
    optimizer = OPTIMIZERS[cfg.optimizer](schedule, cfg.momentum)
    bound = () if cfg.max_norm is None else (max_column_norm(cfg.max_norm),)
    optimizers = optimizer, optax.chain(optimizer, *bound)

    def adapt(gen_params, data):
        return with_mean_image(gen_params, mean_image(data.train.image))

    def figures(record):
        key = seed_keys(record.config.seed).figures
        params, images = record.states[0].gen_params, record.data.train.image
        return gan_figures(record, make_gan_pictures(sampler, params, images, key))

    return Experiment(
        init=make_gan_init(gan.generator, gan.discriminator, *optimizers, adapt=adapt),
        step=make_gan_step(*losses, *optimizers),
        evaluate=make_gan_evaluate(gan.discriminator, sampler, cfg.parzen_samples),
        figures=figures,
        batch=step.make_uniform_batch(cfg.batch_size, num_batches=cfg.disc_steps),
        remarks=health_remarks,
    )


def load(cfg: Config):
    """The images of a configuration."""
    return load_images(cfg.data, data_dir=cfg.data_dir, source_dir=cfg.source_dir)


def train(cfg: Config) -> int:
    """Train, or draw from a finished run."""
    if cfg.sample is not None:
        return draw(restore, cfg.out, cfg.sample, cfg.seed)
    cfg = config.fill_defaults(cfg, RECIPES[cfg.data])
    data = load(cfg)
    protocols = gan_protocols(data, cfg.parzen_samples, cfg.networks)
    experiment = make_experiment(cfg)._replace(protocols=protocols)
    return run("gan", experiment, data, cfg).exit_code


def restore(folder: Path):
    """The generator's parameters of a finished run's first seed, and its sampler."""
    trained = read_config(folder, "gan", Config)
    return load_trees(folder)[0]["gen_params"], build(trained)[1]


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv)


if __name__ == "__main__":
    sys.exit(main())
