"""Training that stops by a rule of its own: when, and that nothing moves afterwards."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.systems.long_lag.stopping_rule import make_stopping_init, make_stopping_step
from jaxdl.train.leaves import state_sha256
from jaxdl.types import Model

WINDOW = 6
MODEL = Model(init=lambda key: jnp.float32(0), apply=lambda params, x: params + x)
OPTIMIZER = optax.sgd(0.1)


class Scores(NamedTuple):
    errors: jax.Array
    correct: jax.Array


def scores(params, batch):
    """A batch says how large each error is, and which answers count as right."""
    return Scores(params + batch[0], batch[1] > 0)


def by_hand(errors, correct, batch_size, max_error):
    """Examples after which the rule first holds, read from whole lists."""
    for end in range(batch_size, len(errors) + 1, batch_size):
        last = slice(end - WINDOW, end)
        if end >= WINDOW and all(correct[last]) and np.mean(errors[last]) < max_error:
            return end
    return None


@pytest.mark.parametrize("batch_size", [1, 4])
def test_the_rule_and_the_window(batch_size):
    init = make_stopping_init(MODEL, OPTIMIZER, WINDOW)
    step = jax.jit(make_stopping_step(scores, optax.sgd(0.0), max_error=0.5))
    rng = np.random.default_rng(batch_size)
    ends = []
    for _ in range(20):
        errors = rng.uniform(0, 1, 60).astype(np.float32)
        errors[30:] *= rng.uniform(0, 2)
        correct = rng.uniform(size=60) < rng.choice([0.5, 0.9, 1])
        state, seen = init(jax.random.key(0), None, None), []
        for i in range(0, 60, batch_size):
            batch = jnp.stack([errors[i : i + batch_size], correct[i : i + batch_size]])
            state, metrics = step(state, batch)
            if not seen or not bool(seen[-1]):
                end = i + batch_size
                last = slice(max(0, end - WINDOW), end)
                np.testing.assert_allclose(
                    metrics["error"], errors[last].mean(), rtol=1e-5
                )
                np.testing.assert_allclose(
                    metrics["correct"], correct[last].mean(), rtol=1e-6
                )
            seen.append(state.done)
        ends.append(by_hand(errors, correct, batch_size, 0.5))
        assert bool(state.done) is (ends[-1] is not None)
        assert state.examples == (ends[-1] or 60)
    assert None in ends and len(set(ends)) > 2  # the cases differ


@pytest.mark.parametrize("mapped", [False, True], ids=["alone", "vmap"])
def test_nothing_changes_once_the_rule_has_held(mapped):
    init = make_stopping_init(MODEL, optax.adam(0.1), WINDOW)
    step = make_stopping_step(scores, optax.adam(0.1), max_error=0.5)
    good, bad = jnp.stack([jnp.zeros(3), jnp.ones(3)]), jnp.zeros((2, 3))
    run = jax.jit(jax.vmap(step, in_axes=(0, None)) if mapped else step)
    state = init(jax.random.key(0), None, None)
    state = jax.tree.map(lambda x: jnp.stack([x, x]), state) if mapped else state
    for _ in range(2):
        state, _ = run(state, good)
    assert state.done.all() and (state.examples == WINDOW).all()
    later, metrics = run(state, bad)
    assert state_sha256(later) == state_sha256(state)
    assert (metrics["correct"] == 1).all()


def test_it_descends_on_the_mean_error():
    init = make_stopping_init(MODEL, OPTIMIZER, WINDOW)
    step = jax.jit(make_stopping_step(scores, OPTIMIZER, max_error=0.5))
    state, _ = step(init(jax.random.key(0), None, None), jnp.ones((2, 3)))
    np.testing.assert_allclose(state.params, -0.1, rtol=1e-6)  # slope 1 in the mean
