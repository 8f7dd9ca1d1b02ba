"""The unrolled generator's loss, against PyTorch and steps taken one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.adversarial.objectives import make_gan_losses
from jaxdl.systems.gan_modes.unrolled import make_unrolled_generator_loss

RNG = np.random.default_rng(0)
GEN, DISC = (RNG.normal(size=s).astype(np.float32) for s in ((2, 2), (2, 3)))
OUT = RNG.normal(size=3).astype(np.float32)
BATCH = RNG.normal(size=(6, 2)).astype(np.float32)
KEY = jax.random.key(1)
LOSSES = make_gan_losses(
    lambda params, z: z @ params,
    lambda params, x, *, key: jnp.tanh(x @ params["in"]) @ params["out"],
    2,
    real=lambda batch: batch,
)
DISC_PARAMS = {"in": jnp.asarray(DISC), "out": jnp.asarray(OUT)}


def unrolled(optimizer, num_steps):
    loss_fn = make_unrolled_generator_loss(*LOSSES, optimizer, num_steps)
    disc = DISC_PARAMS, optimizer.init(DISC_PARAMS)
    grad = jax.jit(jax.value_and_grad(loss_fn, has_aux=True))
    (loss, metrics), grads = grad(jnp.asarray(GEN), disc, BATCH, KEY)
    assert metrics == {"gen_loss": loss}
    return loss, grads


def test_equals_torch():
    torch = pytest.importorskip("torch")
    softplus = torch.nn.functional.softplus
    gen = torch.tensor(GEN, requires_grad=True)
    disc = [torch.tensor(a, requires_grad=True) for a in (DISC, OUT)]
    z = np.array(jax.random.normal(jax.random.split(KEY)[0], (6, 2)))
    fake, real = torch.tensor(z) @ gen, torch.tensor(BATCH)

    def logits(x, disc):
        return torch.tanh(x @ disc[0]) @ disc[1]

    for _ in range(3):
        loss = softplus(-logits(real, disc)) + softplus(logits(fake, disc))
        grads = torch.autograd.grad(loss.mean(), disc, create_graph=True)
        disc = [d - 0.5 * g for d, g in zip(disc, grads, strict=True)]
    expected = softplus(-logits(fake, disc)).mean()
    expected.backward()
    loss, grads = unrolled(optax.sgd(0.5), 3)
    np.testing.assert_allclose(loss, expected.item(), rtol=1e-5)
    np.testing.assert_allclose(grads, gen.grad, rtol=1e-4, atol=1e-6)
    # The gradient through the steps is not that against the stepped discriminator.
    plain = jax.jit(jax.grad(LOSSES[0], has_aux=True))(
        jnp.asarray(GEN),
        dict(zip(("in", "out"), (jnp.array(d.detach()) for d in disc), strict=True)),
        BATCH,
        KEY,
    )[0]
    assert np.abs(plain - grads).max() > 0.01


def test_no_steps_give_the_loss_as_it_was():
    loss, grads = unrolled(optax.sgd(0.5), 0)
    fn = jax.jit(jax.value_and_grad(LOSSES[0], has_aux=True))
    (expected, _), expected_grads = fn(jnp.asarray(GEN), DISC_PARAMS, BATCH, KEY)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    np.testing.assert_allclose(grads, expected_grads, rtol=1e-5)


def test_adam_with_a_root_stays_finite_where_a_parameter_has_no_gradient():
    """The last unit of the discriminator is cut off from the logit."""
    cut = {"in": DISC_PARAMS["in"], "out": DISC_PARAMS["out"].at[2].set(0.0)}

    def fn(gen, eps_root):
        optimizer = optax.adam(0.1, eps_root=eps_root)
        loss_fn = make_unrolled_generator_loss(*LOSSES, optimizer, 1)
        return loss_fn(gen, (cut, optimizer.init(cut)), BATCH, KEY)[0]

    grad = jax.jit(jax.grad(fn))
    assert bool(jnp.isfinite(grad(jnp.asarray(GEN), 1e-16)).all())
    assert not bool(jnp.isfinite(grad(jnp.asarray(GEN), 0.0)).all())
