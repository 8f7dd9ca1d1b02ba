"""The Boltzmann machine against loops over its units and its stationary law."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import under_vmap

from jaxdl.errors import InputError
from jaxdl.models import rbm

NUM_VISIBLE, NUM_HIDDEN = 4, 3


def machine(seed=0, size=(NUM_VISIBLE, NUM_HIDDEN), scale=1.0):
    """Normal numbers in place of parameters."""
    keys = jax.random.split(jax.random.key(seed), 3)
    shapes = dict(kernel=size, visible_bias=size[:1], hidden_bias=size[1:])
    return {
        name: scale * jax.random.normal(key, shape)
        for key, (name, shape) in zip(keys, shapes.items(), strict=True)
    }


def states(num):
    return np.array(list(itertools.product((0.0, 1.0), repeat=num)), np.float32)


def loop_energy(params, v, h):
    kernel = np.asarray(params["kernel"], np.float64)
    energy = 0.0
    for i, j in itertools.product(range(len(v)), range(len(h))):
        energy -= v[i] * kernel[i, j] * h[j]
    visible_bias, hidden_bias = params["visible_bias"], params["hidden_bias"]
    energy -= sum(float(b) * x for b, x in zip(visible_bias, v, strict=True))
    return energy - sum(float(c) * x for c, x in zip(hidden_bias, h, strict=True))


def test_energies_are_those_of_loops(variant):
    params = machine()
    visible, hidden = states(NUM_VISIBLE), states(NUM_HIDDEN)
    table = np.array([[loop_energy(params, v, h) for h in hidden] for v in visible])
    found = variant(rbm.joint_energy)(
        params, jnp.asarray(visible[3:10]), jnp.asarray(hidden[:7])
    )
    expected = [table[3 + i, i] for i in range(7)]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    found = variant(rbm.free_energy)(params, jnp.asarray(visible))
    expected = -np.log(np.exp(-table).sum(1))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_logits_are_those_of_the_energies(variant):
    """log p(1 | rest) / p(0 | rest) is the energy that switching a unit on saves."""
    params = machine(1)
    v, h = jnp.array([1.0, 0.0, 1.0, 1.0]), jnp.array([0.0, 1.0, 1.0])
    for logits, layer, num in (
        (variant(rbm.hidden_logits)(params, v), 1, NUM_HIDDEN),
        (variant(rbm.visible_logits)(params, h), 0, NUM_VISIBLE),
    ):
        for i in range(num):
            pair = [[v, h], [v, h]]
            pair[0][layer], pair[1][layer] = (
                pair[0][layer].at[i].set(x) for x in (0.0, 1.0)
            )
            off, on = (loop_energy(params, *map(np.asarray, p)) for p in pair)
            assert float(logits[i]) == pytest.approx(off - on, abs=1e-5)


def test_huge_weights_stay_finite():
    params = machine(scale=1e4)
    value, grads = jax.value_and_grad(lambda p: rbm.free_energy(p, jnp.ones(4)))(params)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in jax.tree.leaves(grads))


def transition_matrix(params):
    """p(v' | v) of one Gibbs step, by loops over both layers."""
    visible, hidden = states(NUM_VISIBLE), states(NUM_HIDDEN)
    energy = np.array([[loop_energy(params, v, h) for h in hidden] for v in visible])
    joint = np.exp(-energy)
    h_given_v = joint / joint.sum(1, keepdims=True)
    v_given_h = joint / joint.sum(0, keepdims=True)
    return h_given_v @ v_given_h.T, joint.sum(1) / joint.sum()


@pytest.mark.parametrize("num_steps", [1, 3])
def test_a_chain_goes_where_its_transition_matrix_says(num_steps):
    """Counts of 16 outcomes in 20,000 chains; 4 standard errors at a fixed seed."""
    params, num = machine(2), 20_000
    start = jnp.tile(jnp.array([1.0, 0.0, 0.0, 1.0]), (num, 1))
    chain = jax.jit(rbm.gibbs_chain, static_argnums=3)
    visible, probabilities = chain(jax.random.key(3), params, start, num_steps)
    assert set(np.unique(visible)) == {0, 1}
    matrix, _ = transition_matrix(params)
    law = np.linalg.matrix_power(matrix, num_steps)[0b1001]
    codes = (np.asarray(visible) @ [8, 4, 2, 1]).astype(int)
    found = np.bincount(codes, minlength=16) / num
    assert (np.abs(found - law) < 4 * np.sqrt(law * (1 - law) / num)).all()
    error = np.asarray(visible - probabilities).mean(0)
    assert (np.abs(error) < 4 * 0.5 / np.sqrt(num)).all()


def test_the_model_is_what_gibbs_steps_leave_alone():
    matrix, law = transition_matrix(machine(2))
    np.testing.assert_allclose(law @ matrix, law, rtol=1e-12)
    found = np.exp(-np.asarray(rbm.free_energy(machine(2), jnp.asarray(states(4)))))
    np.testing.assert_allclose(found / found.sum(), law, rtol=1e-5)


def test_chains_in_any_form_are_equal():
    """A chain of two steps is two steps, and a mapped machine its own."""
    params, start = machine(), jnp.asarray(states(4))
    key = jax.random.key(5)
    visible, _ = rbm.gibbs_chain(key, params, start, 2)
    by_hand = start
    for step_key in jax.random.split(key, 2):
        by_hand, _ = rbm.gibbs_step(step_key, params, by_hand)
    np.testing.assert_array_equal(visible, by_hand)
    data = jax.random.key_data(key)
    mapped = under_vmap(
        lambda d, p, v: rbm.gibbs_chain(jax.random.wrap_key_data(d), p, v, 2)[0]
    )
    np.testing.assert_array_equal(mapped(data, params, start), visible)


def test_initial_parameters():
    mean = jnp.array([0.0, 0.5, 0.9, 1.0])
    params = rbm.init_rbm(jax.random.key(0), 4, 1000, visible_mean=mean)
    assert float(params["kernel"].std()) == pytest.approx(0.01, rel=0.05)
    assert params["kernel"].shape == (4, 1000) and not params["hidden_bias"].any()
    expected = np.log([0.01 / 0.99, 1, 9, 99])
    np.testing.assert_allclose(params["visible_bias"], expected, rtol=1e-4, atol=1e-6)
    assert not rbm.init_rbm(jax.random.key(0), 4, 2)["visible_bias"].any()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda p: rbm.init_rbm(jax.random.key(0), 4, 0), "0 hidden units"),
        (lambda p: rbm.init_rbm(jax.random.key(0), 0, 4), "0 visible units"),
        (
            lambda p: rbm.init_rbm(
                jax.random.key(0), 4, 2, visible_mean=jnp.full(5, 0.5)
            ),
            "shape .5,.: expected 4",
        ),
        (lambda p: rbm.free_energy(p, jnp.ones((2, 5))), "expected 4 in the last axis"),
        (lambda p: rbm.hidden_logits(p, jnp.ones(3)), "expected 4 in the last axis"),
        (lambda p: rbm.visible_logits(p, jnp.ones(4)), "expected 3 in the last axis"),
        (
            lambda p: rbm.joint_energy(p, jnp.ones(4), jnp.ones(4)),
            "one for each hidden unit",
        ),
        (
            lambda p: rbm.gibbs_chain(jax.random.key(0), p, jnp.ones(4), 0),
            "num_steps is 0: expected 1 or more",
        ),
    ],
    ids="hidden visible mean free hidden_logits visible_logits joint k".split(),
)
def test_bad_input(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call(machine())


def test_visible_units_are_drawn_apart_from_hidden_ones():
    """Each visible unit follows its own hidden one in three of four draws."""
    size, slope = 2000, np.log(3)
    params = dict(
        kernel=jnp.diag(jnp.full(size, 2 * slope)),
        visible_bias=jnp.full(size, -slope),
        hidden_bias=jnp.zeros(size),
    )
    step = jax.jit(rbm.gibbs_step)
    visible, p = step(jax.random.key(0), params, jnp.zeros(size))
    on = np.asarray(p) > 0.5
    np.testing.assert_allclose(np.where(on, p, 1 - p), 0.75, rtol=1e-5)
    assert abs(np.mean(np.asarray(visible)[on]) - 0.75) < 0.06
    assert abs(np.mean(on) - 0.5) < 0.06
