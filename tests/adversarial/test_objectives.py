from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.adversarial.losses import minimax_generator_loss
from jaxdl.adversarial.objectives import critic_measures, make_gan_losses
from jaxdl.systems.gan.networks import paper_gan, small_gan


class Images(NamedTuple):
    image: jax.Array


def images(num, *, seed=0):
    rng = np.random.default_rng(seed)
    return Images(jnp.asarray(rng.integers(0, 256, (num, 2, 3, 1)), jnp.uint8))


def constant_generator(params, z):
    """The same image whatever z is, so that losses have a closed form."""
    return jnp.broadcast_to(jax.nn.sigmoid(params)[None], (len(z), len(params)))


def linear_discriminator(params, x, *, key):
    del key
    return x @ params


GEN_PARAMS = jnp.linspace(-1, 1, 6)
DISC_PARAMS = jnp.array([1.0, -2.0, 0.5, 3.0, -1.0, 0.25])
KEY = jax.random.key(0)


def test_discriminator_equals_torch():
    torch = pytest.importorskip("torch")
    _, disc_loss = make_gan_losses(constant_generator, linear_discriminator, 4)
    batch = images(5)
    (loss, metrics), grads = jax.value_and_grad(disc_loss, has_aux=True)(
        DISC_PARAMS, GEN_PARAMS, batch, KEY
    )

    weights = torch.tensor(np.array(DISC_PARAMS), requires_grad=True)
    real = torch.tensor(np.array(batch.image).reshape(5, 6) / 255).float() @ weights
    fake = torch.sigmoid(torch.tensor(np.array(GEN_PARAMS))).expand(5, 6) @ weights
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits
    expected = cross_entropy(real, torch.ones(5)) + cross_entropy(fake, torch.zeros(5))
    expected.backward()

    np.testing.assert_allclose(loss, expected.item(), rtol=1e-5)
    np.testing.assert_allclose(grads, weights.grad, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(metrics["disc_loss"], expected.item(), rtol=1e-5)
    np.testing.assert_allclose(metrics["value"], -expected.item(), rtol=1e-5)
    d_real, d_fake = (torch.sigmoid(s).mean().item() for s in (real, fake))
    np.testing.assert_allclose(metrics["d_real"], d_real, rtol=1e-5)
    np.testing.assert_allclose(metrics["d_fake"], d_fake, rtol=1e-5)
    assert set(metrics) == {"disc_loss", "value", "d_real", "d_fake"}


@pytest.mark.parametrize("saturating", [False, True], ids=["non_saturating", "minimax"])
def test_generator_equals_torch(saturating):
    torch = pytest.importorskip("torch")
    options = {"generator_loss": minimax_generator_loss} if saturating else {}
    gen_loss, _ = make_gan_losses(
        constant_generator, linear_discriminator, 4, **options
    )
    (loss, metrics), grads = jax.value_and_grad(gen_loss, has_aux=True)(
        GEN_PARAMS, DISC_PARAMS, images(5), KEY
    )

    params = torch.tensor(np.array(GEN_PARAMS), requires_grad=True)
    d = torch.sigmoid(torch.sigmoid(params) @ torch.tensor(np.array(DISC_PARAMS)))
    expected = torch.log(1 - d) if saturating else -torch.log(d)
    expected.backward()

    np.testing.assert_allclose(loss, expected.item(), rtol=1e-5)
    np.testing.assert_allclose(grads, params.grad, rtol=1e-4, atol=1e-6)
    assert metrics == {"gen_loss": loss}


MOMENTS = [
    # 30,000 numbers: standard errors 0.006, 0.008, 0.06 and 0.006.
    pytest.param(lambda z: z, 0, 0.03, id="mean"),
    pytest.param(lambda z: z**2, 1, 0.04, id="variance"),
    pytest.param(lambda z: z**4, 3, 0.3, id="fourth"),
    pytest.param(lambda z: z * jnp.roll(z, 1, axis=1), 0, 0.03, id="covariance"),
]


@pytest.mark.parametrize("moment, expected, tolerance", MOMENTS)
def test_latents_are_standard_normal(moment, expected, tolerance):
    gen_loss, _ = make_gan_losses(
        lambda params, z: z, lambda params, x, *, key: x, 3, generator_loss=moment
    )
    loss, _ = gen_loss({}, {}, images(10_000), KEY)
    np.testing.assert_allclose(loss, expected, atol=tolerance)


def test_packs_equal_samples_side_by_side():
    """Each place of the packs is a pass of its own: its mean is that of its rows."""
    num, pack = 5, 3

    def gen_apply(params, z):
        return z * params - (z * params).mean(axis=0, keepdims=True)

    def disc_apply(params, x, *, key):
        del key
        return x @ params

    weights = jnp.linspace(-1, 2, 2 * pack)
    batch = jax.random.normal(jax.random.key(1), (num, 2 * pack))
    options = dict(real=lambda rows: rows, pack=pack, generator_loss=lambda s: s)
    gen_loss, disc_loss = make_gan_losses(gen_apply, disc_apply, 2, **options)
    z = np.asarray(jax.random.normal(jax.random.split(KEY)[0], (pack, num, 2)))
    rows = [
        np.concatenate([1.5 * (z[k, i] - z[k].mean(axis=0)) for k in range(pack)])
        for i in range(num)
    ]
    fake = np.array(rows) @ np.asarray(weights)
    loss, _ = gen_loss(1.5, weights, batch, KEY)
    np.testing.assert_allclose(loss, fake.mean(), atol=1e-5)
    real = np.asarray(batch) @ np.asarray(weights)
    expected = np.log1p(np.exp(-real)).mean() + np.log1p(np.exp(fake)).mean()
    loss, _ = disc_loss(weights, 1.5, batch, KEY)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_apart_each_kind_has_a_pass_of_its_own_and_penalties_are_added():
    sizes = []

    def disc_apply(params, x, *, key):
        del key
        sizes.append(len(x))
        return x.sum(axis=1) - x.mean()

    found = {}
    for apart in (False, True):
        _, disc_loss = make_gan_losses(
            lambda params, z: z + 5,
            disc_apply,
            2,
            real=lambda rows: rows,
            discriminator_loss=lambda real, fake: fake - real,
            apart=apart,
            penalty=lambda disc, real, fake, key: disc(real) ** 2,
            measures=critic_measures,
        )
        _, found[apart] = disc_loss({}, {}, jnp.ones((4, 2)), KEY)
        assert set(found[apart]) == {"disc_loss", "distance", "penalty"}
        np.testing.assert_allclose(
            found[apart]["disc_loss"],
            found[apart]["penalty"] - found[apart]["distance"],
            rtol=1e-5,
        )
        # disc(real) is 2 - 1 in a pass of its own.
        np.testing.assert_allclose(found[apart]["penalty"], 1.0, rtol=1e-5)
    assert sizes == [8, 4, 4, 4, 4]


def test_a_penalty_draws_with_a_key_of_its_own():
    """What it draws is neither the latents nor the discriminator's noise."""
    rows, noise = (1000, 4), []

    def disc_apply(params, x, *, key):
        noise.append(jax.random.normal(key, rows))
        return x.sum(axis=1)

    def penalty(disc, real, fake, key):
        mine = jax.random.normal(key, rows)
        pairs = jnp.stack([fake * mine, noise[0] * mine, fake * noise[0]])
        return abs(pairs.mean(axis=(1, 2))).max() * jnp.ones(rows[0])

    _, disc_loss = make_gan_losses(
        lambda params, z: z, disc_apply, 4, real=lambda rows: rows, penalty=penalty
    )
    _, metrics = disc_loss({}, {}, jnp.ones(rows), KEY)
    assert metrics["penalty"] < 0.08  # of 4,000 products, standard error 0.016


def test_variants_agree(variant):
    gen_params = jnp.linspace(-1, 1, 24).reshape(4, 6)
    losses = make_gan_losses(
        lambda params, z: jax.nn.sigmoid(z @ params), linear_discriminator, 4
    )
    for loss_fn, mine, other in zip(
        losses, (gen_params, DISC_PARAMS), (DISC_PARAMS, gen_params), strict=True
    ):
        got = variant(loss_fn)(mine, other, images(4), KEY)
        expected = loss_fn(mine, other, images(4), KEY)
        # Sums in another order.
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), got, expected
        )
        assert got[0].shape == ()


def test_samples_and_noise_follow_the_key():
    gan = small_gan(6)
    gen_loss, disc_loss = make_gan_losses(
        gan.generator.apply, gan.discriminator.apply, gan.latent_size
    )
    params = (
        gan.generator.init(jax.random.key(1)),
        gan.discriminator.init(jax.random.key(2)),
    )
    other = jax.random.key(3)
    batch = images(4)
    assert gen_loss(*params, batch, KEY)[0] == gen_loss(*params, batch, KEY)[0]
    assert gen_loss(*params, batch, KEY)[0] != gen_loss(*params, batch, other)[0]
    d_fake, d_other = (
        disc_loss(*params[::-1], batch, key)[1]["d_fake"] for key in (KEY, other)
    )
    assert d_fake != d_other


def test_dropout_masks_of_both_halves_differ():
    gan = paper_gan(6)
    disc_params = jax.jit(gan.discriminator.init)(KEY)
    disc_params = jax.tree.map(lambda w: 100 * w, disc_params)
    white = Images(jnp.full((3, 2, 3, 1), 255, jnp.uint8))
    _, disc_loss = make_gan_losses(
        lambda params, z: jnp.ones((len(z), 6)), gan.discriminator.apply, 4
    )
    _, metrics = jax.jit(disc_loss)(disc_params, {}, white, KEY)
    assert metrics["d_real"] != metrics["d_fake"]


def test_batch_of_one_has_finite_gradients():
    gan = paper_gan(6)
    gen_params = jax.jit(gan.generator.init)(KEY)
    disc_params = jax.jit(gan.discriminator.init)(KEY)
    gen_loss, disc_loss = make_gan_losses(
        gan.generator.apply, gan.discriminator.apply, gan.latent_size
    )
    for loss_fn, params in (
        (gen_loss, (gen_params, disc_params)),
        (disc_loss, (disc_params, gen_params)),
    ):
        grads, _ = jax.jit(jax.grad(loss_fn, has_aux=True))(*params, images(1), KEY)
        for grad in jax.tree.leaves(grads):
            assert bool(jnp.isfinite(grad).all())


def test_discriminator_learns_to_tell_apart():
    gan = small_gan(6)
    _, disc_loss = make_gan_losses(
        gan.generator.apply, gan.discriminator.apply, gan.latent_size
    )
    gen_params = gan.generator.init(jax.random.key(1))
    params = gan.discriminator.init(jax.random.key(2))
    optimizer = optax.adam(1e-2)

    def step(carry, key):
        params, opt_state = carry
        (_, metrics), grads = jax.value_and_grad(disc_loss, has_aux=True)(
            params, gen_params, images(32), key
        )
        updates, opt_state = optimizer.update(grads, opt_state)
        return (optax.apply_updates(params, updates), opt_state), metrics

    keys = jax.random.split(KEY, 100)
    _, metrics = jax.jit(lambda c: jax.lax.scan(step, c, keys))(
        (params, optimizer.init(params))
    )
    assert abs(metrics["value"][0] + np.log(4)) < 0.5
    assert metrics["disc_loss"][-1] < 0.5
    assert metrics["d_real"][-1] > 0.7 > 0.3 > metrics["d_fake"][-1]


def test_latents_and_noise_have_keys_of_their_own():
    """Seen by a discriminator that takes its noise off the samples."""

    def discriminator(params, x, *, key):
        noise = jax.random.normal(key, x.shape)[:, 0]
        return params * jnp.where(x[:, 0] == noise, 1e6, 0.0)

    gen_loss, disc_loss = make_gan_losses(lambda params, z: z, discriminator, 6)
    batch, params = images(5), jnp.float32(1.0)
    ours = gen_loss(0.0, params, batch, KEY)[0], disc_loss(params, 0.0, batch, KEY)[0]
    np.testing.assert_allclose(ours, (np.log(2), 2 * np.log(2)), rtol=1e-6)
