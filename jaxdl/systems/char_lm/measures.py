"""How well a model predicts the characters of a text, and what it writes itself."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Integer

from jaxdl.errors import InputError
from jaxdl.ops.losses import softmax_cross_entropy
from jaxdl.types import ApplyFn, EvaluateFn, Params, PRNGKey

_WINDOW = 256  # characters evaluated at once: it decides memory, not results


def text_nats(
    apply_fn: ApplyFn, params: Params, codes: Integer[Array, " characters"]
) -> Float[Array, " windows"]:
    """Negative log-likelihood of a text's characters after the first, window by window.

    -log p(x_t | x_1 ... x_{t-1}): the carry goes through the whole text, from zero.

    Args:
      apply_fn: `apply_fn(params, codes, carry=carry) -> (logits, carry)`.
      params: its parameters.
      codes: of the text, at least two.

    Returns:
      Sums over parts of the text, in nats; their sum is that of all its characters.
    """
    num_targets = len(codes) - 1
    num_windows = -(-num_targets // _WINDOW)
    padded = jnp.pad(codes, (0, num_windows * _WINDOW - num_targets))
    counts = jnp.arange(len(padded) - 1) < num_targets

    def read(carry, window):
        inputs, targets, counts = window
        logits, carry = apply_fn(params, inputs[None, :], carry=carry)
        nats = softmax_cross_entropy(logits[0], targets.astype(jnp.int32))
        return carry, jnp.sum(jnp.where(counts, nats, 0))

    windows = jax.tree.map(
        lambda values: values.reshape(num_windows, _WINDOW),
        (padded[:-1], padded[1:], counts),
    )
    return jax.lax.scan(read, zero_carry(apply_fn, params), windows)[1]


def zero_carry(apply_fn: ApplyFn, params: Params) -> Any:
    """The carry before the first character of one text: zeros."""
    codes = jnp.zeros((1, 1), jnp.int32)
    _, carry = jax.eval_shape(apply_fn, params, codes)
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), carry)


def make_text_evaluate(apply_fn: ApplyFn) -> EvaluateFn:
    """`evaluate(state, data, key, final)` of a model of characters.

    Over all validation characters after the first, with one carry from begin to end:
    `validation_nats`, the mean negative log-likelihood of a character, and the same as
    `validation_bits` (nats / ln 2).

    Args:
      apply_fn: `apply_fn(params, codes, carry=carry) -> (logits, carry)`; the
        parameters are `state.params`.
    """
    sums = jax.jit(functools.partial(text_nats, apply_fn))

    def evaluate(state, data, key, final: bool) -> dict[str, float]:
        del key, final  # nothing is drawn, and nothing held back
        found = np.asarray(sums(state.params, data.validation), np.float64)
        nats = found.sum() / (len(data.validation) - 1)
        return {"validation_nats": nats, "validation_bits": nats / math.log(2)}

    return evaluate


def sample(
    key: PRNGKey,
    apply_fn: ApplyFn,
    params: Params,
    prompt: Int[Array, " prompt"],
    *,
    length: int,
    temperature: float = 1.0,
    num_samples: int = 1,
) -> Int[Array, "samples length"]:
    """Characters drawn from a model, each from softmax(logits / temperature).

    All samples read the prompt first and then what they draw, in one loop.

    Args:
      key: decides what is drawn.
      apply_fn: `apply_fn(params, codes, carry=carry) -> (logits, carry)`.
      params: its parameters.
      prompt: codes to begin with, at least one; they are not in what is returned.
      length: characters of each sample.
      temperature: below 1 likely characters become likelier; 0 always takes the
        likeliest, the first of equals.
      num_samples: drawn independently.

    Raises:
      InputError: for an empty prompt, or a temperature below 0 or not finite.
    """
    if not (math.isfinite(temperature) and temperature >= 0):
        raise InputError(
            f"temperature is {temperature}: expected 0, which takes the likeliest "
            "character, or a finite number above"
        )
    if prompt.shape[0] == 0:
        raise InputError("the prompt is empty: expected at least one character")

    def draw(logits, key):
        if temperature == 0:
            return jnp.argmax(logits, axis=-1)
        # The largest becomes 0, so that a small temperature gives no inf - inf.
        scaled = logits - jnp.max(logits, axis=-1, keepdims=True)
        return jax.random.categorical(key, scaled / max(temperature, 1e-30))

    def write(state, key):
        logits, carry = state
        codes = draw(logits, key)
        logits, carry = apply_fn(params, codes[:, None], carry=carry)
        return (logits[:, -1], carry), codes

    repeated = jnp.tile(prompt[None, :], (num_samples, 1))
    logits, carry = apply_fn(params, repeated)
    keys = jax.random.split(key, length)
    _, codes = jax.lax.scan(write, (logits[:, -1], carry), keys)
    return codes.T
