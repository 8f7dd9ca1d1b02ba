"""The flags of transfer learning, and how each method trains."""

import dataclasses
import math
from pathlib import Path
from typing import Literal, NamedTuple

from jaxdl.errors import InputError
from jaxdl.train import config

Method = Literal["frozen", "tuned", "scratch", "small"]
NetName = Literal["squeezenet", "mobilenet"]


class Training(NamedTuple):
    """Training of one method with one size, by AdamW."""

    steps: int
    batch_size: int
    learning_rate: float
    decay: float


class Recipe(NamedTuple):
    """Training of a method: AdamW, its step size falling linearly to 0.

    A training set is seen `epochs` times, but for no fewer steps than `least` and no
    more than `most`.
    """

    learning_rate: float
    decay: float
    batch_size: int
    epochs: int
    least: int
    most: int

    def training(self, size: int) -> Training:
        """Training on so many images: steps come in hundreds."""
        wanted = min(max(self.epochs * size / self.batch_size, self.least), self.most)
        steps = 100 * math.ceil(wanted / 100)
        return Training(steps, self.batch_size, self.learning_rate, self.decay)


RECIPES = {
    "frozen": Recipe(3e-3, 1e-2, 64, 10, 300, 600),
    "tuned": Recipe(1e-4, 1e-2, 16, 1, 100, 300),
    "scratch": Recipe(3e-4, 1e-2, 16, 2, 100, 400),
    "small": Recipe(1e-3, 1e-2, 64, 40, 400, 1500),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.ImagesConfig):
    """Transfer learning; each method with each training size is a case."""

    weights: Path | None = config.free(None)
    """Folder or file with the pretrained weights, for the methods frozen and tuned."""
    net: NetName = "squeezenet"
    """Net that comes with weights, and that `scratch` trains from new ones."""
    methods: tuple[Method, ...] = ("scratch", "small")
    """Ways to ten classes: the pretrained net frozen or tuned, the same net or a small
    one from new weights."""
    sizes: tuple[int, ...] = (10, 100)
    """Training images: as many of each class as the size allows."""
    image_size: int = 72
    """Height and width to which images are enlarged for the pretrained net."""
    train_on: Literal["train", "all"] = "all"
    """Images to draw from: the first 3,500, with the error on the other 500, or all
    4,000, with the error on the test images."""
    steps: int | None = None  # pyrefly: ignore[bad-override]
    """Training steps; None takes those of the method's recipe for the size."""
    batch_size: int | None = None  # pyrefly: ignore[bad-override]
    """Images in one minibatch, at most the size; None takes the method's recipe's."""
    learning_rate: float | None = None
    """First step size of AdamW; None takes the method's recipe's."""
    decay: float | None = None
    """Weight decay of AdamW; None takes the method's recipe's."""
    seeds: int = 1
    """Seeds of each case."""
    executor: Literal["sequential", "vmap"] = "sequential"
    """How seeds run: one after the other, or all in one vectorised program."""
    eval_every: int | None = config.free(None)
    """Steps between evaluations; by default one, at the end."""

    def __post_init__(self):
        super().__post_init__()
        config.require_positive(learning_rate=self.learning_rate)
        config.require_at_least(1, image_size=self.image_size)
        enlarged = "pictures of 32 pixels are enlarged to it"
        config.require_at_most(512, enlarged, image_size=self.image_size)
        if self.decay is not None and not 0 <= self.decay < math.inf:
            raise InputError(f"decay is {self.decay}: expected 0 or more, such as 0.01")
        config.require_each_once(methods=self.methods, sizes=self.sizes)

    def idle(self):
        methods = set(self.methods)
        idle = super().idle()
        if not methods & {"frozen", "tuned"}:
            reason = "without a method that uses them, as the preset pretrained has"
            idle |= {"weights": reason}
        if methods == {"small"}:
            names = "net", "image_size"
            idle |= dict.fromkeys(names, "with the method small alone")
        return idle


def training_of(cfg: Config) -> Training:
    """Training of a case: its flags, and the method's recipe for those not given."""
    (method,), (size,) = cfg.methods, cfg.sizes
    recipe = RECIPES[method].training(size)
    given = {name: getattr(cfg, name) for name in Training._fields}
    return recipe._replace(**{k: v for k, v in given.items() if v is not None})


def head_config(cfg: Config) -> Config:
    """The case that trains the last layer alone, before the whole net is tuned."""
    recipe = RECIPES["frozen"].training(cfg.sizes[0])
    steps = recipe.steps if cfg.steps else 0
    fields = recipe._replace(steps=steps)._asdict()
    return dataclasses.replace(cfg, methods=("frozen",), **fields)
