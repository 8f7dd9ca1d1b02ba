"""Generative adversarial nets (Goodfellow et al. 2014), on digits and clothes.

    python experiments/gan.py
    python experiments/gan.py --data mnist --source-dir FOLDER --seeds 3
    python experiments/gan.py --sample 100 --out runs/gan/digits-0123abcd

The default trains a small pair on 8x8 digits in a minute on two CPU cores. On MNIST it
trains the paper's networks and measures their Parzen-window log-likelihood as the paper
does (225 +- 2 there; ours: experiments/results).
"""

import dataclasses
import functools
import math
import sys
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import optax

from jaxdl.cli import start
from jaxdl.data.load import IMAGE_SHAPES, DataName, load_images
from jaxdl.errors import InputError
from jaxdl.evaluate.gan import (
    Sampler,
    make_gan_evaluate,
    make_sampler,
    parzen_protocol,
)
from jaxdl.models.gan import GAN, mlp_gan, paper_gan, small_gan, with_mean_image
from jaxdl.objectives.adversarial import make_gan_losses
from jaxdl.ops.adversarial import (
    minimax_generator_loss,
    non_saturating_generator_loss,
)
from jaxdl.plotting import gan_figures, save_images
from jaxdl.train.config import (
    RunConfig,
    fill_defaults,
    free,
    require_at_least,
    require_positive,
)
from jaxdl.train.folder import read_config
from jaxdl.train.optimizers import max_column_norm
from jaxdl.train.run import Experiment, load_run, run
from jaxdl.train.step import make_gan_init, make_gan_step, make_uniform_batch

NETWORKS = {"small": small_gan, "mlp": mlp_gan, "paper": paper_gan}
GENERATOR_LOSSES = {
    "non_saturating": non_saturating_generator_loss,
    "minimax": minimax_generator_loss,
}
OPTIMIZERS = {"adam": optax.adam, "sgd": optax.sgd}
DIGITS = {
    "steps": 40_000,
    "batch_size": 64,
    "networks": "small",
    "optimizer": "adam",
    "learning_rate": 2e-4,
    "momentum": 0.5,
    "max_norm": None,
}
PAPER = DIGITS | {
    "steps": 50_000,
    "batch_size": 100,
    "networks": "paper",
    "max_norm": 1.9365,  # as in the authors' recipe
}
RECIPES = {"digits": DIGITS, "mnist": PAPER, "fashion_mnist": PAPER}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """Generative adversarial nets. What is not given follows the data's recipe."""

    data: DataName = "digits"
    """Images to learn: 8x8 digits, or 28x28 digits or clothes."""
    steps: int | None = None
    """Generator steps of each seed; 0 evaluates the initial state only."""
    batch_size: int | None = None
    """Images in one minibatch."""
    networks: Literal["small", "mlp", "paper"] | None = None
    """Pair of networks: small (for 8x8), mlp (256 units), or the paper's."""
    generator_loss: Literal["non_saturating", "minimax"] = "non_saturating"
    """-log D(G(z)), or log(1 - D(G(z))), which saturates."""
    disc_steps: int = 1
    """Discriminator steps for each generator step, each on its own minibatch."""
    optimizer: Literal["adam", "sgd"] | None = None
    """Adam, or gradient descent with momentum."""
    learning_rate: float | None = None
    """First step size of both optimizers; it falls linearly to 0."""
    momentum: float | None = None
    """Momentum of gradient descent, or Adam's beta 1."""
    max_norm: float | None = None
    """Bound on the norm of each discriminator unit's incoming weights, if any."""
    parzen_samples: int = 10_000
    """Samples of the Parzen window."""
    source_dir: Path | None = free(None)
    """Folder with the original MNIST files; they are downloaded without it."""
    data_dir: Path | None = free(None)
    """Where prepared data lives; by default the usual tensorflow-datasets folder."""
    sample: int | None = free(None)
    """Draw so many images from the finished run in --out instead of training."""

    def __post_init__(self):
        super().__post_init__()
        require_at_least(1, disc_steps=self.disc_steps, sample=self.sample)
        require_at_least(1, parzen_samples=self.parzen_samples)
        require_positive(learning_rate=self.learning_rate, max_norm=self.max_norm)
        if self.momentum is not None and not 0 <= self.momentum < 1:
            raise InputError(f"momentum is {self.momentum}: expected 0 to below 1")


def build(cfg: Config) -> tuple[GAN, Sampler]:
    """The networks of a configuration without gaps, and ways to draw from them."""
    shape = IMAGE_SHAPES[cfg.data]
    gan = NETWORKS[cfg.networks](math.prod(shape))
    return gan, make_sampler(gan.generator, gan.latent_size, shape)


@functools.lru_cache(maxsize=8)  # the same command compiles once a process
def make_experiment(cfg: Config) -> Experiment:
    """The experiment of a configuration without gaps."""
    (generator, discriminator, latent_size), sampler = build(cfg)
    gen_loss_fn, disc_loss_fn = make_gan_losses(
        generator.apply,
        discriminator.apply,
        latent_size,
        generator_loss=GENERATOR_LOSSES[cfg.generator_loss],
    )
    schedule = optax.linear_schedule(cfg.learning_rate, 0, max(cfg.steps, 1))
    gen_optimizer = OPTIMIZERS[cfg.optimizer](schedule, cfg.momentum)
    disc_optimizer = gen_optimizer
    if cfg.max_norm is not None:
        disc_optimizer = optax.chain(gen_optimizer, max_column_norm(cfg.max_norm))

    plain_init = make_gan_init(generator, discriminator, gen_optimizer, disc_optimizer)

    def init(key, data, previous):
        state = plain_init(key, data, previous)
        if data is None:  # `load_run` asks for the form of a state only
            return state
        means = jnp.mean(data.train.image.reshape(len(data.train.image), -1) / 255, 0)
        return state._replace(gen_params=with_mean_image(state.gen_params, means))

    def figures(record):
        return gan_figures(record, sampler, jax.random.key(cfg.seed))

    return Experiment(
        init=init,
        step=make_gan_step(gen_loss_fn, disc_loss_fn, gen_optimizer, disc_optimizer),
        evaluate=make_gan_evaluate(discriminator, sampler, cfg.parzen_samples),
        figures=figures,
        batch=make_uniform_batch(cfg.batch_size, num_batches=cfg.disc_steps),
    )


def train(cfg: Config) -> int:
    """Train, or draw from a finished run."""
    if cfg.sample is not None:
        return draw(cfg)
    cfg = fill_defaults(cfg, RECIPES[cfg.data])
    data = load_images(cfg.data, data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    networks = {"networks": cfg.networks}
    protocols = {
        "parzen_log_likelihood": parzen_protocol(data, cfg.parzen_samples)
        | networks
        | {"published": "gan-mnist-parzen", "step_chosen_on": "none, the last one"},
        "value": networks
        | {"published": "gan-value-minimum", "data": data.name}
        | {"discriminator": "trained, on validation images"},
    }
    experiment = make_experiment(cfg)._replace(protocols=protocols)
    return run("gan", experiment, data, cfg).exit_code


def draw(cfg: Config) -> int:
    """Write `--sample` images of the run in `--out`: a picture and a NumPy array."""
    if cfg.out is None:
        raise InputError("--sample needs --out FOLDER: the folder of a finished run")
    trained = read_config(cfg.out, Config)
    _, states = load_run(cfg.out, make_experiment(trained))
    _, sampler = build(trained)
    key = jax.random.fold_in(jax.random.key(cfg.seed), 4)
    images = sampler.images(states[0].gen_params, key, cfg.sample)
    name = f"{cfg.sample}-seed-{cfg.seed}"
    print(save_images(images, cfg.out / "samples", name))
    return 0


def main(argv=None) -> int:
    return start(Config, train, argv)


if __name__ == "__main__":
    sys.exit(main())
