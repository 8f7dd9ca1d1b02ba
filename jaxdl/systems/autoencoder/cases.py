"""The experiments of principal components and of variational autoencoders."""

from collections.abc import Callable

import jax
import optax

from jaxdl import ops
from jaxdl.data import Images
from jaxdl.models import check_code_size
from jaxdl.objectives import make_reconstruction_loss
from jaxdl.systems.autoencoder import nets
from jaxdl.systems.autoencoder.config import Config
from jaxdl.systems.autoencoder.measures import (
    Coder,
    make_reconstruction_evaluate,
    squared_error_by_size,
)
from jaxdl.systems.autoencoder.objective import make_variational_loss
from jaxdl.systems.autoencoder.pca import fit_pca
from jaxdl.systems.autoencoder.protocols import describe_training, make_protocols
from jaxdl.systems.autoencoder.variational_figures import variational_figures
from jaxdl.systems.autoencoder.variational_measures import (
    make_variational_evaluate,
    variational_protocols,
)
from jaxdl.systems.autoencoder.variational_pictures import make_variational_pictures
from jaxdl.train.experiment import Experiment
from jaxdl.train.seeds import seed_keys
from jaxdl.train.state import TrainState
from jaxdl.train.step import make_init, make_train_step
from jaxdl.types import EvaluateFn, Model

ErrorFn = Callable[[jax.Array, jax.Array], jax.Array]


def watched(cfg: Config) -> str:
    """Name in the metrics of the images that are evaluated between blocks."""
    return "validation" if cfg.train_on == "train" else "watched"


def make_evaluate(cfg: Config, coder: Coder, error_fn: ErrorFn) -> EvaluateFn:
    """Errors of images, and the votes of ten neighbours."""
    return make_reconstruction_evaluate(
        coder, error_fn, watched=watched(cfg), neighbours=10
    )


def make_adam(cfg: Config) -> optax.GradientTransformation:
    """The optimizer of the nets."""
    warmup = min(500, cfg.steps // 20)
    return optax.adam(
        optax.warmup_cosine_decay_schedule(
            0, cfg.learning_rate, warmup, max(cfg.steps, 1)
        )
    )


def make_pca(cfg: Config, data: Images) -> Experiment:
    """PCA, fitted when the run begins; the state holds all components."""
    image_size = data.train.image[0].size
    num = min(image_size, len(data.train.image))
    check_code_size(cfg.latent_size, num)
    coder = nets.make_coder(cfg, image_size)
    plain = make_evaluate(cfg, coder, ops.squared_error)

    def init(key, data, previous):
        x = ops.unit_pixels(data.train.image)
        return TrainState(key, fit_pca(x, num), ())

    def evaluate(state, data, key, final):
        values = plain(state, data, key, final)
        if final:
            x = ops.unit_pixels(data.test.image)
            mean, components, _ = state.params
            by_size = squared_error_by_size(mean, components, x)
            values["squared_error_by_size"] = by_size
        return values

    return Experiment(
        init=init,
        step=lambda state, batch: (state, {}),
        evaluate=evaluate,
        figures=lambda record: {},
        batch=lambda data, key, step: None,
        protocols=make_protocols(cfg, data),
    )


def make_logistic_pca(cfg: Config, data: Images) -> Experiment:
    """Logistic PCA: each step fits the minibatch's codes, then descends in W and b."""
    model = nets.make_model(cfg, data.train.image[0].size)

    def apply(params, x):
        codes = jax.lax.stop_gradient(model.encode(params, x))
        return model.decode(params, codes)

    loss_fn = make_reconstruction_loss(apply, ops.bernoulli_cross_entropy)
    optimizer = optax.adam(optax.cosine_decay_schedule(0.01, cfg.logistic_steps or 1))
    coder = Coder(model.encode, model.decode)
    return Experiment(
        init=make_init(Model(model.init, model.apply), optimizer),
        step=make_train_step(loss_fn, optimizer),
        evaluate=make_evaluate(cfg, coder, ops.bernoulli_cross_entropy),
        figures=lambda record: {},
        protocols=make_protocols(cfg, data),
    )


def make_variational(cfg: Config, data: Images) -> Experiment:
    """A variational autoencoder of pixels that are drawn 0 or 1."""
    image_size = data.train.image[0].size
    model = nets.make_variational_model(cfg, image_size)
    coder = nets.make_coder(cfg, image_size)
    plain = make_evaluate(cfg, coder, ops.bernoulli_cross_entropy)
    num_codes = cfg.likelihood_samples
    bounds = make_variational_evaluate(model, num_codes, watched=watched(cfg))
    optimizer = make_adam(cfg)
    stated = variational_protocols(
        data.name,
        len(data.train.image),
        len(data.test.image),
        num_codes,
        describe_training(cfg, data),
    )

    def evaluate(state, data, key, final):
        return plain(state, data, key, final) | bounds(state, data, key, final)

    def figures(record):
        key = seed_keys(record.config.seed).figures
        params, image = record.states[0].params, record.data.validation.image
        pictures = make_variational_pictures(model, params, image, key)
        return variational_figures(record, pictures)

    return Experiment(
        init=make_init(Model(model.init, model.decode), optimizer),
        step=make_train_step(make_variational_loss(model), optimizer),
        evaluate=evaluate,
        figures=figures,
        protocols=make_protocols(cfg, data) | stated,
    )
