"""The simultaneous step, against a PyTorch twin."""

import pytest
import vector_game

from jaxdl.systems.gan_modes.step import against_params, make_simultaneous_step


@pytest.mark.parametrize("disc_steps", [1, 3])
def test_simultaneous_step_equals_its_pytorch_twin(disc_steps):
    step = make_simultaneous_step(
        against_params(vector_game.gen_loss_fn),
        vector_game.disc_loss_fn,
        vector_game.OPTIMIZER,
        vector_game.OPTIMIZER,
    )
    vector_game.check_step(step, disc_steps, simultaneous=True)
