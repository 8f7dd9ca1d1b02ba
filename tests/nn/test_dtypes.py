"""Types of results and gradients of every layer, for all floating types and pairs."""

import functools
import itertools

import flax.linen as linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.models import lstm_1997_readout, mlp
from jaxdl.nn.batch_norm import batch_norm, moments
from jaxdl.nn.conv import Conv, ConvTranspose, conv_general_dilated, conv_transpose
from jaxdl.nn.dropout import Dropout
from jaxdl.nn.linen import from_linen
from jaxdl.nn.pooling import average_pool, max_pool
from jaxdl.nn.recurrence import elman, gru, lstm, lstm_1997, recurrent

TYPES = ("float16", "bfloat16", "float32", "float64")
SEQUENCES, IMAGES = (2, 4, 3), (2, 6, 6, 2)
LAYERS = {
    "elman": elman(2),
    "lstm": lstm(2),
    "gru": gru(2),
    "lstm_1997": lstm_1997(1, 2),
    "lstm_1997_truncated": lstm_1997(1, 2, truncated=True),
}
each_layer = pytest.mark.parametrize("name", LAYERS)


@functools.cache
def net_of(name, **options):
    return recurrent([LAYERS[name]], 3, **options)


def sequence_case(name, **options):
    net = net_of(name, **options)
    mask = np.array([[True] * 4, [True, True, False, False]])
    return net.init, lambda p, x: net.apply(p, x, mask=mask), SEQUENCES


def kernel_case(fn):
    def init(key):
        return jax.random.normal(key, (3, 3, 2, 4))

    return init, lambda kernel, x: fn(x, kernel, (1, 1), "SAME"), IMAGES


def linen_case(module):
    model = from_linen(module, example=jnp.zeros(IMAGES))
    return model.init, model.apply, IMAGES


def normalised(params, x):
    return batch_norm(x, params, params, moments(x))


CASES = {
    **{name: sequence_case(name) for name in LAYERS},
    "both directions": sequence_case("lstm", bidirectional=True),
    "recomputed": sequence_case("gru", remat=True),
    "readout": (*lstm_1997_readout(3, 2, [-1.0, -2.0]), SEQUENCES),
    "mlp": (*mlp([3, 4, 2]), SEQUENCES),
    "conv_general_dilated": kernel_case(conv_general_dilated),
    "conv_transpose": kernel_case(conv_transpose),
    "Conv": linen_case(Conv(3, (3, 3))),
    "ConvTranspose": linen_case(ConvTranspose(3, (3, 3), (2, 2))),
    "dense and dropout": linen_case(linen.Sequential([linen.Dense(3), Dropout(0.5)])),
    "batch_norm": (lambda key: jnp.ones(3), normalised, SEQUENCES),
    "max_pool": (lambda key: {}, lambda p, x: max_pool(x), IMAGES),
    "average_pool": (lambda key: {}, lambda p, x: average_pool(x), IMAGES),
}


def cast(tree, dtype):
    return jax.tree.map(lambda leaf: leaf.astype(dtype), tree)


@pytest.mark.parametrize("name", CASES)
def test_types_are_promoted_and_gradients_keep_theirs(name):
    init, apply, shape = CASES[name]

    def both(params, x):
        y, pull = jax.vjp(apply, params, x)
        return y, *pull(jax.tree.map(jnp.ones_like, y))

    with jax.enable_x64(True):
        shapes = jax.eval_shape(init, jax.random.key(0))
        for of_params, of_x in itertools.product(TYPES, TYPES):
            params = jax.tree.map(
                lambda leaf, dtype=of_params: jax.ShapeDtypeStruct(leaf.shape, dtype),
                shapes,
            )
            x = jax.ShapeDtypeStruct(shape, of_x)
            y, params_grads, x_grad = jax.eval_shape(both, params, x)
            expected = jnp.promote_types(of_params, of_x) if shapes else jnp.dtype(of_x)
            assert {leaf.dtype for leaf in jax.tree.leaves(y)} == {expected}
            assert all(g.dtype == of_params for g in jax.tree.leaves(params_grads))
            assert x_grad.dtype == of_x


@each_layer
def test_parameters_are_float32_in_64_bits_too(name):
    with jax.enable_x64(True):
        shapes = jax.eval_shape(net_of(name).init, jax.random.key(0))
        carry = net_of(name).initial_carry(2)
    for leaf in jax.tree.leaves((shapes, carry)):
        assert leaf.dtype == jnp.float32


@each_layer
@pytest.mark.parametrize(
    ("of_params", "of_x"), [("float32", "bfloat16"), ("float32", "float64")]
)
def test_mixed_types_equal_one_type(name, of_params, of_x):
    """Values and gradients are those of arguments promoted beforehand."""
    net, rng = net_of(name), np.random.default_rng(0)

    def loss(params, x):
        outputs, carry = net.apply(params, x)
        parts = jax.tree.map(jnp.sum, (outputs**2, carry))
        return sum(jax.tree.leaves(parts))

    with jax.enable_x64(True):
        params = cast(net.init(jax.random.key(0)), of_params)
        x = jnp.asarray(rng.normal(size=SEQUENCES), of_x)
        wide = jnp.promote_types(of_params, of_x)

        @jax.jit
        def both(params, x):
            mixed = jax.value_and_grad(loss, (0, 1))(params, x)
            return mixed, jax.value_and_grad(loss, (0, 1))(*cast((params, x), wide))

        (value, grads), (expected, wide_grads) = both(params, x)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    for got, want in zip(*map(jax.tree.leaves, (grads, wide_grads)), strict=True):
        tolerance = 1e-2 if got.dtype == jnp.bfloat16 else 1e-5
        got, want = (np.asarray(each, np.float64) for each in (got, want))
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=1e-6)


@pytest.mark.parametrize("name", ["lstm", "lstm_1997_truncated"])
def test_training_in_64_bits_keeps_float32_parameters(name):
    net = net_of(name)

    def loss(params, x):
        return jnp.mean((net.apply(params, x)[0] - 0.5) ** 2)

    @jax.jit
    def train(params, x):
        def step(params, _):
            value, grads = jax.value_and_grad(loss)(params, x)
            return jax.tree.map(lambda p, g: p - 0.5 * g, params, grads), value

        return jax.lax.scan(step, params, length=30)

    with jax.enable_x64(True):
        x = jnp.asarray(np.random.default_rng(0).normal(size=SEQUENCES))
        params, losses = train(net.init(jax.random.key(0)), x)
    assert x.dtype == losses.dtype == np.float64
    assert losses[-1] < 0.9 * losses[0]


@each_layer
def test_an_empty_batch_gives_empty_results(name):
    net = net_of(name)

    def fn(params, x):
        outputs, carry = net.apply(params, x)
        return outputs.sum(), (outputs, carry)

    both = jax.jit(jax.grad(fn, has_aux=True))
    params = net.init(jax.random.key(0))
    grads, (outputs, carry) = both(params, np.zeros((0, 4, 3), np.float32))
    assert outputs.shape == (0, 4, 2)
    assert all(leaf.shape[0] == 0 for leaf in jax.tree.leaves(carry))
    assert not any(np.asarray(leaf).any() for leaf in jax.tree.leaves(grads))


@each_layer
def test_a_wrong_carry_is_refused_in_one_sentence(name):
    net = net_of(name)
    params = net.init(jax.random.key(0))
    x, right = jnp.zeros(SEQUENCES), net.initial_carry(2)
    for wrong, said in [
        (net.initial_carry(3), r"array of shape \(3, 2\): expected \(2, 2\)"),
        (jax.tree.map(lambda c: c[0], right), r"shape \(2,\): expected \(2, 2\)"),
        (jax.tree.map(lambda c: c.astype(int), right), "type int32: expected a float"),
        (jax.tree.leaves(right), "another nesting than the net's: expected"),
        (net_of("elman").initial_carry(2)[0][0], "another nesting"),
    ]:
        with pytest.raises(InputError, match=said) as caught:
            net.apply(params, x, carry=wrong)
        assert "initial_carry(batch_size) gives one of zeros" in str(caught.value)


def test_strict_promotion_is_no_obstacle():
    with jax.numpy_dtype_promotion("strict"):
        for name, (init, apply, shape) in CASES.items():
            params = jax.eval_shape(init, jax.random.key(0))
            x = jax.ShapeDtypeStruct(shape, "float32")

            def both(params, x, apply=apply):
                y, pull = jax.vjp(apply, params, x)
                return pull(jax.tree.map(jnp.ones_like, y))

            grads = jax.eval_shape(both, params, x)
            assert {g.dtype for g in jax.tree.leaves(grads)} == {
                jnp.dtype("float32")
            }, name
