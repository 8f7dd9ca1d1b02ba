"""Transfer learning: what a net trained on ImageNet saves on few images of CIFAR-10.

    python experiments/transfer.py --weights shared/data/squeezenet_v1.1
    python experiments/transfer.py --methods small --sizes 10 100 1000

Four ways to ten classes from 10 to 4,000 images: a linear layer on the features of the
pretrained net (`frozen`), the whole net trained on from there (`tuned`; Kumar et al.,
"Fine-tuning can distort pretrained features", 2022), the same net from new weights
(`scratch`), and from new weights a small net that suits images of 32x32 (`small`).
Training sets of a seed are nested, and the same for all. Each way has a recipe of its
own; test error against training size: experiments/results. About twelve minutes on two
CPU cores.
"""

import dataclasses
import functools
import itertools
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int32

from jaxdl.cli import start
from jaxdl.data import Images, balanced_order, load_images, train_on_all
from jaxdl.data.pictures import mobilenet_input, squeezenet_input
from jaxdl.data.weights import load_mobilenet, load_squeezenet
from jaxdl.errors import InputError
from jaxdl.measures.chunks import in_chunks
from jaxdl.measures.classification import error_percent
from jaxdl.models.lenet import modern_lenet
from jaxdl.models.mobilenet import mobilenet, mobilenet_features
from jaxdl.models.squeezenet import squeezenet, squeezenet_features
from jaxdl.ops.images import unit_images
from jaxdl.ops.losses import softmax_cross_entropy
from jaxdl.systems.transfer import networks as transfer
from jaxdl.systems.transfer.augmentation import randomly_mirrored, randomly_shifted
from jaxdl.systems.transfer.data import (
    CHUNK,
    Examples,
    FeaturedImages,
    featured_images,
)
from jaxdl.systems.transfer.figures import transfer_figures
from jaxdl.train import config, step
from jaxdl.train.experiment import Case, Experiment, Phase, Sweep
from jaxdl.train.run import run
from jaxdl.train.state import TrainState

Method = Literal["frozen", "tuned", "scratch", "small"]
CLASSES = 10
SHIFT = 4  # pixels, at most, by which images move in training of the small net
WATCHED = 250  # images trained on that are looked at, and give statistics of batches


class Recipe(NamedTuple):
    """How a method trains: Adam, its step size falling linearly to 0.

    A training set is seen `epochs` times, but for no fewer steps than `least` and no
    more than `most`; decay is AdamW's.
    """

    learning_rate: float
    decay: float
    batch_size: int
    epochs: int
    least: int
    most: int

    def fields(self, size: int) -> dict[str, Any]:
        """Of a configuration, for so many images: steps come in hundreds."""
        wanted = min(max(self.epochs * size / self.batch_size, self.least), self.most)
        return {
            "steps": 100 * math.ceil(wanted / 100),
            "learning_rate": self.learning_rate,
            "decay": self.decay,
            "batch_size": self.batch_size,
        }


RECIPES = {
    "frozen": Recipe(3e-3, 1e-2, 64, 10, 300, 600),
    "tuned": Recipe(1e-4, 1e-2, 16, 1, 100, 300),
    "scratch": Recipe(3e-4, 1e-2, 16, 2, 100, 400),
    "small": Recipe(1e-3, 1e-2, 64, 40, 400, 1500),
}


class Net(NamedTuple):
    """A net with weights from ImageNet: how they are loaded, and its body."""

    load: Callable[[Path], Any]
    body: Callable[[int], transfer.Body]


@functools.lru_cache(maxsize=1)
def squeezenet_net() -> Net:
    """SqueezeNet 1.1."""
    load = functools.partial(load_squeezenet, model=squeezenet())
    features = squeezenet_features()
    return Net(load, lambda side: transfer.Body(features, 512, squeezenet_input, side))


@functools.lru_cache(maxsize=1)
def mobilenet_net() -> Net:
    """MobileNet v1 of a quarter's width."""
    load = functools.partial(load_mobilenet, model=mobilenet())
    features = mobilenet_features()
    return Net(load, lambda side: transfer.Body(features, 256, mobilenet_input, side))


NETS = {"squeezenet": squeezenet_net, "mobilenet": mobilenet_net}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
    """Transfer learning; each method with each training size is a case."""

    weights: Path | None = config.free(None)
    """Folder or file with the pretrained weights, for the methods frozen and tuned."""
    net: Literal[*NETS] = "squeezenet"  # pyrefly: ignore[invalid-literal]
    """Net that comes with weights, and that `scratch` trains from new ones."""
    methods: tuple[Method, ...] = get_args(Method)
    """Ways to ten classes: the pretrained net frozen or tuned, the same net or a small
    one from new weights."""
    sizes: tuple[int, ...] | None = None
    """Training images: as many of each class as the size allows (10, 40, 100, 400,
    1,000 and all)."""
    image_size: int = 72
    """Height and width to which images are enlarged for the pretrained net."""
    train_on: Literal["train", "all"] = "all"
    """Images to draw from: the first 3,500, with the error on the other 500, or all
    4,000, with the error on the test images."""
    steps: int | None = None
    """Training steps; by default as many as the method's recipe has for the size."""
    batch_size: int | None = None
    """Images in one minibatch, at most the size; by default the method's recipe's."""
    learning_rate: float | None = None
    """First step size of Adam; by default the method's recipe's."""
    decay: float | None = None
    """Weight decay of AdamW; by default the method's recipe's."""
    seeds: int = 5
    """Seeds of each case."""
    executor: Literal["sequential", "vmap"] = "sequential"
    """How seeds run: one after the other, or all in one vectorised program."""
    eval_every: int | None = config.free(None)
    """Steps between evaluations; by default one, at the end."""
    source_dir: Path | None = config.free(None)
    """Folder with the files of the CIFAR-10 subset, where it is not prepared yet."""
    data_dir: Path | None = config.free(None)
    """Where prepared data lives; by default the usual tensorflow-datasets folder."""

    def __post_init__(self):
        super().__post_init__()
        config.require_positive(learning_rate=self.learning_rate)
        config.require_at_least(1, image_size=self.image_size)
        if self.decay is not None and not 0 <= self.decay < math.inf:
            raise InputError(f"decay is {self.decay}: expected 0 or more, such as 0.01")
        for name in ("methods", "sizes"):
            given = getattr(self, name)
            if given is None:
                continue
            if not given or len(set(given)) < len(given):
                raise InputError(f"{name} is {given}: expected at least one, each once")


class State(NamedTuple):
    """A net in training, and the images that it is trained on."""

    training: TrainState
    subset: Int32[Array, " size"]


def small() -> transfer.Learner:
    """The modern LeNet for colour images, mirrored and shifted in training."""
    net = modern_lenet(CLASSES, channels=3, maps=(16, 32))

    def logits(params, pretrained, examples, key):
        mirror_key, shift_key, dropout_key = jax.random.split(key, 3)
        images = randomly_mirrored(mirror_key, examples.image)
        images = randomly_shifted(shift_key, images, most=SHIFT)
        return net.apply(params, unit_images(images), key=dropout_key)

    return transfer.Learner(
        init=lambda key, pretrained: net.init(key),
        logits=logits,
        finish=lambda params, pretrained, examples: params,
        predict=lambda params, examples: net.apply(params, unit_images(examples.image)),
    )


@functools.lru_cache(maxsize=8)
def make_learner(
    method: Method, make_net: Callable[..., Any], side: int
) -> transfer.Learner:
    """The method of that name, its functions for the held-out images compiled."""
    if method == "small":
        learner = small()
    elif method == "frozen":
        learner = transfer.frozen(make_net().body(side), CLASSES)
    else:
        body = make_net().body(side)
        learner = transfer.whole(body, CLASSES, pretrained=method == "tuned")
    return learner._replace(
        finish=jax.jit(learner.finish), predict=jax.jit(learner.predict)
    )


def rows(examples: Examples, index) -> Examples:
    """Some of the examples."""
    return jax.tree.map(lambda leaf: leaf[index], examples)


@functools.lru_cache(maxsize=64)  # the same command compiles once a process
def make_experiment(cfg: Config, make_net: Callable[[], Net]) -> Experiment:
    """The experiment of a configuration with one method and one size."""
    (method,), (size,) = cfg.methods, cfg.sizes
    learner = make_learner(method, make_net, cfg.image_size)
    rate = optax.linear_schedule(cfg.learning_rate, 0, max(cfg.steps, 1))
    optimizer = optax.adamw(rate, weight_decay=cfg.decay)

    def init(key, data, previous):
        subset = jnp.zeros(size, jnp.int32)
        if previous is not None:
            subset = previous.subset
        elif data is not None:
            order_key = jax.random.fold_in(key, 2)  # the same for every method
            order = balanced_order(order_key, data.train.label, num_classes=CLASSES)
            subset = order[:size]
        key, params_key = jax.random.split(key)
        params = learner.init(params_key, data and data.pretrained)
        if previous is not None:  # the layer that was trained alone
            params |= {"head": previous.training.params}
        return State(TrainState(key, params, optimizer.init(params)), subset)

    def batch(data, key, step):
        if size <= cfg.batch_size:
            return data, jnp.arange(size)
        key = jax.random.fold_in(key, step)
        return data, jax.random.randint(key, (cfg.batch_size,), 0, size)

    def loss_fn(params, batch, key):
        pretrained, examples = batch
        logits = learner.logits(params, pretrained, examples, key)
        loss = jnp.mean(softmax_cross_entropy(logits, examples.label))
        return loss, {"loss": loss, "error": error_percent(logits, examples.label)}

    train_step = step.make_train_step(loss_fn, optimizer)

    def one_step(state, batch):
        data, position = batch
        examples = rows(data.train, state.subset[position])
        training, metrics = train_step(state.training, (data.pretrained, examples))
        return State(training, state.subset), metrics

    measure = {"train": "validation_error", "all": "test_error"}[cfg.train_on]

    def evaluate(state, data, key, final):
        seen = rows(data.train, state.subset[:WATCHED])
        finished = learner.finish(state.training.params, data.pretrained, seen)
        logits = learner.predict(finished, seen)
        values = {
            "trained_error": error_percent(logits, seen.label),
            "guesses": jnp.full(len(data.held_out.label), -1),  # none before the end
        }
        if final:
            predict = functools.partial(learner.predict, finished)
            logits = in_chunks(predict, data.held_out, size=CHUNK)
            values[measure] = error_percent(logits, data.held_out.label)
            values["guesses"] = jnp.argmax(logits, axis=-1)
        return values

    return Experiment(init, one_step, evaluate, lambda record: {}, batch)


def protocol(cfg: Config, data: FeaturedImages, digest: str | None) -> dict[str, Any]:
    """How the error of a case was measured."""
    (method,), (size,) = cfg.methods, cfg.sizes
    net = "modern LeNet, 16 and 32 maps" if method == "small" else cfg.net
    side = data.train.image.shape[1] if method == "small" else cfg.image_size
    varied = {"frozen": "none", "small": f"mirrored, shifted by up to {SHIFT} pixels"}
    begun = {"frozen": "pretrained, kept", "tuned": "pretrained, after the last layer"}
    shared = {
        "method": method,
        "net": net,
        "weights": begun.get(method, "new"),
        "image_size": side,
        "train_images": size,
        "held_out_images": len(data.held_out.label),
        "optimizer": f"AdamW, {cfg.learning_rate:g} falling linearly to 0",
        "weight_decay": cfg.decay,
        "batch_size": min(cfg.batch_size, size),
        "steps": cfg.steps,
        "epochs": round(cfg.steps * min(cfg.batch_size, size) / size, 1),
        "augmentation": varied.get(method, "mirrored"),
        "step_chosen_on": "none, the last one",
    }
    if method in ("frozen", "tuned"):
        shared["weights_sha256"] = digest
    if method == "tuned":
        shared["steps_of_last_layer"] = head_steps(cfg)
    return shared


def head_steps(cfg: Config) -> int:
    """Steps in which the last layer is trained alone, before the whole net."""
    return RECIPES["frozen"].fields(cfg.sizes[0])["steps"] if cfg.steps else 0


def load_data(cfg: Config, net: Net | None) -> tuple[FeaturedImages, str | None]:
    """The images with the pretrained net, its features where wanted, its digest."""
    images = load_images(
        "cifar10_subset", data_dir=cfg.data_dir, source_dir=cfg.source_dir
    )
    held_out = images.validation
    if cfg.train_on == "all":
        images, held_out = train_on_all(images), images.test
    require_sizes(cfg, images)
    if not {"frozen", "tuned"} & set(cfg.methods):
        return featured_images(images, held_out), None
    if cfg.weights is None:
        raise InputError(
            f"the methods frozen and tuned need the weights of {cfg.net}: give "
            "--weights with their folder or file, or --methods scratch small"
        )
    found = net.load(cfg.weights)
    features_fn = functools.partial(transfer.read_features, net.body(cfg.image_size))
    pretrained = transfer.Pretrained(found.params, found.statistics)
    data = featured_images(
        images,
        held_out,
        pretrained=jax.tree.map(jnp.asarray, pretrained),
        features_fn=features_fn,
        depends_on=f"{cfg.net} {found.digest}",
    )
    return data, found.digest


def require_sizes(cfg: Config, images: Images) -> None:
    """Refuse sizes that the training images cannot give."""
    most = len(images.train.label)
    for size in cfg.sizes:
        if not CLASSES <= size <= most:
            raise InputError(
                f"a training size is {size}: expected {CLASSES}, one image a class, to "
                f"{most}, all that there are with --train-on {cfg.train_on}"
            )


def make_case(cfg: Config, make_net: Callable[..., Any], data, digest: str | None):
    """One method with one size: what is tuned has its linear layer trained before."""
    (method,), (size,) = cfg.methods, cfg.sizes
    name = "validation_error" if cfg.train_on == "train" else "test_error"
    protocols = {name: protocol(cfg, data, digest)}
    experiment = make_experiment(cfg, make_net)._replace(protocols=protocols)
    if method != "tuned":
        return experiment
    fields = RECIPES["frozen"].fields(size)
    fields |= {"methods": ("frozen",), "steps": head_steps(cfg)}
    head = dataclasses.replace(cfg, **fields)
    head_experiment = make_experiment(head, make_net)
    return [
        Phase("head", head.steps, head_experiment),
        Phase("whole", cfg.steps, experiment),
    ]


def train(cfg: Config) -> int:
    """Run the cases."""
    whole = {"train": 3500, "all": 4000}[cfg.train_on]
    cfg = config.fill_defaults(cfg, {"sizes": (10, 40, 100, 400, 1000, whole)})
    make_net = NETS[cfg.net]
    net = None if set(cfg.methods) == {"small"} else make_net()
    data, digest = load_data(cfg, net)
    cases = {}
    for method, size in itertools.product(cfg.methods, cfg.sizes):
        own = dataclasses.replace(
            cfg, methods=(method,), sizes=(size,), weights=None, out=None
        )
        own = config.fill_defaults(own, RECIPES[method].fields(size))
        own = config.fill_defaults(own, {"eval_every": max(1, own.steps)})
        cases[f"{method}-{size}"] = Case(own, make_case(own, make_net, data, digest))
    figures = transfer_figures
    return run("transfer", Sweep(cases, figures), data, cfg).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv)


if __name__ == "__main__":
    sys.exit(main())
