"""How many of many nets have learned a truth table."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxdl.measures.statistics import wilson_ci95
from jaxdl.ops.losses import half_squared_error
from jaxdl.types import ApplyFn, EvaluateFn, Params

LOSS_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def solves(
    outputs: Float[Array, "*nets examples out"],
    targets: Float[Array, "examples out"],
) -> Bool[Array, "*nets"]:
    """True where all outputs are on their targets' side of 1/2.

    Outputs and targets lie between 0 and 1; 1/2 itself is on neither side.
    """
    wanted = jnp.broadcast_to(targets > 0.5, outputs.shape)
    right = jnp.where(wanted, outputs > 0.5, outputs < 0.5)
    return jnp.all(right, axis=(-2, -1))


def make_table_evaluate(apply: ApplyFn) -> EvaluateFn:
    """`evaluate(state, data, key, final)` of an ensemble of nets on a truth table.

    `solved` is the share of nets that `solves` it, `solved_low` and `solved_high` its
    Wilson interval over nets, `loss` the mean of their half squared errors, averaged
    over examples, and `loss_quantiles` those of `LOSS_QUANTILES`. The whole table is
    the training set: nothing is held out.

    Args:
      apply: of one net.
    """

    @jax.jit
    def measure(params: Params, inputs: jax.Array, targets: jax.Array):
        outputs = jax.vmap(apply, in_axes=(0, None))(params, inputs)
        errors = jax.vmap(half_squared_error, in_axes=(0, None))(outputs, targets)
        losses = errors.mean(axis=-1)
        quantiles = jnp.quantile(losses, jnp.array(LOSS_QUANTILES))
        return losses.mean(), quantiles, solves(outputs, targets)

    def evaluate(state, data, key, final: bool) -> dict[str, Any]:
        del key, final
        loss, quantiles, solved = measure(state.params, *data.train)
        share, low, high = wilson_ci95(int(solved.sum()), len(solved))
        return {
            "solved": share,
            "solved_low": low,
            "solved_high": high,
            "loss": loss,
            "loss_quantiles": quantiles,
        }

    return evaluate
