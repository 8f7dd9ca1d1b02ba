"""Training of a Boltzmann machine: persistent chains, or contrastive divergence."""

from typing import Any

import jax
import optax

from jaxdl.models import rbm
from jaxdl.objectives.contrastive_divergence import (
    make_contrastive_divergence_loss,
    make_free_energy_loss,
)
from jaxdl.ops import mean_image
from jaxdl.systems.rbm.persistent_chains import make_chain_init, make_chain_step
from jaxdl.train.state import TrainState
from jaxdl.train.step import make_train_step
from jaxdl.types import InitFn, StepFn


def make_training(
    cfg: Any, num_visible: int, optimizer: optax.GradientTransformation
) -> tuple[InitFn, StepFn]:
    """`init` and `step` of a configuration; visible biases start at the mean image.

    Args:
      cfg: with `method`, `hidden_size`, `batch_size`, `cd_steps`, `binarise` and
        `weight_decay`.
      num_visible: pixels of an image.
      optimizer: of all parameters.
    """
    options = dict(binarise=cfg.binarise, weight_decay=cfg.weight_decay)

    def init_params(key, data):
        mean = mean_image(data.train.image)
        return rbm.init_rbm(key, num_visible, cfg.hidden_size, visible_mean=mean)

    def start_chains(key, params):
        return rbm.start_chains(key, params, cfg.batch_size)

    def move_chains(key, params, visible):
        return rbm.gibbs_chain(key, params, visible, cfg.cd_steps)[0]

    def init_cd(key, data, previous):
        del previous
        key, params_key = jax.random.split(key)
        params = init_params(params_key, data)
        return TrainState(key, params, optimizer.init(params))

    if cfg.method == "cd":
        loss_fn = make_contrastive_divergence_loss(
            rbm.free_energy, rbm.gibbs_chain, num_steps=cfg.cd_steps, **options
        )
        return init_cd, make_train_step(loss_fn, optimizer)
    loss_fn = make_free_energy_loss(rbm.free_energy, **options)
    init = make_chain_init(init_params, start_chains, optimizer)
    return init, make_chain_step(loss_fn, move_chains, optimizer)
