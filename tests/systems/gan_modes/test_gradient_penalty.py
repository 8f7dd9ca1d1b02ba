"""Penalties on slopes, against PyTorch's double backward."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxdl.systems.gan_modes.gradient_penalty import r1_penalty, wgan_gp_penalty

RNG = np.random.default_rng(0)
W, V = (RNG.normal(size=s).astype(np.float32) for s in ((3, 4), (4,)))
REAL, FAKE = (RNG.normal(size=(5, 3)).astype(np.float32) for _ in range(2))
KEY = jax.random.key(3)


def ours(name, params, real, fake):
    def disc(x):
        return jnp.tanh(x @ params[0]) @ params[1]

    if name == "r1":
        return r1_penalty(disc, real, gamma=3.0)
    return wgan_gp_penalty(disc, real, fake, KEY, weight=2.0)


def theirs(torch, name, params, real, fake):
    if name == "r1":
        x = real
    else:
        share = torch.tensor(np.asarray(jax.random.uniform(KEY, (5, 1))))
        x = share * real + (1 - share) * fake
    scores = torch.tanh(x @ params[0]) @ params[1]
    (grads,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    if name == "r1":
        return 1.5 * (grads**2).sum(1)
    return 2 * (grads.norm(dim=1) - 1) ** 2


@pytest.mark.parametrize("name", ["wgan_gp", "r1"])
def test_equals_torch(name):
    torch = pytest.importorskip("torch")
    leaves = [torch.tensor(a, requires_grad=True) for a in (W, V, REAL, FAKE)]
    expected = theirs(torch, name, leaves[:2], *leaves[2:])
    expected.sum().backward()

    def fn(*args):
        return ours(name, args[:2], *args[2:])

    args = tuple(map(jnp.asarray, (W, V, REAL, FAKE)))
    got = jax.jit(fn)(*args)
    assert got.shape == (5,)
    np.testing.assert_allclose(got, expected.detach(), rtol=1e-4, atol=1e-6)
    grads = jax.jit(jax.grad(lambda *a: fn(*a).sum(), argnums=(0, 1, 2, 3)))(*args)
    for mine, leaf in zip(grads, leaves, strict=True):
        wanted = np.zeros(leaf.shape) if leaf.grad is None else leaf.grad
        np.testing.assert_allclose(mine, wanted, rtol=1e-3, atol=1e-5)


def test_a_slope_of_zero_has_a_penalty_and_no_gradient():
    def fn(weights):
        real, fake = map(jnp.asarray, (REAL, FAKE))
        return wgan_gp_penalty(lambda x: x @ weights, real, fake, KEY).sum()

    value_and_grad = jax.jit(jax.value_and_grad(fn))
    value, grads = value_and_grad(jnp.zeros(3))
    assert value == 5 * 10
    np.testing.assert_array_equal(grads, np.zeros(3))
    value, _ = value_and_grad(jnp.array([0.6, 0.0, -0.8]))  # a slope of 1
    np.testing.assert_allclose(value, 0, atol=1e-10)


def test_interpolates_are_uniform_between_data_and_samples():
    """From a slope that is the place: 10 (x - 1)^2."""
    got = wgan_gp_penalty(
        lambda x: jnp.sum(x**2, axis=1) / 2,
        jnp.zeros((500, 1)),
        jnp.ones((500, 1)),
        KEY,
    )
    assert scipy.stats.kstest(np.sqrt(got / 10), "uniform").pvalue > 1e-3
