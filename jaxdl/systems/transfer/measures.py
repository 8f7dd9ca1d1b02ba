"""Errors of a method on images that it was trained on, and on held-out ones."""

import functools
from typing import Any

import jax.numpy as jnp

from jaxdl.measures.chunks import in_chunks
from jaxdl.measures.classification import error_percent
from jaxdl.systems.transfer.data import CHUNK, rows
from jaxdl.systems.transfer.learners import Spec, finish, predict
from jaxdl.types import EvaluateFn

WATCHED = 250  # images trained on that are looked at, and give statistics of batches


def make_transfer_evaluate(spec: Spec, measure: str) -> EvaluateFn:
    """`evaluate(state, data, key, final)` of a method.

    `trained_error` (percent) on images of the training set; when `final`, the error on
    the held-out ones and the class guessed for each, `guesses`, -1 before.

    Args:
      spec: of the method.
      measure: name of the held-out images' error.
    """

    def evaluate(state, data, key, final: bool) -> dict[str, Any]:
        del key  # nothing is drawn
        seen = rows(data.train, state.subset[:WATCHED])
        finished = finish(spec, state.training.params, data.pretrained, seen)
        logits = predict(spec, finished, seen)
        values = {
            "trained_error": error_percent(logits, seen.label),
            "guesses": jnp.full(len(data.held_out.label), -1),
        }
        if final:
            compiled = functools.partial(predict, spec, finished)
            logits = in_chunks(compiled, data.held_out, size=CHUNK)
            values[measure] = error_percent(logits, data.held_out.label)
            values["guesses"] = jnp.argmax(logits, axis=-1)
        return values

    return evaluate
