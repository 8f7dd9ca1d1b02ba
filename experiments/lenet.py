"""LeNet-5 (LeCun et al. 1998) reads digits, and the same net of today's parts.

    python experiments/lenet.py
    python experiments/lenet.py --data mnist --train-on all --seeds 5
    python experiments/lenet.py --data mnist --train-on all --model modern
    python experiments/lenet.py --data mnist --train-on all --distort

Test error on MNIST 0.95 % in the paper, 0.8 % with distorted images; ours:
experiments/results. Our output layer is a softmax, our optimizer AdamW. Two minutes a
seed on two CPU cores.
"""

import dataclasses
import functools
import math
import sys
from pathlib import Path
from typing import Any, Literal

import optax

from jaxdl.cli import start
from jaxdl.data import Images, load_images, train_on_all
from jaxdl.errors import InputError
from jaxdl.measures.classification import make_classification_evaluate
from jaxdl.models.lenet import build_lenet
from jaxdl.objectives import make_classification_loss
from jaxdl.ops import unit_images
from jaxdl.systems.lenet.distortions import Distortion, check_distortion, distort
from jaxdl.systems.lenet.figures import lenet_figures
from jaxdl.train import config, step
from jaxdl.train.run import Experiment, run
from jaxdl.types import Model

DIGITS = dict(steps=600, translation=0.3, learning_rate=2e-3, weight_decay=0.0)
MNIST = dict(steps=12_000, translation=2.0, learning_rate=4e-3, weight_decay=0.2)
CIFAR = MNIST | dict(steps=3_000)
RECIPES = {"digits": DIGITS, "mnist": MNIST, "fashion_mnist": MNIST}
RECIPES |= {"cifar10_subset": CIFAR}
PUBLISHED = {False: "lenet5-mnist", True: "lenet5-mnist-distorted"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
    """LeNet. What is None follows the data's recipe."""

    data: Literal["digits", "mnist", "fashion_mnist", "cifar10_subset"] = "digits"
    """Images: 8x8 digits, enlarged to 28x28; 28x28 digits or clothes; small photos."""
    model: Literal["lenet5", "modern"] = "lenet5"
    """The net of 1998, or rectifiers, max pooling, full connections and dropout."""
    train_on: Literal["train", "all"] = "train"
    """Images to train on: the training split, or all that are not for test, as the
    paper has it; validation images are then trained on."""
    steps: int | None = None
    """Steps of each seed (digits 600; CIFAR-10 3,000; else 12,000); 0 only
    evaluates."""
    batch_size: int = 100
    """Images in one minibatch."""
    learning_rate: float | None = None
    """First step size of AdamW (digits 0.002, else 0.004); it falls to 0 along a
    cosine."""
    weight_decay: float | None = None
    """Decoupled decay of all parameters, times the step size (0.2; digits 0)."""
    distort: bool = False
    """Distort the images of each minibatch anew."""
    translation: float | None = None
    """Largest shift in pixels of the data, each way (digits 0.3, else 2)."""
    rotation: float = 10.0
    """Largest rotation, in degrees."""
    scaling: float = 0.15
    """Largest change of the logarithm of the size."""
    squeezing: float = 0.1
    """Largest change of the logarithm of the width, taken from that of the height."""
    shearing: float = 0.2
    """Largest shift along a row, in pixels for each pixel down."""
    source_dir: Path | None = config.free(None)
    """Folder with the data's original files; they are downloaded without it."""
    data_dir: Path | None = config.free(None)
    """Where prepared data lives; by default the usual tensorflow-datasets folder."""

    def __post_init__(self):
        super().__post_init__()
        config.require_positive(learning_rate=self.learning_rate)
        if self.weight_decay is not None and not 0 <= self.weight_decay < math.inf:
            raise InputError(
                f"weight_decay is {self.weight_decay}: expected a finite number from 0"
            )
        check_distortion(distortion_of(self))


def distortion_of(cfg: Config) -> Distortion:
    """The bounds of a configuration."""
    translation = 0.0 if cfg.translation is None else cfg.translation
    return Distortion(
        translation, cfg.rotation, cfg.scaling, cfg.squeezing, cfg.shearing
    )


@functools.lru_cache(maxsize=8)  # the same command compiles once a process
def make_experiment(cfg: Config, image_shape: tuple[int, int, int]) -> Experiment:
    """The experiment of a configuration without gaps."""
    net = build_lenet(cfg.model, image_shape)
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
    )


def protocol(cfg: Config, data: Images) -> dict[str, Any]:
    """How the test error was measured, and the published figure to set beside it."""
    drawn = ", ".join(
        f"{name} {bound:g}" for name, bound in distortion_of(cfg)._asdict().items()
    )
    shared = {
        "data": data.name,
        "train_images": len(data.train.image),
        "model": cfg.model,
        "output": "softmax",
        "distortions": drawn if cfg.distort else "none",
        "optimizer": f"AdamW, batch {cfg.batch_size}, {cfg.learning_rate:g} falling to "
        f"0 along a cosine, decay {cfg.weight_decay:g}",
        "trained": f"{cfg.steps * cfg.batch_size / len(data.train.image):.3g} epochs",
        "step_chosen_on": "none, the last one",
        "test_images": len(data.test.image),
    }
    there = (data.name, cfg.train_on, cfg.model) == ("mnist", "all", "lenet5")
    return ({"published": PUBLISHED[cfg.distort]} if there else {}) | shared


def train(cfg: Config) -> int:
    """Train and evaluate."""
    cfg = config.fill_defaults(cfg, RECIPES[cfg.data])
    data = load_images(cfg.data, data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    data = train_on_all(data) if cfg.train_on == "all" else data
    free = dict(out=None, overwrite=False, save_every=None, eval_every=None)
    experiment = make_experiment(dataclasses.replace(cfg, **free), data.image_shape)
    experiment = experiment._replace(protocols={"test_error": protocol(cfg, data)})
    return run("lenet", experiment, data, cfg).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv)


if __name__ == "__main__":
    sys.exit(main())
