"""The evidence lower bound against PyTorch, on the same bits and noise."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.ops import sample_pixels, unit_pixels
from jaxdl.systems.autoencoder import objective
from jaxdl.systems.autoencoder.networks import variational_autoencoder
from jaxdl.systems.autoencoder.objective import make_variational_loss

torch = pytest.importorskip("torch")

MODEL = variational_autoencoder(12, [7], 3, hidden="relu")
IMAGE = jnp.asarray(np.random.default_rng(0).integers(0, 256, (5, 3, 4, 1), np.uint8))
BATCH = types.SimpleNamespace(image=IMAGE)
KEY = jax.random.key(3)


def by_torch(params, x, noise):
    """Loss, reconstruction and divergence, and the gradients of all parameters."""
    distributions = torch.distributions
    leaves = jax.tree.map(
        lambda leaf: torch.tensor(np.array(leaf), requires_grad=True), params
    )

    def net(layers, x):
        hidden, out = layers
        x = torch.relu(x @ hidden["kernel"] + hidden["bias"])
        return x @ out["kernel"] + out["bias"]

    x = torch.tensor(np.array(x))
    mean, log_variance = net(leaves["encoder"], x).chunk(2, -1)
    posterior = distributions.Normal(mean, (log_variance / 2).exp())
    prior = distributions.Normal(torch.zeros(3), torch.ones(3))
    kl = distributions.kl_divergence(posterior, prior).sum(-1).mean()
    z = mean + posterior.scale * torch.tensor(np.array(noise))
    logits = net(leaves["decoder"], z)
    each = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, x, reduction="none"
    )
    reconstruction = each.sum(-1).mean()
    (reconstruction + kl).backward()
    grads = jax.tree.map(lambda leaf: leaf.grad.numpy(), leaves)
    return [t.item() for t in (reconstruction + kl, reconstruction, kl)], grads


@pytest.mark.parametrize("binarise", [True, False])
def test_equals_pytorch(binarise):
    params = jax.tree.map(lambda x: x + 0.1, MODEL.init(jax.random.key(1)))
    loss_fn = jax.jit(
        jax.value_and_grad(
            lambda p, key: make_variational_loss(MODEL, binarise=binarise)(
                p, BATCH, key
            ),
            has_aux=True,
        )
    )
    (loss, metrics), grads = loss_fn(params, KEY)
    pixel_key, noise_key = jax.random.split(KEY)
    x = sample_pixels(pixel_key, IMAGE) if binarise else unit_pixels(IMAGE)
    noise = jax.random.normal(noise_key, (5, 3))
    expected, expected_grads = by_torch(params, x, noise)
    got = [metrics[name] for name in ("loss", "reconstruction", "kl")]
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    assert loss == metrics["loss"]
    jax.tree.map(
        lambda g, e: np.testing.assert_allclose(g, e, rtol=1e-4, atol=1e-5),
        grads,
        expected_grads,
    )


def test_bits_and_noise_are_drawn_anew():
    params = MODEL.init(jax.random.key(1))
    loss_fn = jax.jit(lambda key: make_variational_loss(MODEL)(params, BATCH, key)[1])
    first, again, other = (loss_fn(k) for k in (KEY, KEY, jax.random.key(4)))
    assert first == again
    assert first["kl"] != other["kl"]  # of other bits: the noise is not in it


def test_bits_and_noise_have_keys_of_their_own(monkeypatch):
    keys, codes = [], []

    def draw(key, image):
        keys.append(key)
        return sample_pixels(key, image)

    def decode(params, z):
        codes.append(z)
        return jnp.zeros((len(z), 12))

    monkeypatch.setattr(objective, "sample_pixels", draw)
    model = types.SimpleNamespace(
        encode=lambda params, x: (jnp.zeros((5, 3)), jnp.zeros((5, 3))), decode=decode
    )
    make_variational_loss(model)(None, BATCH, KEY)
    ((key,), (noise,)) = keys, codes
    assert not np.isin(noise, jax.random.normal(key, noise.shape)).any()
