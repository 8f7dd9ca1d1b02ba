"""The formulas as subjects of `jaxdl gradcheck`.

Log-probabilities are free numbers here, each with a derivative of its own; so is every
entry of a covariance, which the functions take as the mean with its transpose.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.gradcheck.problem import Case, draw_normal, draw_normals
from jaxdl.gradcheck.subjects import Subject, subject
from jaxdl.ops import boltzmann, corruption, divergences, gaussians, losses, numerics
from jaxdl.ops.activations import ACTIVATIONS, Activation, maxout
from jaxdl.types import PRNGKey

NOT_DIFFERENTIABLE = {
    "ops.activations.activation": "it looks up a row of a table",
    "ops.arguments": "it makes arrays of arguments; all is checked through it",
    "ops.images.image_rows": "images are bytes",
    "ops.numerics.in_float32": "the activations are checked through it",
    "ops.numerics.promoted": "it converts types; the layers are checked through it",
}
"""Functions that no gradient goes through, and why."""

_FIVE, _SHAPE, _THREE = (2, 5), (4, 3), (2, 3)


# Activations


def _activation(row: Activation) -> Subject:
    """Points at random and, left out when it comes to it, every kink of the table."""

    def make(key):
        if not row.elementwise:
            (z,) = draw_normals(key, (3, 4))
            if row.kinks or row.pieces > 1:
                z = z.at[0, 0].set(z[0, 2])  # a tie between the pieces of a unit
        else:
            (z,) = draw_normals(key, (12,))
            kinks = jnp.asarray([*row.kinks, *row.second_kinks], z.dtype)
            z = jnp.concatenate([2 * z, kinks])

        def hand(cotangent, z):
            derivative = row.derivative(z)
            if row.elementwise:
                return (derivative * cotangent,)
            return (jnp.einsum("bij,bi->bj", derivative, cotangent),)

        return Case(row.fn, (z,), ("z",), row.analytic, hand)

    return Subject(row.name, (f"ops.activations.{row.fn.__name__}",), make)


def _maxout_of_three(key):
    (z,) = draw_normals(key, (2, 6))
    return Case(lambda z: maxout(z, num_pieces=3), (z,), ("z",))


# Losses and corruption


def _half_squared_error(key):
    def hand(cotangent, outputs, targets):
        grads = cotangent[:, None] * (outputs - targets)
        return grads, -grads

    args = tuple(draw_normals(key, (4, 3), (4, 3)))
    names = ("outputs", "targets")
    return Case(losses.half_squared_error, args, names, True, hand)


def _softmax_cross_entropy(key):
    (logits,) = draw_normals(key, (4, 3))
    labels = jnp.array([0, 2, 1, 2])

    def fn(logits):
        return losses.softmax_cross_entropy(logits, labels)

    def hand(cotangent, logits):
        errors = jax.nn.softmax(logits) - jax.nn.one_hot(labels, 3)
        return (cotangent[:, None] * errors,)

    return Case(fn, (logits,), ("logits",), hand=hand)


def _squared_error(key):
    def hand(cotangent, outputs, targets):
        grads = 2 * cotangent[:, None] * (outputs - targets)
        return grads, -grads

    args, names = tuple(draw_normals(key, _SHAPE, _SHAPE)), ("outputs", "targets")
    return Case(losses.squared_error, args, names, True, hand)


def _bernoulli_cross_entropy(key):
    logits, others = draw_normals(key, _SHAPE, _SHAPE)

    def hand(cotangent, logits, targets):
        c = cotangent[:, None]
        return c * (jax.nn.sigmoid(logits) - targets), -c * logits

    args, names = (logits, jax.nn.sigmoid(others)), ("logits", "targets")
    return Case(losses.bernoulli_cross_entropy, args, names, hand=hand)


def _corrupted(fn: Callable[..., Any]) -> Callable[[PRNGKey], Case]:
    def make(key):
        (x,) = draw_normals(key, _SHAPE)
        return Case(lambda x: fn(key, x, 0.4), (x,), ("x",))

    return make


# Divergences


def _log_probabilities(*args):
    return tuple(map(jax.nn.log_softmax, args))


def _p(log_p):
    return jnp.exp(log_p)


def _categorical(
    fn: Callable[..., Any], *grads: Callable[..., Any]
) -> Callable[[PRNGKey], Case]:
    """A divergence; `grads` are its derivatives by each log-probability."""
    names = ("log_p", "log_q")[: len(grads)]

    def make(key):
        def hand(cotangent, *args):
            return tuple(cotangent[:, None] * grad(*args) for grad in grads)

        args = _log_probabilities(*draw_normals(key, *(_FIVE,) * len(grads)))
        return Case(jax.jit(fn), args, names, hand=hand, domain=_log_probabilities)

    return make


def _kl_by_p(log_p, log_q):
    return _p(log_p) * (log_p - log_q)


def _kl_by_q(log_p, log_q):
    return _p(log_q) - _p(log_p)


def _cross_entropy_by_q(log_p, log_q):
    return -_p(log_p)


def _js_by_p(log_p, log_q):
    """For m = (p + q) / 2; what p does to m cancels but for -p/2 + p/2."""
    return 0.5 * _p(log_p) * (log_p - jnp.logaddexp(log_p, log_q) + jnp.log(2))


def _variation_by_p(log_p, log_q):
    return 0.5 * _p(log_p) * jnp.sign(log_p - log_q)


def _hellinger_by_p(log_p, log_q):
    distance = divergences.hellinger_distance(log_p, log_q)
    root_p, root_q = jnp.exp(log_p / 2), jnp.exp(log_q / 2)
    return root_p * (root_p - root_q) / (4 * distance[:, None])


def _swapped(grad: Callable[..., Any]) -> Callable[..., Any]:
    return lambda log_p, log_q: grad(log_q, log_p)


def _jeffreys_by_p(log_p, log_q):
    return _kl_by_p(log_p, log_q) + _kl_by_q(log_q, log_p)


_CATEGORICAL = {
    divergences.entropy: (lambda log_p: -_p(log_p) * (log_p + 1),),
    divergences.cross_entropy: (
        lambda log_p, log_q: -_p(log_p) * log_q,
        _cross_entropy_by_q,
    ),
    divergences.kl_divergence: (_kl_by_p, _kl_by_q),
    divergences.jeffreys_divergence: (_jeffreys_by_p, _swapped(_jeffreys_by_p)),
    divergences.js_divergence: (_js_by_p, _swapped(_js_by_p)),
    divergences.total_variation: (_variation_by_p, _swapped(_variation_by_p)),
    divergences.hellinger_distance: (_hellinger_by_p, _swapped(_hellinger_by_p)),
}


def _probabilities(key):
    def domain(z):
        return (jax.nn.softmax(z),)

    def hand(cotangent, p):
        return (cotangent / p,)

    fn, args = jax.jit(divergences.log_probabilities), domain(*draw_normals(key, _FIVE))
    return Case(fn, args, ("p",), hand=hand, domain=domain)


def _estimate(fn: Callable[..., Any], num: int) -> Callable[[PRNGKey], Case]:
    names = ("log_p_at_p", "log_q_at_p", "log_p_at_q", "log_q_at_q")[:num]

    def make(key):
        return Case(
            lambda *x: tuple(fn(*x)), tuple(draw_normals(key, *((6,),) * num)), names
        )

    return make


# Gaussians and roots


def _with_inverses(*args):
    """Covariances in place of free square matrices."""
    return tuple(
        x @ x.T / 10 + jnp.eye(len(x)) if x.shape == (3, 3) else x for x in args
    )


def _gaussian(fn: Callable[..., Any], num: int) -> Callable[[PRNGKey], Case]:
    """A closed form of `num` Gaussians; by covariance, of what is made symmetric."""

    def symmetric(args):
        return [(x + x.T) / 2 if x.ndim == 2 else x for x in args]

    def make(key):
        draws = draw_normals(key, *((3,), (3, 4)) * num)
        means, roots = draws[::2], draws[1::2]
        args = [x for m, a in zip(means, roots, strict=True) for x in (m, a @ a.T)]
        args = args[1:] if fn is gaussians.gaussian_entropy else args
        names = ("mean_p", "cov_p", "mean_q", "cov_q")
        names = names[1:2] if len(args) == 1 else names
        fn_of_any = jax.jit(lambda *x: fn(*symmetric(x)))
        return Case(fn_of_any, tuple(args), names, domain=_with_inverses)

    return make


def _log_density(key):
    x, mean, root = draw_normals(key, (4, 3), (3,), (3, 4))

    def fn(x, mean, cov):
        return gaussians.gaussian_log_density(x, mean, (cov + cov.T) / 2)

    args, names = (x, mean, root @ root.T), ("x", "mean", "cov")
    return Case(jax.jit(fn), args, names, domain=_with_inverses)


def _safe_sqrt(key):
    def domain(log_x):
        return (jnp.exp(log_x),)

    def hand(cotangent, x):
        return (cotangent / (2 * jnp.sqrt(x)),)

    args = domain(*draw_normals(key, (6,)))
    return Case(numerics.safe_sqrt, args, ("x",), hand=hand, domain=domain)


def _within(key):
    (x,) = draw_normals(key, (6,))

    def fn(x):
        return numerics.within(jnp.sin(x), -1, 1)

    hand = lambda cotangent, x: (cotangent * jnp.cos(x),)  # noqa: E731
    return Case(fn, (x,), ("x",), hand=hand)


def _standard_normal_kl(key):
    def hand(cotangent, mean, log_variance):
        c = cotangent[:, None]
        return c * mean, c * (jnp.exp(log_variance) - 1) / 2

    args, names = tuple(draw_normals(key, _THREE, _THREE)), ("mean", "log_variance")
    return Case(gaussians.standard_normal_kl, args, names, hand=hand)


def _diagonal_gaussian_log_density(key):
    def hand(cotangent, x, mean, log_variance):
        c = cotangent[:, None]
        slope = (x - mean) * jnp.exp(-log_variance)
        return -c * slope, c * slope, c * (slope * (x - mean) - 1) / 2

    args, names = (
        tuple(draw_normals(key, *(_THREE,) * 3)),
        ("x", "mean", "log_variance"),
    )
    return Case(gaussians.diagonal_gaussian_log_density, args, names, hand=hand)


# Energies of a Boltzmann machine


_SIZES = dict(kernel=(3, 2), visible_bias=(3,), hidden_bias=(2,))
_BATCH = 4


def _point(key: PRNGKey, *shapes: tuple[int, ...]) -> tuple[Any, ...]:
    """Parameters, and normal numbers for what else there is."""
    keys = [jax.random.fold_in(key, i) for i in range(len(_SIZES) + len(shapes))]
    params = {
        name: draw_normal(k, shape)
        for k, (name, shape) in zip(keys, _SIZES.items(), strict=False)
    }
    others = zip(keys[len(_SIZES) :], shapes, strict=True)
    return params, *(draw_normal(k, shape) for k, shape in others)


def _free_energy(key):
    def hand(cotangent, params, visible):
        hidden = jax.nn.sigmoid(
            visible @ params["kernel"] + params["hidden_bias"][None]
        )
        grads = dict(
            kernel=-(visible * cotangent[:, None]).T @ hidden,
            visible_bias=-cotangent @ visible,
            hidden_bias=-cotangent @ hidden,
        )
        inputs = -params["visible_bias"][None] - hidden @ params["kernel"].T
        return grads, cotangent[:, None] * inputs

    names = ("params", "visible")
    return Case(boltzmann.free_energy, _point(key, (_BATCH, 3)), names, hand=hand)


def _joint_energy(key):
    def hand(cotangent, params, visible, hidden):
        weighted = visible * cotangent[:, None]
        grads = dict(
            kernel=-weighted.T @ hidden,
            visible_bias=-cotangent @ visible,
            hidden_bias=-cotangent @ hidden,
        )
        to_visible = -params["visible_bias"][None] - hidden @ params["kernel"].T
        to_hidden = -params["hidden_bias"][None] - visible @ params["kernel"]
        return grads, *(cotangent[:, None] * x for x in (to_visible, to_hidden))

    args = _point(key, (_BATCH, 3), (_BATCH, 2))
    names = ("params", "visible", "hidden")
    return Case(boltzmann.joint_energy, args, names, True, hand)


def _logits(fn: Callable[..., Any], bias: str, size: int) -> Callable[[PRNGKey], Case]:
    """The other layer's bias is left out: nothing depends on it."""

    def make(key):
        params, values = _point(key, (_BATCH, size))

        def of_its_own(kernel, own, values):
            return fn({**params, "kernel": kernel, bias: own}, values)

        args = params["kernel"], params[bias], values
        return Case(of_its_own, args, ("kernel", bias, "values"), True)

    return make


def subjects() -> list[Subject]:
    """Activations, losses, corruption, divergences, Gaussians, energies."""
    return list(_subjects())


def _subjects() -> Iterator[Subject]:
    yield from map(_activation, ACTIVATIONS.values())
    yield subject("ops.activations.maxout", _maxout_of_three, name="maxout[3 pieces]")
    yield subject("ops.losses.half_squared_error", _half_squared_error)
    yield subject("ops.losses.softmax_cross_entropy", _softmax_cross_entropy)
    yield subject("ops.losses.squared_error", _squared_error)
    yield subject("ops.losses.bernoulli_cross_entropy", _bernoulli_cross_entropy)
    for name in ("masking_noise", "gaussian_noise", "salt_and_pepper"):
        yield subject(f"ops.corruption.{name}", _corrupted(getattr(corruption, name)))
    room = "ops.divergences."
    for fn, grads in _CATEGORICAL.items():
        yield subject(room + fn.__name__, _categorical(fn, *grads))
    yield subject(room + "log_probabilities", _probabilities)
    for name, num in (("entropy", 1), ("kl", 2), ("js", 4)):
        fn = getattr(divergences, f"monte_carlo_{name}")
        yield subject(room + fn.__name__, _estimate(fn, num))
    room = "ops.gaussians."
    yield subject(room + "gaussian_log_density", _log_density)
    for name in ("entropy", "cross_entropy", "kl", "jeffreys", "hellinger"):
        fn = getattr(gaussians, f"gaussian_{name}")
        num = 1 if name == "entropy" else 2
        yield subject(room + fn.__name__, _gaussian(fn, num))
    yield subject(room + "standard_normal_kl", _standard_normal_kl)
    yield subject(
        room + "diagonal_gaussian_log_density", _diagonal_gaussian_log_density
    )
    yield subject("ops.numerics.safe_sqrt", _safe_sqrt)
    yield subject("ops.numerics.within", _within)
    room = "ops.boltzmann."
    yield subject(room + "free_energy", _free_energy)
    yield subject(room + "joint_energy", _joint_energy)
    for fn, bias, size in (
        (boltzmann.hidden_logits, "hidden_bias", 3),
        (boltzmann.visible_logits, "visible_bias", 2),
    ):
        yield subject(room + fn.__name__, _logits(fn, bias, size))
