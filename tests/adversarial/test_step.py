"""The alternating step, against a PyTorch twin, and the initial state."""

import jax
import numpy as np
import optax
import pytest
import vector_game

from jaxdl.adversarial.step import make_gan_init, make_gan_step
from jaxdl.types import Model


@pytest.mark.parametrize("disc_steps", [1, 3])
def test_gan_step_equals_its_pytorch_twin(disc_steps):
    step = make_gan_step(
        vector_game.gen_loss_fn,
        vector_game.disc_loss_fn,
        vector_game.OPTIMIZER,
        vector_game.OPTIMIZER,
    )
    vector_game.check_step(step, disc_steps, simultaneous=False)


def test_gan_init_draws_each_network_from_its_own_key():
    model = Model(lambda key: jax.random.normal(key, (3,)), lambda params, x: x)
    init = make_gan_init(model, model, optax.adam(1e-3), optax.sgd(1e-1))
    state = init(jax.random.key(0), None, None)
    assert not np.array_equal(state.gen_params, state.disc_params)
    other = init(jax.random.key(1), None, None)
    assert not np.array_equal(state.gen_params, other.gen_params)
