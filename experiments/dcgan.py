"""DCGAN: convolutional GANs (Radford, Metz & Chintala 2016), and sums of their latents.

    python experiments/dcgan.py
    python experiments/dcgan.py --data mnist --classifier FOLDER --seeds 3
    python experiments/dcgan.py --data coloured_mnist --classifier FOLDER --seeds 3
    python experiments/dcgan.py --sample 100 --out runs/dcgan/digits_16-0123abcd

Digits at 16 pixels take a minute on two CPU cores, MNIST four minutes a seed. The
classifier is a finished run of experiments/lenet.py: distances in its features compare
only with others in the features of the same run, whose digest stands in each row. With
`--networks mlp` a fully connected pair (256 units) is trained by the same recipe.
"""

import dataclasses
import functools
import sys
from pathlib import Path
from typing import Any, Literal

import jax
import optax

from jaxdl.adversarial.health import health_remarks
from jaxdl.adversarial.networks import mlp_gan, with_mean_image
from jaxdl.adversarial.objectives import make_gan_losses
from jaxdl.adversarial.sampler import draw, make_sampler_with_population_statistics
from jaxdl.adversarial.step import make_gan_init, make_gan_step
from jaxdl.cli import start
from jaxdl.data import IMAGE_SHAPES, load_images
from jaxdl.errors import InputError
from jaxdl.ops import mean_image
from jaxdl.systems.dcgan import extras as dcgan_extras
from jaxdl.systems.dcgan import measures
from jaxdl.systems.dcgan.coloured import coloured
from jaxdl.systems.dcgan.figures import dcgan_figures
from jaxdl.systems.dcgan.networks import dcgan, dcgan_features
from jaxdl.systems.dcgan.pictures import make_dcgan_pictures
from jaxdl.systems.dcgan.resized import resized
from jaxdl.train import config, read_config, step
from jaxdl.train.load import load_trees
from jaxdl.train.run import Experiment, run
from jaxdl.train.seeds import seed_keys

COLOURED = "coloured_"
DIGITS = dict(steps=2000, batch_size=64, base_channels=16, image_size=16)
MNIST = dict(steps=2000, batch_size=128, base_channels=32, image_size=28)
RECIPES = {
    "digits": DIGITS,
    "coloured_digits": DIGITS,
    "mnist": MNIST,
    "fashion_mnist": MNIST,
    "coloured_mnist": MNIST,
    "cifar10_subset": MNIST | dict(image_size=32),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
    """Convolutional GANs. What is None follows the data's recipe."""

    data: Literal[
        "digits",
        "mnist",
        "fashion_mnist",
        "cifar10_subset",
        "coloured_digits",
        "coloured_mnist",
    ] = "digits"
    """Images to learn; coloured digits are tinted red, green or blue."""
    networks: Literal["dcgan", "mlp"] = "dcgan"
    """Convolutional, or a fully connected pair of 256 units for comparison."""
    upsampling: Literal["transposed", "resize"] = "transposed"
    """How the generator doubles a side: transposed convolution, or equal pixels and
    convolution."""
    image_size: int | None = None
    """Side that images are resized to, 16 to 128 pixels (digits 16, else theirs)."""
    base_channels: int | None = None
    """Channels of the largest hidden maps (digits 16, else 32; 64 in the paper)."""
    latent_size: int = 100
    """Numbers that make one image."""
    steps: int | None = None
    """Training steps of each seed (2,000); 0 only evaluates."""
    batch_size: int | None = None
    """Images in one minibatch (digits 64, else the paper's 128)."""
    learning_rate: float = 2e-4
    """Step size of Adam, of both players."""
    momentum: float = 0.5
    """Adam's beta 1, of both players."""
    measured_samples: int = 10_000
    """Samples that are measured at the end."""
    arithmetic_trials: int = 1000
    """Sums of latents to try at the end (of coloured digits, with a classifier)."""
    log_every: int = config.free(20)
    """Steps between logged metrics; the health verdict needs 20 of them."""
    classifier: Path | None = config.free(None)
    """Folder of a finished run of experiments/lenet.py on the same images: distances
    are taken in its features; without it they are left out."""
    classifier_digest: str | None = None
    """sha256 of the classifier's parameters; found from the folder if not given."""
    source_dir: Path | None = config.free(None)
    """Folder with the original files of the data; without it they are downloaded."""
    data_dir: Path | None = config.free(None)
    """Where prepared data lives; by default the usual tensorflow-datasets folder."""
    sample: int | None = config.free(None)
    """Draw so many images from the finished run in --out instead of training."""

    def __post_init__(self):
        super().__post_init__()
        config.require_at_least(1, sample=self.sample, latent_size=self.latent_size)
        config.require_at_least(1, base_channels=self.base_channels)
        config.require_at_least(8, image_size=self.image_size)
        config.require_at_least(1, arithmetic_trials=self.arithmetic_trials)
        config.require_at_least(16, measured_samples=self.measured_samples)
        config.require_positive(learning_rate=self.learning_rate)
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum is {self.momentum}: expected 0 to below 1")


def load(cfg: Config):
    """The images, in their colours and size."""
    name = cfg.data.removeprefix(COLOURED)
    data = load_images(name, data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    return resized(data if name == cfg.data else coloured(data), cfg.image_size)


def image_shape(cfg: Config) -> tuple[int, int, int]:
    """Height, width and channels of the images of a configuration."""
    if cfg.data.startswith(COLOURED):
        return cfg.image_size, cfg.image_size, 3
    return cfg.image_size, cfg.image_size, IMAGE_SHAPES[cfg.data][2]


def build(cfg: Config):
    """The networks of a configuration without gaps, and ways to draw from them."""
    shape = height, width, channels = image_shape(cfg)
    if cfg.networks == "mlp":
        pixels = height * width * channels
        gan = mlp_gan(pixels, latent_size=cfg.latent_size)
    else:
        gan = dcgan(
            shape,
            latent_size=cfg.latent_size,
            base_channels=cfg.base_channels,
            upsampling=cfg.upsampling,
        )
    return gan, make_sampler_with_population_statistics(
        gan.generator, gan.latent_size, shape
    )


def make_experiment(cfg: Config) -> Experiment:
    """The experiment of a configuration without gaps."""
    # What shapes no program is left out: the same programs are compiled once a process.
    same: dict[str, Any] = config.deciding_fields(cfg)
    same |= dict(steps=0, seed=0, seeds=1)
    return _make_experiment(Config(**same, classifier=cfg.classifier))


@functools.lru_cache(maxsize=8)
def _make_experiment(cfg: Config) -> Experiment:
    gan, sampler = build(cfg)
    shape, is_mlp = image_shape(cfg), cfg.networks == "mlp"
    applies = gan.generator.apply, gan.discriminator.apply
    losses = make_gan_losses(*applies, gan.latent_size, apart=not is_mlp)
    optimizer = optax.adam(cfg.learning_rate, b1=cfg.momentum)
    classifier, arithmetic, extras = None, None, ()
    if cfg.classifier is not None:
        classifier = load_classifier(cfg)
        if cfg.data.startswith(COLOURED):
            arithmetic = dcgan_extras.make_arithmetic(
                gan.generator, gan.latent_size, shape, classifier.logits
            )
            extras += (
                dcgan_extras.make_arithmetic_measure(arithmetic, cfg.arithmetic_trials),
            )
    if cfg.data == "cifar10_subset" and not is_mlp:
        features = dcgan_features(shape, base_channels=cfg.base_channels)
        extras += (dcgan_extras.make_feature_accuracy(features),)

    def adapt(gen_params, data):
        return with_mean_image(gen_params, mean_image(data.train.image))

    def figures(record):
        key = seed_keys(record.config.seed).figures
        drawn = sampler, record.states[0].gen_params, record.data, key, arithmetic
        return dcgan_figures(record, make_dcgan_pictures(*drawn))

    return Experiment(
        init=make_gan_init(
            *gan[:2], optimizer, optimizer, adapt=adapt if is_mlp else None
        ),
        step=make_gan_step(*losses, optimizer, optimizer),
        evaluate=measures.make_dcgan_evaluate(
            gan.discriminator,
            sampler,
            cfg.measured_samples,
            classifier=classifier,
            extras=extras,
        ),
        figures=figures,
        batch=step.make_uniform_batch(cfg.batch_size, num_batches=1),
        remarks=health_remarks,
    )


def load_classifier(cfg: Config):
    """The classifier of a configuration, made to take its images."""
    # Its checkpoint readers are slow to import.
    from jaxdl.systems.dcgan.classifier import load_lenet

    found = load_lenet(cfg.classifier)
    wanted = cfg.data.removeprefix(COLOURED)
    if found.data != wanted:
        raise InputError(
            f"the classifier in {cfg.classifier} was trained on {found.data}: give a "
            f"run of experiments/lenet.py on {wanted}"
        )
    if cfg.classifier_digest not in (None, found.digest):
        raise InputError(
            f"the classifier in {cfg.classifier} has the digest {found.digest}: "
            f"expected {cfg.classifier_digest}, as --classifier-digest says"
        )
    logits, features = (
        jax.jit(lambda x, fn=fn: fn(measures.fitted_to(found.image_shape, x)))
        for fn in (found.logits, found.features)
    )
    return found._replace(logits=logits, features=features)


def make_protocols(cfg: Config, data) -> dict[str, Any]:
    """How what the ledger prints was trained and measured."""
    shared = {
        "data": data.name,
        "networks": cfg.networks,
        "image_size": cfg.image_size,
        "train_images": len(data.train.image),
        "latent_size": cfg.latent_size,
        "steps": cfg.steps,
        "batch_size": cfg.batch_size,
        "optimizer": f"Adam, {cfg.learning_rate:g}, beta 1 {cfg.momentum:g}",
        "samples": cfg.measured_samples,
        "test_images": len(data.test.image),
    }
    if cfg.networks == "dcgan":
        sizes = {"upsampling": cfg.upsampling, "base_channels": cfg.base_channels}
        shared |= sizes | {"statistics": "those of 1,000 latents"}
    found = {f"checkerboard_{period}": shared for period in (2, 4)}
    real = {name: shared[name] for name in ("data", "image_size", "test_images")}
    found |= {f"real_checkerboard_{period}": real for period in (2, 4)}
    found["svm_accuracy"] = shared | {"penalty_chosen_on": "validation images"}
    seen = shared | {"classifier": cfg.classifier_digest}
    if cfg.classifier is not None:
        error = load_classifier(cfg).test_error
        seen["classifier_test_error"] = f"{error:.2f} %"
    if cfg.data.startswith(COLOURED):
        seen["colours"] = "not seen: largest channel"
    names = "frechet", "kernel", "precision", "recall", "classes_covered"
    found |= dict.fromkeys((*names, "class_distance"), seen)
    named = seen | {"trials": cfg.arithmetic_trials, "exemplars": 3}
    named |= {"colours": "by their intensities", "candidates": 10_000}
    named["latents"] = "means and sums scaled to sqrt(latent_size)"
    found["arithmetic"] = named | {"sum": "red 3 - red 7 + blue 7"}
    found["arithmetic_random"] = named | {"sum": "random digits and colours"}
    return found


def train(cfg: Config) -> int:
    """Train, or draw from a finished run."""
    if cfg.sample is not None:
        return draw(restore, cfg.out, cfg.sample, cfg.seed)
    cfg = config.fill_defaults(cfg, RECIPES[cfg.data])
    build(cfg)  # sizes that do not fit are refused before data is read
    if cfg.classifier is not None:
        digest = load_classifier(cfg).digest
        cfg = dataclasses.replace(cfg, classifier_digest=digest)
    elif cfg.classifier_digest is not None:
        raise InputError("--classifier-digest needs --classifier FOLDER")
    data = load(cfg)
    experiment = make_experiment(cfg)._replace(protocols=make_protocols(cfg, data))
    return run("dcgan", experiment, data, cfg).exit_code


def restore(folder: Path):
    """The generator's parameters of a finished run's first seed, and its sampler."""
    trained = read_config(folder, "dcgan", Config)
    return load_trees(folder)[0]["gen_params"], build(trained)[1]


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv)


if __name__ == "__main__":
    sys.exit(main())
