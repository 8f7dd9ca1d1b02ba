import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.models.mlps import forward, mlp
from jaxdl.nn.initializers import INITIALIZERS

SIZES = (3, 5, 4, 2)


def random_params(sizes=SIZES, pieces=1, seed=0):
    """Weights of all layers; the hidden ones give `pieces` columns for each unit."""
    rng = np.random.default_rng(seed)
    widths = [n * pieces for n in sizes[1:-1]] + [sizes[-1]]
    return [
        {
            "kernel": jnp.asarray(rng.normal(size=(n, m)), jnp.float32),
            "bias": jnp.asarray(rng.normal(size=m), jnp.float32),
        }
        for n, m in zip(sizes[:-1], widths, strict=True)
    ]


X = jnp.asarray(np.random.default_rng(1).normal(size=(6, 3)), jnp.float32)


def by_loop(params, x, hidden, output):
    """Every unit of every layer by itself: its z, and all layers' activations."""
    zs, activations = [], [np.asarray(x, np.float64)]
    for i, layer in enumerate(params):
        kernel, bias = (np.asarray(layer[k], np.float64) for k in ("kernel", "bias"))
        z = np.zeros((len(x), kernel.shape[1]))
        for example in range(len(x)):
            for unit in range(kernel.shape[1]):
                z[example, unit] = bias[unit]
                for source in range(kernel.shape[0]):
                    a = activations[-1][example, source]
                    z[example, unit] += a * kernel[source, unit]
        zs.append(z)
        activations.append(hidden(z) if i < len(params) - 1 else output(z))
    return zs, activations


@pytest.mark.parametrize(
    ("hidden", "output", "formulas", "pieces"),
    [
        ("tanh", "linear", (np.tanh, lambda z: z), 1),
        ("relu", "tanh", (lambda z: np.maximum(z, 0), np.tanh), 1),
        (
            "maxout",
            "linear",
            (lambda z: np.maximum(*np.split(z, 2, 1)), lambda z: z),
            2,
        ),
    ],
    ids=["tanh-linear", "relu-tanh", "maxout-linear"],
)
def test_trace_equals_numpy_loop(hidden, output, formulas, pieces):
    params = random_params(pieces=pieces)
    trace = jax.jit(lambda p, x: forward(p, x, hidden=hidden, output=output))(params, X)
    zs, activations = by_loop(params, X, *formulas)
    assert len(trace.preactivations) == 3 and len(trace.activations) == 4
    for got, expected in zip((*trace[0], *trace[1]), zs + activations, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    model = mlp(SIZES, hidden=hidden, output=output)
    np.testing.assert_array_equal(
        jax.jit(model.apply)(params, X), trace.activations[-1]
    )


class Dense(nn.Module):
    """The same net in Flax."""

    @nn.compact
    def __call__(self, x):
        for size in SIZES[1:-1]:
            x = nn.silu(nn.Dense(size)(x))
        return nn.softmax(nn.Dense(SIZES[-1])(x))


def test_equals_flax_with_copied_weights(variant):
    params = random_params()
    copied = {f"Dense_{i}": layer for i, layer in enumerate(params)}
    model = mlp(SIZES, hidden="silu", output="softmax")
    got = variant(model.apply)(params, X)
    expected = jax.jit(Dense().apply)({"params": copied}, X)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_gradients_equal_flax():
    params = random_params()
    model = mlp(SIZES, hidden="silu", output="softmax")

    def by_flax(params):
        copied = {f"Dense_{i}": layer for i, layer in enumerate(params)}
        return Dense().apply({"params": copied}, X)[:, 0].sum()

    got = jax.jit(jax.grad(lambda params: model.apply(params, X)[:, 0].sum()))(params)
    expected = jax.jit(jax.grad(by_flax))(params)
    jax.tree.map(
        lambda g, e: np.testing.assert_allclose(g, e, rtol=1e-4, atol=1e-6),
        got,
        expected,
    )


def test_batch_axes_of_any_number():
    params, apply = random_params(), jax.jit(mlp(SIZES).apply)
    all_of_them = apply(params, X)
    one = apply(params, X[4])
    nested = apply(params, X.reshape(2, 3, 3))
    assert one.shape == (2,) and nested.shape == (2, 3, 2)
    np.testing.assert_allclose(one, all_of_them[4], rtol=1e-5)
    np.testing.assert_allclose(nested.reshape(6, 2), all_of_them, rtol=1e-5)


@pytest.mark.parametrize("depth", [1, 2, 6])
def test_linear_layers_are_one_layer(depth):
    sizes = (3, *[4] * (depth - 1), 2)
    params = [
        layer | {"bias": jnp.zeros_like(layer["bias"])}
        for layer in random_params(sizes)
    ]
    product = functools.reduce(np.matmul, [np.asarray(p["kernel"]) for p in params])
    got = mlp(sizes, hidden="linear").apply(params, X)
    np.testing.assert_allclose(got, np.asarray(X) @ product, rtol=1e-4, atol=1e-4)


def test_init_draws_each_layer_by_its_own_key():
    def kernels_and_biases(key, shape, dtype=jnp.float32):
        return jax.random.normal(key, shape, dtype)

    model = mlp((4, 4, 4), kernel_init=kernels_and_biases, bias_init=kernels_and_biases)
    first, second = model.init(jax.random.key(0))
    assert first["kernel"].shape == (4, 4) and first["bias"].shape == (4,)
    drawn = [first["kernel"][0], second["kernel"][0], first["bias"], second["bias"]]
    for i, one in enumerate(drawn):
        for other in drawn[:i]:
            assert bool((one != other).all())


def test_init_by_default():
    model = mlp((30, 40, 20), hidden="maxout")
    hidden, output = model.init(jax.random.key(0))
    assert hidden["kernel"].shape == (30, 80) and hidden["bias"].shape == (80,)
    assert output["kernel"].shape == (40, 20)
    for layer, bound in [(hidden, (6 / 110) ** 0.5), (output, (6 / 60) ** 0.5)]:
        assert not layer["bias"].any()
        assert 0.98 * bound < np.abs(layer["kernel"]).max() <= bound
    other = mlp((30, 40, 20), kernel_init=INITIALIZERS["orthogonal"])
    _, output = other.init(jax.random.key(0))
    gram = np.asarray(output["kernel"]).T @ output["kernel"]
    np.testing.assert_allclose(gram, np.eye(20), atol=1e-5)


@pytest.mark.parametrize("sizes", [(), (3,), (3, 0, 2), (3, -1)])
def test_sizes_are_checked(sizes):
    with pytest.raises(InputError, match=rf"sizes are \[{', '.join(map(str, sizes))}"):
        mlp(sizes)


def test_unknown_activations_are_refused():
    for names in [{"hidden": "tahn"}, {"output": "tahn"}]:
        with pytest.raises(InputError, match="no activation is called 'tahn'"):
            mlp(SIZES, **names)
        with pytest.raises(InputError, match="no activation is called 'tahn'"):
            forward(random_params(), X, **names)


@pytest.mark.parametrize(
    ("layer", "name", "shape", "message"),
    [
        (
            0,
            "kernel",
            (4, 5),
            r"layer 1 .* \(4, 5\): expected \(3, .* the inputs have 3",
        ),
        (1, "kernel", (6, 4), r"layer 2 .* \(6, 4\): expected \(5, .* layer 1 gives 5"),
        (2, "kernel", (4,), r"layer 3 .* \(4,\): expected \(4, units\)"),
        (1, "bias", (1,), r"layer 2 has a bias of shape \(1,\): expected \(4,\)"),
        (0, "bias", (5, 1), r"layer 1 has a bias of shape \(5, 1\): expected \(5,\)"),
    ],
)
def test_layers_that_do_not_chain_are_refused(layer, name, shape, message):
    params = random_params()
    params[layer][name] = jnp.zeros(shape)
    with pytest.raises(InputError, match=message):
        forward(params, X)


def test_a_net_without_layers_is_refused():
    with pytest.raises(InputError, match="a net has no layers"):
        forward([], X)


def test_no_two_layers_begin_alike():
    normal = jax.nn.initializers.normal()
    model = mlp([3] * 6, kernel_init=normal, bias_init=normal)
    params = jax.jit(model.init)(jax.random.key(0))
    rows = [np.ravel(layer["kernel"])[:3] for layer in params]
    rows += [np.asarray(layer["bias"]) for layer in params]
    assert len(np.unique(np.stack(rows), axis=0)) == 10
