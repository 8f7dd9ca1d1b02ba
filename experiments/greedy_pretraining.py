"""Greedy layer-wise pretraining (Hinton et al. 2006; Bengio et al. 2007), does it pay?

    python experiments/greedy_pretraining.py
    python experiments/greedy_pretraining.py --data mnist_basic --seeds 3
    python experiments/greedy_pretraining.py --data mnist --seeds 3

The same deep net with and without layers that were pretrained as Boltzmann machines or
as (denoising) autoencoders; with the sigmoids and initial weights of 2006 and with
today's, against a support vector machine and a random forest on the same images.
Published test errors on MNIST are 1.15 to 1.40 %, on MNIST basic 2.84 to 3.46 %; ours:
experiments/results. Digits take two minutes on two CPU cores, MNIST basic a minute a
case and seed, MNIST two to four.
"""

import dataclasses
import functools
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import optax

from jaxdl import models, ops
from jaxdl.cli import start
from jaxdl.data import Images, load_images, mnist_basic, train_on_all
from jaxdl.errors import InputError
from jaxdl.ledger.published import SYSTEMS, read_published
from jaxdl.measures.classification import make_classification_evaluate
from jaxdl.measures.signals import layer_signals
from jaxdl.models import rbm
from jaxdl.nn import INITIALIZERS
from jaxdl.objectives import make_classification_loss, make_reconstruction_loss
from jaxdl.objectives.contrastive_divergence import make_contrastive_divergence_loss
from jaxdl.ops.images import image_rows
from jaxdl.systems.greedy_pretraining import greedy
from jaxdl.systems.greedy_pretraining.figures import greedy_figures
from jaxdl.systems.greedy_pretraining.pretrained_stack import (
    encoder_layer,
    rbm_layer,
    stack_features,
)
from jaxdl.systems.greedy_pretraining.sklearn_baselines import forest_errors, svm_errors
from jaxdl.train import config, step
from jaxdl.train.experiment import Case, Experiment, Phase, Sweep
from jaxdl.train.run import run
from jaxdl.train.state import TrainState
from jaxdl.types import LossFn, Params, PRNGKey


class Style(NamedTuple):
    """A way to make and to train a net.

    Learning rates come from the validation error on MNIST basic, with a seed that no
    result uses (1000): of 0.1 and 0.3 for sigmoids pretrained as Boltzmann machines.
    Sigmoids without pretraining stayed at guessing with both.
    """

    hidden: str
    initializer: str
    optimizer: str
    learning_rate: float


OLD = Style("sigmoid", "standard", "momentum", 0.3)
NEW = Style("relu", "he", "adam", 1e-3)


class Setting(NamedTuple):
    """A net to train, and how its layers are pretrained: "rbm", "autoencoder",
    "denoising" or "none"; `published` is the end of the id of the figure beside it."""

    style: Style
    pretraining: str
    published: str | None = None


SETTINGS = {
    "sigmoid": Setting(OLD, "none", "none"),
    "sigmoid-rbm": Setting(OLD, "rbm", "dbn3"),
    "sigmoid-autoencoder": Setting(OLD, "autoencoder", "sae3"),
    "sigmoid-denoising": Setting(OLD, "denoising", "sdae3"),
    "relu": Setting(NEW, "none"),
    "relu-denoising": Setting(NEW, "denoising"),
}
CLASSICAL = ("svm", "forest")
FIGURES = {
    "mnist": {
        "none": "bengio-mnist-none",
        "dbn3": "vincent-mnist-dbn3",
        "sae3": "vincent-mnist-sae3",
        "sdae3": "vincent-mnist-sdae3",
        "svm": "vincent-mnist-svm",
    },
    "mnist, all": {"dbn3": "hinton-mnist-dbn-backprop"},
    "mnist_basic": {
        "dbn3": "vincent-basic-dbn3",
        "sae3": "vincent-basic-sae3",
        "sdae3": "vincent-basic-sdae3",
        "svm": "vincent-basic-svm",
    },
}
DIGITS = dict(steps=2_000, pretrain_steps=1_000, hidden_sizes=(100, 100, 100))
MNIST = dict(steps=10_000, pretrain_steps=2_500, hidden_sizes=(500, 500, 2000))
BASIC = MNIST | dict(steps=3_000, pretrain_steps=2_000)
RECIPES = {
    "digits": DIGITS,
    "mnist": MNIST,
    "mnist_basic": BASIC,
    "fashion_mnist": MNIST,
}
CaseName = Literal[*SETTINGS, *CLASSICAL]  # pyrefly: ignore[invalid-literal]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
    """Greedy pretraining. What is None follows the data's recipe."""

    data: Literal["digits", "mnist", "mnist_basic", "fashion_mnist"] = "digits"
    """Images: 8x8 digits, 28x28 digits (all, or 10,000 to train on) or clothes."""
    cases: tuple[CaseName, ...] = CaseName.__args__
    """What to run: nets named by activation and pretraining, and two classics."""
    train_on: Literal["train", "all"] = "train"
    """Images to train on: the training split, or all that are not for test, as Hinton
    et al. have it; validation images are then trained on."""
    steps: int | None = None
    """Steps of the whole net (digits 2,000; mnist_basic 3,000; else 10,000)."""
    pretrain_steps: int | None = None
    """Steps of each layer before (digits 1,000; mnist_basic 2,000; else 2,500)."""
    batch_size: int = 100
    """Images in one minibatch."""
    hidden_sizes: tuple[int, ...] | None = None
    """Hidden layers, from the image on (digits 100 100 100, else 500 500 2000)."""
    learning_rate: float | None = None
    """First step size of the whole net (by default 0.3 for gradient descent with
    momentum 0.9, 0.001 for Adam); it falls linearly to 0."""
    rbm_rate: float = 0.05
    """Step size of CD-1, with momentum 0.9 and weight decay 0.0002."""
    autoencoder_rate: float = 1e-3
    """Step size of Adam for layers that are autoencoders."""
    noise: float = 0.25
    """Share of a denoising layer's inputs that are set to 0; 0 or more, below 1."""
    svm_penalty: float = 10.0
    """C of the support vector machine; it and gamma were chosen on the validation
    images of MNIST basic, C of 3, 10 and 30, gamma of 0.01, 0.02 and 0.03."""
    svm_gamma: float = 0.03
    """Gamma of its Gaussian kernel, on pixels from 0 to 1."""
    trees: int = 500
    """Trees of the random forest."""
    source_dir: Path | None = config.free(None)
    """Folder with the original MNIST files; they are downloaded without it."""
    data_dir: Path | None = config.free(None)
    """Where prepared data lives; by default the usual tensorflow-datasets folder."""

    def __post_init__(self):
        super().__post_init__()
        config.require_positive(
            learning_rate=self.learning_rate,
            rbm_rate=self.rbm_rate,
            autoencoder_rate=self.autoencoder_rate,
            svm_penalty=self.svm_penalty,
            svm_gamma=self.svm_gamma,
        )
        config.require_at_least(0, pretrain_steps=self.pretrain_steps)
        config.require_at_least(1, trees=self.trees)
        if self.hidden_sizes is not None:
            if not self.hidden_sizes:
                raise InputError("hidden_sizes is (): expected at least one layer")
            config.require_at_least(1, hidden_sizes=min(self.hidden_sizes))
        if not self.cases or len(set(self.cases)) < len(self.cases):
            raise InputError(f"cases is {self.cases}: expected at least one, each once")
        if not 0 <= self.noise < 1:
            raise InputError(f"noise is {self.noise}: expected a share, such as 0.25")


class LayerKind(NamedTuple):
    """A kind of layer to pretrain: `init(key, data)`, its loss, what is kept of it."""

    init: Callable[[PRNGKey, Any], Params]
    loss_fn: LossFn
    layer_of: Callable[[Params], Any]
    optimizer: optax.GradientTransformation


def rbm_kind(cfg: Config, in_size: int, size: int, first: bool) -> LayerKind:
    """A Boltzmann machine trained by CD-1."""

    def init(key, data):
        known = first and data is not None
        mean = ops.mean_image(data.train.image) if known else None
        return rbm.init_rbm(key, in_size, size, visible_mean=mean)

    loss_fn = make_contrastive_divergence_loss(
        rbm.free_energy,
        rbm.gibbs_chain,
        inputs_of=lambda inputs: inputs,
        weight_decay=2e-4,
    )
    return LayerKind(init, loss_fn, rbm_layer, optax.sgd(cfg.rbm_rate, momentum=0.9))


def autoencoder_kind(
    cfg: Config, in_size: int, size: int, first: bool, style: Style, noise: float
) -> LayerKind:
    """An autoencoder of one tied layer, given corrupted inputs if there is noise.

    Rectified units know no upper end: their layers give squared error.
    """
    bounded = first or style.hidden == "sigmoid"
    model = models.autoencoder(
        in_size,
        (),
        size,
        latent=style.hidden,
        tied=True,
        overcomplete=True,
        kernel_init=INITIALIZERS["glorot" if bounded else "he"],
    )
    loss_fn = make_reconstruction_loss(
        model.apply,
        ops.bernoulli_cross_entropy if bounded else ops.squared_error,
        corrupt=lambda key, x: ops.masking_noise(key, x, noise) if noise else x,
        inputs_of=lambda inputs: inputs,
        pixels=jax.nn.sigmoid if bounded else lambda outputs: outputs,
    )
    optimizer = optax.adam(cfg.autoencoder_rate)
    return LayerKind(
        lambda key, data: model.init(key), loss_fn, encoder_layer, optimizer
    )


def layer_kinds(cfg: Config, setting: Setting, sizes) -> list[LayerKind]:
    """One for each hidden layer, the lowest first; none without pretraining."""
    pairs = list(zip(sizes[:-2], sizes[1:-1], strict=True))
    if setting.pretraining == "none":
        return []
    if setting.pretraining == "rbm":
        return [rbm_kind(cfg, *pair, i == 0) for i, pair in enumerate(pairs)]
    noise = cfg.noise if setting.pretraining == "denoising" else 0.0
    return [
        autoencoder_kind(cfg, *pair, i == 0, setting.style, noise)
        for i, pair in enumerate(pairs)
    ]


def layer_phase(cfg: Config, kind: LayerKind, hidden: str, number: int) -> Phase:
    """The pretraining of one layer."""

    def inputs_of(below, batch):
        return stack_features(below, image_rows(batch), hidden=hidden)

    @jax.jit
    def losses(state, part, key):
        inputs = inputs_of(state.below, part)
        return kind.loss_fn(state.top.params, inputs, key)[1]

    def evaluate_fn(state, data, key, final):
        part = jax.tree.map(lambda leaf: leaf[:1000], data.validation)
        found = losses(state, part, key)
        return {f"{watched(cfg)}_{name}": value for name, value in found.items()}

    experiment = Experiment(
        init=greedy.make_greedy_init(kind.init, kind.layer_of, kind.optimizer),
        step=greedy.make_greedy_step(kind.loss_fn, inputs_of, kind.optimizer),
        evaluate=evaluate_fn,
        figures=lambda record: {},
    )
    return Phase(f"layer-{number}", cfg.pretrain_steps, experiment)


def make_phases(cfg: Config, sizes, protocol: dict[str, Any]) -> list[Phase]:
    """Each layer, then the net as it begins, then its training."""
    setting = SETTINGS[cfg.cases[0]]
    style = setting.style
    kinds = layer_kinds(cfg, setting, sizes)
    phases = [
        layer_phase(cfg, kind, style.hidden, number)
        for number, kind in enumerate(kinds, start=1)
    ]
    model = models.mlp(
        sizes, hidden=style.hidden, kernel_init=INITIALIZERS[style.initializer]
    )
    rate = optax.linear_schedule(cfg.learning_rate, 0, max(cfg.steps, 1))
    optimizer = dict(momentum=optax.sgd(rate, momentum=0.9), adam=optax.adam(rate))[
        style.optimizer
    ]

    def assemble(key, data, previous):
        key, params_key = jax.random.split(key)
        params = model.init(params_key)
        if previous is not None:
            layers = greedy.trained_layers(previous, kinds[-1].layer_of)
            params = [*layers, params[-1]]
        return TrainState(key, params, optimizer.init(params))

    def go_on(key, data, previous):
        return previous._replace(key=key)

    start_net = Experiment(
        init=assemble,
        step=step.make_train_step(make_classification_loss(model.apply), optimizer),
        evaluate=make_evaluate(cfg, model, style.hidden, test=False),
        figures=lambda record: {},
    )
    whole = start_net._replace(
        init=go_on,
        evaluate=make_evaluate(cfg, model, style.hidden),
        protocols={"test_error": protocol},
    )
    return [*phases, Phase("start", 0, start_net), Phase("whole", cfg.steps, whole)]


def watched(cfg: Config) -> str:
    """What to call the validation images: they may be trained on."""
    return "watched" if cfg.train_on == "all" else "validation"


def make_evaluate(cfg: Config, model, hidden: str, *, test: bool = True):
    """Errors, and the norm of the gradient in each layer (200 validation images)."""
    errors = make_classification_evaluate(model.apply, watched=watched(cfg))
    signals = jax.jit(
        functools.partial(
            layer_signals,
            functools.partial(models.forward, hidden=hidden),
            hidden=ops.activation(hidden),
        )
    )

    def evaluate_fn(state, data, key, final):
        split = jax.tree.map(lambda leaf: leaf[:200], data.validation)
        found = signals(state.params, ops.unit_pixels(split.image), split.label)
        return errors(state, data, key, final and test) | found._asdict()

    return evaluate_fn


def make_classical(cfg: Config, protocol: dict[str, Any]) -> Experiment:
    """A classifier of scikit-learn's, fitted when it is evaluated."""

    def evaluate_fn(state, data, key, final):
        name = watched(cfg)
        if cfg.cases == ("svm",):
            return svm_errors(
                data, penalty=cfg.svm_penalty, gamma=cfg.svm_gamma, watched=name
            )
        seed = int(jax.random.bits(key) >> 1)
        return forest_errors(data, trees=cfg.trees, seed=seed, watched=name)

    return Experiment(
        init=lambda key, data, previous: key,
        step=lambda key, batch: (key, {}),
        evaluate=evaluate_fn,
        figures=lambda record: {},
        batch=lambda data, key, step: None,
        protocols={"test_error": protocol},
    )


def make_protocol(cfg: Config, data: Images) -> dict[str, Any]:
    """How the test error was measured, and the published figure to set it beside."""
    (name,) = cfg.cases
    shared = {
        "data": data.name,
        "train_images": len(data.train.image),
        "validation_images": 0 if cfg.train_on == "all" else len(data.validation.image),
        "test_images": len(data.test.image),
    }
    if data.name == "mnist_basic":
        shared["drawn"] = "in the order of the files"
    if name in CLASSICAL:
        model, parameters = {
            "svm": (
                "SVM, Gaussian kernel",
                f"C {cfg.svm_penalty:g}, gamma {cfg.svm_gamma:g}",
            ),
            "forest": ("random forest", f"{cfg.trees} trees"),
        }[name]
        how = {"model": model, "parameters": parameters}
        return _published(cfg, name) | shared | how
    setting = SETTINGS[name]
    images = len(data.train.image)
    kind, detail = {
        "none": ("none", ""),
        "rbm": ("Boltzmann machines", "CD-1, "),
        "autoencoder": ("autoencoders", ""),
        "denoising": (
            "denoising autoencoders",
            f"{100 * cfg.noise:g} % of inputs masked, ",
        ),
    }[setting.pretraining]
    long = f"{cfg.pretrain_steps * cfg.batch_size / images:.3g} epochs a layer"
    how = {
        "model": f"{setting.style.hidden} {'-'.join(map(str, cfg.hidden_sizes))}",
        "pretraining": kind,
        "pretrained": "no" if kind == "none" else detail + long,
        "trained": f"{cfg.steps * cfg.batch_size / images:.3g} epochs",
        "optimizer": f"{setting.style.optimizer}, {cfg.learning_rate:g} falling "
        "linearly to 0",
        "step_chosen_on": "none, the last one",
    }
    return _published(cfg, setting.published) | shared | how


def _published(cfg: Config, name: str | None) -> dict[str, Any]:
    """The figure to set beside a case, if there is one."""
    split = cfg.data + (", all" if cfg.train_on == "all" else "")
    figures = FIGURES.get(split, {})
    figure = None if name is None else figures.get(name)
    return {} if figure is None else {"published": figure}


@functools.lru_cache(maxsize=16)  # the same command compiles once a process
def make_case(
    cfg: Config, image_shape: tuple[int, ...], items: tuple[Any, ...]
) -> Case:
    """The case of a configuration with one name in `cases`; a protocol's items."""
    (name,), protocol = cfg.cases, dict(items)
    if name in CLASSICAL:
        cfg = dataclasses.replace(cfg, steps=0)
        if name == "svm":  # it draws nothing: every seed is the same
            cfg = dataclasses.replace(cfg, seeds=1)
        return Case(cfg, make_classical(cfg, protocol))
    sizes = [math.prod(image_shape), *cfg.hidden_sizes, 10]
    return Case(cfg, make_phases(cfg, sizes, protocol))


def make_cases(cfg: Config, data: Images) -> dict[str, Case]:
    """All cases by name."""
    cases = {}
    for name in cfg.cases:
        own = dataclasses.replace(cfg, cases=(name,), out=None, overwrite=False)
        if name in SETTINGS:
            rate = {"learning_rate": SETTINGS[name].style.learning_rate}
            own = config.fill_defaults(own, rate)
        protocol = make_protocol(own, data)
        cases[name] = make_case(own, data.image_shape, tuple(protocol.items()))
    return cases


def train(cfg: Config) -> int:
    """Run the cases."""
    cfg = config.fill_defaults(cfg, RECIPES[cfg.data])
    source = "mnist" if cfg.data == "mnist_basic" else cfg.data
    data = load_images(source, data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    data = mnist_basic(data) if cfg.data == "mnist_basic" else data
    data = train_on_all(data) if cfg.train_on == "all" else data
    cases = make_cases(cfg, data)
    published = read_published(SYSTEMS / "greedy_pretraining" / "published.json")

    def figures(records):
        rows = {
            name: published.get(make_protocol(case.config, data).get("published"))
            for name, case in cases.items()
        }
        there = {name: row.value for name, row in rows.items() if row}
        return greedy_figures(records, there, data.image_shape)

    return run("greedy_pretraining", Sweep(cases, figures), data, cfg).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv)


if __name__ == "__main__":
    sys.exit(main())
