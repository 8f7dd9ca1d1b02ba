import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.special import log_softmax

from jaxdl.errors import InputError
from jaxdl.ops import half_squared_error, softmax_cross_entropy

OUTPUTS = np.array([[0.75, -1.5, 2.0], [0.0, 0.25, -3.0]])
TARGETS = np.array([[0.01, 0.99, 2.0], [1.0, -1.0, 0.5]])
LABELS = np.array([2, 0])


def float32(*arrays):
    return tuple(jnp.asarray(array, jnp.float32) for array in arrays)


def unchecked(f):
    """`f` without the type checker, whose message would come first."""
    while hasattr(f, "__wrapped__"):
        f = f.__wrapped__
    return f


def test_half_squared_error_equals_loop(variant):
    got = variant(half_squared_error)(*float32(OUTPUTS, TARGETS))
    expected = [
        sum((t - o) ** 2 for t, o in zip(target, out, strict=True)) / 2
        for target, out in zip(TARGETS, OUTPUTS, strict=True)
    ]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_half_squared_error_gradient_is_output_minus_target():
    outputs, targets = float32(OUTPUTS, TARGETS)
    summed = jax.jit(jax.grad(lambda *args: half_squared_error(*args).sum(), (0, 1)))
    by_output, by_target = summed(outputs, targets)
    np.testing.assert_allclose(by_output, OUTPUTS - TARGETS, rtol=1e-6)
    np.testing.assert_allclose(by_target, TARGETS - OUTPUTS, rtol=1e-6)


def test_half_squared_error_of_one_example():
    assert half_squared_error(*float32(OUTPUTS[0], OUTPUTS[0])) == 0


@pytest.mark.parametrize("shape", [(3,), (2, 1), (1, 3), (3, 2)])
def test_half_squared_error_refuses_other_shapes(shape):
    with pytest.raises((InputError, TypeError)):
        half_squared_error(jnp.zeros((2, 3)), jnp.zeros(shape))
    with pytest.raises(InputError, match=rf"\({shape[0]}.* expected \(2, 3\)"):
        unchecked(half_squared_error)(jnp.zeros((2, 3)), jnp.zeros(shape))


def test_cross_entropy_equals_scipy(variant):
    got = variant(softmax_cross_entropy)(*float32(OUTPUTS), jnp.asarray(LABELS))
    expected = -log_softmax(OUTPUTS, axis=-1)[[0, 1], LABELS]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_cross_entropy_takes_any_batch():
    logits, labels = float32(np.stack([OUTPUTS] * 3)), np.stack([LABELS] * 3)
    (logits,) = logits
    got = jax.jit(softmax_cross_entropy)(logits, jnp.asarray(labels))
    one = softmax_cross_entropy(logits[0, 0], jnp.asarray(LABELS[0]))
    assert got.shape == (3, 2) and one.shape == ()
    np.testing.assert_allclose(got[:, 0], jnp.full(3, one), rtol=1e-6)


def test_cross_entropy_gradients_to_order_two():
    with jax.enable_x64(True):
        labels = jnp.asarray(LABELS)
        f = jax.jit(lambda logits: softmax_cross_entropy(logits, labels))
        check_grads(f, (OUTPUTS,), order=2, modes=["rev"])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_cross_entropy_is_finite_for_huge_logits(dtype):
    logits = jnp.array([[1e4, -1e4, 0], [-1e4, 1e4, 1e4], [0, 0, 0]], dtype)

    @jax.jit
    def value_and_gradient(logits, labels):
        loss, pull = jax.vjp(lambda x: softmax_cross_entropy(x, labels), logits)
        return loss, *pull(jnp.ones_like(loss))

    for label in range(3):
        for array in value_and_gradient(logits, jnp.asarray(np.full(3, label))):
            assert array.dtype == dtype
            assert bool(jnp.isfinite(array).all())


def test_cross_entropy_of_equal_logits_is_log_of_the_number_of_classes():
    loss = softmax_cross_entropy(jnp.full((1, 10), 3.0), jnp.array([7]))
    np.testing.assert_allclose(loss, [np.log(10)], rtol=1e-6)


@pytest.mark.parametrize("shape", [(), (3,), (2, 1), (1, 2)])
def test_cross_entropy_refuses_other_shapes(shape):
    labels = jnp.zeros(shape, int)
    with pytest.raises((InputError, TypeError)):
        softmax_cross_entropy(jnp.zeros((2, 3)), labels)
    with pytest.raises(InputError, match=r"labels .* expected \(2,\), one for each"):
        unchecked(softmax_cross_entropy)(jnp.zeros((2, 3)), labels)
