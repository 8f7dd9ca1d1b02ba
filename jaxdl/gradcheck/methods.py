"""What each method says about a problem: numbers, not yet compared."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.gradcheck.finite_difference import (
    Difference,
    central_difference,
    complex_step,
)
from jaxdl.gradcheck.problem import Problem, draw_normal, quick_jit
from jaxdl.types import PRNGKey

MAX_ENTRIES = 64
"""A leaf with more entries is checked at this many, and along random directions."""
NUM_DIRECTIONS = 2
"""Random directions of such a leaf."""
FLOOR = 1e-3
"""Share of a leaf's largest entry below which errors are relative to that share."""
ROUNDING = 1e-13
"""Rounding of a central difference, relative to the values over the step: 450 eps."""
LEAST_ROUNDING = 1e-15
"""Rounding of the value itself, relative to it: 4.5 eps."""

_DIRECTION_FLOOR = 1e-2  # as FLOOR, where a direction's entries are made to weigh alike
_LADDER = (1, 0.1, 10, 0.01, 0.001)  # of the step, until differences settle
_SPREAD = 0.05  # of the tolerance: with kinks on both sides it can miss a part of them
_GROUP_SIZE = 2**13  # entries whose rows one program takes together
_QUICK_SIZE = 2**16  # entries above which running costs more than compiling
_LARGE = 2**21  # numbers in flight above which rows run one after the other


class Rows(NamedTuple):
    """Checked points of a leaf: single entries, then random directions.

    Attributes:
      entries: their places in the raveled leaf.
      factors: signs and sizes of the directions, [directions size].
    """

    entries: np.ndarray
    factors: np.ndarray

    @property
    def number(self) -> int:
        """How many entries and directions there are."""
        return len(self.entries) + len(self.factors)


class Settled(NamedTuple):
    """Differences that may have settled, one for each row of a leaf.

    Attributes:
      value: the central differences.
      ok: whether they settled.
      on_kink: where they did not, whether by more than rounding makes.
      zero: whether value and spread are mere rounding of a difference, and the leaf's
        largest entry in reverse mode mere rounding of the function's value.
      noise: what rounding makes of a difference at the last step taken.
    """

    value: np.ndarray
    ok: np.ndarray
    on_kink: np.ndarray
    zero: np.ndarray
    noise: float


class Derivatives(NamedTuple):
    """Derivatives of one order by several methods, one number for each row of a leaf.

    Attributes:
      reverse: in reverse mode.
      largest: largest size of an entry of the leaf; of a direction, the largest term
        of the sum <g, u>.
      exact: by methods without differences: "forward", "complex".
      central: by differences.
    """

    reverse: np.ndarray
    largest: np.ndarray
    exact: dict[str, np.ndarray]
    central: Settled


def choose_rows(sizes: list[int], key: PRNGKey) -> list[Rows]:
    """All entries of small leaves; some, and random directions, of large ones."""
    rows = []
    for i, size in enumerate(sizes):
        leaf_key = jax.random.fold_in(key, i)
        entries, factors = np.arange(size), np.zeros((0, size))
        if size > MAX_ENTRIES:
            numbers = draw_normal(jax.random.fold_in(leaf_key, 0), (size,))
            entries = np.sort(np.argsort(numbers)[:MAX_ENTRIES])
            factors = np.stack(
                [
                    signs_and_sizes(jax.random.fold_in(leaf_key, 1 + j), size)
                    for j in range(NUM_DIRECTIONS)
                ]
            )
        rows.append(Rows(entries, factors))
    return rows


def signs_and_sizes(key: PRNGKey, size: int) -> np.ndarray:
    """Numbers of random sign and of sizes 1/2 and above.

    None is near zero, and no two wrong entries cancel but by a coincidence.
    """
    numbers = np.asarray(draw_normal(key, (size,)))
    return np.sign(numbers) * (0.5 + np.abs(numbers))


def first_order(
    problem: Problem, rows: list[Rows], *, step: float, tolerance: float
) -> tuple[list[Derivatives], list[np.ndarray]]:
    """Reverse and forward mode, differences and complex step.

    Args:
      problem: the function.
      rows: of each leaf.
      step: of the differences, times max(1, |entry|).
      tolerance: to which differences must settle.

    Returns:
      For each leaf the derivatives, and the gradient in reverse mode.
    """
    found, gradients = [], []
    for group in _groups([leaf.size for leaf in problem.leaves]):
        derivatives, gradient = _group_derivatives(
            problem, group, [rows[i] for i in group], step, tolerance
        )
        found += derivatives
        gradients += gradient
    return found, gradients


def _groups(sizes: list[int]) -> list[list[int]]:
    """Leaves that one program differentiates together, in order."""
    groups: list[list[int]] = [[]]
    for i, size in enumerate(sizes):
        if groups[-1] and sum(sizes[j] for j in groups[-1]) + size > _GROUP_SIZE:
            groups.append([])
        groups[-1].append(i)
    return groups


def _group_derivatives(
    problem: Problem, group: list[int], rows: list[Rows], step: float, tolerance: float
) -> tuple[list[Derivatives], list[np.ndarray]]:
    sizes = [problem.leaves[i].size for i in group]
    arguments = (problem.leaves, *_directions_in_group(problem, group, rows))

    def compiled(forward: bool) -> Callable[..., Any]:
        jit = quick_jit if sum(sizes) <= _QUICK_SIZE else jax.jit
        program = jit(_row_program(problem, group, forward))
        return lambda h: jax.tree.map(np.asarray, program(*arguments, h))

    program = compiled(forward=True)
    try:
        out = program(step)
    except TypeError as error:
        if "custom_vjp" not in str(error):  # it has no forward mode
            raise
        program = compiled(forward=False)
        out = program(step)

    def differences(h: float) -> Difference:
        return out["central"] if h == step else program(h)["central"]

    rounding = ROUNDING * float(out["magnitude"])
    central = _settle(differences, out["largest"], rounding, step, tolerance)
    found = _split(out["reverse"], out["largest"], out["exact"], central, rows)
    return found, np.split(out["gradient"], np.cumsum(sizes)[:-1])


def _directions_in_group(
    problem: Problem, group: list[int], rows: list[Rows]
) -> tuple[np.ndarray, ...]:
    """For each row of a group of leaves, raveled into one vector: the entry (-1 for a
    random direction), the direction's number, and the length of a step; then the
    directions' factors."""
    sizes = [problem.leaves[i].size for i in group]
    total = sum(sizes)
    index, which, length, factors = [], [], [], []
    for i, start, mine in zip(group, np.cumsum([0, *sizes]), rows, strict=False):
        values = np.abs(np.asarray(problem.leaves[i]).ravel()[mine.entries])
        numbers = range(len(factors), len(factors) + len(mine.factors))
        index += [*(start + mine.entries), *(-1 for _ in numbers)]
        which += [*(0 for _ in mine.entries), *numbers]
        length += [*np.maximum(1.0, values), *(1.0 for _ in numbers)]
        for factor in mine.factors:
            factors.append(np.zeros(total))
            factors[-1][start : start + len(factor)] = factor
    columns = np.array(index), np.array(which), np.array(length)
    return *columns, np.array(factors).reshape(-1, total)


def _row_program(
    problem: Problem, group: list[int], forward: bool
) -> Callable[..., Any]:
    """All rows of a group of leaves at order 1."""
    shapes = [problem.leaves[i].shape for i in group]
    sizes = [problem.leaves[i].size for i in group]
    cuts = np.cumsum(sizes)[:-1]

    def program(leaves, index, which, length, factors, step):
        x = jnp.concatenate([leaves[i].reshape(-1) for i in group])

        def insert(x):
            whole = list(leaves)
            for i, part, shape in zip(group, jnp.split(x, cuts), shapes, strict=True):
                whole[i] = part.reshape(shape)
            return whole

        def f(x):
            return problem.objective(insert(x))

        def plain(x):
            return problem.plain_objective(insert(x))

        gradient, magnitude = jax.grad(
            lambda x: problem.objective_and_magnitude(insert(x)), has_aux=True
        )(x)
        largest = jnp.concatenate(
            [jnp.full(g.shape, _largest(g)) for g in jnp.split(gradient, cuts)]
        )
        directions = _directions(factors, gradient, largest)

        def row(arguments):
            index, which, length = arguments
            u = (jnp.arange(x.size) == index).astype(x.dtype)
            if len(directions):
                u = jnp.where(index >= 0, u, directions[which])
            terms = jnp.where(u == 0, 0, gradient * u)  # for NaN times 0 is NaN
            exact = {}
            if forward:
                exact["forward"] = jax.jvp(plain, (x,), (u,))[1]
            if problem.case.analytic:
                exact["complex"] = complex_step(f, x, u)
            return {
                "reverse": jnp.sum(terms),
                "largest": jnp.where(index >= 0, largest[index], _largest(terms)),
                "exact": exact,
                "central": central_difference(f, x, u, step * length),
            }

        rows = (index, which, length)
        at_once = 9 * x.size * index.size <= _LARGE
        out = jax.vmap(row)(rows) if at_once else jax.lax.map(row, rows)
        return out | {"gradient": gradient, "magnitude": magnitude}

    return program


def second_order(
    problem: Problem,
    rows: list[Rows],
    gradients: list[np.ndarray],
    key: PRNGKey,
    *,
    step: float,
    tolerance: float,
) -> list[Derivatives]:
    """Second derivatives: reverse over reverse, and differences of the gradient.

    H u, the gradient of <g, u>, along one random direction u in the space of all
    leaves. It has length 1 and no entry near zero, so that each entry of H u hears of a
    whole row of the Hessian H.

    Args:
      problem: the function.
      rows: of each leaf, in which H u is read.
      gradients: of each leaf, whose rounding is that of the differences.
      key: draws u.
      step: of the differences.
      tolerance: to which differences must settle.
    """
    leaves = problem.leaves
    u = [
        signs_and_sizes(jax.random.fold_in(key, i), leaf.size).reshape(leaf.shape)
        for i, leaf in enumerate(leaves)
    ]
    length = np.sqrt(sum(np.sum(part**2) for part in u))
    u = [part / length for part in u]
    gradient = jax.grad(problem.objective)

    def along(leaves, u):
        return sum(jnp.vdot(g, v) for g, v in zip(gradient(leaves), u, strict=True))

    def program(leaves, u, entries, factors, step):
        reverse = [h.reshape(-1) for h in jax.grad(along)(leaves, u)]
        directions = [
            _directions(factor, h, _largest(h))
            for factor, h in zip(factors, reverse, strict=True)
        ]

        def read(tree):
            parts = []
            for h, places, v in zip(tree, entries, directions, strict=True):
                h = h.reshape(-1)
                parts += [h[places], v @ h] if len(v) else [h[places]]
            return jnp.concatenate(parts)

        largest = []
        for h, places, v in zip(reverse, entries, directions, strict=True):
            largest.append(jnp.full(places.shape, _largest(h)))
            largest += [_largest(h * row)[None] for row in v]
        return {
            "reverse": read(reverse),
            "largest": jnp.concatenate(largest),
            "central": central_difference(
                lambda leaves: read(gradient(leaves)), leaves, u, step
            ),
        }

    compiled = quick_jit(program)
    places, factors = [r.entries for r in rows], [r.factors for r in rows]

    def run(h: float) -> Any:
        return jax.tree.map(np.asarray, compiled(leaves, u, places, factors, h))

    out = run(step)

    def differences(h: float) -> Difference:
        return out["central"] if h == step else run(h)["central"]

    rounding = ROUNDING * max(float(np.max(np.abs(g))) for g in gradients)
    central = _settle(differences, out["largest"], rounding, step, tolerance)
    return _split(out["reverse"], out["largest"], {}, central, rows)


def _split(
    reverse: np.ndarray,
    largest: np.ndarray,
    exact: dict[str, np.ndarray],
    central: Settled,
    rows: list[Rows],
) -> list[Derivatives]:
    """Numbers of all rows, leaf by leaf."""
    ends = np.cumsum([mine.number for mine in rows])
    return [
        Derivatives(
            reverse[start:end],
            largest[start:end],
            {name: values[start:end] for name, values in exact.items()},
            Settled(
                central.value[start:end],
                central.ok[start:end],
                central.on_kink[start:end],
                central.zero[start:end],
                central.noise,
            ),
        )
        for start, end in itertools.pairwise([0, *ends])
    ]


def _largest(x: jax.Array) -> jax.Array:
    """Largest size among the finite entries."""
    return jnp.max(jnp.where(jnp.isfinite(x), jnp.abs(x), 0))


def _directions(factors, gradient, largest) -> jax.Array:
    """Directions of length 1 in which every entry weighs about the same."""
    weights = jnp.maximum(jnp.abs(gradient), _DIRECTION_FLOOR * largest)
    directions = factors / jnp.where(weights > 0, weights, 1)[None]
    return directions / jnp.linalg.norm(directions, axis=1, keepdims=True)


def _settle(
    differences: Callable[[float], Difference],
    largest: np.ndarray,
    rounding: float,
    step: float,
    tolerance: float,
) -> Settled:
    """Differences, each at the first step of the ladder at which it settles.

    Stencils agree by chance where a step moves the value by less than it is rounded by,
    so they count only if rounding leaves room for the tolerance.

    Args:
      differences: at a step.
      largest: of the leaf's entries, for each difference.
      rounding: of a difference, times the step.
      step: where the ladder begins.
      tolerance: of the comparison to come.
    """
    value, zero = np.zeros_like(largest), np.zeros(largest.shape, bool)
    ok, on_kink = zero, ~zero
    least = rounding * LEAST_ROUNDING / ROUNDING
    # Stays true while every difference so far is within rounding.
    can_be_zero = largest <= least
    for h in [step * factor for factor in _LADDER]:
        new_value, spread = differences(h)
        noise = rounding / h
        can_be_zero &= np.maximum(np.abs(new_value), spread) <= noise
        scale = np.maximum(np.abs(new_value), FLOOR * largest)
        settled = spread <= _SPREAD * tolerance * scale
        settled &= least / h <= tolerance * scale
        take = ~ok & (settled | can_be_zero)
        value = np.where(take, new_value, value)
        zero = np.where(take, can_be_zero, zero)
        ok, on_kink = ok | take, on_kink & ((spread > noise) | (h < step))
        if ok.all():
            break
    return Settled(value, ok, ~ok & on_kink, zero, noise)


class Whole(NamedTuple):
    """Gradients to compare at all entries, leaf by leaf.

    Attributes:
      hand: the derivation by hand; None for a leaf that it leaves out.
      plain: gradient of the plain definition; None without one.
      values: outputs of the function and of its plain definition.
    """

    hand: list[np.ndarray | None]
    plain: list[np.ndarray | None]
    values: tuple[list[Any], list[Any]]


def whole_gradients(problem: Problem) -> Whole:
    """The derivation by hand and the plain definition, where there are any."""
    case = problem.case
    nothing: list[np.ndarray | None] = [None] * len(problem.leaves)

    def program(leaves):
        args = problem.arguments(leaves)
        out: dict[str, Any] = {}
        if case.hand:
            out["hand"] = case.hand(problem.cotangent, *args)
        if case.plain:
            out["plain"] = jax.grad(problem.plain_objective)(leaves)
            out["values"] = case.fn(*args), case.plain(*args)
        return out

    if not (case.hand or case.plain):
        return Whole(nothing, nothing, ([], []))
    out = jax.tree.map(np.asarray, quick_jit(program)(problem.leaves))
    hand = nothing
    if case.hand:
        hand = []
        for gradient, arg in zip(out["hand"], case.args, strict=True):
            like = jax.tree.leaves(arg)
            given = gradient is not None
            hand += jax.tree.leaves(gradient) if given else [None] * len(like)
    first, second = (jax.tree.leaves(tree) for tree in out.get("values", ((), ())))
    return Whole(hand, out.get("plain", nothing), (first, second))
