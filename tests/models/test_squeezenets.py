"""SqueezeNet against the same net written with PyTorch's functions."""

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data.weights import load_squeezenet
from jaxdl.errors import InputError
from jaxdl.gradcheck.problem import quick_jit
from jaxdl.models.squeezenets import squeezenet, squeezenet_features

torch = pytest.importorskip("torch")
F = torch.nn.functional
POOLED = (2, 4, 6)  # max pooling comes before these fire modules


def torch_features(params, x):
    """The map that the classifier reads; x and parameters in PyTorch's layout."""

    def conv(x, name, **options):
        return F.relu(F.conv2d(x, *params[name], **options))

    x = conv(x, "conv1", stride=2)
    for number in range(2, 10):
        if number in POOLED:
            x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        x = conv(x, f"fire{number}/squeeze")
        small = conv(x, f"fire{number}/expand1x1")
        x = torch.cat([small, conv(x, f"fire{number}/expand3x3", padding=1)], dim=1)
    return x


def torch_logits(params, x):
    maps = F.relu(F.conv2d(torch_features(params, x), *params["classifier"]))
    return maps.mean(dim=(2, 3))


def as_torch(params, prefix=""):
    """Our parameters as {"fire2/squeeze": (kernel, bias)}, leaves of a graph."""
    if "kernel" in params:
        kernel = np.array(params["kernel"]).transpose(3, 2, 0, 1)
        pair = torch.tensor(kernel), torch.tensor(np.array(params["bias"]))
        return {prefix: tuple(t.requires_grad_() for t in pair)}
    found = {}
    for name, inner in params.items():
        found |= as_torch(inner, f"{prefix}/{name}".lstrip("/"))
    return found


@pytest.fixture(scope="module")
def net():
    return squeezenet(5)


@pytest.fixture(scope="module")
def params(net):
    shapes = jax.eval_shape(net.init, jax.random.key(0))
    rng = np.random.default_rng(0)  # biases too, which start at 0

    def draw(leaf):
        size = np.sqrt(2 / np.prod(leaf.shape[:-1])) if len(leaf.shape) > 1 else 0.1
        return jnp.asarray(rng.normal(0, size, leaf.shape), jnp.float32)

    return jax.tree.map(draw, shapes)


def pictures(height, width, num=2):
    rng = np.random.default_rng(1)
    return rng.normal(size=(num, height, width, 3)).astype(np.float32)


def test_number_of_parameters():
    shapes = jax.eval_shape(squeezenet().init, jax.random.key(0))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 1_235_496
    shapes.pop("classifier")
    alone = jax.eval_shape(squeezenet_features().init, jax.random.key(0))
    assert jax.tree.map(lambda x: x.shape, alone) == jax.tree.map(
        lambda x: x.shape, shapes
    )


def test_logits_features_and_gradients_are_those_of_torch(net, params):
    """At 38 x 35 the pooling windows overhang: 18 x 17 places become 9 x 8."""
    x = pictures(38, 35)
    weights = np.random.default_rng(2).normal(size=(2, 5)).astype(np.float32)

    def fn(params, x):
        logits = net.apply(params, x)
        features = squeezenet_features().apply(params, x)
        return jnp.sum(logits * weights), (logits, features)

    grad = quick_jit(jax.value_and_grad(fn, argnums=(0, 1), has_aux=True))
    (_, (logits, features)), (grads, slopes) = grad(params, x)
    theirs = as_torch(params)
    images = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    expected = torch_logits(theirs, images)
    (expected * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(logits, expected.detach(), atol=1e-5, rtol=1e-4)
    means = torch_features(theirs, images).mean(dim=(2, 3)).detach()
    np.testing.assert_allclose(features, means, atol=1e-5, rtol=1e-4)
    np.testing.assert_allclose(
        slopes, images.grad.permute(0, 2, 3, 1), atol=1e-5, rtol=1e-3
    )
    for name, ours in as_torch(grads).items():
        for our, their in zip(ours, theirs[name], strict=True):
            scale = float(their.grad.abs().max())
            np.testing.assert_allclose(our.detach(), their.grad, atol=1e-4 * scale)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 16, 40, 3), ["16 x 40", "17 or more"]),
        ((1, 64, 64, 1), ["1 channels", "expected 3"]),
        ((1, 64, 64, 4), ["4 channels", "expected 3"]),
    ],
    ids=["small", "grey", "alpha"],
)
def test_pictures_that_the_net_cannot_take(shape, words, params, net):
    with pytest.raises(InputError) as error:
        jax.eval_shape(net.apply, params, jnp.zeros(shape))
    assert all(word in str(error.value) for word in words)


def test_the_smallest_picture_and_no_class(params, net):
    assert jax.eval_shape(net.apply, params, jnp.zeros((3, 17, 17, 3))).shape == (3, 5)
    with pytest.raises(InputError, match="num_classes is 0"):
        squeezenet(0)


# The published weights


def read_as_ncnn_says(folder):
    """Kernels and biases of the file, layer by layer, read once more."""
    lines = (folder / "squeezenet_v1.1.ncnn.param").read_text().splitlines()
    content = (folder / "squeezenet_v1.1.ncnn.bin").read_bytes()
    convs, place = [], 0
    for line in lines:
        if line.startswith("Convolution"):
            field = {k: int(v) for k, v in (w.split("=") for w in line.split()[6:])}
            out, side, size = field["0"], field["1"], field["6"]
            kernel = np.frombuffer(content, np.float16, size, place + 4)
            place += 4 + (2 * size + 3) // 4 * 4
            bias = np.frombuffer(content, np.float32, out, place)
            place += 4 * out
            kernel = kernel.reshape(out, -1, side, side).astype(np.float32)
            convs.append((torch.tensor(kernel), torch.tensor(bias.copy())))
    return convs


def test_published_weights_give_the_logits_of_torch():
    if "JAXDL_TEST_DATA" not in os.environ:
        pytest.skip("JAXDL_TEST_DATA, a folder with squeezenet_v1.1/, is not set")
    folder = Path(os.environ["JAXDL_TEST_DATA"]) / "squeezenet_v1.1"
    first, *convs = read_as_ncnn_says(folder)
    theirs = {"conv1": first, "classifier": convs.pop()}
    for i in range(8):
        for conv in convs[3 * i : 3 * i + 3]:
            out, into, side, _ = conv[0].shape
            name = "squeeze" if out < into else f"expand{side}x{side}"
            assert theirs.setdefault(f"fire{i + 2}/{name}", conv) is conv
    net = squeezenet()
    loaded = load_squeezenet(folder, net)
    x = pictures(64, 64, num=1)
    logits = quick_jit(net.apply)(loaded.params, x)
    expected = torch_logits(theirs, torch.tensor(x.transpose(0, 3, 1, 2)))
    assert float(expected.max()) > 1  # these weights say something
    np.testing.assert_allclose(logits, expected, atol=1e-3)
