"""The pretraining of single layers, as Boltzmann machines or as autoencoders."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import optax

from jaxdl import models, ops
from jaxdl.models import rbm
from jaxdl.nn import INITIALIZERS
from jaxdl.objectives import make_reconstruction_loss
from jaxdl.objectives.contrastive_divergence import make_contrastive_divergence_loss
from jaxdl.ops.images import image_rows
from jaxdl.systems.greedy_pretraining import greedy
from jaxdl.systems.greedy_pretraining.config import Config
from jaxdl.systems.greedy_pretraining.pretrained_stack import (
    encoder_layer,
    rbm_layer,
    stack_features,
)
from jaxdl.systems.greedy_pretraining.settings import Setting, Style
from jaxdl.train.experiment import Experiment, Phase
from jaxdl.types import LossFn, Params, PRNGKey


class LayerKind(NamedTuple):
    """A kind of layer to pretrain.

    Attributes:
      init: `init(key, data) -> params`.
      loss_fn: of its inputs.
      layer_of: `layer_of(params)`, the layer of the whole net.
      optimizer: of its parameters.
    """

    init: Callable[[PRNGKey, Any], Params]
    loss_fn: LossFn
    layer_of: Callable[[Params], Any]
    optimizer: optax.GradientTransformation


def rbm_kind(cfg: Config, in_size: int, size: int, first: bool) -> LayerKind:
    """A Boltzmann machine trained by CD-1."""

    def init(key, data):
        mean = ops.mean_image(data.train.image) if first else None
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

    Rectified units have no upper bound: their layers minimise squared error.
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


def layer_kinds(cfg: Config, setting: Setting, sizes: Sequence[int]) -> list[LayerKind]:
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
        return {f"{cfg.watched}_{name}": value for name, value in found.items()}

    experiment = Experiment(
        init=greedy.make_greedy_init(kind.init, kind.layer_of, kind.optimizer),
        step=greedy.make_greedy_step(kind.loss_fn, inputs_of, kind.optimizer),
        evaluate=evaluate_fn,
        figures=lambda record: {},
    )
    return Phase(f"layer-{number}", cfg.pretrain_steps, experiment)
