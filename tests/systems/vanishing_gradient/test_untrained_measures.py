"""Untrained nets: Jacobians against matrix products, linear layers against one."""

import jax
import numpy as np
import pytest

from jaxdl.data import Images, Split
from jaxdl.models import forward
from jaxdl.systems.vanishing_gradient import untrained_measures as measures
from jaxdl.systems.vanishing_gradient.nets import make_net

singular_values = jax.jit(measures.jacobian_singular_values, static_argnums=0)


def batch(num=5, size=4):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(num, size))
    return jax.device_put(x), jax.device_put(rng.integers(0, 3, num))


def test_singular_values_of_a_linear_net_are_those_of_the_product():
    with jax.enable_x64(True):
        model = make_net([4, 6, 3], "linear", "he")
        params = jax.jit(model.init)(jax.random.key(1))
        got = singular_values(model.apply, params, np.ones((2, 4)))
        product = np.asarray(params[0]["kernel"]) @ np.asarray(params[1]["kernel"])
        expected = np.linalg.svd(product, compute_uv=False)
        np.testing.assert_allclose(got, [expected] * 2, rtol=1e-12)


def test_orthogonal_linear_net_keeps_every_length():
    with jax.enable_x64(True):
        model = make_net([12] * 21, "linear", "orthogonal")
        params = jax.jit(model.init)(jax.random.key(2))
        values = singular_values(model.apply, params, np.ones((1, 12)))
        np.testing.assert_allclose(values, 1, atol=1e-12)
        params[7]["kernel"] *= 1.001
        values = singular_values(model.apply, params, np.ones((1, 12)))
        assert np.all(np.abs(np.asarray(values) - 1) > 9e-4)


def test_three_linear_layers_are_one():
    with jax.enable_x64(True):
        sizes = [4, 7, 5, 3]
        model = make_net(sizes, "linear", "standard")
        params = jax.jit(model.init)(jax.random.key(4))
        rng = np.random.default_rng(5)
        biases = [rng.normal(size=n) for n in sizes[1:]]
        params = [layer | {"bias": b} for layer, b in zip(params, biases, strict=True)]
        one = jax.tree.map(np.asarray, jax.jit(measures.collapse_linear)(params))
        x = rng.normal(size=(6, 4))
        assert len(one) == 1 and one[0]["kernel"].shape == (4, 3)
        expected = x @ one[0]["kernel"] + one[0]["bias"][None]
        whole = jax.jit(model.apply)(params, x)
        np.testing.assert_allclose(whole, expected, rtol=1e-13)
        tanh = make_net(sizes, "tanh", "standard")
        bent = np.asarray(jax.jit(tanh.apply)(params, x))
        straight = np.asarray(jax.jit(model.apply)(one, x))
        assert np.abs(bent - straight).max() > 1e-2


DRAWN = []  # layers, activation, initial weights and key of each net of the study


def noted_net(sizes, hidden, initializer):
    net = make_net(sizes, hidden, initializer)

    def init(key):
        key_data = tuple(jax.random.key_data(key).tolist())
        DRAWN.append((len(sizes) - 1, hidden, initializer, key_data))
        return net.init(key)

    return net._replace(init=init)


@pytest.fixture(scope="module")
def study():
    nets = measures.Nets(noted_net, forward, ("linear", "relu"), ("orthogonal", "he"))
    with jax.enable_x64(True):
        x, labels = batch()
        sizes = dict(depths=(1, 3), size=6)
        yield measures.initial_signals(nets, jax.random.key(0), x, labels, **sizes), x


def test_initial_signals_shapes(study):
    found, _ = study
    assert found["gradient_norm"].shape == (2, 2, 2, 4)
    assert found["singular_values"].shape == (2, 2, 2, 6)
    assert found["dead"].shape == found["saturated"].shape == (2, 2, 3)
    known = np.isfinite(found["gradient_norm"])
    assert known[:, :, 0].sum(axis=-1).tolist() == [[2, 2]] * 2
    assert known[:, :, 1].all()


def test_initial_signals_facts(study):
    found, _ = study
    assert found["orthogonal_deviation"] < 1e-12
    assert 0 < found["collapse_deviation"] < 1e-12
    # Orthogonal linear layers keep the gradient's length; the rectifier cuts it.
    assert abs(found["log10_gradient_linear_orthogonal"]) < 1e-12
    assert found["log10_gradient_relu_orthogonal"] < -0.05
    ones = found["singular_values"][0, 0]
    np.testing.assert_allclose(ones, 1, atol=1e-12)
    assert found["singular_values"][1, 0, 1, -1] < 0.9
    assert np.all(found["saturated"][0] == 0) and np.all(found["saturated"][1] > 0.1)


def test_initial_signals_start_from_the_same_draws(study):
    found, x = study
    nets = measures.Nets(make_net, forward, ("relu",), ("he",))
    with jax.enable_x64(True):
        _, labels = batch()
        alone = measures.initial_signals(
            nets, jax.random.key(0), x, labels, depths=(3,), size=6
        )
    np.testing.assert_array_equal(
        alone["gradient_norm"][0, 0, 0], found["gradient_norm"][1, 1, 1]
    )


@pytest.mark.usefixtures("study")
def test_each_depth_has_a_key_and_all_nets_of_it_the_same():
    compared = [net for net in DRAWN if net[1:3] != ("linear", "standard")][:8]
    assert len({net[:3] for net in compared}) == 8
    keys = {
        layers: {net[3] for net in compared if net[0] == layers} for layers in (2, 4)
    }
    assert len(keys[2]) == len(keys[4]) == 1 and keys[2] != keys[4]


def test_the_study_sends_validation_images_through(monkeypatch):
    seen = []

    def initial_signals(*args, **options):
        seen.append((args, options))
        return {}

    monkeypatch.setattr(measures, "initial_signals", initial_signals)

    def split(first):
        image = np.arange(first, first + 6, dtype=np.uint8).reshape(6, 1, 1, 1)
        return Split(
            jax.device_put(image), jax.device_put(np.arange(6, dtype=np.int32))
        )

    data = Images(split(0), split(100), split(200), "toy", "")
    given = measures.Nets(make_net, forward, (), ())
    evaluate = measures.make_study_evaluate(given, (1, 3), 5, examples=4)
    state = jax.random.key(3)
    evaluate(state, data, jax.random.key(4), True)
    (((nets, key, x, labels), options),) = seen
    assert nets is given and key is state
    assert options == dict(depths=(1, 3), size=5) and x.dtype == np.float64
    np.testing.assert_allclose(x[:, 0], np.arange(100, 104) / 255, rtol=1e-7)
    assert labels.tolist() == [0, 1, 2, 3]
