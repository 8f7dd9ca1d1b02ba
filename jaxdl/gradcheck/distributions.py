"""What belongs to distributions, among the subjects of `jaxdl gradcheck`.

Log-probabilities are free numbers here, each with a derivative of its own; so is every
entry of a covariance, which the functions take as the mean with its transpose.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxdl.gradcheck.problem import Case, draw_normals
from jaxdl.ops import divergences, gaussians, numerics
from jaxdl.systems.gan_theory import quadrature
from jaxdl.systems.gan_theory.flow import Flow, coupling_flow
from jaxdl.systems.gan_theory.networks import plane_gan

_FIVE = (2, 5)


def _p(log_p):
    return jnp.exp(log_p)


def _categorical(fn: Callable, *grads: Callable) -> Callable:
    """A divergence; `grads` are its derivatives by each log-probability."""
    names = ("log_p", "log_q")[: len(grads)]

    def make(key):
        def hand(cotangent, *args):
            return tuple(cotangent[:, None] * grad(*args) for grad in grads)

        args = map(jax.nn.log_softmax, draw_normals(key, *(_FIVE,) * len(grads)))
        return Case(jax.jit(fn), tuple(args), names, hand=hand)

    return make


def _kl_by_p(log_p, log_q):
    return _p(log_p) * (log_p - log_q + 1)


def _kl_by_q(log_p, log_q):
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


def _swapped(grad: Callable) -> Callable:
    return lambda log_p, log_q: grad(log_q, log_p)


def _jeffreys_by_p(log_p, log_q):
    return _kl_by_p(log_p, log_q) + _kl_by_q(log_q, log_p)


_CATEGORICAL = {
    divergences.entropy: (lambda log_p: -_p(log_p) * (log_p + 1),),
    divergences.cross_entropy: (lambda log_p, log_q: -_p(log_p) * log_q, _kl_by_q),
    divergences.kl_divergence: (_kl_by_p, _kl_by_q),
    divergences.jeffreys_divergence: (_jeffreys_by_p, _swapped(_jeffreys_by_p)),
    divergences.js_divergence: (_js_by_p, _swapped(_js_by_p)),
    divergences.total_variation: (_variation_by_p, _swapped(_variation_by_p)),
    divergences.hellinger_distance: (_hellinger_by_p, _swapped(_hellinger_by_p)),
}


def _probabilities(key):
    (z,) = draw_normals(key, _FIVE)
    args = (jax.nn.softmax(z),)
    fn = jax.jit(divergences.log_probabilities)
    return Case(fn, args, ("p",), hand=lambda cotangent, p: (cotangent / p,))


def _estimate(fn: Callable, num: int) -> Callable:
    names = ("log_p_at_p", "log_q_at_p", "log_p_at_q", "log_q_at_q")[:num]

    def make(key):
        return Case(
            lambda *x: tuple(fn(*x)), tuple(draw_normals(key, *((6,),) * num)), names
        )

    return make


def _gaussian(fn: Callable, num: int) -> Callable:
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
        return Case(jax.jit(lambda *x: fn(*symmetric(x))), tuple(args), names)

    return make


def _log_density(key):
    x, mean, root = draw_normals(key, (4, 3), (3,), (3, 4))

    def fn(x, mean, cov):
        return gaussians.gaussian_log_density(x, mean, (cov + cov.T) / 2)

    return Case(jax.jit(fn), (x, mean, root @ root.T), ("x", "mean", "cov"))


def _safe_sqrt(key):
    (x,) = draw_normals(key, (6,))
    args = (jnp.exp(x),)
    hand = lambda cotangent, x: (cotangent / (2 * jnp.sqrt(x)),)  # noqa: E731
    return Case(numerics.safe_sqrt, args, ("x",), hand=hand)


def _grid_mass(key):
    args = tuple(draw_normals(key, _FIVE))
    return Case(lambda x: quadrature.grid_mass(x, 0.25), args, ("log_density",))


def _grid_log_probabilities(key):
    def fn(x):
        return quadrature.grid_log_probabilities(x, 0.25, tolerance=None)

    return Case(fn, tuple(draw_normals(key, _FIVE)), ("log_density",))


def _flow(method: str) -> Callable:
    def make(key):
        flow = coupling_flow(3, num_layers=2, hidden_size=3)
        shapes, treedef = jax.tree.flatten(jax.eval_shape(flow.init, key))
        draws = draw_normals(key, *(leaf.shape for leaf in shapes), (5, 3))
        params = jax.tree.unflatten(treedef, [0.4 * x for x in draws[:-1]])
        return Case(getattr(flow, method), (params, draws[-1]), ("params", "x"))

    return make


def _plane_discriminator(key):
    model = plane_gan(hidden_size=4, num_frequencies=1).discriminator
    shapes, treedef = jax.tree.flatten(jax.eval_shape(model.init, key))
    draws = draw_normals(key, *(leaf.shape for leaf in shapes), (3, 2))
    params = jax.tree.unflatten(treedef, draws[:-1])
    return Case(model.apply, (params, draws[-1]), ("params", "x"))


def _rows():
    ops = "ops.divergences."
    for fn, grads in _CATEGORICAL.items():
        yield fn.__name__, (ops + fn.__name__,), _categorical(fn, *grads)
    yield "log_probabilities", (ops + "log_probabilities",), _probabilities
    for name, num in (("entropy", 1), ("kl", 2), ("js", 4)):
        fn = getattr(divergences, f"monte_carlo_{name}")
        yield fn.__name__, (ops + fn.__name__,), _estimate(fn, num)
    ops = "ops.gaussians."
    yield "gaussian_log_density", (ops + "gaussian_log_density",), _log_density
    for name in ("entropy", "cross_entropy", "kl", "jeffreys", "hellinger"):
        fn = getattr(gaussians, f"gaussian_{name}")
        num = 1 if name == "entropy" else 2
        yield fn.__name__, (ops + fn.__name__,), _gaussian(fn, num)
    yield "safe_sqrt", ("ops.numerics.safe_sqrt",), _safe_sqrt
    yield "grid_mass", ("systems.gan_theory.quadrature.grid_mass",), _grid_mass
    covered = ("systems.gan_theory.quadrature.grid_log_probabilities",)
    yield "grid_log_probabilities", covered, _grid_log_probabilities
    for method in ("apply", "log_density"):
        covered = (
            "systems.gan_theory.flow.coupling_flow",
            f"systems.gan_theory.flow.{Flow.__name__}",
        )
        yield f"coupling_flow[{method}]", covered, _flow(method)
    yield (
        "plane_gan[discriminator]",
        ("systems.gan_theory.networks.plane_gan",),
        _plane_discriminator,
    )


DISTRIBUTIONS = list(_rows())
"""Name, covered functions and `make` of each subject."""
