"""Batch normalisation against PyTorch, and the statistics of a population."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.nn import BatchNorm, from_linen, population_statistics
from jaxdl.nn.batch_norm import Moments, batch_norm, moments

X = np.random.default_rng(0).normal(3, 2, (6, 4)).astype(np.float32)
SCALE = np.array([1.0, -0.5, 2.0, 0.1], np.float32)
SHIFT = np.array([0.0, 1.0, -1.0, 3.0], np.float32)
WEIGHTS = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)


class Net(nn.Module):
    """Two normalised layers."""

    @nn.compact
    def __call__(self, x):
        for size in (5, 3):
            x = nn.tanh(BatchNorm()(nn.Dense(size)(x)))
        return x


@pytest.fixture(scope="module")
def net():
    model = from_linen(Net(), example=jnp.zeros((1, 4)))
    return model, jax.jit(model.init)(jax.random.key(0))


def statistics_of(model):
    return jax.jit(lambda *args: population_statistics(model.apply, *args))


def test_equals_torch():
    torch = pytest.importorskip("torch")
    layer = torch.nn.BatchNorm1d(4, eps=1e-3)
    with torch.no_grad():
        layer.weight[:], layer.bias[:] = torch.tensor(SCALE), torch.tensor(SHIFT)
    x = torch.tensor(X, requires_grad=True)
    (layer(x) * torch.tensor(WEIGHTS)).sum().backward()

    def fn(x, scale, shift):
        return batch_norm(x, scale, shift, moments(x), epsilon=1e-3)

    got = jax.jit(fn)(X, SCALE, SHIFT)
    np.testing.assert_allclose(got, layer(x).detach(), rtol=1e-5, atol=1e-5)
    grad = jax.grad(lambda *args: jnp.sum(fn(*args) * WEIGHTS), argnums=(0, 1, 2))
    found = jax.jit(grad)(X, SCALE, SHIFT)
    for mine, theirs in zip(
        found, (x.grad, layer.weight.grad, layer.bias.grad), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_equals_torch_in_evaluation():
    torch = pytest.importorskip("torch")
    mean, variance = np.float32([1, 2, 3, 4]), np.float32([0.5, 1, 2, 4])
    expected = torch.nn.functional.batch_norm(
        *map(torch.tensor, (X, mean, variance, SCALE, SHIFT))
    )
    got = jax.jit(batch_norm)(X, SCALE, SHIFT, Moments(mean, variance))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_moments_are_numpys_over_all_other_axes():
    x = np.random.default_rng(2).normal(100, 0.1, (2, 3, 5)).astype(np.float32)
    found = jax.jit(moments)(x)
    np.testing.assert_allclose(found.mean, x.mean((0, 1)), rtol=1e-6)
    # Squares of 100 would leave nothing of a variance of 0.01 in float32.
    np.testing.assert_allclose(found.variance, x.astype(float).var((0, 1)), rtol=1e-3)


def test_a_constant_feature_becomes_the_shift_with_finite_gradients():
    x = np.full((5, 2), 7, np.float32)

    @jax.jit
    def fn(x):
        return batch_norm(x, jnp.ones(2), jnp.full(2, 3.0), moments(x))

    np.testing.assert_array_equal(fn(x), 3 * np.ones((5, 2)))
    grads = jax.jit(jax.grad(lambda x: fn(x).var()))(x)
    assert np.isfinite(grads).all()


def test_the_layer_has_two_parameters_and_keeps_nothing(net):
    _, params = net
    assert {name: leaf.keys() for name, leaf in params.items()} == {
        **{f"BatchNorm_{i}": {"scale", "shift"} for i in (0, 1)},
        **{f"Dense_{i}": {"kernel", "bias"} for i in (0, 1)},
    }


def test_in_evaluation_a_row_does_not_depend_on_the_others(net):
    model, params = net
    inputs = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    found = statistics_of(model)(params, inputs)
    apply = jax.jit(model.apply)
    whole = np.asarray(apply(params, inputs, statistics=found))
    alone = apply(params, inputs[7:8], statistics=found)
    np.testing.assert_allclose(np.asarray(alone)[0], whole[7], rtol=1e-5, atol=1e-6)
    # In training it does; over the inputs themselves both are the same.
    in_training = apply(params, inputs[:10])
    assert np.abs(np.asarray(in_training) - whole[:10]).max() > 0.01
    np.testing.assert_allclose(apply(params, inputs), whole, atol=1e-5)


def test_population_statistics_by_hand(net):
    model, params = net
    x = np.random.default_rng(3).normal(size=(20, 4))
    found = statistics_of(model)(params, np.float32(x))
    for i in (0, 1):
        dense, norm = params[f"Dense_{i}"], params[f"BatchNorm_{i}"]
        z = x @ np.asarray(dense["kernel"], float) + np.asarray(dense["bias"])
        mean, variance = found[f"BatchNorm_{i}"]["moments"]
        np.testing.assert_allclose(mean, z.mean(0), atol=1e-5)
        np.testing.assert_allclose(variance, z.var(0), rtol=1e-4)
        unit = (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5)
        x = np.tanh(unit * np.asarray(norm["scale"]) + np.asarray(norm["shift"]))
    plain = from_linen(nn.Dense(2), example=jnp.zeros((1, 3)))
    no_layers = jax.jit(plain.init)(jax.random.key(0)), np.zeros((4, 3), np.float32)
    assert statistics_of(plain)(*no_layers) == {}
