"""How far back a recurrent net remembers, and how far back its gradient reaches."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdl.measures.long_lag import make_answers
from jaxdl.types import ApplyFn, EvaluateFn, Params

TEST_SEQUENCES = 1000
SOLVED = 0.99
"""Share of new sequences answered right from which on a task counts as solved."""


def gradient_reach(
    layer: Any, params: Params, inputs: Float[Array, "batch time in"]
) -> Float[Array, " batch"]:
    """Size of the gradient at the first step of a sequence, relative to the last.

    |dE/dc_1| / |dE/dy_T|: c_1 is all that the layer carries on from its first step, y_T
    the last output, which one logit is read from. The slope of E by this logit cancels,
    so that the ratio is the same for any error E, and has a value where E is 0.

    Args:
      layer: a `jaxdl.nn.recurrence.Recurrence`.
      params: of `jaxdl.models.sequence_readout` with this layer alone and one logit.
      inputs: sequences of two steps or more.
    """
    ((of_layer,),), readout = params["recurrent"], params["readout"]["kernel"][:, 0]

    def reach(row):
        xs = row[:, None]
        zeros = layer.initial_carry(1, row.dtype)
        carry, _ = layer.step(of_layer, zeros, xs[0])

        def logit(carry):
            def body(state, x):
                return layer.step(of_layer, state[0], x), None

            output = jnp.zeros((1, layer.out_size), row.dtype)
            (_, output), _ = jax.lax.scan(body, (carry, output), xs[1:])
            return output[0] @ readout

        slopes = jax.tree.leaves(jax.grad(logit)(carry))
        squares = sum(jnp.sum(slope**2) for slope in slopes)
        return jnp.sqrt(squares) / jnp.linalg.norm(readout)

    return jax.vmap(reach)(inputs)


def make_memory_evaluate(layer: Any, apply: ApplyFn, task: Any) -> EvaluateFn:
    """`evaluate(state, data, key, final)` of nets that answer with one bit.

    Args:
      layer: the net's only recurrent layer.
      apply: of the net, as `jaxdl.models.sequence_readout` gives it.
      task: what they answer (`jaxdl.data.Task`).

    Returns:
      A function that gives `accuracy` over 1,000 new sequences; `solved`, whether this
      is 0.99 or more; and `log10_gradient`, the mean over 32 of them of the logarithm
      of `gradient_reach`, with `state.params` and, as `log10_gradient_initial`, with
      `state.initial`. The latter two are in float64, since gradients reach 1e-100.
    """
    answers = make_answers(apply, task.tolerance)
    reach = jax.jit(lambda params, inputs: gradient_reach(layer, params, inputs))

    @jax.jit
    def test(params, key):
        sequences = task.draw(key, TEST_SEQUENCES)
        return answers(params, sequences).correct.mean(), sequences.inputs[:32]

    def log_reach(params, inputs) -> float:
        with jax.enable_x64(True):
            params, inputs = jax.tree.map(
                lambda leaf: jnp.asarray(leaf, jnp.float64), (params, inputs)
            )
            found = np.asarray(reach(params, inputs))
        return float(np.log10(np.maximum(found, 1e-300)).mean())

    def evaluate(state, data, key, final: bool) -> dict[str, Any]:
        del data
        accuracy, inputs = test(state.params, jax.random.fold_in(key, final))
        return {
            "accuracy": accuracy,
            "solved": float(accuracy >= SOLVED),
            "log10_gradient": log_reach(state.params, inputs),
            "log10_gradient_initial": log_reach(state.initial, inputs),
        }

    return evaluate
