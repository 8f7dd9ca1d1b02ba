"""Training states: everything that a step changes, and that a checkpoint must keep."""

from typing import NamedTuple

import optax

from jaxdl.types import Params, PRNGKey


class GanState(NamedTuple):
    """The state of two networks trained against each other.

    Attributes:
      key: split at every step; the next step's randomness.
      gen_params, disc_params: generator's and discriminator's parameters.
      gen_opt_state, disc_opt_state: their optimizers' states.
    """

    key: PRNGKey
    gen_params: Params
    disc_params: Params
    gen_opt_state: optax.OptState
    disc_opt_state: optax.OptState


class TrainState(NamedTuple):
    """The state of one network trained on one loss.

    Attributes:
      key: split at every step; the next step's randomness.
      params: parameters.
      opt_state: the optimizer's state.
    """

    key: PRNGKey
    params: Params
    opt_state: optax.OptState
