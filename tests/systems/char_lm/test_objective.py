"""The loss of windows: a NumPy loop, and what passes from one to the next."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.systems.char_lm.data import Windows
from jaxdl.systems.char_lm.networks import char_lm
from jaxdl.systems.char_lm.objective import make_next_character_loss
from jaxdl.systems.char_lm.truncated_bptt import CarriedState, make_carried_step

MODEL = char_lm(4, 3, cell="rnn")
PARAMS = MODEL.init(jax.random.key(0))
CODES = jax.random.randint(jax.random.key(1), (2, 9), 0, 4)


LOSS_FN = jax.jit(make_next_character_loss(MODEL.apply))
ZEROS = MODEL.initial_carry(2)


def window(begin, end, fresh=(False, False)):
    inputs, targets = CODES[:, begin:end], CODES[:, begin + 1 : end + 1]
    return Windows(inputs, targets, jnp.array(fresh))


def assert_close(found, expected):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        found,
        expected,
    )


def test_loss_is_that_of_a_loop():
    loss, (_, metrics) = LOSS_FN(PARAMS, ZEROS, window(0, 8))
    logits = np.asarray(MODEL.apply(PARAMS, CODES[:, :8])[0], np.float64)
    found = [
        np.log(np.exp(logits[b, t]).sum()) - logits[b, t, CODES[b, t + 1]]
        for b in range(2)
        for t in range(8)
    ]
    assert float(loss) == pytest.approx(np.mean(found), rel=1e-6)
    assert metrics["loss"] == loss


def test_a_cut_changes_no_loss_and_stops_the_gradient():
    @jax.jit
    def in_two_windows(params):
        """Each with a carry from outside, as in training."""
        loss_and_grad = jax.value_and_grad(LOSS_FN, has_aux=True)
        (first, (carry, _)), grads = loss_and_grad(params, ZEROS, window(0, 4))
        (second, _), more = loss_and_grad(params, carry, window(4, 8))
        return (first + second) / 2, jax.tree.map(lambda a, b: (a + b) / 2, grads, more)

    def in_one(params, cut):
        first, carry = MODEL.apply(params, CODES[:, :4])
        second, _ = MODEL.apply(params, CODES[:, 4:8], carry=cut(carry))
        log_p = jax.nn.log_softmax(jnp.concatenate([first, second], axis=1))
        return -jnp.take_along_axis(log_p, CODES[:, 1:, None], axis=-1).mean()

    of_one = jax.jit(jax.value_and_grad(in_one), static_argnums=1)
    loss, grads = in_two_windows(PARAMS)
    assert_close((loss, grads), of_one(PARAMS, jax.lax.stop_gradient))
    _, whole = of_one(PARAMS, lambda carry: carry)
    kernels = [tree["recurrent"][0][0]["recurrent_kernel"] for tree in (grads, whole)]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-4


def test_a_fresh_stream_forgets():
    carry = jax.tree.map(lambda leaf: leaf + 0.7, ZEROS)
    only_first = jax.tree.map(lambda leaf: leaf.at[0].set(0), carry)
    forgotten = [
        (window(0, 8), carry),
        (window(0, 8, (True, False)), only_first),
        (window(0, 8, (True, True)), ZEROS),
    ]
    losses = set()
    for batch, expected in forgotten:
        loss, (last, _) = LOSS_FN(PARAMS, carry, batch)
        anew, (other, _) = LOSS_FN(PARAMS, expected, window(0, 8))
        assert loss == anew
        jax.tree.map(np.testing.assert_array_equal, last, other)
        losses.add(float(loss))
    assert len(losses) == 3


def test_a_step_carries_on():
    def loss_fn(params, carry, batch):
        return params * batch, (carry + batch, {})

    step = make_carried_step(loss_fn, optax.sgd(0.5))
    start = jnp.float32(2.0)
    state = CarriedState(start, optax.sgd(0.5).init(start), jnp.float32(0.0))
    for batch in (3.0, 4.0):
        state, metrics = step(state, jnp.float32(batch))
    assert float(state.carry) == 7 and float(state.params) == 2 - (3 + 4) / 2
    assert float(metrics["grad_norm"]) == 4
