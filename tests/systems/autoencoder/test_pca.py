"""PCA against scikit-learn, and codes of logistic PCA against SciPy's minimum."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from jaxdl.data import load_images
from jaxdl.errors import InputError
from jaxdl.ops import bernoulli_cross_entropy, squared_error, unit_pixels
from jaxdl.systems.autoencoder.pca import fit_pca, logistic_pca, pca_decode, pca_encode


@pytest.fixture(scope="module")
def digits():
    return np.asarray(unit_pixels(load_images("digits").train.image))


@pytest.mark.parametrize("rows", [1197, 40], ids=["tall", "wide"])
def test_equals_scikit_learn(digits, rows):
    from sklearn.decomposition import PCA

    x = jnp.asarray(digits[:rows])
    ours, theirs = fit_pca(x, 8), PCA(8, svd_solver="full").fit(np.asarray(x, float))
    back_again = jax.jit(lambda pca, x: pca_decode(pca, pca_encode(pca, x)))(ours, x)
    signs = np.sign(np.sum(theirs.components_ * np.asarray(ours.components), axis=1))
    close = dict(rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours.mean, theirs.mean_, **close)
    np.testing.assert_allclose(ours.singular_values, theirs.singular_values_, **close)
    components = theirs.components_ * signs[:, None]
    np.testing.assert_allclose(ours.components, components, rtol=0, atol=2e-4)
    back = theirs.inverse_transform(theirs.transform(np.asarray(x, float)))
    np.testing.assert_allclose(back_again, back, rtol=0, atol=2e-4)
    largest = np.abs(np.asarray(ours.components)).argmax(axis=1)
    assert (np.asarray(ours.components)[np.arange(8), largest] > 0).all()


def test_error_is_the_variance_left_out(digits):
    pca = jax.tree.map(np.asarray, fit_pca(jnp.asarray(digits), 64))
    np.testing.assert_allclose(
        pca.components @ pca.components.T, np.eye(64), rtol=0, atol=1e-5
    )
    first = pca._replace(components=pca.components[:8])
    there_and_back = jax.jit(lambda pca, x: pca_decode(pca, pca_encode(pca, x)))
    errors = jax.jit(squared_error)(there_and_back(first, digits), digits)
    left = float(np.sum(pca.singular_values[8:] ** 2)) / len(digits)
    assert float(np.asarray(errors).mean()) == pytest.approx(left, rel=1e-4)
    whole = there_and_back(pca, digits)
    np.testing.assert_allclose(whole, digits, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("shape", "num"), [((9, 4), 0), ((9, 4), 5), ((3, 4), 4)])
def test_refuses_other_numbers_of_components(shape, num):
    with pytest.raises(InputError, match=f"the code has {num} numbers: expected 1 to"):
        fit_pca(jnp.zeros(shape), num)


# Logistic PCA


def ridge_loss(model, params, codes, x, ridge=0.01):
    loss = bernoulli_cross_entropy(model.decode(params, codes), x)
    return loss + ridge / 2 * jnp.sum(codes**2, axis=-1)


@pytest.mark.parametrize("pixels", ["grey", "black and white"])
def test_codes_are_those_of_the_minimum(digits, pixels):
    model = logistic_pca(64, 3, iterations=12)
    params = jax.jit(model.init)(jax.random.key(0))
    params["bias"] = jax.random.normal(jax.random.key(1), (64,))
    with jax.enable_x64(True):
        params = jax.tree.map(lambda x: np.asarray(x, np.float64), params)
        x = np.asarray(digits[:3], np.float64)
        x = x if pixels == "grey" else np.round(x)
        codes = np.asarray(jax.jit(model.encode)(params, x))
    kernel, bias = params["kernel"], params["bias"]
    for code, image in zip(codes, x, strict=True):

        def loss(u, image=image):
            z = u @ kernel + bias
            return np.sum(np.logaddexp(0, z) - image * z) + 0.005 * np.sum(u**2)

        found = minimize(loss, np.zeros(3), method="BFGS", tol=1e-10)
        np.testing.assert_allclose(code, found.x, rtol=0, atol=1e-4)
        assert loss(code) <= found.fun + 1e-9
    means = 1 / (1 + np.exp(-codes @ kernel - bias))
    assert np.abs((means - x) @ kernel.T + 0.01 * codes).max() < 1e-9


def test_codes_keep_their_digits_in_float32():
    """Logits of 30 and more leave losses of which a sum of large terms keeps nothing.

    Steps are chosen by those losses.
    """
    rng = np.random.default_rng(0)
    kernel, bias, seen = 5 * rng.normal(size=(3, 8)), 5 * rng.normal(size=8), None
    x = (rng.normal(size=(64, 3)) @ kernel + bias > 0).astype(float)
    for dtype in (np.float64, np.float32):
        with jax.enable_x64(dtype == np.float64):
            encode = jax.jit(logistic_pca(8, 3, iterations=40).encode)
            params = {"kernel": kernel.astype(dtype), "bias": bias.astype(dtype)}
            before, seen = seen, np.asarray(encode(params, x.astype(dtype)))
    assert seen.dtype == np.float32 and before.dtype == np.float64
    np.testing.assert_allclose(seen, before, rtol=0, atol=1e-4)


def test_each_iteration_goes_down():
    """Where logits begin so far off that a bare Newton step would overshoot."""
    x = jnp.asarray(np.random.default_rng(0).integers(0, 2, (20, 6)), jnp.float32)
    losses = []
    for iterations in (0, 1, 2, 4, 8):
        model = logistic_pca(6, 4, iterations=iterations)

        @jax.jit
        def loss(key, model=model):
            params = model.init(key) | {"bias": jnp.full(6, 8.0)}
            return ridge_loss(model, params, model.encode(params, x), x)

        losses.append(np.asarray(loss(jax.random.key(3))))
    for before, after in zip(losses, losses[1:], strict=False):
        assert np.max(after - before) <= 1e-4


def test_loss_has_the_gradient_of_fixed_codes(digits):
    """Where codes are at the minimum, their own change changes nothing."""
    model = logistic_pca(64, 3, iterations=12)
    with jax.enable_x64(True):
        params = jax.tree.map(np.float64, jax.jit(model.init)(jax.random.key(0)))
        x = digits[:5].astype("float64")

        def loss(params, x, stop):
            codes = model.encode(params, x)
            codes = jax.lax.stop_gradient(codes) if stop else codes
            return ridge_loss(model, params, codes, x).sum()

        slopes = jax.jit(jax.grad(loss), static_argnums=2)
        fixed, through = (slopes(params, x, stop) for stop in (True, False))
    for a, b in zip(*map(jax.tree.leaves, (fixed, through)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)


def test_any_leading_axes_and_code_sizes(digits):
    model = logistic_pca(64, 3)
    params = jax.jit(model.init)(jax.random.key(0))
    encode = jax.jit(model.encode)
    one = encode(params, digits[4])
    assert one.shape == (3,)
    many = encode(params, digits[:6].reshape(2, 3, 64))
    np.testing.assert_allclose(np.asarray(many)[1, 1], one, rtol=1e-4, atol=1e-4)
    logits = jax.jit(model.apply)(params, digits[4])
    decoded = jax.jit(model.decode)(params, one)
    np.testing.assert_allclose(logits, decoded, rtol=1e-4, atol=1e-4)
    for size in (0, 65):
        with pytest.raises(InputError, match=f"{size} numbers: expected 1 to 64"):
            logistic_pca(64, size)
