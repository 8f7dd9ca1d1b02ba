"""What each method trains with: steps, losses and passes of its paper."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.adversarial import losses
from jaxdl.systems.gan_modes import methods, networks
from jaxdl.systems.gan_modes.data import ring

PLAYED = {
    "gan": ("simultaneous", 1, None),
    "pacgan": ("simultaneous", 1, None),
    "minibatch": ("simultaneous", 1, None),
    "unrolled": ("simultaneous", 1, 5),
    "wgan_gp": ("alternating", 5, None),
}
"""The kind of step, discriminator steps of each, and steps that are unrolled."""


@pytest.mark.parametrize("method", PLAYED)
def test_the_methods_are_those_of_their_papers(method, monkeypatch):
    seen = {}

    def remember(kind):
        return lambda *args: seen.update({kind: args}) or kind

    def make_gan_losses(*args, **options):
        seen["losses"] = options
        return "gen_loss", "disc_loss"

    monkeypatch.setattr(methods, "make_gan_step", remember("alternating"))
    monkeypatch.setattr(methods, "make_simultaneous_step", remember("simultaneous"))
    monkeypatch.setattr(methods, "make_unrolled_generator_loss", remember("unrolled"))
    monkeypatch.setattr(methods, "against_params", lambda loss: f"plain {loss}")
    monkeypatch.setattr(methods, "make_gan_losses", make_gan_losses)

    def make_networks(pack, *, minibatch):
        seen["networks"] = pack, minibatch
        return networks.pacgan(pack, minibatch=minibatch)

    monkeypatch.setattr(methods, "pacgan", make_networks)
    cfg = types.SimpleNamespace(
        methods=(method,), packs=(2,), learning_rate=0.1, batch_size=3
    )
    training = methods.make_training(cfg)
    assert seen["networks"] == (2, method == "minibatch")
    kind, disc_steps, unrolled = PLAYED[method]
    assert training.step == kind
    gen_loss, disc_loss, *optimizers = seen[kind]
    assert disc_loss == "disc_loss"
    if unrolled is None:
        assert gen_loss == ("gen_loss" if method == "wgan_gp" else "plain gen_loss")
    else:
        assert gen_loss == "unrolled" and seen["unrolled"][-1] == unrolled
        assert seen["unrolled"][:2] == ("gen_loss", "disc_loss")
    first, other = (training.batch(ring(), jax.random.key(0), i) for i in range(2))
    assert first.shape == (disc_steps, 3, 4) and (first != other).any()
    options = seen["losses"]
    assert options["pack"] == 2 and options["apart"] is (method == "minibatch")
    critic = options.get("discriminator_loss")
    assert critic is (losses.wasserstein_critic_loss if method == "wgan_gp" else None)
    assert ("penalty" in options) is (method == "wgan_gp")
    for optimizer in optimizers:
        check_adam(optimizer, smooth=method == "unrolled")


def check_adam(optimizer, *, smooth):
    """Two steps by hand, beta 1 being 0.8; smooth: also where the gradient is 0."""
    state, (m, v) = optimizer.init(0.0), (0.0, 0.0)
    for step, g in enumerate((2.0, -1.0), start=1):
        found, state = optimizer.update(g, state)
        m, v = 0.8 * m + 0.2 * g, 0.999 * v + 0.001 * g**2
        expected = -0.1 * m / (1 - 0.8**step) / np.sqrt(v / (1 - 0.999**step))
        assert float(found) == pytest.approx(expected, rel=1e-5)

    slope = jax.grad(lambda g: optimizer.update(g, optimizer.init(0.0))[0])(0.0)
    assert bool(np.isfinite(slope)) is smooth


def test_the_penalty_has_the_weight_for_mixtures():
    """A critic of slope 3 everywhere: 0.1 (3 - 1)^2."""
    real, fake = jnp.ones((2, 2)), jnp.zeros((2, 2))
    penalty = methods.WASSERSTEIN["penalty"]
    found = penalty(lambda x: 3 * x[:, 0], real, fake, jax.random.key(0))
    np.testing.assert_allclose(found, 0.4, rtol=1e-5)
