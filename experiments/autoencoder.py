"""Autoencoders: an image as a few numbers, and back (Hinton & Salakhutdinov 2006).

    python experiments/autoencoder.py
    python experiments/autoencoder.py --data mnist --cases pca deep --seeds 3

Squared error per MNIST test image with 30 numbers, in the paper: 13.87 for PCA, 8.01
for logistic PCA, 3.00 for a deep autoencoder; ours: experiments/results. Digits take
three minutes on two CPU cores, all cases; MNIST takes six minutes a seed of a deep net.
"""

import dataclasses
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import optax

from jaxdl import models, ops
from jaxdl.cli import start
from jaxdl.data import DataName, load_images, train_on_all
from jaxdl.errors import InputError
from jaxdl.objectives import (
    make_reconstruction_loss,
    sigmoid_squared_error,
    sparsity_divergence,
)
from jaxdl.systems.autoencoder.figures import autoencoder_figures
from jaxdl.systems.autoencoder.measures import (
    Coder,
    make_reconstruction_evaluate,
    squared_error_by_size,
)
from jaxdl.systems.autoencoder.networks import variational_autoencoder
from jaxdl.systems.autoencoder.objective import make_variational_loss
from jaxdl.systems.autoencoder.pca import fit_pca, logistic_pca, pca_decode, pca_encode
from jaxdl.systems.autoencoder.variational_figures import variational_figures
from jaxdl.systems.autoencoder.variational_measures import (
    make_variational_evaluate,
    variational_protocols,
)
from jaxdl.train import config, step
from jaxdl.train.experiment import Case, Sweep
from jaxdl.train.run import Experiment, run
from jaxdl.train.state import TrainState
from jaxdl.types import Model, PRNGKey

DIGITS = dict(
    steps=3_000,
    logistic_steps=500,
    hidden_sizes=(128, 64),
    latent_size=8,
    code_sizes=(1, 2, 4, 16, 32),
    feature_size=36,
    variational_sizes=(128, 64, 8),
    train_on="train",
)
MNIST = dict(
    steps=25_000,
    logistic_steps=1_000,
    hidden_sizes=(1000, 500, 250),
    latent_size=30,
    code_sizes=(),
    feature_size=256,
    variational_sizes=(500, 500, 40),
    train_on="all",
)
RECIPES = {"digits": DIGITS, "mnist": MNIST, "fashion_mnist": MNIST}
ERRORS = {
    "bernoulli": ops.bernoulli_cross_entropy,
    "squared_error": sigmoid_squared_error,
}
CORRUPTIONS = {
    "masking": ops.masking_noise,
    "gaussian": ops.gaussian_noise,
    "salt-and-pepper": ops.salt_and_pepper,
}
CaseName = Literal[
    "pca",
    "logistic-pca",
    "deep",
    "two",
    "shallow",
    "denoising",
    "sparse",
    "contractive",
    "variational",
    "variational-two",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
    """Autoencoders. What is None follows the data's recipe."""

    data: DataName = "digits"
    """Images: 8x8 digits, or 28x28 digits or clothes."""
    cases: tuple[CaseName, ...] = get_args(CaseName)
    """What to run: two kinds of PCA; deep nets, one of them with two numbers; nets of
    one layer, without and with what regularises them."""
    steps: int | None = None
    """Training steps of the nets (digits 3,000, else 25,000)."""
    logistic_steps: int | None = None
    """Training steps of logistic PCA (digits 500, else 1,000)."""
    batch_size: int = 128
    """Images in one minibatch."""
    hidden_sizes: tuple[int, ...] | None = None
    """Hidden layers of the deep nets, from the image on (digits 128 64, else 1000 500
    250); the decoder has them backwards."""
    latent_size: int | None = None
    """Numbers in a code, of both PCAs and of the deep net (digits 8, else 30)."""
    code_sizes: tuple[int, ...] | None = None
    """Further numbers to train a deep net for, a case deep-N each, for the figure of
    the error against them (digits 1 2 4 16 32, else none)."""
    feature_size: int | None = None
    """Sigmoid units in the code of the nets of one layer (digits 36, else 256)."""
    variational_sizes: tuple[int, ...] | None = None
    """Hidden layers of the variational nets, from the image on, and last the numbers in
    their code (digits 128 64 8, else 500 500 40)."""
    likelihood_samples: int = 1_000
    """Codes drawn for each test image to estimate its log-likelihood."""
    tied: bool = False
    """Whether decoders of the deep nets use the encoder's weights, transposed; the nets
    of one layer always do."""
    likelihood: Literal["bernoulli", "squared_error"] = "bernoulli"
    """What the nets minimise: cross-entropy of each pixel as the probability of a
    Bernoulli variable, or squared error of the sigmoid."""
    corruption: Literal["masking", "gaussian", "salt-and-pepper"] = "masking"
    """What happens to the inputs of the case denoising."""
    noise: float = 0.3
    """Share of pixels that are corrupted, or the deviation of Gaussian noise; 0 or
    more, below 1."""
    sparsity: float = 0.05
    """Mean activation that the case sparse wants of each unit."""
    sparse_weight: float = 0.2
    """Weight of its penalty, the summed divergence from that activation."""
    contractive_weight: float = 0.1
    """Weight of the penalty of the case contractive, the code's squared derivative."""
    learning_rate: float = 1e-3
    """Adam's largest rate, reached after 500 steps or a twentieth of all; then it falls
    to 0 along a cosine."""
    train_on: Literal["train", "all"] | None = None
    """Images to train on: those of the training split (digits), or, as the paper has
    it, all that are not for test; evaluations in between are then of trained images."""
    source_dir: Path | None = config.free(None)
    """Folder with the original MNIST files; they are downloaded without it."""
    data_dir: Path | None = config.free(None)
    """Where prepared data lives; by default the usual tensorflow-datasets folder."""

    def __post_init__(self):
        super().__post_init__()
        config.require_positive(
            learning_rate=self.learning_rate,
            sparse_weight=self.sparse_weight,
            contractive_weight=self.contractive_weight,
        )
        config.require_at_least(0, logistic_steps=self.logistic_steps)
        config.require_at_least(1, likelihood_samples=self.likelihood_samples)
        if self.variational_sizes == ():
            raise InputError("variational_sizes is (): expected a code's size at least")
        for name in ("hidden_sizes", "code_sizes", "variational_sizes"):
            config.require_at_least(1, **{name: min(getattr(self, name) or (1,))})
        for name in ("cases", "code_sizes"):
            given = getattr(self, name) or ()
            if len(set(given)) < len(given):
                raise InputError(f"{name} is {given}: expected each once")
        if not self.cases:
            raise InputError("cases is (): expected at least one")
        for name, low in (("noise", self.noise >= 0), ("sparsity", self.sparsity > 0)):
            if not (low and getattr(self, name) < 1):
                raise InputError(
                    f"{name} is {getattr(self, name)}: expected a share, such as 0.1"
                )


class Sizes(NamedTuple):
    """What a case has to know of the data."""

    name: str
    image_size: int
    train_images: int
    test_images: int


class Built(NamedTuple):
    """A case: its experiment, and its model as figures use it."""

    experiment: Experiment
    coder: Coder
    steps: int
    seeds: int | None = None  # 1 where nothing is drawn, so that all would be the same


def make_pca(cfg: Config, sizes: Sizes) -> Built:
    """PCA, fitted when the run begins; the state holds all components."""
    num = min(sizes.image_size, sizes.train_images)
    models.check_code_size(cfg.latent_size, num)

    def init(key, data, previous):
        if data is None:  # only the form is wanted
            x = jnp.zeros((sizes.train_images, sizes.image_size))
        else:
            x = ops.unit_pixels(data.train.image)
        return TrainState(key, fit_pca(x, num), ())

    def encode(pca, x):
        return pca_encode(pca, x)[:, : cfg.latent_size]

    def decode(pca, codes):
        first = pca._replace(components=pca.components[: codes.shape[1]])
        return pca_decode(first, codes)

    coder = Coder(encode, decode, pixels=lambda outputs: outputs)
    plain = make_evaluate(cfg, coder, ops.squared_error)

    def evaluate_fn(state, data, key, final):
        values = plain(state, data, key, final)
        if final:
            x = ops.unit_pixels(data.test.image)
            mean, components, _ = state.params
            by_size = squared_error_by_size(mean, components, x)
            values["squared_error_by_size"] = by_size
        return values

    how = dict(model="PCA, centred", optimizer="exact, by SVD", trained="to the end")
    experiment = Experiment(
        init=init,
        step=lambda state, batch: (state, {}),
        evaluate=evaluate_fn,
        figures=lambda record: {},
        batch=lambda data, key, step: None,
        protocols=protocols(cfg, sizes, "hinton-mnist-pca", how),
    )
    return Built(experiment, coder, steps=0, seeds=1)


def make_logistic_pca(cfg: Config, sizes: Sizes) -> Built:
    """Logistic PCA: each step fits the minibatch's codes, then descends in W and b."""
    model = logistic_pca(sizes.image_size, cfg.latent_size)

    def apply(params, x):
        codes = jax.lax.stop_gradient(model.encode(params, x))
        return model.decode(params, codes)

    optimizer = optax.adam(optax.cosine_decay_schedule(0.01, cfg.logistic_steps or 1))
    how = {
        "model": "logistic PCA, codes fitted to each image (ridge 0.01)",
        "optimizer": f"Adam, batch {cfg.batch_size}; Newton for the codes",
        "trained": epochs(cfg.logistic_steps, cfg, sizes),
    }
    return train_net(
        cfg,
        model,
        make_reconstruction_loss(apply, ops.bernoulli_cross_entropy),
        optimizer,
        ops.bernoulli_cross_entropy,
        protocols(cfg, sizes, "hinton-mnist-logistic-pca", how),
        cfg.logistic_steps,
    )


def make_deep(cfg: Config, sizes: Sizes) -> Built:
    """The deep autoencoder."""
    model = models.autoencoder(
        sizes.image_size, cfg.hidden_sizes, cfg.latent_size, tied=cfg.tied
    )
    layers = [sizes.image_size, *cfg.hidden_sizes, cfg.latent_size]
    name = "-".join(map(str, layers)) + " and back, GELU" + ", tied" * cfg.tied
    return make_net(cfg, sizes, model, name, published="hinton-mnist-autoencoder")


def make_two(cfg: Config, sizes: Sizes) -> Built:
    """The same with two numbers."""
    return make_deep(dataclasses.replace(cfg, latent_size=2), sizes)


def make_features(cfg: Config, sizes: Sizes, kind: str = "shallow") -> Built:
    """A net of one layer, tied: a code of sigmoid units, as many as features."""
    code = dict(hidden="sigmoid", latent="sigmoid")
    cfg = dataclasses.replace(cfg, latent_size=cfg.feature_size)
    model = models.autoencoder(
        sizes.image_size, (), cfg.feature_size, tied=True, **code
    )

    def sparse(params, x):
        (logits,) = models.forward(params["encoder"], x).preactivations
        return cfg.sparse_weight * sparsity_divergence(logits, cfg.sparsity)

    def contractive(params, x):
        squares = models.squared_jacobian(params["encoder"], x, **code)
        return cfg.contractive_weight * jnp.mean(squares)

    penalty = {"sparse": sparse, "contractive": contractive}.get(kind)
    corrupt = make_corruption(cfg) if kind == "denoising" else None
    name = f"{sizes.image_size}-{cfg.feature_size} and back, sigmoid, tied, {kind}"
    return make_net(cfg, sizes, model, name, corrupt=corrupt, penalty=penalty)


def make_variational(
    cfg: Config, sizes: Sizes, latent_size: int | None = None
) -> Built:
    """A variational autoencoder of pixels that are drawn 0 or 1."""
    *hidden_sizes, own_size = cfg.variational_sizes
    cfg = dataclasses.replace(cfg, latent_size=latent_size or own_size)
    model = variational_autoencoder(sizes.image_size, hidden_sizes, cfg.latent_size)
    coder = Coder(lambda params, x: model.encode(params, x)[0], model.decode)
    plain = make_evaluate(cfg, coder, ops.bernoulli_cross_entropy)
    bounds = make_variational_evaluate(
        model, cfg.likelihood_samples, watched=watched(cfg)
    )

    def evaluate_fn(state, data, key, final):
        return plain(state, data, key, final) | bounds(state, data, key, final)

    optimizer, how = make_adam(cfg, sizes, "bound, Bernoulli")
    layers = [sizes.image_size, *hidden_sizes, cfg.latent_size]
    how |= {"model": "-".join(map(str, layers)) + " and back, GELU, variational"}
    stated = variational_protocols(
        sizes.name, sizes.train_images, sizes.test_images, cfg.likelihood_samples, how
    )
    experiment = Experiment(
        init=step.make_init(Model(model.init, model.decode), optimizer),
        step=step.make_train_step(make_variational_loss(model), optimizer),
        evaluate=evaluate_fn,
        figures=lambda record: variational_figures(record, model),
        protocols=protocols(cfg, sizes, None, how) | stated,
    )
    return Built(experiment, coder, cfg.steps)


MAKERS: dict[str, Callable[[Config, Sizes], Built]] = {
    "pca": make_pca,
    "logistic-pca": make_logistic_pca,
    "deep": make_deep,
    "two": make_two,
    "shallow": make_features,
    "denoising": functools.partial(make_features, kind="denoising"),
    "sparse": functools.partial(make_features, kind="sparse"),
    "contractive": functools.partial(make_features, kind="contractive"),
    "variational": make_variational,
    "variational-two": functools.partial(make_variational, latent_size=2),
}
"""Makers of cases by name."""


def make_net(cfg, sizes, model, name, *, published=None, corrupt=None, penalty=None):
    """A net and its training by Adam."""
    optimizer, how = make_adam(cfg, sizes, cfg.likelihood)
    how |= {"model": name}
    error_fn = ERRORS[cfg.likelihood]
    loss_fn = make_reconstruction_loss(
        model.apply, error_fn, corrupt=corrupt, penalty=penalty
    )
    stated = protocols(cfg, sizes, published, how)
    return train_net(cfg, model, loss_fn, optimizer, error_fn, stated, cfg.steps)


def make_adam(cfg: Config, sizes: Sizes, minimised: str):
    """The nets' optimizer, and what protocols say of it."""
    rate = optax.warmup_cosine_decay_schedule(
        0, cfg.learning_rate, min(500, cfg.steps // 20), max(cfg.steps, 1)
    )
    how = {
        "optimizer": f"Adam, {minimised}, batch {cfg.batch_size}, learning rate "
        f"{cfg.learning_rate:g} after warm-up, then along a cosine to 0",
        "trained": epochs(cfg.steps, cfg, sizes),
    }
    return optax.adam(rate), how


def train_net(cfg, model, loss_fn, optimizer, error_fn, stated, steps) -> Built:
    """The experiment of a model, its loss and its optimizer."""
    coder = Coder(model.encode, model.decode)
    experiment = Experiment(
        init=step.make_init(Model(model.init, model.apply), optimizer),
        step=step.make_train_step(loss_fn, optimizer),
        evaluate=make_evaluate(cfg, coder, error_fn),
        figures=lambda record: {},
        protocols=stated,
    )
    return Built(experiment, coder, steps)


def make_evaluate(cfg: Config, coder, error_fn):
    """Errors of images, and the votes of ten neighbours."""
    return make_reconstruction_evaluate(
        coder, error_fn, watched=watched(cfg), neighbours=10
    )


def watched(cfg: Config) -> str:
    """What the images are called that are looked at between blocks."""
    return "validation" if cfg.train_on == "train" else "watched"


def make_corruption(cfg: Config) -> Callable[[PRNGKey, jax.Array], jax.Array]:
    """`corrupt(key, x)` of the case denoising."""
    corruption = CORRUPTIONS[cfg.corruption]
    return lambda key, x: corruption(key, x, cfg.noise)


def epochs(steps: int, cfg: Config, sizes: Sizes) -> str:
    """How long a training was."""
    return f"{steps * cfg.batch_size / sizes.train_images:.3g} epochs"


def protocols(cfg: Config, sizes: Sizes, published, how) -> dict[str, Any]:
    """How numbers were measured, and the published figure to set beside the error."""
    shared = {
        "data": sizes.name,
        "train_images": sizes.train_images,
        "test_images": sizes.test_images,
        "pixels": "[0, 1]",
        "code_size": cfg.latent_size,
        "pretraining": "none",
        "step_chosen_on": "none, the last one",
    } | how
    comparable = published and sizes.name == "mnist" and cfg.latent_size == 30
    row = {"published": published} if comparable else {}
    return {
        "test_squared_error": row | shared,
        "test_loss": shared,
        "knn_accuracy_percent": shared | {"neighbours": 10},
    }


@functools.lru_cache(maxsize=16)  # the same command compiles once a process
def build(name: str, cfg: Config, sizes: Sizes) -> Built:
    """What the maker of a case makes."""
    return MAKERS[name](cfg, sizes)


def all_cases(cfg: Config) -> dict[str, tuple[CaseName, dict[str, Any]]]:
    """By name of each case, its maker's name and what it changes in the config."""
    named: dict[str, tuple[CaseName, dict[str, Any]]]
    named = {name: (name, {}) for name in cfg.cases}
    there = {"deep": cfg.latent_size, "two": 2}
    sizes = [n for n in cfg.code_sizes if n not in [there.get(c) for c in cfg.cases]]
    return named | {f"deep-{n}": ("deep", {"latent_size": n}) for n in sizes}


def train(cfg: Config) -> int:
    """Run the cases."""
    cfg = config.fill_defaults(cfg, RECIPES[cfg.data])
    data = load_images(cfg.data, data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    data = train_on_all(data) if cfg.train_on == "all" else data
    numbers = len(data.train.image), len(data.test.image)
    sizes = Sizes(data.name, data.train.image[0].size, *numbers)
    cases, coders = {}, {}
    for name, (maker, changes) in all_cases(cfg).items():
        own = dataclasses.replace(cfg, cases=(maker,), **changes)
        built = build(maker, dataclasses.replace(own, out=None, overwrite=False), sizes)
        own = dataclasses.replace(
            own, steps=built.steps, seeds=built.seeds or cfg.seeds
        )
        cases[name], coders[name] = Case(own, built.experiment), built.coder

    def figures(records):
        return autoencoder_figures(records, coders, make_corruption(cfg))

    return run("autoencoder", Sweep(cases, figures), data, cfg).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv)


if __name__ == "__main__":
    sys.exit(main())
