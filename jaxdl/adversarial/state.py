"""The training state of two networks that play against each other."""

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
