import flax.linen as nn
import jax
import numpy as np
import pytest

from jaxdl.nn.linen import from_linen

ROW = jax.device_put(np.zeros((1, 2), np.float32))


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
    model = from_linen(module, example=ROW)
    key, x = jax.random.key(0), np.arange(8, dtype=np.float32).reshape(4, 2)
    x = jax.device_put(x)
    params = variant(model.init)(key)
    variables = module.init(key, x)
    assert set(params) == {"kernel", "bias"}
    jax.tree.map(np.testing.assert_array_equal, params, variables["params"])
    got = variant(model.apply)(params, x)
    np.testing.assert_allclose(got, module.apply(variables, x), rtol=1e-6)


def test_batch_axis_may_have_any_length():
    model = from_linen(nn.Dense(3), example=ROW)
    params = model.init(jax.random.key(0))
    for batch in (1, 7):
        x = np.zeros((batch, 2), np.float32)
        assert model.apply(params, x).shape == (batch, 3)


def test_key_means_training_noise():
    model = from_linen(Noisy(), example=np.zeros((1, 100), np.float32))
    params = model.init(jax.random.key(0))
    assert params == {}
    x = np.ones((2, 100), np.float32)
    key, other = jax.random.split(jax.random.key(1))
    np.testing.assert_array_equal(model.apply(params, x), x)
    noisy = np.asarray(model.apply(params, x, key=key))
    assert set(np.unique(noisy)) == {0, 2}
    assert not np.array_equal(noisy[0], noisy[1])
    np.testing.assert_array_equal(noisy, jax.jit(model.apply)(params, x, key=key))
    assert not np.array_equal(noisy, model.apply(params, x, key=other))


def test_inner_modules_see_the_key():
    model = from_linen(NoisyDense(), example=ROW)
    params = jax.jit(model.init)(jax.random.key(0))
    x, apply = np.ones((50, 2), np.float32), jax.jit(model.apply)
    clean = np.asarray(apply(params, x))
    noisy = np.asarray(apply(params, x, key=jax.random.key(1)))
    kept = noisy != 0
    np.testing.assert_allclose(noisy[kept], 2 * clean[kept], rtol=1e-6)
    assert 0.3 < kept.mean() < 0.7


def test_deterministic_module_ignores_the_key():
    model = from_linen(nn.Dense(3), example=ROW)
    params, x = model.init(jax.random.key(0)), np.ones((4, 2), np.float32)
    with_key = model.apply(params, x, key=jax.random.key(1))
    np.testing.assert_array_equal(with_key, model.apply(params, x))


def test_mutable_collections_are_refused():
    with pytest.raises(ValueError, match="Normalised keeps batch_stats"):
        from_linen(Normalised(), example=ROW)
