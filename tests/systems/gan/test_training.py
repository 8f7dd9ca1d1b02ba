"""Training of the GAN on images, with networks of one layer."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.adversarial.networks import GAN
from jaxdl.data.load import Images, Split
from jaxdl.systems.gan.training import make_training
from jaxdl.types import Model


def layer(key, in_size, size):
    kernel = jax.random.normal(key, (in_size, size))
    return {"out": {"kernel": kernel, "bias": jnp.zeros(size)}}


def outputs(params, x):
    return x @ params["out"]["kernel"] + params["out"]["bias"][None]


NETWORKS = GAN(
    Model(
        lambda key: layer(key, 3, 4),
        lambda params, z: jax.nn.sigmoid(outputs(params, z)),
    ),
    Model(
        lambda key: layer(key, 4, 1),
        lambda params, x, *, key: outputs(params, x)[:, 0],
    ),
    3,
)


def split(seed):
    image = np.random.default_rng(seed).integers(
        60 * seed, 60 * seed + 99, (7, 2, 2, 1)
    )
    return Split(jnp.asarray(image, jnp.uint8), jnp.zeros(7, jnp.int32))


DATA = Images(split(0), split(1), split(2), "toy", "")


@pytest.fixture(scope="module")
def steps():
    """The state at first, and after a step with a small bound on weights."""
    cfg = types.SimpleNamespace(
        **dict(generator_loss="non_saturating", optimizer="sgd", momentum=0.5),
        **dict(learning_rate=0.1, max_norm=0.01, steps=10, disc_steps=1),
    )
    init, step = make_training(cfg, NETWORKS)
    state = jax.jit(init)(jax.random.key(0), DATA, None)
    batch = jax.tree.map(lambda leaf: leaf[None], DATA.train)
    return state, jax.jit(step)(state, batch)[0]


def largest_norm(params):
    return float(jnp.linalg.norm(params["out"]["kernel"], axis=0).max())


def test_the_bound_is_the_discriminators(steps):
    before, after = steps
    assert largest_norm(before.disc_params) > 0.1
    assert largest_norm(after.disc_params) == pytest.approx(0.01, rel=1e-5)
    assert largest_norm(after.gen_params) > 0.1


def test_the_generator_begins_at_the_mean_of_training(steps):
    before, _ = steps
    found = jax.nn.sigmoid(before.gen_params["out"]["bias"])
    mean = np.asarray(DATA.train.image).reshape(7, 4).mean(axis=0) / 255
    np.testing.assert_allclose(found, mean, rtol=1e-5)


def test_both_rates_last_to_the_end():
    """With several updates a step the discriminator learns in the last step as well."""
    cfg = types.SimpleNamespace(
        **dict(generator_loss="minimax", optimizer="sgd", momentum=0.0),
        **dict(learning_rate=0.1, max_norm=None, steps=3, disc_steps=4),
    )
    init, step = make_training(cfg, NETWORKS)
    state = jax.jit(init)(jax.random.key(0), DATA, None)
    batch = jax.tree.map(lambda leaf: jnp.stack([leaf] * 4), DATA.train)
    states = [state]
    for _ in range(4):
        states.append(jax.jit(step)(states[-1], batch)[0])
    for name in ("gen_params", "disc_params"):
        weights = [getattr(x, name)["out"]["kernel"] for x in states]
        moved = [
            float(abs(b - a).max()) for a, b in zip(weights, weights[1:], strict=False)
        ]
        assert min(moved[:3]) > 0 and moved[3] == 0
