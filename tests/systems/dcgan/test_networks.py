"""DCGAN's networks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.nn import population_statistics
from jaxdl.systems.dcgan.networks import dcgan, dcgan_features

KEY = jax.random.key(0)


@pytest.fixture(scope="module", params=["transposed", "resize"])
def tiny(request):
    """Networks for images of 17 pixels, which doubling alone does not reach."""
    gan = dcgan((17, 17, 3), latent_size=5, base_channels=2, upsampling=request.param)
    rng = np.random.default_rng(0)

    def draw(model):
        def normal(leaf):
            return jnp.asarray(rng.normal(0, 0.3, leaf.shape), jnp.float32)

        return jax.tree.map(normal, jax.eval_shape(model.init, KEY))

    return gan, draw(gan.generator), draw(gan.discriminator), request.param


@pytest.mark.parametrize(
    ("side", "upsampling"),
    [
        *[(side, "transposed") for side in (16, 28, 32, 64, 128)],
        *[(side, "resize") for side in (28, 59)],
    ],
)
def test_shapes(side, upsampling):
    shape = side, side, 3
    gan = dcgan(shape, base_channels=2, upsampling=upsampling)
    features = dcgan_features(shape, base_channels=2)
    params = [jax.eval_shape(model.init, KEY) for model in gan[:2]]
    z = jax.ShapeDtypeStruct((2, gan.latent_size), jnp.float32)
    x = jax.eval_shape(gan.generator.apply, params[0], z)
    assert x.shape == (2, 3 * side**2)
    assert jax.eval_shape(gan.discriminator.apply, params[1], x).shape == (2,)
    halvings = sum(name.startswith("Conv") for name in params[1])
    seen = jax.eval_shape(features.apply, params[1], x)
    assert seen.shape == (2, 16 * 2 * (2**halvings - 1))


def test_the_papers_sizes_at_64_pixels():
    gan = dcgan((64, 64, 3))
    generator, discriminator = (jax.eval_shape(m.init, KEY) for m in gan[:2])
    assert generator["Dense_0"]["kernel"].shape == (100, 4 * 4 * 512)
    kernels = [generator[f"ConvTranspose_{i}"]["kernel"].shape for i in range(3)]
    assert kernels == [(4, 4, 512, 256), (4, 4, 256, 128), (4, 4, 128, 64)]
    assert generator["out"]["kernel"].shape == (4, 4, 64, 3)
    kernels = [discriminator[f"Conv_{i}"]["kernel"].shape for i in range(4)]
    assert kernels == [(4, 4, 3, 64), *[(4, 4, n, 2 * n) for n in (64, 128, 256)]]
    # Normalised: all but the generator's output and the discriminator's ends.
    assert sum(name.startswith("BatchNorm") for name in generator) == 4
    assert sum(name.startswith("BatchNorm") for name in discriminator) == 3
    biased = {name for name, layer in discriminator.items() if "bias" in layer}
    assert biased == {"Conv_0", "out"}
    assert {name for name, layer in generator.items() if "bias" in layer} == {"out"}


def test_initial_weights():
    gan = dcgan((16, 16, 1), base_channels=16)
    for model in gan[:2]:
        params = jax.jit(model.init)(KEY)
        for name, layer in params.items():
            if "scale" in layer:
                assert (layer["scale"] == 1).all() and not layer["shift"].any()
                continue
            kernel = np.asarray(layer["kernel"])
            error = 0.02 * 4 / np.sqrt(kernel.size)
            assert abs(kernel.mean()) < error and abs(kernel.std() - 0.02) < error, name
            assert not np.any(layer.get("bias", 0))


@pytest.mark.parametrize("tiny", ["transposed"], indirect=True)
def test_samples_do_not_depend_on_their_neighbours(tiny):
    gan, gen_params, disc_params, _ = tiny
    z = jax.random.normal(KEY, (6, 5))
    rows = jax.random.uniform(KEY, (6, 17 * 17 * 3))

    @functools.partial(jax.jit, static_argnums=0)
    def outputs(apply, params, x):
        """With statistics of the first four, and with its own."""
        found = population_statistics(apply, params, x[:4])
        other = x.at[1:].set(x[:1])
        known = [apply(params, x, statistics=found) for x in (x, other)]
        return known, [apply(params, x) for x in (x, other)]

    nets = (gan.generator, gen_params, z), (gan.discriminator, disc_params, rows)
    for (_, apply), params, x in nets:
        (known, among_others), own = outputs(apply, params, x)
        np.testing.assert_allclose(among_others[0], known[0], rtol=1e-4, atol=1e-6)
        assert np.abs(own[0][0] - own[1][0]).max() > 1e-3  # in training they do


def normalised(torch, x, layer, slope):
    """Batch normalisation and a leaky rectifier, in PyTorch."""
    scale, shift = (torch.tensor(np.array(layer[k])) for k in ("scale", "shift"))
    x = torch.nn.functional.batch_norm(x, None, None, scale, shift, training=True)
    return torch.nn.functional.leaky_relu(x, slope)


def kernel(torch, layer, axes, flip):
    """A kernel [height width in out] in PyTorch's order."""
    values = np.array(layer["kernel"])
    values = values[::-1, ::-1] if flip else values
    return torch.tensor(np.ascontiguousarray(values.transpose(axes)))


@pytest.mark.parametrize("tiny", ["transposed", "resize"], indirect=True)
def test_equal_to_pytorch(tiny):
    torch = pytest.importorskip("torch")
    gan, gen_params, disc_params, upsampling = tiny
    functional = torch.nn.functional
    z = np.random.default_rng(1).normal(size=(3, 5)).astype(np.float32)

    def enlarged(x, layer, side):
        if upsampling == "transposed":
            weight = kernel(torch, layer, (2, 3, 0, 1), flip=True)
            x = functional.conv_transpose2d(x, weight, stride=2, padding=1)
            return x[..., :side, :side]
        x = functional.interpolate(x, scale_factor=2, mode="nearest")
        weight = kernel(torch, layer, (3, 2, 0, 1), flip=False)
        return functional.conv2d(x[..., :side, :side], weight, padding=1)

    first = "ConvTranspose_0" if upsampling == "transposed" else "Conv_0"
    x = torch.tensor(z) @ torch.tensor(np.array(gen_params["Dense_0"]["kernel"]))
    x = x.reshape(3, 5, 5, 4).permute(0, 3, 1, 2)
    x = normalised(torch, x, gen_params["BatchNorm_0"], 0.0)
    x = enlarged(x, gen_params[first], 9)
    x = normalised(torch, x, gen_params["BatchNorm_1"], 0.0)
    x = enlarged(x, gen_params["out"], 17)
    x = x + torch.tensor(np.array(gen_params["out"]["bias"])).reshape(1, 3, 1, 1)
    x = torch.tanh(x)
    expected = (1 + x.permute(0, 2, 3, 1).reshape(3, -1)) / 2
    ours = jax.jit(gan.generator.apply)(gen_params, z)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)

    # Odd sides are padded by 1 before and 2 after, so that the halves are whole.
    maps = []
    for i in range(2):
        weight = kernel(torch, disc_params[f"Conv_{i}"], (3, 2, 0, 1), flip=False)
        bias = torch.tensor(np.array(disc_params["Conv_0"]["bias"])) if i == 0 else None
        x = functional.conv2d(functional.pad(x, (1, 2, 1, 2)), weight, bias, stride=2)
        if i == 0:
            x = functional.leaky_relu(x, 0.2)
        else:
            x = normalised(torch, x, disc_params["BatchNorm_0"], 0.2)
        maps.append(x)
    out = {k: torch.tensor(np.array(v)) for k, v in disc_params["out"].items()}
    logits = x.permute(0, 2, 3, 1).reshape(3, -1) @ out["kernel"] + out["bias"]
    found = jax.jit(gan.discriminator.apply)(disc_params, ours)
    np.testing.assert_allclose(found, logits[:, 0], rtol=1e-4, atol=1e-4)

    # Cells of 3x3 at strides of 2 on maps of 9 pixels; of 2x2 at 1 on 5.
    cells = [functional.max_pool2d(maps[0], 3, 2), functional.max_pool2d(maps[1], 2, 1)]
    cells = [x.permute(0, 2, 3, 1).reshape(3, -1).numpy() for x in cells]
    features = dcgan_features((17, 17, 3), base_channels=2)
    found = jax.jit(features.apply)(disc_params, ours)
    assert found.shape == (3, 16 * (2 + 4))
    np.testing.assert_allclose(found[:, 32:], cells[1], rtol=1e-4, atol=1e-4)
    assert cells[0].shape == (3, 32)
    np.testing.assert_allclose(found[:, :32], cells[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "options", "said"),
    [
        ((15, 15, 1), {}, "15x15 .* squares with a side from 16 to 128"),
        ((129, 129, 1), {}, "129x129 .* from 16 to 128"),
        ((28, 32, 1), {}, "28x32 .* expected squares"),
        ((28, 28, 1), {"upsampling": "bilinear"}, "'bilinear': expected transposed"),
        ((28, 28, 1), {"base_channels": 0}, "base_channels is 0: expected 1 or more"),
        ((28, 28, 1), {"latent_size": 0}, "latent_size is 0: expected 1 or more"),
    ],
)
def test_what_does_not_fit_is_refused(shape, options, said):
    with pytest.raises(InputError, match=said):
        dcgan(shape, **options)
