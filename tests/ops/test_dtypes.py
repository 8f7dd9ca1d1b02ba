"""Types of results and gradients of every op, for all floating types and pairs."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.adversarial import losses as gan
from jaxdl.ops import (
    ACTIVATIONS,
    boltzmann,
    corruption,
    divergences,
    gaussians,
    losses,
    numerics,
)

TYPES = ("float16", "bfloat16", "float32", "float64")
LABELS = np.array([0, 2, 1, 2])


def of_logits(fn):
    """A divergence as a function of two logits."""
    return lambda a, b: fn(jax.nn.log_softmax(a), jax.nn.log_softmax(b))


def energy(fn, *units):
    """An energy as a function of the parameters, all made of `a`, and the units."""

    def of(a, b):
        params = dict(kernel=a[:3, :2], visible_bias=a[0, :3], hidden_bias=a[1, :2])
        return fn(params, *(b[:, :size] for size in units))

    return of


def gaussian(fn):
    """A closed form of two Gaussians."""

    def of(a, b):
        eye = jnp.eye(3)
        covs = [eye.astype(x.dtype) + 0 * x[0, 0] for x in (a, b)]
        return fn(a[0, :3], covs[0], b[0, :3], covs[1])

    return of


ONE = {
    **{row.name: row.fn for row in ACTIVATIONS.values()},
    "entropy": lambda x: divergences.entropy(jax.nn.log_softmax(x)),
    "log_probabilities": lambda x: divergences.log_probabilities(jax.nn.softmax(x)),
    "softmax_cross_entropy": lambda x: losses.softmax_cross_entropy(
        x, jnp.asarray(LABELS)
    ),
    "safe_sqrt": numerics.safe_sqrt,
    "within": lambda x: numerics.within(x, -1, 1),
    "masking_noise": lambda x: corruption.masking_noise(jax.random.key(0), x, 0.1),
    "gaussian_noise": lambda x: corruption.gaussian_noise(jax.random.key(0), x, 0.1),
    "salt_and_pepper": lambda x: corruption.salt_and_pepper(jax.random.key(0), x, 0.1),
    "monte_carlo_entropy": lambda x: divergences.monte_carlo_entropy(x[0]),
    "minimax": gan.minimax_generator_loss,
    "non_saturating": gan.non_saturating_generator_loss,
    "least_squares_generator": gan.least_squares_generator_loss,
    "wasserstein_generator": gan.wasserstein_generator_loss,
    "gaussian_entropy": lambda x: gaussians.gaussian_entropy(
        jnp.eye(3).astype(x.dtype) + 0 * x[0, 0]
    ),
}
TWO = {
    **{
        name: of_logits(getattr(divergences, name))
        for name in (
            "cross_entropy",
            "kl_divergence",
            "jeffreys_divergence",
            "js_divergence",
            "total_variation",
            "hellinger_distance",
        )
    },
    **{
        fn.__name__: fn
        for fn in (
            losses.half_squared_error,
            losses.squared_error,
            gaussians.standard_normal_kl,
            gan.gan_value,
            gan.discriminator_loss,
            gan.least_squares_discriminator_loss,
            gan.hinge_discriminator_loss,
            gan.wasserstein_critic_loss,
        )
    },
    "bernoulli": lambda a, b: losses.bernoulli_cross_entropy(a, jax.nn.sigmoid(b)),
    "diagonal": lambda a, b: gaussians.diagonal_gaussian_log_density(a, b, b),
    "monte_carlo_kl": lambda a, b: divergences.monte_carlo_kl(a[0], b[0]),
    "monte_carlo_js": lambda a, b: divergences.monte_carlo_js(a[0], b[0], a[0], b[0]),
    "hidden_logits": energy(boltzmann.hidden_logits, 3),
    "visible_logits": energy(boltzmann.visible_logits, 2),
    "free_energy": energy(boltzmann.free_energy, 3),
    "joint_energy": energy(boltzmann.joint_energy, 3, 2),
    "gaussian_density": lambda a, b: gaussians.gaussian_log_density(
        a[:, :3], a[0, :3], jnp.eye(3).astype(b.dtype) + 0 * b[0, 0]
    ),
    **{
        name: gaussian(getattr(gaussians, f"gaussian_{name}"))
        for name in ("cross_entropy", "kl", "jeffreys", "hellinger")
    },
}


def traced(fn, dtypes):
    """Types of result and gradients, without compiling anything."""

    def both(*args):
        y, pull = jax.vjp(fn, *args)
        return y, pull(jax.tree.map(jnp.ones_like, y))

    args = [jax.ShapeDtypeStruct((4, 6), dtype) for dtype in dtypes]
    results, grads = jax.eval_shape(both, *args)
    return {leaf.dtype for leaf in jax.tree.leaves(results)}, [g.dtype for g in grads]


@pytest.mark.parametrize("name", ONE)
def test_the_type_is_kept(name):
    with jax.enable_x64(True):
        for dtype in TYPES:
            assert traced(ONE[name], [dtype]) == ({jnp.dtype(dtype)}, [dtype])


@pytest.mark.parametrize("name", TWO)
def test_two_types_are_promoted(name):
    with jax.enable_x64(True):
        for pair in itertools.product(TYPES, TYPES):
            expected = jnp.promote_types(*pair)
            assert traced(TWO[name], pair) == ({expected}, list(pair)), pair


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_gaussians_of_sixteen_bits(dtype):
    """Nothing factors a matrix of 16-bit numbers: tracing alone would not show it."""

    @jax.jit
    def all_of(a):
        args = a[0], a[:2], 2 * a[0], 3 * a[:2]
        names = ("cross_entropy", "kl", "jeffreys", "hellinger")
        found = [getattr(gaussians, f"gaussian_{name}")(*args) for name in names]
        return *found, gaussians.gaussian_log_density(a, *args[:2])

    a = np.array([[1, 0], [0, 1]])
    for got, exact in zip(
        all_of(a.astype(dtype)), all_of(a.astype("float32")), strict=True
    ):
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, exact.astype(dtype))


def test_strict_promotion_is_no_obstacle():
    """Arrays of one type: no op mixes them with arrays of its own."""
    with jax.numpy_dtype_promotion("strict"):
        for name, fn in ONE.items():
            assert traced(fn, ["float32"])[1] == ["float32"], name
        for name, fn in TWO.items():
            assert traced(fn, ["float32"] * 2)[1] == ["float32"] * 2, name
