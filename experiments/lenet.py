"""LeNet-5 (LeCun et al. 1998) reads digits, and the same net of today's parts.

    python experiments/lenet.py
    python experiments/lenet.py --data mnist --train-on all --seeds 5
    python experiments/lenet.py --data mnist --train-on all --model modern
    python experiments/lenet.py --data mnist --train-on all --distort

Test error on MNIST 0.95 % in the paper, 0.8 % with distorted images; ours:
experiments/results. Our output layer is a softmax, our optimizer AdamW.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import math
import sys
from typing import Literal

import optax

from jaxdl.cli import start
from jaxdl.data import Images, load_images, train_on_all
from jaxdl.errors import InputError
from jaxdl.measures.classification import make_classification_evaluate
from jaxdl.models.lenet import build_lenet
from jaxdl.objectives import make_classification_loss
from jaxdl.ops import unit_images
from jaxdl.systems.lenet.distortions import check_distortion, distort
from jaxdl.systems.lenet.figures import lenet_figures
from jaxdl.systems.lenet.protocol import distortion_of, protocol
from jaxdl.train import config, step
from jaxdl.train.experiment import Experiment, Plan
from jaxdl.train.runner import run
from jaxdl.types import Model, Network


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.ImagesConfig):
    """LeNet-5, or the same net of today's parts."""

    data: Literal["digits", "mnist", "fashion_mnist", "cifar10_subset"] = "digits"
    """Images: 8x8 digits, enlarged to 28x28; 28x28 digits or clothes; small photos."""
    model: Literal["lenet5", "modern"] = "lenet5"
    """The net of 1998, or rectifiers, max pooling, full connections and dropout."""
    train_on: Literal["train", "all"] = "train"
    """Images to train on: the training split, or all that are not for test, as the
    paper has it; validation images are then trained on."""
    steps: int = 600
    """Steps of each seed; 0 only evaluates."""
    batch_size: int = 100
    """Images in one minibatch."""
    learning_rate: float = 2e-3
    """First step size of AdamW; it falls to 0 along a cosine."""
    weight_decay: float = 0.0
    """Decoupled decay of all parameters, times the step size."""
    distort: bool = False
    """Distort the images of each minibatch anew."""
    translation: float = 0.3
    """Largest shift in pixels of the data, each way."""
    rotation: float = 10.0
    """Largest rotation, in degrees."""
    scaling: float = 0.15
    """Largest change of the logarithm of the size."""
    squeezing: float = 0.1
    """Largest change of the logarithm of the width, taken from that of the height."""
    shearing: float = 0.2
    """Largest shift along a row, in pixels for each pixel down."""

    def __post_init__(self):
        super().__post_init__()
        config.require_positive(learning_rate=self.learning_rate)
        if not 0 <= self.weight_decay < math.inf:
            raise InputError(
                f"weight_decay is {self.weight_decay}: expected a finite number from 0"
            )
        check_distortion(distortion_of(self))

    def idle(self):
        names = "translation", "rotation", "scaling", "squeezing", "shearing"
        idle = config.idle_unless(self.distort, "without --distort", *names)
        return super().idle() | idle


MNIST = Config(
    data="mnist", steps=12_000, translation=2.0, learning_rate=4e-3, weight_decay=0.2
)
PRESETS = {
    "digits": Config(),
    "mnist": MNIST,
    "fashion_mnist": dataclasses.replace(MNIST, data="fashion_mnist"),
    "cifar10_subset": dataclasses.replace(MNIST, data="cifar10_subset", steps=3_000),
}


def make_experiment(cfg: Config, data: Images) -> Experiment:
    """The experiment of a configuration."""
    net = build_lenet(cfg.model, data.image_shape)
    schedule = optax.cosine_decay_schedule(cfg.learning_rate, max(cfg.steps, 1))
    optimizer = optax.adamw(schedule, weight_decay=cfg.weight_decay)
    bounds = distortion_of(cfg)

    def distort_fn(key, x):
        return distort(key, x, bounds)

    loss_fn = make_classification_loss(
        net.apply,
        inputs_of=unit_images,
        distort=distort_fn if cfg.distort else None,
        stochastic=cfg.model == "modern",
    )
    watched = "watched" if cfg.train_on == "all" else "validation"
    return Experiment(
        init=step.make_init(Model(net.init, net.apply), optimizer),
        step=step.make_train_step(loss_fn, optimizer),
        evaluate=make_classification_evaluate(
            net.apply, watched=watched, inputs_of=unit_images
        ),
        figures=lambda record: lenet_figures(record, net),
        protocols={"test_error": protocol(cfg, data)},
        networks={"net": Network(net, "images [n h w c] in 0..1 to logits [n 10]")},
    )


def plan(cfg: Config) -> Plan:
    """One net on the images of a configuration."""
    data = load_images(cfg.data, data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    data = train_on_all(data) if cfg.train_on == "all" else data
    return Plan("lenet", make_experiment, data, cfg)


def train(cfg: Config) -> int:
    """Train what is planned."""
    return run(*plan(cfg)).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(PRESETS, train, argv, select=("data",), script=__file__)


if __name__ == "__main__":
    sys.exit(main())
