import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.special import entr, expit, log_expit, log_softmax, logit

from jaxdl.errors import InputError
from jaxdl.ops import (
    bernoulli_cross_entropy,
    half_squared_error,
    softmax_cross_entropy,
    squared_error,
)

OUTPUTS = np.array([[0.75, -1.5, 2.0], [0.0, 0.25, -3.0]])
TARGETS = np.array([[0.01, 0.99, 2.0], [1.0, -1.0, 0.5]])
LABELS = np.array([2, 0])


def float32(*arrays):
    return jax.device_put(tuple(np.asarray(array, np.float32) for array in arrays))


def zeros(*shape, dtype=np.float32):
    return jax.device_put(np.zeros(shape, dtype))


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
        half_squared_error(zeros(2, 3), zeros(*shape))
    with pytest.raises(InputError, match=rf"\({shape[0]}.* expected \(2, 3\)"):
        unchecked(half_squared_error)(zeros(2, 3), zeros(*shape))


def test_cross_entropy_equals_scipy(variant):
    got = variant(softmax_cross_entropy)(*float32(OUTPUTS), jax.device_put(LABELS))
    expected = -log_softmax(OUTPUTS, axis=-1)[[0, 1], LABELS]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_cross_entropy_takes_any_batch():
    logits, labels = float32(np.stack([OUTPUTS] * 3)), np.stack([LABELS] * 3)
    (logits,) = logits
    compiled = jax.jit(softmax_cross_entropy)
    got, one = compiled(logits, labels), compiled(OUTPUTS[0], LABELS[0])
    assert got.shape == (3, 2) and one.shape == ()
    np.testing.assert_allclose(np.asarray(got)[:, 0], np.full(3, one), rtol=1e-6)


def test_cross_entropy_gradients_to_order_two():
    with jax.enable_x64(True):
        labels = jax.device_put(LABELS)
        f = jax.jit(lambda logits: softmax_cross_entropy(logits, labels))
        check_grads(f, (OUTPUTS,), order=2, modes=["rev"])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_cross_entropy_is_finite_for_huge_logits(dtype):
    logits = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 1e4], [0, 0, 0]]).astype(dtype)

    @jax.jit
    def value_and_gradient(logits, labels):
        loss, pull = jax.vjp(lambda x: softmax_cross_entropy(x, labels), logits)
        return loss, *pull(jnp.ones_like(loss))

    for label in range(3):
        for array in value_and_gradient(logits, np.full(3, label)):
            assert array.dtype == dtype
            assert np.isfinite(np.asarray(array, np.float32)).all()


def test_cross_entropy_of_equal_logits_is_log_of_the_number_of_classes():
    logits = np.full((1, 10), 3, np.float32)
    loss = jax.jit(softmax_cross_entropy)(logits, np.array([7]))
    np.testing.assert_allclose(loss, [np.log(10)], rtol=1e-6)


@pytest.mark.parametrize("shape", [(), (3,), (2, 1), (1, 2)])
def test_cross_entropy_refuses_other_shapes(shape):
    labels = zeros(*shape, dtype=int)
    with pytest.raises((InputError, TypeError)):
        softmax_cross_entropy(zeros(2, 3), labels)
    with pytest.raises(InputError, match=r"labels .* expected \(2,\), one for each"):
        unchecked(softmax_cross_entropy)(zeros(2, 3), labels)


@pytest.mark.parametrize("wrong", [-1, 3])
def test_labels_outside_the_classes(wrong):
    (logits,), labels = float32(OUTPUTS), np.array([wrong, 1])
    said = rf"labels are from .*{wrong}.*: expected 0 to 2, one number for each of 3"
    with pytest.raises(InputError, match=said):
        softmax_cross_entropy(logits, jax.device_put(labels))
    both = jax.jit(jax.vmap(jax.value_and_grad(softmax_cross_entropy)))
    losses, grads = both(logits, labels)
    assert np.isnan(losses[0])
    expected = -log_softmax(OUTPUTS[1])[1]
    np.testing.assert_allclose(losses[1], expected, rtol=1e-6)
    assert np.isfinite(grads[1]).all()


def test_labels_of_few_bits_and_none_at_all():
    (logits,) = float32(np.tile(OUTPUTS[:1], (1, 100)))  # of 300 classes
    labels = jax.device_put(np.int8([100]))
    expected = -log_softmax(np.tile(OUTPUTS[:1], (1, 100)))[0, 100]
    np.testing.assert_allclose(
        softmax_cross_entropy(logits, labels), [expected], rtol=1e-6
    )
    assert softmax_cross_entropy(logits[:0], labels[:0]).shape == (0,)


# Squared error and the Bernoulli likelihood

SHARES = np.array([[0.01, 0.99, 0.5], [1.0, 0.0, 0.25]])


def test_squared_error_equals_pytorch(variant):
    torch = pytest.importorskip("torch")
    got = variant(squared_error)(*float32(OUTPUTS, TARGETS))
    theirs = torch.nn.functional.mse_loss(
        torch.tensor(OUTPUTS), torch.tensor(TARGETS), reduction="none"
    )
    np.testing.assert_allclose(got, theirs.sum(dim=-1), rtol=1e-6)


def test_bernoulli_equals_pytorch_and_scipy(variant):
    torch = pytest.importorskip("torch")
    got = variant(bernoulli_cross_entropy)(*float32(OUTPUTS, SHARES))
    theirs = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.tensor(OUTPUTS), torch.tensor(SHARES), reduction="none"
    )
    np.testing.assert_allclose(got, theirs.sum(dim=-1), rtol=1e-6)
    log_p, log_q = log_expit(OUTPUTS), log_expit(-OUTPUTS)
    expected = -(SHARES * log_p + (1 - SHARES) * log_q).sum(axis=-1)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_bernoulli_is_least_at_the_target():
    at, targets = float32(logit(SHARES[0]), SHARES[0])
    least = bernoulli_cross_entropy(at, targets)
    entropy = (entr(SHARES[0]) + entr(1 - SHARES[0])).sum()
    np.testing.assert_allclose(least, entropy, rtol=1e-6)
    for shift in (-0.3, 0.3):
        assert bernoulli_cross_entropy(at + shift, targets) > least


def test_new_losses_have_gradients_to_order_two():
    with jax.enable_x64(True):
        for fn in (squared_error, bernoulli_cross_entropy):
            f = jax.jit(lambda outputs, targets, fn=fn: fn(outputs, targets))
            check_grads(f, (OUTPUTS, SHARES), order=2, modes=["rev"])


def test_bernoulli_slope_is_probability_minus_target():
    logits, targets = float32(OUTPUTS, SHARES)
    grad = jax.jit(jax.grad(lambda z, t: bernoulli_cross_entropy(z, t).sum()))
    slopes = grad(logits, targets)
    np.testing.assert_allclose(slopes, expit(OUTPUTS) - SHARES, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_bernoulli_is_finite_for_huge_logits(dtype):
    logits = np.array([[1e4, -1e4, 0.0]] * 3).astype(dtype)
    targets = np.array([[0.0] * 3, [1.0] * 3, [0.5] * 3]).astype(dtype)

    @jax.jit
    def values_and_slopes(logits, targets):
        loss, pull = jax.vjp(lambda z: bernoulli_cross_entropy(z, targets), logits)
        right = bernoulli_cross_entropy(logits[0, :2], jnp.array([1.0, 0.0], dtype))
        return loss, *pull(jnp.ones_like(loss)), right

    loss, slopes, right = values_and_slopes(logits, targets)
    for array in (loss, slopes):
        assert array.dtype == dtype
        assert np.isfinite(np.asarray(array, np.float32)).all()
    expected = [1e4 + np.log(2), 1e4 + np.log(2), 1e4 + np.log(2)]
    np.testing.assert_allclose(
        loss, expected, rtol=1e-6 if dtype == "float32" else 0.01
    )
    assert float(right) == 0


@pytest.mark.parametrize("value", [-0.1, 1.001, 255.0, float("nan")])
def test_bernoulli_refuses_targets_that_are_no_probabilities(value):
    (targets,) = float32([[0, 0, 0], [0, 0, value]])
    with pytest.raises(InputError, match="expected 0 to 1, as a Bernoulli likelihood"):
        bernoulli_cross_entropy(zeros(2, 3), targets)
    assert bernoulli_cross_entropy(zeros(0, 3), zeros(0, 3)).shape == (0,)


def test_bernoulli_takes_constants_under_jit():
    (targets,) = float32(SHARES)
    f = jax.jit(lambda logits: bernoulli_cross_entropy(logits, targets))
    assert f(zeros(2, 3)).shape == (2,)


@pytest.mark.parametrize("fn", [squared_error, bernoulli_cross_entropy])
def test_new_losses_refuse_other_shapes(fn):
    with pytest.raises((InputError, TypeError)):
        fn(zeros(2, 3), zeros(2, 1))
    with pytest.raises(InputError, match=r"\(2, 1\): expected \(2, 3\)"):
        unchecked(fn)(zeros(2, 3), zeros(2, 1))
