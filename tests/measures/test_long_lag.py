"""Evaluation of nets that answer at the end of a sequence, against NumPy."""

import types

import jax
import numpy as np

from jaxdl.data.long_lag import latch
from jaxdl.measures.long_lag import TEST_SEQUENCES, make_answers, make_long_lag_evaluate

TASK = latch(3)
KEY = jax.random.key(7)


def apply(params, inputs, *, mask):
    """Right about the bit unless the first noise is of the first kind."""
    bits, odd = inputs[:, 0, 1], inputs[:, 1, 2]
    return params * (2 * bits - 1) * (1 - 2 * odd) * mask.all(axis=1)


def test_new_sequences_are_counted():
    answers = make_answers(
        lambda *args, **options: apply(*args, **options)[:, None], TASK.tolerance
    )
    evaluate = make_long_lag_evaluate(answers)
    state = types.SimpleNamespace(
        params=np.float32(3.0), examples=np.int32(41), done=np.array(True)
    )
    draw = jax.jit(TASK.draw, static_argnums=1)
    for final in (False, True):
        found = evaluate(state, TASK, KEY, final)
        drawn = draw(jax.random.fold_in(KEY, int(final)), TEST_SEQUENCES)
        inputs, targets = np.asarray(drawn.inputs), np.asarray(drawn.targets)
        odd = inputs[:, 1].argmax(axis=1) == 2
        name = "wrong" if final else "validation_wrong"
        assert found[name] == odd.sum() > 500 and TEST_SEQUENCES == 2560
        assert (found["sequences"], found["solved"]) == (41, 1)
        assert len(found) == 5
        np.testing.assert_array_equal(found["targets"], targets)
        right = np.where(odd, 1 - targets[:, 0], targets[:, 0])
        expected = 1 / (1 + np.exp(-3 * (2 * right - 1)))
        np.testing.assert_allclose(found["outputs"][:, 0], expected, rtol=1e-6)
