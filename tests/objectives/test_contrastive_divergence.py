"""The objectives of a Boltzmann machine against textbook statistics."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.models import rbm
from jaxdl.objectives.contrastive_divergence import (
    make_contrastive_divergence_loss,
    make_free_energy_loss,
    visible_values,
)

KEY = jax.random.key(0)
DATA = jax.device_put(np.random.default_rng(1).uniform(size=(6, 4)).astype(np.float32))


@jax.jit
def some_params():
    params = rbm.init_rbm(KEY, 4, 3, visible_mean=jnp.full(4, 0.4))
    return jax.tree.map(lambda x: 10 * x + 0.3, params)


PARAMS = some_params()
SECOND_PIXEL = np.arange(24).reshape(6, 4) == 1


def rows(batch):
    return batch


def cd_loss(**options):
    return make_contrastive_divergence_loss(
        rbm.free_energy, rbm.gibbs_chain, **dict(inputs_of=rows) | options
    )


def cd_loss_of(data):
    return cd_loss()(PARAMS, jax.device_put(np.float32(data)), KEY)


def statistics(visible):
    """Mean of v h^T, v and h, with probabilities for h, in NumPy; and W."""
    w, c = (np.asarray(PARAMS[k], np.float64) for k in ("kernel", "hidden_bias"))
    v = np.asarray(visible, np.float64)
    h = 1 / (1 + np.exp(-(v @ w + c)))
    kernel = v.T @ h / len(v)
    return dict(kernel=kernel, visible_bias=v.mean(0), hidden_bias=h.mean(0)), w


@pytest.mark.parametrize("num_steps", [1, 3])
def test_gradient_is_the_difference_of_statistics(num_steps):
    loss_fn = cd_loss(num_steps=num_steps)

    @jax.jit
    def value_and_chain(params, data, key):
        value_and_grads = jax.value_and_grad(loss_fn, has_aux=True)(params, data, key)
        chain_key = jax.random.split(key)[1]
        samples, p = rbm.gibbs_chain(chain_key, params, data, num_steps)
        energies = [rbm.free_energy(params, x).mean() for x in (data, samples)]
        return value_and_grads, samples, p, energies

    found = value_and_chain(PARAMS, DATA, KEY)
    ((loss, metrics), grads), samples, p, energies = found
    positive, _ = statistics(DATA)
    negative, _ = statistics(samples)
    for name in PARAMS:
        expected = negative[name] - positive[name]
        np.testing.assert_allclose(grads[name], expected, atol=1e-6, err_msg=name)
    error = ((np.asarray(p) - np.asarray(DATA)) ** 2).sum(1).mean()
    assert float(metrics["reconstruction_error"]) == pytest.approx(error, rel=1e-5)
    expected = float(energies[0]) - float(energies[1])
    assert float(loss) == pytest.approx(expected, abs=1e-5)


def test_persistent_gradient_and_weight_decay():
    samples = np.random.default_rng(2).integers(0, 2, (9, 4)).astype(np.float32)
    loss_fn = make_free_energy_loss(rbm.free_energy, inputs_of=rows, weight_decay=0.1)
    grad_fn = jax.jit(jax.grad(loss_fn, has_aux=True))
    grads, metrics = grad_fn(PARAMS, DATA, samples, KEY)
    positive, w = statistics(DATA)
    negative, _ = statistics(samples)
    for name in PARAMS:
        expected = negative[name] - positive[name]
        expected = expected + 0.1 * w if name == "kernel" else expected
        np.testing.assert_allclose(grads[name], expected, atol=1e-6, err_msg=name)
    plain = make_free_energy_loss(rbm.free_energy, inputs_of=rows)
    loss, same = jax.jit(plain)(PARAMS, DATA, samples, KEY)
    assert float(loss) == float(same["free_energy_difference"])
    expected = float(metrics["free_energy_difference"])  # without the decay
    assert float(loss) == pytest.approx(expected, abs=1e-5)


def test_samples_are_constants():
    """Nothing flows back through the values of the chains."""
    samples = np.full((2, 4), 0.5, np.float32)
    loss_fn = make_free_energy_loss(rbm.free_energy, inputs_of=rows)
    grad = jax.jit(jax.grad(lambda s: loss_fn(PARAMS, DATA, s, KEY)[0]))(samples)
    assert not np.asarray(grad).any()


def test_images_are_probabilities_or_drawn_from_them():
    image = np.array([[0, 51, 204, 255]] * 4000, np.uint8).reshape(-1, 2, 2, 1)
    loss_fn = cd_loss(inputs_of=lambda b: visible_values(b, KEY), binarise=True)

    @jax.jit
    def compute(image):
        batch = types.SimpleNamespace(image=image)
        both = [
            visible_values(batch, KEY, binarise=binarise) for binarise in (False, True)
        ]
        return *both, loss_fn(PARAMS, batch, KEY)[0]

    values, drawn, loss = map(np.asarray, compute(image))
    np.testing.assert_allclose(values[0], [0, 0.2, 0.8, 1], rtol=1e-6)
    assert set(np.unique(drawn)) == {0, 1} and drawn.dtype == jnp.float32
    # 4 standard errors of 4,000 draws; what is 0 or 1 stays so.
    np.testing.assert_allclose(drawn.mean(0), [0, 0.2, 0.8, 1], atol=0.026)
    assert drawn[:, 0].max() == 0 and drawn[:, 3].min() == 1
    assert np.isfinite(loss)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: cd_loss(num_steps=0), "num_steps is 0: expected 1 or more"),
        (lambda: cd_loss(weight_decay=-0.1), "weight_decay is -0.1: expected 0"),
        (
            lambda: make_free_energy_loss(rbm.free_energy, weight_decay=float("nan")),
            "weight_decay is nan",
        ),
        (lambda: cd_loss_of(np.add(DATA, 0.5)), "from 0.5.* expected 0 to 1"),
        (lambda: cd_loss_of(np.subtract(DATA, 0.5)), "from -0.4.* expected 0 to 1"),
        (lambda: cd_loss_of(np.where(SECOND_PIXEL, np.nan, DATA)), "from nan to nan"),
        (lambda: cd_loss_of(np.asarray(DATA)[:, :3]), "expected 4 in the last axis"),
    ],
    ids="k decay nan_decay above below nan sizes".split(),
)
def test_bad_input(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()


def test_chains_run_for_so_many_steps():
    seen = []

    def chain(key, params, visible, num_steps):
        seen.append(num_steps)
        return visible, visible

    def free_energy(params, visible):
        return visible.sum(axis=-1) * params["kernel"].sum()

    loss_fn = make_contrastive_divergence_loss(
        free_energy, chain, num_steps=7, inputs_of=lambda batch: batch
    )
    loss_fn({"kernel": jnp.ones((2, 2))}, jnp.zeros((3, 2)), jax.random.key(0))
    assert seen == [7]
