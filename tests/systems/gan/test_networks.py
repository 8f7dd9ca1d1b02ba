"""The networks of the first GAN paper: their first weights and their dropout."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.systems.gan.networks import paper_gan


@functools.cache
def initialised():
    """The pair for 20 pixels, with the parameters of both."""
    gan = paper_gan(20)
    gen_params = jax.jit(gan.generator.init)(jax.random.key(0))
    disc_params = jax.jit(gan.discriminator.init)(jax.random.key(1))
    return gan, gen_params, disc_params


def test_paper_initialisation():
    _, gen, disc = initialised()
    for params, bound in ((gen, 0.05), (disc, 0.005)):
        for name, layer in params.items():
            kernel = np.asarray(layer["kernel"])
            assert (np.abs(kernel) <= bound).all(), name
            # Uniform in [-b, b]: mean 0, deviation b / sqrt(3).
            error = 4 * bound / np.sqrt(kernel.size)
            np.testing.assert_allclose(kernel.mean(), 0, atol=error)
            np.testing.assert_allclose(kernel.std(), bound / np.sqrt(3), atol=error)
            assert not np.asarray(layer["bias"]).any()


def test_paper_dropout_rates_and_scaling():
    """Against the mean and variance of a net made linear: all weights equal, above 0.

    Then the logit is a product of three averages of masks with mean 1: over the inputs,
    of variance 0.25 each, and over 240 units, twice, of variance 1 each.
    """
    pixels, batch = 60, 5000
    model = paper_gan(pixels).discriminator
    params = jax.eval_shape(model.init, jax.random.key(0))
    params = jax.tree.map(
        lambda w: np.full(w.shape, 1 / w.shape[0] * (w.ndim == 2), w.dtype),
        params,
    )
    x, apply = np.ones((batch, pixels), np.float32), jax.jit(model.apply)
    np.testing.assert_allclose(apply(params, x), 1, rtol=1e-5)
    logits = np.asarray(apply(params, x, key=jax.random.key(1)))
    variance = (1 + 0.25 / pixels) * (1 + 1 / 240) ** 2 - 1
    # Sampling errors: sqrt(variance / batch) = 0.0016 and sqrt(2 / batch) = 2 %.
    np.testing.assert_allclose(logits.mean(), 1, atol=0.007)
    np.testing.assert_allclose(logits.var(), variance, rtol=0.09)


def test_paper_discriminator_noise_follows_the_key():
    gan, _, params = initialised()
    params = jax.tree.map(lambda w: 100 * np.asarray(w), params)
    apply = jax.jit(gan.discriminator.apply)
    x = jnp.ones((2, 20))
    key, other = jax.random.split(jax.random.key(1))
    noisy = np.asarray(apply(params, x, key=key))
    assert noisy[0] != noisy[1]  # each row has its own mask
    np.testing.assert_array_equal(noisy, apply(params, x, key=key))
    assert not np.array_equal(noisy, apply(params, x, key=other))
    clean = np.asarray(apply(params, x))
    assert clean[0] == clean[1]
