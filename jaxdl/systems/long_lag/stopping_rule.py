"""Training until a window of examples is answered well, then not a step more."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from jaxdl.types import Batch, InitFn, Metrics, Model, Params, PRNGKey, StepFn


class StoppingState(NamedTuple):
    """The state of a net that is trained until its stopping rule holds.

    Attributes:
      params: parameters.
      opt_state: the optimizer's state.
      examples: how many it has been trained on.
      errors: of the last examples, in a ring.
      correct: whether each of these was answered right; False where none was yet.
      done: whether the rule has held; nothing changes any more.
    """

    params: Params
    opt_state: optax.OptState
    examples: Int[Array, ""]
    errors: Float[Array, " window"]
    correct: Bool[Array, " window"]
    done: Bool[Array, ""]


def make_stopping_init(
    model: Model, optimizer: optax.GradientTransformation, window: int
) -> InitFn:
    """`init(key, data, previous) -> StoppingState` with rings of `window` examples."""

    def init(key: PRNGKey, data, previous) -> StoppingState:
        del data, previous
        params = model.init(key)
        return StoppingState(
            params=params,
            opt_state=optimizer.init(params),
            examples=jnp.int32(0),
            errors=jnp.zeros(window),
            correct=jnp.zeros(window, bool),
            done=jnp.array(False),
        )

    return init


def make_stopping_step(
    scores: Callable[[Params, Batch], Any],
    optimizer: optax.GradientTransformation,
    *,
    max_error: float,
) -> StepFn:
    """One step of descent on the mean error, until the stopping rule holds.

    The rule, looked at after each step: of the last `window` examples (the length of
    the state's rings), each as answered before the step that it took part in, all were
    right, and their errors were below `max_error` on average.

    Args:
      scores: `(params, batch) -> found`, with a number and a bool for each example in
        `found.errors` and `found.correct`.
      optimizer: makes the step from the gradient.
      max_error: in the unit of the errors.

    Returns:
      `train_step(state, batch) -> (state, metrics)`: `error` and `correct` are means
      over the window, or over the examples so far. When the rule has held the state
      stays what it is, bit for bit. A batch is at most as large as the window.
    """

    def loss_fn(params, batch):
        found = scores(params, batch)
        return found.errors.mean(), (found.errors, found.correct)

    def train(state, batch):
        grads, (errors, correct) = jax.grad(loss_fn, has_aux=True)(state.params, batch)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        window, num = len(state.errors), len(errors)
        at = (state.examples + jnp.arange(num)) % window
        state = StoppingState(
            params=optax.apply_updates(state.params, updates),
            opt_state=opt_state,
            examples=state.examples + num,
            errors=state.errors.at[at].set(errors),
            correct=state.correct.at[at].set(correct),
            done=state.done,
        )
        low = state.errors.mean() < max_error
        return state._replace(done=low & state.correct.all())

    def train_step(state: StoppingState, batch) -> tuple[StoppingState, Metrics]:
        state = jax.lax.cond(state.done, lambda state, _: state, train, state, batch)
        seen = jnp.clip(state.examples, 1, len(state.errors))
        return state, {
            "error": state.errors.sum() / seen,
            "correct": state.correct.sum() / seen,
        }

    return train_step
