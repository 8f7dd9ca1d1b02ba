"""Backpropagation through time by hand, against `jax.grad` and numbers by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.gradcheck.bptt import elman_backward, lstm_1997_backward, lstm_backward
from jaxdl.gradcheck.problem import quick_jit
from jaxdl.nn.recurrence import elman, lstm, lstm_1997, scan_steps

IN = 3
NETS = {
    "elman": (elman(4), elman_backward),
    "lstm": (lstm(4), lstm_backward),
    "lstm_1997": (lstm_1997(2, 2), lstm_1997_backward),
    "truncated": (
        lstm_1997(2, 2, truncated=True),
        lambda *args, **options: lstm_1997_backward(*args, **options, truncated=True),
    ),
}


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def normal(seed, like):
    """Random numbers in float64 in the form of a tree of arrays or shapes."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), like)


def problem(recurrence, time, batch, lengths=None, seed=0):
    """Parameters, first carry, inputs, gradients of outputs and last carry, mask."""
    like = jax.eval_shape(lambda key: recurrence.init(key, IN), jax.random.key(0))
    params = normal(seed, like)
    carry = normal(seed + 1, recurrence.initial_carry(batch))
    inputs = normal(seed + 2, np.empty((time, batch, IN)))
    output_grads = normal(seed + 3, np.empty((time, batch, recurrence.out_size)))
    mask = None
    if lengths is not None:
        mask = jnp.arange(time)[:, None] < jnp.array([lengths])
    return params, carry, inputs, output_grads, normal(seed + 4, carry), mask


def by_autodiff(scan, params, carry, inputs, output_grads, carry_grad, mask, reverse):
    def outputs(*args):
        return scan(*args, mask, reverse=reverse)

    _, vjp = jax.vjp(outputs, params, carry, inputs)
    return vjp((carry_grad, output_grads))


def assert_equal(steps, other):
    """To 1e-10 of each leaf's largest entry."""
    mine = steps.params, steps.carry, steps.inputs
    assert jax.tree.structure(mine) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10 * np.abs(b).max())


@pytest.mark.parametrize(
    ("time", "batch", "lengths", "reverse"),
    [
        (4, 2, None, False),
        (5, 3, [2, 5, 1], False),
        (5, 3, [2, 5, 1], True),
        (1, 1, None, True),
    ],
    ids=["whole", "masked", "masked_reverse", "one_step_one_sequence"],
)
@pytest.mark.parametrize("name", NETS)
def test_against_autodiff(name, time, batch, lengths, reverse):
    """Of the step alone, and of the scan, which may have a backward pass of its own."""
    recurrence, backward = NETS[name]

    def plain(*args, **options):
        return scan_steps(recurrence.step, *args, **options)

    @quick_jit
    def every_way(*args):
        others = [by_autodiff(f, *args, reverse) for f in (plain, recurrence.scan)]
        return backward(*args, reverse=reverse), others

    steps, others = every_way(*problem(recurrence, time, batch, lengths))
    for other in others:
        assert_equal(steps, other)


@pytest.mark.parametrize("name", NETS)
def test_padding_hands_on_the_carry_and_adds_nothing(name):
    """NaN where nothing is valid, also in the gradients of the outputs there."""
    recurrence, backward = NETS[name]
    backward = quick_jit(backward)
    params, carry, inputs, output_grads, carry_grad, _ = problem(recurrence, 3, 2)
    mask = jnp.array([[True, True], [True, False], [False, False]])
    inputs = jnp.where(mask[..., None], inputs, jnp.nan)
    output_grads = jnp.where(mask[..., None], output_grads, jnp.nan)
    steps = backward(params, carry, inputs, output_grads, carry_grad, mask)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(steps))
    assert not steps.deltas[~mask].any() and not steps.inputs[~mask].any()
    assert steps.deltas[mask].all()
    nothing = jnp.zeros_like(mask)
    steps = backward(params, carry, inputs, output_grads, carry_grad, nothing)
    for a, b in zip(
        jax.tree.leaves(steps.carry), jax.tree.leaves(carry_grad), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    assert not any(leaf.any() for leaf in jax.tree.leaves(steps.params))


def test_elman_by_hand():
    """One unit, two steps, W = U = 1, h = tanh(x + h_before): all written out."""
    one = jnp.ones((1, 1))
    params = {"input_kernel": one, "recurrent_kernel": one, "bias": jnp.zeros(1)}
    x1, x2 = 0.5, -1.0
    h1 = np.tanh(x1)
    h2 = np.tanh(x2 + h1)
    steps = quick_jit(elman_backward)(
        params, 0 * one, jnp.array([[[x1]], [[x2]]]), jnp.zeros((2, 1, 1)), one
    )
    delta2 = 1 - h2**2
    delta1 = (1 - h1**2) * delta2
    np.testing.assert_allclose(steps.deltas.ravel(), [delta1, delta2], rtol=1e-12)
    np.testing.assert_allclose(steps.inputs.ravel(), [delta1, delta2], rtol=1e-12)
    np.testing.assert_allclose(steps.carry, [[delta1]], rtol=1e-12)
    kernel_grads = x1 * delta1 + x2 * delta2, h1 * delta2, delta1 + delta2
    for name, grad in zip(params, kernel_grads, strict=True):
        np.testing.assert_allclose(steps.params[name].ravel(), [grad], rtol=1e-12)


def test_an_open_forget_gate_passes_errors_unchanged():
    """f = 1, o closed for h but for the last step: dE/dc is the same at all times."""
    params, (hidden, cell), inputs, output_grads, carry_grad, _ = problem(lstm(4), 9, 2)
    params = jax.tree.map(jnp.zeros_like, params)
    params["bias"] = params["bias"].at[4:8].set(100.0)
    args = params, (hidden, cell), inputs, 0 * output_grads, carry_grad
    steps = quick_jit(lstm_backward)(*args)
    by_output = carry_grad[0] * 0.5 * (1 - np.tanh(cell) ** 2)
    np.testing.assert_allclose(steps.carry[1], carry_grad[1] + by_output, rtol=1e-12)


def test_truncated_errors_go_through_states_alone():
    """dE/ds is handed on as it is; last outputs and gates get nothing."""
    recurrence, backward = NETS["truncated"]
    params, carry, inputs, output_grads, carry_grad, _ = problem(recurrence, 6, 2)
    quiet = jax.tree.map(jnp.zeros_like, (output_grads, carry_grad))
    grads = quiet[1][0], carry_grad[1], quiet[1][2]
    steps = quick_jit(backward)(params, carry, inputs, quiet[0], grads)
    np.testing.assert_array_equal(steps.carry[1], carry_grad[1])
    assert not steps.carry[0].any() and not steps.carry[2].any()
    whole = quick_jit(lstm_1997_backward)(params, carry, inputs, quiet[0], grads)
    assert whole.carry[0].any() and whole.carry[2].any()
