"""Autoencoders against PyTorch with the same weights, and against Jacobians."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.models import autoencoder, forward, squared_jacobian

SIZES = [6, 5, 4, 3]


def draw(model, key=0):
    """Parameters with biases that are not zero."""
    leaves, treedef = jax.tree.flatten(model.init(jax.random.key(key)))
    keys = jax.random.split(jax.random.key(key + 1), len(leaves))
    draws = [
        x + 0.3 * jax.random.normal(k, x.shape)
        for x, k in zip(leaves, keys, strict=True)
    ]
    return jax.tree.unflatten(treedef, draws)


def images(num=4, size=6):
    return jax.random.uniform(jax.random.key(7), (num, size))


@pytest.mark.parametrize("tied", [False, True], ids=["own weights", "tied"])
def test_equals_pytorch(tied):
    torch = pytest.importorskip("torch")
    model = autoencoder(6, [5, 4], 3, tied=tied)
    params, x = draw(model), images()
    kernels = [layer["kernel"] for layer in params["encoder"]]
    if tied:
        assert [set(layer) for layer in params["decoder"]] == [{"bias"}] * 3
        kernels += [kernel.T for kernel in kernels[::-1]]
    else:
        kernels += [layer["kernel"] for layer in params["decoder"]]
    biases = [layer["bias"] for layer in params["encoder"] + params["decoder"]]

    def tensor(array):
        return torch.tensor(np.array(array))

    y, codes = tensor(x), None
    with torch.no_grad():
        for i, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
            y = torch.nn.functional.linear(y, tensor(kernel.T), tensor(bias))
            if i == 2:
                codes = y.numpy()
            elif i < 5:
                y = torch.nn.functional.gelu(y)
    close = dict(rtol=1e-5, atol=1e-6)
    ours = jax.jit(model.encode)(params, x)
    np.testing.assert_allclose(ours, codes, **close)
    for logits in (
        jax.jit(model.decode)(params, ours),
        jax.jit(model.apply)(params, x),
    ):
        np.testing.assert_allclose(logits, y.numpy(), **close)


def test_tied_gradient_is_the_sum_of_both_uses():
    tied, own = autoencoder(6, [5], 3, tied=True), autoencoder(6, [5], 3)
    params, x = draw(tied), images()
    kernels = [layer["kernel"].T for layer in params["encoder"][::-1]]
    both = {
        "encoder": params["encoder"],
        "decoder": [
            {"kernel": kernel, "bias": layer["bias"]}
            for kernel, layer in zip(kernels, params["decoder"], strict=True)
        ],
    }

    def grads_of(model, params):
        return jax.jit(jax.grad(lambda p: jnp.sum(jnp.sin(model.apply(p, x)))))(params)

    shared, apart = grads_of(tied, params), grads_of(own, both)
    for i, layer in enumerate(shared["encoder"]):
        uses = apart["encoder"][i]["kernel"], apart["decoder"][1 - i]["kernel"].T
        np.testing.assert_allclose(layer["kernel"], sum(uses), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("hidden", "latent"), [((), 6), ((7,), 1), ((5, 4, 2), 6)])
def test_any_depth_and_the_ends_of_code_sizes(hidden, latent):
    model = autoencoder(6, hidden, latent, hidden="maxout", latent="sigmoid")
    params = model.init(jax.random.key(0))
    assert len(params["encoder"]) == len(params["decoder"]) == len(hidden) + 1
    codes = jax.jit(model.encode)(params, images())
    assert codes.shape == (4, latent) and 0 < float(codes.min()) < codes.max() < 1
    assert jax.eval_shape(model.decode, params, codes).shape == (4, 6)
    assert jax.eval_shape(model.apply, params, images()[0]).shape == (6,)


@pytest.mark.parametrize(
    ("args", "options", "said"),
    [
        ((6, [5], 0), {}, "the code has 0 numbers: expected 1 to 6"),
        ((6, [5], 7), {}, "the code has 7 numbers: expected 1 to 6"),
        ((6, [0], 3), {}, "each 1 or more"),
        ((6, [5], 3), {"hidden": "cubic"}, "cubic"),
        ((6, [5], 3), {"hidden": "maxout", "tied": True}, "do not go together"),
    ],
)
def test_refuses(args, options, said):
    with pytest.raises(InputError, match=said):
        autoencoder(*args, **options)


def test_refuses_layers_that_do_not_chain():
    model, other = autoencoder(6, [5], 3), autoencoder(6, [4], 2)
    params = model.init(jax.random.key(0))
    with pytest.raises(InputError, match=r"layer 1 has a kernel .* expected \(5, "):
        model.encode(params, jnp.zeros((2, 5)))
    with pytest.raises(InputError, match="since the inputs have 2 values"):
        model.decode(params, jnp.zeros((2, 2)))
    mixed = other.init(jax.random.key(0))["encoder"]
    mixed = {"encoder": [params["encoder"][0], mixed[1]], "decoder": params["decoder"]}
    with pytest.raises(InputError, match="since layer 1 gives 5 values"):
        model.apply(mixed, images())


@pytest.mark.parametrize(
    ("hidden_sizes", "latent"),
    [((), "sigmoid"), ((), "softmax"), ((5,), "linear"), ((5, 4), "sigmoid")],
)
def test_squared_jacobian_equals_the_jacobian(hidden_sizes, latent):
    model = autoencoder(6, hidden_sizes, 3, hidden="tanh", latent=latent)
    layers, x = draw(model)["encoder"], images()

    def one(layers, x):
        return forward(layers, x, hidden="tanh", output=latent).activations[-1]

    def both(layers, x):
        got = squared_jacobian(layers, x, hidden="tanh", latent=latent)
        return got, jax.vmap(jax.jacfwd(one, 1), (None, 0))(layers, x)

    with jax.enable_x64(True):
        args = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), (layers, x))
        got, jacobians = jax.jit(both)(*args)
    assert jacobians.shape == (4, 3, 6)
    np.testing.assert_allclose(got, np.sum(jacobians**2, axis=(1, 2)), rtol=1e-6)
