"""The few types that every room shares."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Key

PRNGKey = Key[Array, ""]
Params = Any  # a pytree of arrays
State = Any  # a pytree of arrays
Batch = Any  # a pytree of arrays, or None
Metrics = Mapping[str, Float[Array, ""] | float]
LossFn = Callable[[Params, Batch, PRNGKey], tuple[jax.Array, Metrics]]


class Model(NamedTuple):
    """A model as two pure functions.

    Attributes:
      init: `init(key) -> params`.
      apply: `apply(params, x) -> y` over a leading batch axis; a stochastic model takes
        a keyword `key` as well.
    """

    init: Callable[..., Params]
    apply: Callable[..., Any]


class Series(NamedTuple):
    """Values over a run: `values[name]` has axes [time, seed, ...], `steps` [time]."""

    steps: np.ndarray
    values: dict[str, np.ndarray]


class History(NamedTuple):
    """What was logged in training, and what evaluations found."""

    train: Series
    evaluations: Series
