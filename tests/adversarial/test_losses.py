import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy.special import expit

from jaxdl.adversarial import losses as adversarial

REAL = jnp.array([[-3.0, -0.5, 0.0], [0.25, 1.0, 4.0]])
FAKE = jnp.array([[2.0, 0.75, -1.5], [0.0, -2.5, 0.5]])

# From probabilities, in float64: as the formulas are written.
ORACLES = {
    "gan_value": lambda r, f: np.log(expit(r)).mean() + np.log(1 - expit(f)).mean(),
    "discriminator_loss": lambda r, f: -np.log(expit(r)) - np.log(1 - expit(f)),
    "minimax_generator_loss": lambda f: np.log(1 - expit(f)),
    "non_saturating_generator_loss": lambda f: -np.log(expit(f)),
    "least_squares_discriminator_loss": lambda r, f: ((r - 1) ** 2 + f**2) / 2,
    "least_squares_generator_loss": lambda f: (f - 1) ** 2 / 2,
    "hinge_discriminator_loss": lambda r, f: (
        np.maximum(0, 1 - r) + np.maximum(0, 1 + f)
    ),
    "wasserstein_critic_loss": lambda r, f: f - r,
    "wasserstein_generator_loss": lambda f: -f,
}
each_op = pytest.mark.parametrize("name", ORACLES)


def arguments(name):
    return (FAKE,) if "generator" in name else (REAL, FAKE)


@each_op
def test_equals_formula_on_probabilities(name, variant):
    args = arguments(name)
    got = variant(getattr(adversarial, name))(*args)
    expected = ORACLES[name](*(np.asarray(a, np.float64) for a in args))
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_equals_torch_binary_cross_entropy():
    torch = pytest.importorskip("torch")
    cross_entropy = functools.partial(
        torch.nn.functional.binary_cross_entropy_with_logits, reduction="none"
    )
    real, fake = torch.tensor(np.array(REAL)), torch.tensor(np.array(FAKE))
    ones, zeros = torch.ones(2, 3), torch.zeros(2, 3)
    for got, expected in [
        (
            adversarial.discriminator_loss(REAL, FAKE),
            cross_entropy(real, ones) + cross_entropy(fake, zeros),
        ),
        (adversarial.minimax_generator_loss(FAKE), -cross_entropy(fake, zeros)),
        (adversarial.non_saturating_generator_loss(FAKE), cross_entropy(fake, ones)),
    ]:
        np.testing.assert_allclose(got, expected, rtol=1e-5)


@each_op
def test_gradients_to_order_two(name):
    with jax.enable_x64(True):
        # Away from the hinge's kink at 1.
        args = tuple(np.asarray(a, np.float64) + 0.1 for a in arguments(name))
        f = jax.jit(getattr(adversarial, name))
        check_grads(f, args, order=2, modes=["rev"])


@each_op
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_finite_for_huge_logits(name, dtype):
    f = getattr(adversarial, name)
    for logit in (-1e4, -100.0, 0.0, 100.0, 1e4):
        args = tuple(jnp.full(3, logit, dtype) for _ in arguments(name))
        value = f(*args)
        grads = jax.grad(lambda *a: f(*a).sum(), argnums=range(len(args)))(*args)
        assert value.dtype == dtype
        for array in (value, *grads):
            assert bool(jnp.isfinite(array).all())


def test_later_losses_equal_torch():
    torch = pytest.importorskip("torch")
    real, fake = torch.tensor(np.array(REAL)), torch.tensor(np.array(FAKE))
    ones, zeros = torch.ones(2, 3), torch.zeros(2, 3)
    squared = functools.partial(torch.nn.functional.mse_loss, reduction="none")
    # max(0, 1 - y s) for labels y of 1 and -1.
    hinge = functools.partial(
        torch.nn.functional.margin_ranking_loss, margin=1.0, reduction="none"
    )
    for got, expected in [
        (
            adversarial.least_squares_discriminator_loss(REAL, FAKE),
            squared(real, ones) / 2 + squared(fake, zeros) / 2,
        ),
        (adversarial.least_squares_generator_loss(FAKE), squared(fake, ones) / 2),
        (
            adversarial.hinge_discriminator_loss(REAL, FAKE),
            hinge(real, zeros, ones) + hinge(fake, zeros, -ones),
        ),
    ]:
        np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_the_hinge_lets_go_beyond_its_margin():
    grads = jax.grad(
        lambda r, f: adversarial.hinge_discriminator_loss(r, f).sum(), argnums=(0, 1)
    )(jnp.array([0.5, 2.0]), jnp.array([-0.5, -2.0]))
    np.testing.assert_array_equal(grads, [[-1, 0], [1, 0]])


def test_slopes_where_the_discriminator_is_sure():
    slope = jax.vmap(jax.grad(adversarial.minimax_generator_loss))
    strong = jax.vmap(jax.grad(adversarial.non_saturating_generator_loss))
    sure = jnp.array([-1e4, 1e4])
    np.testing.assert_array_equal(slope(sure), [0, -1])
    np.testing.assert_array_equal(strong(sure), [-1, 0])


def test_values_at_one_half():
    half = jnp.zeros(5)
    log2 = np.log(2)
    np.testing.assert_allclose(adversarial.gan_value(half, half), -2 * log2, rtol=1e-6)
    for f, expected in [
        (functools.partial(adversarial.discriminator_loss, half), 2 * log2),
        (adversarial.minimax_generator_loss, -log2),
        (adversarial.non_saturating_generator_loss, log2),
    ]:
        np.testing.assert_allclose(f(half), np.full(5, expected), rtol=1e-6)


def test_value_takes_batches_of_different_size():
    value = adversarial.gan_value(jnp.zeros(3), jnp.zeros((2, 5)))
    np.testing.assert_allclose(value, -np.log(4), rtol=1e-6)


@pytest.mark.parametrize(
    "name", [name for name in ORACLES if name.endswith(("minator_loss", "critic_loss"))]
)
def test_losses_of_pairs_refuse_different_shapes(name):
    with pytest.raises((ValueError, TypeError)):
        getattr(adversarial, name)(jnp.zeros((4, 1)), jnp.zeros(4))


def test_shapes_are_checked_without_the_type_checker():
    unchecked = adversarial.discriminator_loss
    while hasattr(unchecked, "__wrapped__"):
        unchecked = unchecked.__wrapped__
    with pytest.raises(ValueError, match="same shape"):
        unchecked(jnp.zeros((4, 1)), jnp.zeros(4))


pairs = st.lists(st.tuples(*[st.floats(-50, 50, width=32)] * 2), min_size=4, max_size=4)


@given(pairs)
@settings(deadline=None, max_examples=50)
def test_value_is_minus_mean_discriminator_loss(rows):
    real, fake = jnp.array(rows, jnp.float32).T
    value = adversarial.gan_value(real, fake)
    loss = adversarial.discriminator_loss(real, fake)
    assert value <= 0
    assert bool((loss >= 0).all())
    np.testing.assert_allclose(value, -loss.mean(), rtol=1e-5, atol=1e-6)
    # Both generators' losses fall as D is more deceived.
    more = fake + 1
    assert bool(
        (
            adversarial.minimax_generator_loss(more)
            <= adversarial.minimax_generator_loss(fake)
        ).all()
    )
    assert bool(
        (
            adversarial.non_saturating_generator_loss(more)
            <= adversarial.non_saturating_generator_loss(fake)
        ).all()
    )
