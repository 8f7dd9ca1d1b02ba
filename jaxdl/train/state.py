"""The training state: all that a step changes, and that a checkpoint must keep."""

from typing import NamedTuple

import optax

from jaxdl.types import Params, PRNGKey


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
