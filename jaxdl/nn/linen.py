"""From a Linen module to a `Model`: the one door through which Flax enters."""

from typing import Any

import flax.linen as nn
import jax

from jaxdl.types import Model, Params, PRNGKey


def from_linen(module: nn.Module, *, example: Any) -> Model:
    """Wraps a Linen module as a pair of pure functions.

    The model's parameters are the inner dict of Flax's "params" collection. A module
    that draws random numbers takes them from its "dropout" stream, and asks
    `self.has_rng("dropout")` whether there is one: `apply(params, x)` has none and is
    deterministic (evaluation), `apply(params, x, key=key)` has one (training). A module
    that draws nothing ignores the key.

    A module with `jaxdl.nn.batch_norm.BatchNorm` normalises by the batch's statistics
    (training), or by those that are given as `statistics` (evaluation). With
    `with_statistics=True` the result is `(y, statistics)`.

    Args:
      module: a Linen module that is called with one argument.
      example: an input of the right shape and dtype, its batch axis of any length; only
        shapes depend on it, not the values of the parameters.

    Returns:
      `Model(init, apply)`, with `init(key) -> params` and
      `apply(params, x, *, key=None, statistics=None, with_statistics=False) -> y`.

    Raises:
      ValueError: if the module keeps variables other than parameters, such as the
        running means of `nn.BatchNorm`: `apply` could not hand them on.
    """
    variables = jax.eval_shape(module.init, jax.random.key(0), example)
    if others := sorted(set(variables) - {"params"}):
        raise ValueError(
            f"{type(module).__name__} keeps {', '.join(others)} besides params; "
            "a Model holds parameters only"
        )

    def init(key: PRNGKey) -> Params:
        return module.init(key, example).get("params", {})

    def apply(
        params: Params,
        x: Any,
        *,
        key: PRNGKey | None = None,
        statistics: Any = None,
        with_statistics: bool = False,
    ) -> Any:
        rngs = None if key is None else {"dropout": key}
        variables = {"params": params}
        if statistics is not None:
            variables["statistics"] = statistics
        if with_statistics:
            y, found = module.apply(variables, x, rngs=rngs, mutable=["statistics"])
            return y, found.get("statistics", {})
        return module.apply(variables, x, rngs=rngs)

    return Model(init, apply)
