"""How well sequences with one answer at the end are answered."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxdl.ops.losses import half_squared_error
from jaxdl.types import ApplyFn, EvaluateFn, Params

TEST_SEQUENCES = 2560
"""The number of the 1997 paper."""


class Answers(NamedTuple):
    """Answers of a net.

    Attributes:
      outputs: of its output units.
      errors: E = 1/2 sum_k (target_k - output_k)^2.
      correct: whether all outputs were closer to their targets than the tolerance.
    """

    outputs: Float[Array, "batch out"]
    errors: Float[Array, " batch"]
    correct: Bool[Array, " batch"]


def make_answers(
    apply: ApplyFn, tolerance: float, *, output: str = "logistic"
) -> Callable[[Params, Any], Answers]:
    """`answers(params, sequences) -> Answers` of a net.

    Args:
      apply: `apply(params, inputs, *, mask) -> logits`.
      tolerance: an answer is right if all its outputs are closer than this.
      output: the output units: "logistic", or "linear" for the logits themselves.
    """
    unit = {"logistic": jax.nn.sigmoid, "linear": lambda logits: logits}[output]

    def answers(params, sequences) -> Answers:
        outputs = unit(apply(params, sequences.inputs, mask=sequences.mask))
        far = jnp.abs(outputs - sequences.targets) >= tolerance
        errors = half_squared_error(outputs, sequences.targets)
        return Answers(outputs, errors, ~far.any(axis=-1))

    return answers


def make_long_lag_evaluate(answers: Callable[[Params, Any], Answers]) -> EvaluateFn:
    """`evaluate(state, data, key, final)` of nets trained until a stopping rule holds.

    Returns:
      A function that gives `sequences`, those trained on; `solved`, whether the rule
      has held; and of 2,560 new sequences how many are `wrong` (`validation_wrong`
      unless `final`), with the arrays `outputs` and `targets`. The test sequences are
      drawn only when `final`, the same for each validation before.
    """

    @jax.jit
    def test(params, data, key):
        sequences = data.draw(key, TEST_SEQUENCES)
        return answers(params, sequences), sequences.targets

    def evaluate(state, data, key, final: bool) -> dict[str, Any]:
        key = jax.random.fold_in(key, int(final))
        found, targets = test(state.params, data, key)
        wrong = "wrong" if final else "validation_wrong"
        return {
            "sequences": state.examples.astype(float),
            "solved": state.done.astype(float),
            wrong: jnp.sum(~found.correct, dtype=float),
            "outputs": found.outputs,
            "targets": targets,
        }

    return evaluate


def carries_over_time(layer, params, inputs: Float[Array, "batch time in"]) -> Any:
    """The carry of a recurrent layer after every step, each leaf [time batch size].

    Args:
      layer: a `jaxdl.nn.recurrence.Recurrence`.
      params: its parameters.
      inputs: sequences.
    """

    def body(carry, x):
        carry, _ = layer.step(params, carry, x)
        return carry, carry

    carry = layer.initial_carry(inputs.shape[0], inputs.dtype)
    return jax.lax.scan(body, carry, jnp.swapaxes(inputs, 0, 1))[1]


def stopping_protocol(budget: int) -> Callable[[Mapping[str, Any]], str]:
    """The field of a protocol that says when training stopped.

    Args:
      budget: sequences after which a seed is given up; it then counts with these.

    Returns:
      A function of the final metrics, which hold `solved` for each seed.
    """

    def stopped(values) -> str:
        unsolved = sum(not solved for solved in values["solved"])
        if not unsolved:
            return "when the rule held"
        return f"{unsolved} of {len(values['solved'])} seeds unsolved at {budget:,}"

    return stopped
