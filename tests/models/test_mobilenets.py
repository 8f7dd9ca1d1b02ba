"""MobileNet against the same net written with PyTorch's functions."""

import json
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data.weights import load_mobilenet
from jaxdl.errors import InputError
from jaxdl.gradcheck.problem import quick_jit
from jaxdl.models.mobilenets import mobilenet, mobilenet_features

torch = pytest.importorskip("torch")
F = torch.nn.functional
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
STAGES = ("conv1", *(f"conv_{k}_{n}" for n in range(1, 14) for k in ("dw", "pw")))


def torch_net(tensors, x):
    """Logits and features of x [batch channels height width]; tensors as in Keras."""

    def same(x, side, stride):
        need = [
            max((-(-size // stride) - 1) * stride + side - size, 0)
            for size in (x.shape[3], x.shape[2])
        ]
        return F.pad(x, [part for n in need for part in (n // 2, n - n // 2)])

    for name in STAGES:
        depthwise = "_dw_" in name
        kernel = tensors[f"{name}/{'depthwise_kernel' if depthwise else 'kernel'}"]
        stride = 2 if name == "conv1" else 1
        if depthwise:
            stride = STRIDES[int(name.split("_")[-1]) - 1]
        order = (2, 3, 0, 1) if depthwise else (3, 2, 0, 1)
        groups = x.shape[1] if depthwise else 1
        x = same(x, kernel.shape[0], stride)
        x = F.conv2d(x, kernel.permute(order), stride=stride, groups=groups)
        own = [f"{name}_bn/{part}" for part in ("moving_mean", "moving_variance")]
        own += [f"{name}_bn/{part}" for part in ("gamma", "beta")]
        x = F.relu6(F.batch_norm(x, *(tensors[n] for n in own), eps=1e-3))
    features = x.mean(dim=(2, 3))
    kernel = tensors["conv_preds/kernel"][0, 0]
    return features @ kernel + tensors["conv_preds/bias"], features


def as_keras(params, statistics):
    """Our trees under Keras' names, leaves of a graph."""
    found = {}
    for name, leaves in params.items():
        for leaf, value in leaves.items():
            value = torch.tensor(np.array(value))
            if leaf == "kernel" and "_dw_" in name:
                leaf, value = "depthwise_kernel", value.permute(0, 1, 3, 2)
            if name == "conv_preds" and leaf == "kernel":
                value = value[None, None]
            leaf = {"scale": "gamma", "shift": "beta"}.get(leaf, leaf)
            found[f"{name}/{leaf}"] = value.detach().requires_grad_()
    for name, own in statistics.items():
        mean, variance = (torch.tensor(np.array(x)) for x in own["moments"])
        found |= {f"{name}/moving_mean": mean, f"{name}/moving_variance": variance}
    return found


WIDTH = 1 / 16
SIZE = 37, 34  # padding differs between the sides
WEIGHTS = np.random.default_rng(2).normal(size=(2, 4)).astype(np.float32)
CHOSEN = ("conv1", "conv1_bn", "conv_dw_2", "conv_dw_7", "conv_pw_13", "conv_preds")


@pytest.fixture(scope="module")
def small():
    """A net of a quarter of the channels of width 1/4, its weights and statistics."""
    net = mobilenet(4, width=WIDTH)
    rng = np.random.default_rng(0)

    def draw(path, leaf):
        if len(leaf.shape) == 1:
            above = any(name in str(path[-1]) for name in ("scale", "variance"))
            low, high = (1, 2) if above else (-0.5, 0.5)
            return jnp.asarray(rng.uniform(low, high, leaf.shape), jnp.float32)
        size = np.sqrt(2 / np.prod(leaf.shape[:-1]))
        return jnp.asarray(rng.normal(0, size, leaf.shape), jnp.float32)

    example = jnp.zeros((1, 32, 32, 3))
    shapes = jax.eval_shape(net.init, jax.random.key(0))
    _, statistics = jax.eval_shape(
        lambda p, x: net.apply(p, x, with_statistics=True), shapes, example
    )
    drawn = jax.tree_util.tree_map_with_path(draw, (shapes, statistics))
    return net, *drawn


def pictures(height, width, num=2):
    rng = np.random.default_rng(1)
    return rng.uniform(-1, 1, size=(num, height, width, 3)).astype(np.float32)


def test_number_of_parameters():
    net = mobilenet()
    shapes = jax.eval_shape(net.init, jax.random.key(0))
    picture = jnp.zeros((1, 32, 32, 3))
    _, statistics = jax.eval_shape(
        lambda p, x: net.apply(p, x, with_statistics=True), shapes, picture
    )
    sizes = [leaf.size for leaf in jax.tree.leaves((shapes, statistics))]
    assert sum(sizes) == 475_544 and len(sizes) == 137
    assert shapes["conv_preds"]["kernel"].shape == (256, 1000)


@pytest.fixture(scope="module")
def computed(small):
    """From weights and pictures to (logits, features) and gradients, compiled once."""
    net, _, statistics = small
    features_of = mobilenet_features(width=WIDTH).apply

    def fn(chosen, params, x):
        params = params | chosen
        logits = net.apply(params, x, statistics=statistics)
        features = features_of(params, x, statistics=statistics)
        return jnp.sum(logits * WEIGHTS), (logits, features)

    grad = quick_jit(jax.value_and_grad(fn, has_aux=True))

    def compute(params, x):
        (_, found), grads = grad({name: params[name] for name in CHOSEN}, params, x)
        return found, grads

    return compute


def test_logits_features_and_gradients_are_those_of_torch(small, computed):
    _, params, statistics = small
    x = pictures(*SIZE)
    (logits, features), grads = computed(params, x)
    theirs = as_keras(params, statistics)
    expected, means = torch_net(theirs, torch.tensor(x.transpose(0, 3, 1, 2)))
    (expected * torch.tensor(WEIGHTS)).sum().backward()
    np.testing.assert_allclose(logits, expected.detach(), atol=1e-5, rtol=1e-4)
    np.testing.assert_allclose(features, means.detach(), atol=1e-5, rtol=1e-4)
    for name, our in as_keras(grads, {}).items():
        their = theirs[name].grad
        scale = float(their.abs().max())
        assert scale > 1e-6, name
        np.testing.assert_allclose(our.detach(), their, atol=1e-4 * scale, err_msg=name)


def test_a_picture_does_not_depend_on_its_neighbours(small, computed):
    _, params, _ = small
    x = pictures(*SIZE)
    other = np.stack([x[0], np.zeros_like(x[0])])
    both, alone = (computed(params, images)[0][0] for images in (x, other))
    np.testing.assert_allclose(both[0], alone[0], atol=1e-6)
    assert np.abs(both[1] - alone[1]).max() > 1e-3


def test_what_is_refused(small):
    net, params, _ = small
    with pytest.raises(InputError, match="1 channels: expected 3"):
        jax.eval_shape(net.apply, params, jnp.zeros((1, 64, 64, 1)))
    with pytest.raises(InputError, match="num_classes is 0"):
        mobilenet(0)
    for width in (0.0, 0.01, float("nan")):
        with pytest.raises(InputError, match="width is"):
            mobilenet(width=width)


def test_published_weights_give_the_logits_of_torch():
    if "JAXDL_TEST_DATA" not in os.environ:
        pytest.skip("JAXDL_TEST_DATA, a folder with mobilenet_v1_0.25_224/, not set")
    folder = Path(os.environ["JAXDL_TEST_DATA"]) / "mobilenet_v1_0.25_224"
    tensors = {}
    for group in json.loads((folder / "model.json").read_text())["weightsManifest"]:
        values = np.fromfile(folder / group["paths"][0], "<f4")
        for entry in group["weights"]:
            size = int(np.prod(entry["shape"]))
            tensors[entry["name"]] = torch.tensor(values[:size].reshape(entry["shape"]))
            values = values[size:]
    net = mobilenet()
    loaded = load_mobilenet(folder, net)
    x = pictures(64, 64, num=1)
    ours = quick_jit(net.apply)(loaded.params, x, statistics=loaded.statistics)
    expected, _ = torch_net(tensors, torch.tensor(x.transpose(0, 3, 1, 2)))
    assert float(expected.std()) > 0.5  # these weights say something
    np.testing.assert_allclose(ours, expected, atol=1e-3)
