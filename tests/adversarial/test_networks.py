import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.adversarial.networks import mlp_gan, with_mean_image
from jaxdl.systems.gan.networks import paper_gan, small_gan

CONSTRUCTORS = {"paper": paper_gan, "mlp": mlp_gan}
each_gan = pytest.mark.parametrize("make", CONSTRUCTORS.values(), ids=CONSTRUCTORS)


@functools.cache
def initialised(make):
    """The pair for 20 pixels, with the parameters of both."""
    gan = make(20)
    gen_params = jax.jit(gan.generator.init)(jax.random.key(0))
    disc_params = jax.jit(gan.discriminator.init)(jax.random.key(1))
    return gan, gen_params, disc_params


def count(model):
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


@pytest.mark.parametrize(
    "gan, num_generator, num_discriminator",
    [
        (
            functools.partial(paper_gan, 784),
            100 * 1200 + 1200 + 1200 * 1200 + 1200 + 1200 * 784 + 784,
            784 * 1200 + 1200 + 240 * 1200 + 1200 + 240 + 1,
        ),
        (
            functools.partial(mlp_gan, 784),
            64 * 256 + 256 + 256 * 256 + 256 + 256 * 784 + 784,
            784 * 256 + 256 + 256 * 256 + 256 + 256 + 1,
        ),
        (
            functools.partial(small_gan, 64),
            32 * 128 + 128 + 128 * 128 + 128 + 128 * 64 + 64,
            64 * 128 + 128 + 128 * 128 + 128 + 128 + 1,
        ),
    ],
    ids=["paper", "mlp", "small"],
)
def test_number_of_parameters(gan, num_generator, num_discriminator):
    assert count(gan().generator) == num_generator
    assert count(gan().discriminator) == num_discriminator


@each_gan
@pytest.mark.parametrize("batch", [1, 5])
def test_shapes(make, batch):
    gan, key = make(12), jax.random.key(0)

    def both(z):
        images = gan.generator.apply(gan.generator.init(key), z)
        logits = gan.discriminator.apply(gan.discriminator.init(key), images)
        return images, logits

    images, logits = jax.eval_shape(both, jnp.zeros((batch, gan.latent_size)))
    assert images.shape == (batch, 12)
    assert logits.shape == (batch,)


def torch_dense(torch, params, x):
    weight = torch.tensor(np.array(params["kernel"]))
    return x @ weight + torch.tensor(np.array(params["bias"]))


def torch_paper_gan(torch, gen, disc, z, x):
    relu = torch.nn.functional.relu
    dense = functools.partial(torch_dense, torch)
    hidden = relu(dense(gen["Dense_1"], relu(dense(gen["Dense_0"], z))))
    images = torch.sigmoid(dense(gen["out"], hidden))
    for name in ("Dense_0", "Dense_1"):
        x = dense(disc[name], x).view(-1, 5, 240).max(dim=1).values
    return images, dense(disc["out"], x)[:, 0]


def torch_mlp_gan(torch, gen, disc, z, x):
    def net(params, y):
        for name in ("Dense_0", "Dense_1"):
            y = torch.nn.functional.leaky_relu(torch_dense(torch, params[name], y), 0.2)
        return torch_dense(torch, params["out"], y)

    return torch.sigmoid(net(gen, z)), net(disc, x)[:, 0]


@pytest.mark.parametrize(
    "make, twin",
    [(paper_gan, torch_paper_gan), (mlp_gan, torch_mlp_gan)],
    ids=CONSTRUCTORS,
)
def test_equals_torch_with_copied_weights(make, twin):
    torch = pytest.importorskip("torch")
    gan, *params = initialised(make)
    # Fresh weights are too small to tell one net from another: enlarge them.
    gen, disc = jax.tree.map(lambda w: 10 * w + 0.01, params)
    z_key, x_key = jax.random.split(jax.random.key(0))
    z = jax.random.normal(z_key, (6, gan.latent_size))
    x = jax.random.uniform(x_key, (6, 20))
    images, logits = twin(
        torch, gen, disc, torch.tensor(np.array(z)), torch.tensor(np.array(x))
    )
    # Sums of up to 1,200 products in another order: a few units in the sixth digit.
    got = gan.discriminator.apply(disc, x)
    np.testing.assert_allclose(got, logits, rtol=1e-4, atol=1e-4)
    got = gan.generator.apply(gen, z)
    assert bool(((got >= 0) & (got <= 1)).all())
    np.testing.assert_allclose(got, images, rtol=1e-4, atol=1e-5)


@each_gan
def test_a_generator_can_start_at_the_mean_image(make):
    means = jnp.linspace(0, 1, 20)
    gan, params, _ = initialised(make)
    started = with_mean_image(params, means)
    assert jax.tree.structure(started) == jax.tree.structure(params)
    bias = started["out"]["bias"]
    np.testing.assert_allclose(jax.nn.sigmoid(bias), means, atol=2e-7)
    assert bool(jnp.isfinite(bias).all())
    silent = jax.tree.map(jnp.zeros_like, params)
    image = gan.generator.apply(
        with_mean_image(silent, means), jnp.ones((2, gan.latent_size))
    )
    np.testing.assert_allclose(image, jnp.stack([means, means]), atol=2e-7)


@each_gan
def test_gradients_reach_every_parameter(make):
    gan, gen_params, disc_params = initialised(make)
    z = jax.random.normal(jax.random.key(2), (8, gan.latent_size))

    def total(gen_params, disc_params):
        images = gan.generator.apply(gen_params, z)
        key = jax.random.key(3)
        return gan.discriminator.apply(disc_params, images, key=key).sum()

    grads = jax.jit(jax.grad(total, argnums=(0, 1)))(gen_params, disc_params)
    for grad in jax.tree.leaves(grads):
        assert bool(jnp.isfinite(grad).all())
        assert bool(grad.any())
