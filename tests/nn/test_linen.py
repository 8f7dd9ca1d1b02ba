import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.nn.linen import from_linen


class Noisy(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dropout(0.5, deterministic=not self.has_rng("dropout"))(x)


class NoisyDense(nn.Module):
    @nn.compact
    def __call__(self, x):
        return Noisy()(nn.Dense(3)(x))


class Normalised(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.BatchNorm(use_running_average=False)(nn.Dense(2)(x))


def test_equals_flax(variant):
    module = nn.Dense(3)
    model = from_linen(module, example=jnp.zeros((1, 2)))
    key, x = jax.random.key(0), jnp.arange(8.0).reshape(4, 2)
    params = variant(model.init)(key)
    variables = module.init(key, x)
    assert set(params) == {"kernel", "bias"}
    jax.tree.map(np.testing.assert_array_equal, params, variables["params"])
    got = variant(model.apply)(params, x)
    np.testing.assert_allclose(got, module.apply(variables, x), rtol=1e-6)


def test_batch_axis_may_have_any_length():
    model = from_linen(nn.Dense(3), example=jnp.zeros((1, 2)))
    params = model.init(jax.random.key(0))
    for batch in (1, 7):
        assert model.apply(params, jnp.zeros((batch, 2))).shape == (batch, 3)


def test_key_means_training_noise():
    model = from_linen(Noisy(), example=jnp.zeros((1, 100)))
    params = model.init(jax.random.key(0))
    assert params == {}
    x = jnp.ones((2, 100))
    key, other = jax.random.split(jax.random.key(1))
    np.testing.assert_array_equal(model.apply(params, x), x)
    noisy = model.apply(params, x, key=key)
    assert set(np.unique(noisy)) == {0, 2}
    assert not np.array_equal(noisy[0], noisy[1])
    np.testing.assert_array_equal(noisy, jax.jit(model.apply)(params, x, key=key))
    assert not np.array_equal(noisy, model.apply(params, x, key=other))


def test_inner_modules_see_the_key():
    model = from_linen(NoisyDense(), example=jnp.zeros((1, 2)))
    params = model.init(jax.random.key(0))
    x = jnp.ones((50, 2))
    clean = model.apply(params, x)
    noisy = model.apply(params, x, key=jax.random.key(1))
    kept = noisy != 0
    np.testing.assert_allclose(noisy[kept], 2 * clean[kept], rtol=1e-6)
    assert 0.3 < kept.mean() < 0.7


def test_deterministic_module_ignores_the_key():
    model = from_linen(nn.Dense(3), example=jnp.zeros((1, 2)))
    params, x = model.init(jax.random.key(0)), jnp.ones((4, 2))
    with_key = model.apply(params, x, key=jax.random.key(1))
    np.testing.assert_array_equal(with_key, model.apply(params, x))


def test_mutable_collections_are_refused():
    with pytest.raises(ValueError, match="Normalised keeps batch_stats"):
        from_linen(Normalised(), example=jnp.zeros((1, 2)))
