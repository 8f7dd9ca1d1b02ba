"""Branches that points took: against what the points say themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxdl.gradcheck.branches import find_branches
from jaxdl.gradcheck.problem import Case, make_problem

POINTS = np.array([[-2.0, 0.5, 1.5], [-1.5, 0.2, 1.0]])


def found(fn, points=POINTS):
    """Kind, ways seen and ways never seen."""
    with jax.enable_x64(True):
        problem = make_problem(Case(fn, (points[0],), ("x",)), jax.random.key(0))
        branches = find_branches(problem, [[jnp.asarray(x)] for x in points])
    assert all(b.where.startswith("test_branches.py:") for b in branches)
    return [(b.kind, b.seen, b.unseen) for b in branches]


def where(edge):
    return lambda x: jnp.where(x > edge, x, 2 * x)


BOTH = ("false", "true")
CLAMP = ("below", "within", "above")
LARGER = ("first larger", "second larger")


def scanned(edge):
    def step(carry, x_t):
        return jnp.where(carry > edge, carry - 1, carry + x_t), x_t

    return lambda x: lax.scan(step, 0.0, x)[0]


def looped(edge):
    def step(state):
        return state[0] + 1, jnp.where(state[1] > edge, state[1], 2 * state[1])

    return lambda x: lax.while_loop(lambda s: s[0] < 3, step, (0, jnp.max(x)))[1]


def switched(x):
    ways = [lambda x: jnp.minimum(x, 9.0), lambda x: x, where(0)]
    return lax.switch(jnp.where(x[0] < -1.8, 0, 2), ways, x)


@jax.custom_vjp
def bent_backward(x):
    return jnp.sum(x)


bent_backward.defvjp(
    lambda x: (bent_backward(x), x), lambda x, c: (c * jnp.where(x < -3, 0.0, 1.0),)
)


@jax.custom_jvp
def bent_forward(x):
    return jnp.sum(x)


bent_forward.defjvp(
    lambda x, t: (bent_forward(x[0]), jnp.sum(jnp.where(x[0] < -3, 0.0, t[0])))
)


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (where(0), [("where", BOTH, ())]),
        (where(1.2), [("where", BOTH, ())]),
        (where(2), [("where", ("false",), ("true",))]),
        (where(-3), [("where", ("true",), ("false",))]),
        (lambda x: jnp.where(x > 0, 1, 2) * x, []),
        (lambda x: jnp.where(jnp.array([True, False, True]), x, 2 * x), []),
        (lambda x: jnp.where(jnp.isnan(x) | jnp.isinf(x), 0, x), []),
        (lambda x: jnp.where(~jnp.isfinite(x), 0, x), []),
        (lambda x: jax.nn.logsumexp(x), []),
        (jax.jit(where(2)), [("where", ("false",), ("true",))]),
        (jax.checkpoint(where(2)), [("where", ("false",), ("true",))]),
        (lambda x: jnp.maximum(x, -5), [("max", LARGER[:1], LARGER[1:])]),
        (lambda x: jnp.minimum(x, -5), [("min", LARGER[:1], LARGER[1:])]),
        (lambda x: jnp.maximum(x, 1), [("max", LARGER, ())]),
        (lambda x: x + jnp.maximum(1.0, 2.0), []),
        (lambda x: lax.clamp(-1.0, x, 3.0), [("clamp", CLAMP[:2], CLAMP[2:])]),
        (lambda x: lax.clamp(-9.0, x, -5.0), [("clamp", CLAMP[2:], CLAMP[:2])]),
        (
            lambda x: lax.cond(x[1] > 0.3, where(0), lambda x: x, x),
            [("cond", BOTH, ()), ("where", BOTH, ())],
        ),
        (
            lambda x: lax.cond(x[1] > 0.6, where(0), lambda x: x, x),
            [("cond", ("false",), ("true",)), ("where", (), BOTH)],
        ),
        (
            switched,
            [
                ("cond", ("case 0", "case 2"), ("case 1",)),
                ("min", LARGER[1:], LARGER[:1]),
                ("where", BOTH, ()),
            ],
        ),
        (scanned(-0.5), [("where", BOTH, ())]),
        (scanned(1), [("where", ("false",), ("true",))]),
        (looped(2.5), [("where", BOTH, ())]),
        (looped(100), [("where", ("false",), ("true",))]),
        (bent_backward, [("where", ("false",), ("true",))]),
        (bent_forward, [("where", ("false",), ("true",))]),
    ],
)
def test_branches(fn, expected):
    assert found(fn) == expected


def test_each_point_counts():
    assert found(where(0), POINTS[:, :1]) == [("where", ("false",), ("true",))]
    assert found(where(-1.8), POINTS[:, :1]) == [("where", BOTH, ())]


def test_relu():
    (kind, *rest), *others = found(lambda x: jax.nn.relu(x))
    assert (kind, *rest) == ("max", LARGER, ()) and not any(u for *_, u in others)
    assert found(lambda x: jax.nn.relu(x - 5))[0] == ("max", LARGER[1:], LARGER[:1])


def test_lines():
    with jax.enable_x64(True):
        problem = make_problem(Case(where(0), (POINTS[0],), ("x",)), jax.random.key(0))
        (branch,) = find_branches(problem, [problem.leaves])
    line = where.__code__.co_firstlineno + 1
    assert branch.where == f"test_branches.py:{line}"
