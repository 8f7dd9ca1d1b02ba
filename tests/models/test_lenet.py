"""LeNet against the counts of the paper, its table I, and a PyTorch twin."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.models.lenet import enlarge_inputs, lenet5, modern_lenet
from jaxdl.models.lenet_layers import C3_INPUTS, PartialConv, scaled_tanh

IMAGES = np.random.default_rng(0).uniform(size=(2, 28, 28, 1)).astype(np.float32)
TABLE_I = """
X...XXX..XXXX.XX
XX...XXX..XXXX.X
XXX...XXX..X.XXX
.XXX..XXXX..X.XX
..XXX..XXXX.XX.X
...XXX..XXXX.XXX
""".split()  # rows: maps of S2; columns: maps of C3


@pytest.fixture(scope="module")
def params():
    return jax.jit(lenet5().init)(jax.random.key(0))


@pytest.fixture(scope="module")
def activity(params):
    return jax.jit(lenet5().activity)(params, IMAGES)


def count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def test_free_parameters_are_the_papers(params):
    counts = {name: count(layer) for name, layer in params.items()}
    paper = dict(c1=156, s2=12, c3=1516, s4=32, c5=48_120, f6=10_164)
    assert counts == paper | {"out": 850}
    assert sum(paper.values()) == 60_000


def test_layers_have_the_papers_sizes(activity):
    shapes = [y.shape[1:] for y in activity]
    maps = [(28, 28, 6), (14, 14, 6), (10, 10, 16), (5, 5, 16)]
    assert shapes == [*maps, (120,), (84,), (10,)]


def test_table_of_connections():
    drawn = [
        tuple(i for i in range(6) if TABLE_I[i][column] == "X") for column in range(16)
    ]
    assert drawn == list(C3_INPUTS)


def test_maps_that_are_not_connected_have_no_gradient():
    layer = PartialConv(C3_INPUTS)
    x = jax.random.normal(jax.random.key(0), (1, 5, 5, 6))
    variables = layer.init(jax.random.key(1), x)
    slopes = jax.jit(jax.jacobian(lambda x: layer.apply(variables, x)[0, 0, 0]))(x)
    reached = np.abs(slopes).sum(axis=(1, 2, 3)) > 0  # [c3 s2]
    assert np.array_equal(reached.T, np.array([list(row) for row in TABLE_I]) == "X")


def test_initial_weights_are_the_papers(params):
    bounds = dict(c1=2.4 / 25, c5=2.4 / 400, f6=2.4 / 120, out=2.4 / 84)
    for name, bound in bounds.items():
        largest = np.abs(params[name]["kernel"]).max()
        assert 0.95 * bound < largest <= bound, name
        assert not np.any(params[name]["bias"])
    # A unit of C3 that sees more maps has smaller weights: the first 3, the last 6.
    kernel = np.abs(params["c3"]["kernel"])
    assert kernel[..., :3].max() == pytest.approx(2.4 / 75, rel=0.1)
    assert kernel[..., -6:].max() == pytest.approx(2.4 / 150, rel=0.1)
    assert np.abs(params["s4"]["scale"]).max() <= 0.6


@pytest.mark.parametrize("make", [lenet5, modern_lenet])
def test_xlas_own_convolutions_have_forward_mode(make):
    """The same net, its parameters and logits as well."""
    fast, xla = make(), make(implementation="xla")
    params = jax.jit(fast.init)(jax.random.key(0))
    others = jax.jit(xla.init)(jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, params, others)

    def push(net):
        return jax.jit(lambda x: jax.jvp(lambda x: net.apply(params, x), (x,), (x,)))

    y, pushed = push(xla)(IMAGES)
    np.testing.assert_allclose(jax.jit(fast.apply)(params, IMAGES), y, atol=1e-5)
    assert np.any(pushed)
    with pytest.raises(TypeError, match="forward-mode"):
        push(fast)(IMAGES)


def test_scaled_tanh_is_one_at_one():
    z = jnp.array([-1.0, 0, 1])
    np.testing.assert_allclose(scaled_tanh(z), [-1, 0, 1], atol=1e-5)
    curvature = jax.vmap(jax.grad(jax.grad(jax.grad(scaled_tanh))))(z)
    assert abs(curvature[2]) < 0.02  # the second derivative is at its largest


def test_lenet5_is_its_pytorch_twin(params, activity):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional

    def tensor(x):
        return torch.from_numpy(np.array(x, np.float64))

    def squash(z):
        return 1.7159 * torch.tanh(2 * z / 3)

    def conv(x, kernel, bias):
        return functional.conv2d(x, tensor(kernel).permute(3, 2, 0, 1), tensor(bias))

    def pool(x, scale, bias):
        sums = functional.avg_pool2d(x, 2) * 4
        return sums * tensor(scale)[:, None, None] + tensor(bias)[:, None, None]

    def dense(x, kernel, bias):
        return x @ tensor(kernel) + tensor(bias)

    x = functional.pad(tensor(IMAGES).permute(0, 3, 1, 2), (2, 2, 2, 2))
    x = 1.275 * x - 0.1
    c1 = squash(conv(x, **params["c1"]))
    s2 = squash(pool(c1, **params["s2"]))
    kernels, c3, start = params["c3"]["kernel"], [], 0
    for i, row in enumerate(C3_INPUTS):  # one map at a time, from the maps it sees
        own = kernels[:, :, start : start + len(row), None]
        c3.append(conv(s2[:, list(row)], own, params["c3"]["bias"][i : i + 1]))
        start += len(row)
    c3 = squash(torch.cat(c3, dim=1))
    s4 = squash(pool(c3, **params["s4"]))
    c5 = squash(
        conv(s4, params["c5"]["kernel"].reshape(5, 5, 16, 120), params["c5"]["bias"])
    )
    f6 = squash(dense(c5[:, :, 0, 0], **params["f6"]))
    logits = dense(f6, **params["out"])
    for name in ("c1", "s2", "c3", "s4"):
        expected = {"c1": c1, "s2": s2, "c3": c3, "s4": s4}[name].permute(0, 2, 3, 1)
        np.testing.assert_allclose(getattr(activity, name), expected, atol=1e-5)
    np.testing.assert_allclose(activity.f6, f6, atol=1e-5)
    np.testing.assert_allclose(activity.logits, logits, atol=1e-5)


def test_a_border_is_added_to_small_images(params, activity):
    large = np.pad(IMAGES, ((0, 0), (2, 2), (2, 2), (0, 0)))
    logits = jax.jit(lenet5().apply)(params, large)
    np.testing.assert_allclose(logits, activity.logits, atol=1e-6)


def interpolated(image):
    """28x28, bilinear between the centres of pixels; beyond the last, the last."""
    at = (np.arange(28) + 0.5) * 8 / 28 - 0.5
    weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(8)))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("ri,cj,bijk->brck", weights, weights, image).astype(np.float32)


SMALL = np.random.default_rng(1).uniform(size=(2, 8, 8, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def modern():
    """A net for two channels, with few maps: its parameters, and what it gives."""
    net = modern_lenet(3, channels=2, maps=(2, 3))

    @jax.jit  # one program, for compiling is what takes time
    def everything(key):
        params, x = net.init(key), jnp.asarray(interpolated(SMALL))
        found = {
            "logits": net.apply(params, x),
            "features": net.features(params, x),
            "small": enlarge_inputs(net).apply(params, jnp.asarray(SMALL)),
            "dropped": [net.apply(params, x, key=k) for k in jax.random.split(key)],
        }
        return params, found

    return everything(jax.random.key(0))


def test_modern_lenet_is_its_pytorch_twin(modern):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    params, found = modern

    def tensor(x):
        return torch.from_numpy(np.array(x, np.float64))

    y = tensor(interpolated(SMALL)).permute(0, 3, 1, 2)
    y = functional.pad(y, (2, 2, 2, 2)) * 1.275 - 0.1
    for name in ("c1", "c3"):
        kernel, bias = (tensor(params[name][leaf]) for leaf in ("kernel", "bias"))
        y = functional.conv2d(y, kernel.permute(3, 2, 0, 1), bias)
        y = functional.max_pool2d(functional.relu(y), 2)
    y = y.permute(0, 2, 3, 1).reshape(2, -1)
    for name in ("c5", "f6", "out"):
        y = y @ tensor(params[name]["kernel"]) + tensor(params[name]["bias"])
        if name != "out":
            y = functional.relu(y)
        if name == "f6":
            assert found["features"].shape == (2, 84)
            np.testing.assert_allclose(found["features"], y, atol=1e-5)
    np.testing.assert_allclose(found["logits"], y, atol=1e-5)


def test_dropout_is_on_with_a_key_only(modern):
    _, found = modern
    first, second = found["dropped"]
    assert np.abs(first - second).max() > 1e-3
    assert np.abs(first - found["logits"]).max() > 1e-3  # which is the twin's


def test_small_images_are_enlarged(modern):
    _, found = modern
    np.testing.assert_allclose(found["small"], found["logits"], atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((1, 8, 8, 1), "images of 8x8 pixels: expected 28x28 or 32x32"),
        ((1, 28, 32, 1), "images of 28x32 pixels: expected 28x28 or 32x32"),
        ((1, 32, 32, 3), "images of 3 channels: expected 1"),
    ],
    ids=["small", "not square", "colour"],
)
@pytest.mark.parametrize("make", [lenet5, modern_lenet], ids=["lenet5", "modern"])
def test_images_it_cannot_take(make, shape, sentence):
    net = make()
    like = jax.eval_shape(net.init, jax.random.key(0))
    with pytest.raises(ValueError, match=sentence):
        jax.eval_shape(net.apply, like, jnp.zeros(shape))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: lenet5(1), "num_classes is 1: expected 2 or more"),
        (lambda: modern_lenet(channels=0), "channels is 0: expected 1 or more"),
        (lambda: modern_lenet(dropout=1.0), "dropout is 1.0: expected 0 or more"),
    ],
    ids=["classes", "channels", "dropout"],
)
def test_sizes_there_are_not(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
