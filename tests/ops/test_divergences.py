"""Against SciPy, PyTorch, the formulas in float64 and properties; at zeros too."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.special import log_softmax
from scipy.stats import entropy

from jaxdl.errors import InputError
from jaxdl.ops import divergences

TWO = (
    "cross_entropy",
    "kl_divergence",
    "jeffreys_divergence",
    "js_divergence",
    "total_variation",
    "hellinger_distance",
)
ORACLES = {
    "cross_entropy": lambda p, q: entropy(p) + entropy(p, q),
    "kl_divergence": entropy,
    "jeffreys_divergence": lambda p, q: entropy(p, q) + entropy(q, p),
    "js_divergence": lambda p, q: jensenshannon(p, q) ** 2,
    "total_variation": lambda p, q: np.abs(p - q).sum() / 2,
    "hellinger_distance": lambda p, q: (
        np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / np.sqrt(2)
    ),
}
FINITE_AT_ZERO = ("js_divergence", "total_variation", "hellinger_distance")
TOLERANCES = [("float32", 1e-6), ("float64", 1e-12)]
each_two = pytest.mark.parametrize("name", TWO)


def pmfs(rows, k, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(k), size=rows)


def logs(p, dtype):
    with np.errstate(divide="ignore"):
        return jax.device_put(np.log(p).astype(dtype))


def with_zeros(dtype="float64"):
    """All ways in which an outcome of p, of q or of both can be impossible."""
    p = np.array([[0.5, 0.5, 0, 0], [0.2, 0.3, 0.5, 0], [0, 0, 0, 1]])
    q = np.array([[0.4, 0.3, 0.3, 0], [0, 0.5, 0.5, 0], [0.5, 0, 0.5, 0]])
    return logs(p, dtype), logs(q, dtype)


@each_two
@pytest.mark.parametrize(("dtype", "limit"), TOLERANCES)
def test_equals_scipy(name, dtype, limit, variant):
    p, q = pmfs(7, 5), pmfs(7, 5, seed=1)
    with jax.enable_x64(dtype == "float64"):
        got = variant(getattr(divergences, name))(logs(p, dtype), logs(q, dtype))
    assert got.dtype == dtype and got.shape == (7,)
    expected = [ORACLES[name](*rows) for rows in zip(p, q, strict=True)]
    np.testing.assert_allclose(got, expected, rtol=limit, atol=limit)


@pytest.mark.parametrize(("dtype", "limit"), TOLERANCES)
def test_entropy_equals_scipy(dtype, limit):
    p = pmfs(7, 5)
    with jax.enable_x64(dtype == "float64"):
        some = p, np.full(8, 1 / 8), np.array([0.0, 1.0, 0.0])
        entropies = jax.jit(lambda some: [divergences.entropy(x) for x in some])
        got, uniform, sure = entropies([logs(x, dtype) for x in some])
    np.testing.assert_allclose(got, entropy(p, axis=1), rtol=limit)
    np.testing.assert_allclose(uniform, np.log(8), rtol=limit)
    assert float(sure) == 0


def test_equals_torch():
    torch = pytest.importorskip("torch")
    p, q = pmfs(4, 6), pmfs(4, 6, seed=1)
    ours = [torch.distributions.Categorical(torch.tensor(x)) for x in (p, q)]
    with jax.enable_x64(True):
        args = logs(p, "float64"), logs(q, "float64")
        got = compiled("kl_divergence")(*args)
        of_p = compiled("entropy")(args[0])
    expected = torch.distributions.kl_divergence(*ours)
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-12)
    np.testing.assert_allclose(of_p, ours[0].entropy().numpy(), rtol=1e-12)


def test_weighted_js_equals_the_entropy_it_explains():
    """JS_w is the mutual information of an outcome and which of the two it is from."""
    p, q = pmfs(5, 4), pmfs(5, 4, seed=1)
    weights = 0.3, 0.7
    mean = weights[0] * p + weights[1] * q
    expected = entropy(mean, axis=1) - (
        weights[0] * entropy(p, axis=1) + weights[1] * entropy(q, axis=1)
    )
    with jax.enable_x64(True):
        args = logs(p, "float64"), logs(q, "float64")
        js = jax.jit(divergences.js_divergence, static_argnames="weights")
        got = js(*args, weights=weights)
        whole = js(*args, weights=(0.5, 0.5))
        default = js(*args)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    np.testing.assert_array_equal(whole, default)


# Zeros


@jax.jit
def all_two(log_p, log_q):
    """Every divergence of two, in one program."""
    return {name: getattr(divergences, name)(log_p, log_q) for name in TWO}


def test_values_where_outcomes_are_impossible():
    with jax.enable_x64(True):
        args = with_zeros()
        divergences.check_log_probabilities(*args)  # takes -inf for 0
        found = all_two(*args)
        same = all_two(args[0], args[0])
    args, found = jax.tree.map(np.asarray, (args, found))
    for name in TWO:
        expected = [ORACLES[name](*np.exp(rows)) for rows in zip(*args, strict=True)]
        np.testing.assert_allclose(found[name], expected, rtol=1e-12)
    assert np.isinf(found["jeffreys_divergence"]).all()
    np.testing.assert_array_equal(np.isinf(found["kl_divergence"]), [False, True, True])
    np.testing.assert_allclose(found["js_divergence"][2], np.log(2), rtol=1e-12)
    assert found["total_variation"][2] == found["hellinger_distance"][2] == 1
    for name in ("kl_divergence", "jeffreys_divergence", *FINITE_AT_ZERO):
        np.testing.assert_allclose(same[name], 0, atol=1e-15)


@each_two
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_are_finite_where_values_are(name, dtype):
    fn = getattr(divergences, name)

    @jax.jit
    def gradients(log_p, log_q):
        """Values, the gradient of each, and of their sum where both are log_p."""
        values, pull = jax.vjp(fn, log_p, log_q)
        each = [pull(jnp.zeros_like(values).at[row].set(1)) for row in range(3)]
        equal = jax.grad(lambda *a: fn(*a).sum(), argnums=(0, 1))(log_p, log_p)
        return values, each, equal

    with jax.enable_x64(dtype == "float64"):
        args = with_zeros(dtype)
        values, each, at_equality = jax.tree.map(np.asarray, gradients(*args))
    assert values.dtype == dtype
    for row in np.flatnonzero(np.isfinite(values)):
        assert all(np.isfinite(g).all() for g in each[row])
        for g, log_p in zip(each[row], args, strict=True):
            np.testing.assert_array_equal(g[np.isneginf(log_p)], 0)
    for equal in at_equality:
        assert np.isfinite(equal).all()
    assert np.isfinite(values).any() or name == "jeffreys_divergence"


@each_two
def test_gradients_at_zero_are_limits(name):
    """The gradient with an impossible outcome is that with one of probability 1e-12."""
    fn = getattr(divergences, name)
    with jax.enable_x64(True):
        log_p, log_q = map(np.asarray, with_zeros())
        near = np.where(np.isneginf(log_p), -27.6, log_p)
        grad = jax.jit(jax.grad(lambda *a: fn(*a)[0], argnums=0))
        got, limit = grad(log_p, log_q), grad(near, np.where(log_q < -99, -55, log_q))
    if np.isfinite(got).all() and name != "jeffreys_divergence":
        np.testing.assert_allclose(got, limit, atol=1e-5)


# Properties

weights = st.lists(st.floats(0.0, 1.0), min_size=5, max_size=5)


@given(weights, weights)
@settings(deadline=None, max_examples=60)
def test_inequalities(p, q):
    """Bounds of each, Pinsker's inequality, and the chain H^2 <= TV <= sqrt(2) H."""
    p, q = (np.asarray(x) + np.eye(5)[i] * 1e-3 for i, x in enumerate((p, q)))
    p, q = p / p.sum(), q / q.sum()
    with jax.enable_x64(True):
        args = logs(p, "float64"), logs(q, "float64")
        found = {name: float(value) for name, value in all_two(*args).items()}
        back = {name: float(value) for name, value in all_two(*args[::-1]).items()}
    small = 1e-12
    assert all(value >= -small for value in found.values())
    assert found["js_divergence"] <= np.log(2) + small
    assert found["total_variation"] <= 1 + small
    assert found["hellinger_distance"] <= 1 + small
    assert found["total_variation"] <= np.sqrt(found["kl_divergence"] / 2) + small
    assert found["hellinger_distance"] ** 2 <= found["total_variation"] + small
    bound = np.sqrt(2) * found["hellinger_distance"]
    assert found["total_variation"] <= bound + small
    for name in ("jeffreys_divergence", *FINITE_AT_ZERO):
        np.testing.assert_allclose(found[name], back[name], rtol=1e-9, atol=small)


@pytest.mark.parametrize("k", [2, 5, 100])
def test_rounding_does_not_pass_the_bounds(k):
    """Float32 distributions, from equal to disjoint."""
    rng = np.random.default_rng(k)
    z = rng.normal(size=(4_000, k)) * rng.choice([0, 0.1, 1, 5, 60], size=(4_000, 1))
    shift = rng.choice([0, 1e-7, 1e-4, 1e-2, 1], size=(4_000, 1))
    rows = log_softmax(np.stack([z, z + shift * rng.normal(size=z.shape)]), axis=-1)
    log_p, log_q = rows.astype(np.float32)
    log_q[:400] = log_p[:400, ::-1]  # disjoint, where p is nearly certain
    found = jax.device_get(all_two(log_p, log_q))
    found["entropy"] = np.asarray(jax.jit(divergences.entropy)(log_p))
    assert all(value.min() >= 0 for value in found.values())
    assert found["entropy"].max() <= np.float32(np.log(k))
    assert found["js_divergence"].max() <= np.float32(np.log(2))
    for name in ("total_variation", "hellinger_distance"):
        assert found[name].max() <= 1
    # Against the formula in float64, with what the logarithms lost in float32.
    p, q = (np.exp(x.astype(np.float64)) for x in (log_p, log_q))
    p, q = (x / x.sum(axis=-1, keepdims=True) for x in (p, q))
    expected = entropy(p, np.maximum(q, 1e-300), axis=-1)
    np.testing.assert_allclose(found["kl_divergence"], expected, rtol=2e-6, atol=4e-7)


def test_close_distributions_keep_their_digits():
    """Of KL = 5e-9 nothing would be left in a difference of numbers near 1."""
    log_p = np.float32(np.log([0.5, 0.25, 0.25]))
    step = np.spacing(log_p[0]).astype(np.float64)
    log_q = log_p + np.float32(step * np.array([1000, -2000, 0]))
    found = compiled("kl_divergence")(log_p, log_q)
    d = (log_p.astype(np.float64) - log_q)[:2]
    p = np.exp(log_p.astype(np.float64))[:2]
    np.testing.assert_allclose(found, (p * (d + np.expm1(-d))).sum(), rtol=1e-3)


def test_nan_is_not_taken_for_an_impossible_outcome():
    log_p = np.float32([np.nan, -0.1])
    values = all_two(log_p, np.float32([-1.0, -0.5]))
    assert all(np.isnan(value) for value in values.values())


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_probabilities_below_the_normal_range(dtype):
    """Compared in NumPy, which keeps such numbers; XLA on CPU takes them for 0."""
    with jax.enable_x64(dtype == "float64"):
        info = jnp.finfo(dtype)
        tiny, unit = float(info.smallest_normal), float(info.smallest_subnormal)
        p = np.array([0, unit, 3 * unit, tiny - unit, tiny, 2 * tiny, 0.5, 1]).astype(
            dtype
        )
        slope = jax.grad(lambda p: divergences.log_probabilities(p).sum())
        both = jax.jit(lambda p: (divergences.log_probabilities(p), slope(p)))
        value, grad = map(np.asarray, both(p))
    with np.errstate(divide="ignore"):
        expected = np.log(p.astype(np.float64))
    eps = float(info.eps)
    np.testing.assert_allclose(value.astype(np.float64), expected, rtol=2 * eps)
    grad = grad.astype(np.float64)
    assert grad[0] == 0 and np.isfinite(grad).all()
    np.testing.assert_allclose(grad[4:], 1 / p[4:].astype(np.float64), rtol=2 * eps)


def test_divergence_from_a_probability_below_the_normal_range():
    p, q = np.float32([[0.5, 0.5], [1e-40, 1]])
    log_p, log_q = map(divergences.log_probabilities, jax.device_put((p, q)))
    found = {name: float(value) for name, value in all_two(log_p, log_q).items()}
    for name in TWO:
        expected = ORACLES[name](p.astype(np.float64), q.astype(np.float64))
        assert found[name] == pytest.approx(expected, rel=1e-6)


@functools.cache
def compiled(name):
    return jax.jit(getattr(divergences, name))


# What is refused


def test_probabilities_become_logarithms():
    p = np.float32([[0.5, 0.5, 0.0], [0.25, 0.0, 0.75]])
    got = divergences.log_probabilities(jax.device_put(p))
    np.testing.assert_allclose(got, logs(p, "float32"), rtol=1e-6)
    grad = jax.jit(jax.grad(lambda p: jnp.exp(divergences.log_probabilities(p)).sum()))(
        p
    )
    assert np.isfinite(grad).all()


@pytest.mark.parametrize(
    ("p", "said"),
    [
        ([0.5, 0.6, -0.1], "a probability is -0.1"),
        ([0.5, 0.4], "sum to 0.9.*: expected 1 within 0.0001"),
        ([0.5, np.nan], "a probability is nan"),
    ],
)
def test_refuses_what_are_no_probabilities(p, said):
    with pytest.raises(InputError, match=said):
        divergences.log_probabilities(jax.device_put(np.float32(p)))


@each_two
def test_refuses_what_are_no_log_probabilities(name):
    fn = getattr(divergences, name)
    half = logs([0.5, 0.5], "float32")
    for wrong, said in [
        ([0.5, 0.5], "a log-probability is 0.5: expected 0 or less"),
        ([-1.0, -1.0], "sum to 0.7357"),
        ([np.nan, -1.0], "nan"),
    ]:
        wrong = jax.device_put(np.float32(wrong))
        for args in ((wrong, half), (half, wrong)):
            with pytest.raises(InputError, match=said):
                fn(*args)
    with pytest.raises((ValueError, TypeError)):
        fn(half, logs(np.full(3, 1 / 3), "float32"))


def test_shapes_are_checked_without_the_type_checker():
    unchecked = divergences.check_log_probabilities
    while hasattr(unchecked, "__wrapped__"):
        unchecked = unchecked.__wrapped__
    with pytest.raises(InputError, match="same outcomes"):
        unchecked(*(logs(np.full(k, 1 / k), "float32") for k in (2, 3)))
    with pytest.raises(InputError, match="one for each outcome"):
        unchecked(jax.device_put(np.zeros((2, 0), np.float32)))


@pytest.mark.parametrize("wrong", [(0.0, 1.0), (0.5, 0.6), (-1.0, 2.0)])
def test_refuses_weights(wrong):
    half = logs([0.5, 0.5], "float32")
    with pytest.raises(InputError, match="weights are"):
        divergences.js_divergence(half, half, weights=wrong)


# From samples


def normal_logs(x, mean, sd):
    return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd * np.sqrt(2 * np.pi))


def test_estimates_are_within_their_standard_errors():
    """200 estimates each of two Gaussians' divergences: unbiased, errors as claimed."""
    rng = np.random.default_rng(0)
    p, q = (0.0, 1.0), (1.0, 1.5)
    at_p = rng.normal(*p, size=(200, 500))
    at_q = rng.normal(*q, size=(200, 500))
    of = [normal_logs(x, *pq).astype("float32") for x in (at_p, at_q) for pq in (p, q)]
    grid = np.linspace(-15, 15, 20001)
    cells = [np.exp(normal_logs(grid, *pq)) for pq in (p, q)]
    for found, expected in [
        (jax.jit(jax.vmap(divergences.monte_carlo_kl))(*of[:2]), entropy(*cells)),
        (
            jax.jit(jax.vmap(divergences.monte_carlo_js))(*of),
            jensenshannon(*cells) ** 2,
        ),
        (
            jax.jit(jax.vmap(divergences.monte_carlo_entropy))(of[0]),
            0.5 * np.log(2 * np.pi * np.e),
        ),
    ]:
        z = (np.asarray(found.value) - expected) / np.asarray(found.standard_error)
        assert abs(z.mean()) < 3.5 / np.sqrt(200)
        assert 0.85 < z.std() < 1.15


def test_estimates_refuse_too_little():
    with pytest.raises(InputError, match="there are 1 samples"):
        divergences.monte_carlo_entropy(jax.device_put(np.zeros(1, np.float32)))
    of = [jax.device_put(np.zeros(n, np.float32)) for n in (3, 4)]
    with pytest.raises((InputError, TypeError)):
        divergences.monte_carlo_kl(*of)


def test_gradient_of_kl_in_free_log_probabilities():
    """q - p in log q, also where p is 0: the formula is p log(p / q) - p + q."""
    p, q = np.array([0.5, 0.0, 0.5]), np.array([0.2, 0.3, 0.5])
    with np.errstate(divide="ignore"):
        log_p = np.log(p).astype(np.float32)
    gradient = jax.jit(jax.grad(divergences.kl_divergence, 1))(
        log_p, np.log(q).astype(np.float32)
    )
    np.testing.assert_allclose(gradient, q - p, atol=1e-6)
