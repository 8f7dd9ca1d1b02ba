"""Enumeration against loops over all joint states, and CD-k against its expectation."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.models import rbm
from jaxdl.objectives.contrastive_divergence import make_contrastive_divergence_loss
from jaxdl.systems.rbm import likelihood as exact

SIZES = [(5, 3), (3, 5)]
IDS = ["few hidden", "few visible"]
expected_cd_gradient = jax.jit(exact.expected_cd_gradient, static_argnums=2)


def machine(num_visible, num_hidden, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    shapes = dict(
        kernel=(num_visible, num_hidden),
        visible_bias=num_visible,
        hidden_bias=num_hidden,
    )
    return {k: jax.device_put(scale * rng.normal(size=s)) for k, s in shapes.items()}


def data(num_visible, num=7):
    bits = np.random.default_rng(1).integers(0, 2, (num, num_visible))
    return jax.device_put(bits * 1.0)


def by_brute_force(params, visible):
    """log Z and the likelihood's gradient, state by state and unit by unit."""
    w, b, c = (
        np.asarray(params[name]) for name in ("kernel", "visible_bias", "hidden_bias")
    )

    def sums(rows):
        z, total = 0.0, {k: np.zeros(np.shape(v)) for k, v in params.items()}
        for v, h in itertools.product(
            rows, itertools.product((0.0, 1.0), repeat=len(c))
        ):
            energy = -sum(b[i] * v[i] for i in range(len(b)))
            energy -= sum(c[j] * h[j] for j in range(len(c)))
            for i, j in itertools.product(range(len(b)), range(len(c))):
                energy -= v[i] * w[i, j] * h[j]
            weight = np.exp(-energy)
            z += weight
            total["kernel"] += weight * np.outer(v, h)
            total["visible_bias"] += weight * np.array(v)
            total["hidden_bias"] += weight * np.array(h)
        return z, {k: x / z for k, x in total.items()}

    z, model = sums(list(itertools.product((0.0, 1.0), repeat=len(b))))
    each = [sums([tuple(v)]) for v in np.asarray(visible)]
    grads = {k: np.mean([s[k] for _, s in each], axis=0) - model[k] for k in params}
    return np.log(z), [np.log(zv / z) for zv, _ in each], grads


@pytest.mark.parametrize("sizes", SIZES, ids=IDS)
def test_enumeration_is_brute_force(sizes):
    with jax.enable_x64(True):
        params, visible = machine(*sizes), data(sizes[0])
        log_z, log_p, grads = by_brute_force(params, visible)
        found = jax.jit(exact.exact_log_partition)(params)
        assert float(found) == pytest.approx(log_z, abs=1e-10)
        found = jax.jit(exact.exact_log_likelihood)(params, visible)
        np.testing.assert_allclose(found, log_p, rtol=0, atol=1e-10)
        found = jax.jit(exact.exact_gradient)(params, visible)
        differentiated = jax.jit(
            jax.grad(lambda p: exact.exact_log_likelihood(p, visible).mean())
        )(params)
        for name, expected in grads.items():
            np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-8)
            np.testing.assert_allclose(
                differentiated[name], expected, rtol=0, atol=1e-8
            )


def test_blocks_change_nothing(monkeypatch):
    params, visible = machine(9, 4), data(9)
    whole = jax.jit(exact.exact_gradient)(params, visible)
    monkeypatch.setattr(exact, "_BLOCK_UNITS", 2)
    parts = jax.jit(lambda *args: exact.exact_gradient(*args))(params, visible)
    for name, expected in whole.items():
        np.testing.assert_allclose(parts[name], expected, rtol=1e-5, atol=1e-6)


def test_a_machine_without_weights_has_a_closed_form():
    """2^16 states, in blocks; each unit alone gives a factor."""
    params = machine(40, 16)
    params["kernel"] = jnp.zeros((40, 16))
    biases = np.concatenate([params["visible_bias"], params["hidden_bias"]])
    expected = float(np.sum(np.logaddexp(0.0, biases)))
    found = float(jax.jit(exact.exact_log_partition)(params))
    assert found == pytest.approx(expected, rel=1e-6)


def test_huge_weights_stay_finite():
    params = machine(4, 3, scale=1e4)
    value, grads = jax.jit(jax.value_and_grad(exact.exact_log_partition))(params)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in jax.tree.leaves(grads))


NUM_BLOCKS, BLOCK = 100, 1000


@pytest.mark.parametrize("num_steps", [1, 3])
def test_cd_is_its_expectation_on_average(num_steps):
    """The mean over 1e5 chains, within 4 standard errors in each of 29 entries.

    A right mean leaves that band in 1 entry of 12,000 (Student's t of 99 degrees of
    freedom), so in one of 200 keys for the 58 entries of the two cases; the key is
    fixed.
    """
    params, visible = machine(5, 4), data(5, 8)
    expected = expected_cd_gradient(params, visible, num_steps)
    loss_fn = make_contrastive_divergence_loss(
        rbm.free_energy,
        rbm.gibbs_chain,
        num_steps=num_steps,
        inputs_of=lambda batch: batch,
    )
    batch = jnp.tile(visible, (BLOCK // 8, 1))

    @jax.jit
    def means(key):
        keys = jax.random.split(key, NUM_BLOCKS)
        return jax.lax.map(
            lambda k: jax.grad(loss_fn, has_aux=True)(params, batch, k)[0], keys
        )

    found = means(jax.random.key(num_steps))
    for name, blocks in found.items():
        blocks = np.asarray(blocks, np.float64)
        error = blocks.std(axis=0, ddof=1) / NUM_BLOCKS**0.5
        distance = np.abs(blocks.mean(axis=0) - np.asarray(expected[name]))
        assert (distance < 4 * error).all(), name
        assert (error < 0.01).all()  # so that the test can fail


def test_many_steps_lead_to_the_exact_gradient():
    """CD-infinity is maximum likelihood; descent is its gradient turned around."""
    with jax.enable_x64(True):
        params, visible = machine(4, 3), data(4)
        exact_grads = jax.jit(exact.exact_gradient)(params, visible)
        near = expected_cd_gradient(params, visible, 200)
        one = expected_cd_gradient(params, visible, 1)
        for name, expected in exact_grads.items():
            np.testing.assert_allclose(near[name], -np.asarray(expected), atol=1e-9)
        bias = np.abs(np.add(one["kernel"], exact_grads["kernel"])).max()
        assert bias > 0.01  # CD-1 is another gradient


def test_states_are_numbered_by_their_bits():
    expected = list(itertools.product((0, 1), repeat=3))
    np.testing.assert_array_equal(exact.all_states(3), expected)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: exact.exact_log_partition(machine(40, 21)),
            "21 units in the smaller layer: expected at most 20.*importance sampling",
        ),
        (lambda: exact.exact_gradient(machine(21, 40), data(21)), "there are 21 units"),
        (
            lambda: exact.exact_log_likelihood(machine(4, 3), data(5)),
            "expected 4 in the last axis",
        ),
        (
            lambda: exact.expected_cd_gradient(machine(9, 12), data(9), 1),
            "21 units in both layers together",
        ),
        (
            lambda: exact.expected_cd_gradient(machine(11, 1), data(11), 1),
            "11 visible units: expected at most 10",
        ),
        (
            lambda: exact.expected_cd_gradient(machine(4, 3), data(4) / 2, 1),
            "other values than 0 and 1",
        ),
        (lambda: exact.all_states(40), "there are 40 units: expected at most 20"),
        (
            lambda: exact.expected_cd_gradient(machine(4, 3), data(4), 0),
            "num_steps is 0",
        ),
    ],
    ids="partition gradient sizes both visible binary states k".split(),
)
def test_bad_input(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()
