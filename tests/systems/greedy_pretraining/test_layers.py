"""The pretraining of single layers: initial weights, losses and steps."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import Split
from jaxdl.systems.greedy_pretraining import layers
from jaxdl.systems.greedy_pretraining.config import Config
from jaxdl.systems.greedy_pretraining.greedy import GreedyState
from jaxdl.systems.greedy_pretraining.settings import Setting, Style
from jaxdl.train.state import TrainState

SIZES = [16, 64, 48, 10]
RECTIFIED = Style("relu", "he", "adam", 0.001)
BOUNDED = Style("sigmoid", "glorot", "momentum", 0.1)
X = np.random.default_rng(0).uniform(0, 1, (5, 64)).astype(np.float32)


def kinds(pretraining, style=RECTIFIED):
    cfg = Config(rbm_rate=0.3, autoencoder_rate=0.3, noise=0.5)
    return layers.layer_kinds(cfg, Setting(style, pretraining), SIZES)


def test_machines_by_contrastive_divergence(monkeypatch):
    """The lowest begins at the mean image; all have decay and momentum."""
    options = []

    def make_contrastive_divergence_loss(*args, **others):
        options.append(others)

    name = "make_contrastive_divergence_loss"
    monkeypatch.setattr(layers, name, make_contrastive_divergence_loss)
    image = np.arange(32, dtype=np.uint8).reshape(2, 4, 4, 1) * 4
    train = Split(jnp.asarray(image), jnp.zeros(2, jnp.int32))
    data = types.SimpleNamespace(train=train)
    found = kinds("rbm", BOUNDED)
    first, second = (kind.init(jax.random.key(0), data) for kind in found)
    p = image.reshape(2, 16).mean(axis=0) / 255
    np.testing.assert_allclose(first["visible_bias"], np.log(p / (1 - p)), rtol=1e-4)
    assert second["kernel"].shape == (64, 48) and not second["visible_bias"].any()
    assert [x["weight_decay"] for x in options] == [2e-4] * 2
    assert not any("num_steps" in x for x in options)  # one, then
    for kind in found:
        moves, state = [], kind.optimizer.init(0.0)
        for _ in range(3):
            move, state = kind.optimizer.update(1.0, state)
            moves.append(float(move))
        np.testing.assert_allclose(moves, [-0.3, -0.57, -0.813], rtol=1e-5)


@pytest.mark.parametrize(
    ("style", "number", "variance"),
    [
        (BOUNDED, 1, 2 / 112),
        (RECTIFIED, 0, 2 / 80),
        (RECTIFIED, 1, 2 / 64),
    ],
)
def test_autoencoders_of_bounded_and_of_rectified_inputs(style, number, variance):
    """Cross-entropy and Glorot's weights, or squared errors and He's."""
    kind = kinds("autoencoder", style)[number]
    x = jnp.asarray(X[:, : SIZES[number]])

    @jax.jit
    def begin(key, x):
        params = kind.init(key, None)
        return params, kind.loss_fn(params, x, key)[0]

    params, loss = jax.device_get(begin(jax.random.key(number), x))
    (encoder,), (decoder,) = params["encoder"], params["decoder"]
    kernel = encoder["kernel"]
    assert kernel.var() == pytest.approx(variance, rel=0.15)
    assert decoder.keys() == {"bias"}  # tied
    x = np.asarray(x)
    z = x @ kernel
    codes = np.maximum(z, 0) if style is RECTIFIED else 1 / (1 + np.exp(-z))
    outputs = codes @ kernel.T
    if number == 0 or style is BOUNDED:
        errors = np.logaddexp(0, outputs) - x * outputs
    else:
        errors = (outputs - x) ** 2
    assert float(loss) == pytest.approx(errors.sum(axis=1).mean(), rel=1e-4)


def test_only_denoising_spoils_its_inputs():
    """With another key the loss is another, or the same."""
    for pretraining, spoilt in (("denoising", True), ("autoencoder", False)):
        kind = kinds(pretraining)[1]

        @jax.jit
        def losses(key, kind=kind):
            params = kind.init(key, None)
            keys = jax.random.split(key)
            return [kind.loss_fn(params, jnp.asarray(X), key)[0] for key in keys]

        first, second = losses(jax.random.key(0))
        assert (first != second) == spoilt


def test_a_layer_is_watched_on_images_it_is_not_trained_on():
    """On the first 1,000 of them, as the layers below see them."""

    def loss_fn(params, x, key):
        return 0.0, {"loss": x.mean() + params}

    def split(first, num):
        image = np.arange(first, first + num) % 256
        image = jnp.asarray(image.astype(np.uint8).reshape(-1, 1, 1, 1))
        return Split(image, jnp.zeros(num, jnp.int32))

    kind = kinds("autoencoder")[0]._replace(loss_fn=loss_fn)
    experiment = layers.layer_phase(Config(), kind, "linear", 1).experiment
    data = types.SimpleNamespace(train=split(7, 1300), validation=split(99, 1200))
    below = {"kernel": jnp.full((1, 1), 2.0), "bias": jnp.full(1, 3.0)}
    state = GreedyState((below,), TrainState(jax.random.key(0), jnp.array(0.5), None))
    found = experiment.evaluate(state, data, jax.random.key(0), False)
    rows = np.arange(99, 1099) % 256 / 255
    expected = 2 * rows.mean() + 3.5
    assert found == {"validation_loss": pytest.approx(expected, rel=1e-5)}
