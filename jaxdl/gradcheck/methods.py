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
from jaxdl.gradcheck.settle import FLOOR, ROUNDING, Settled, settle, without_claims
from jaxdl.types import PRNGKey

MAX_ENTRIES = 64
"""A leaf with more entries is checked at this many, and along random directions."""
NUM_DIRECTIONS = 2
"""Random directions of such a leaf."""
QUICK_SIZE = 2**16
"""Entries above which running costs more than compiling."""

_DIRECTION_FLOOR = 1e-2  # as FLOOR, where a direction's entries are made to weigh alike
_GROUP_SIZE = 2**13  # entries whose rows one program takes together
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


class Derivatives(NamedTuple):
    """Derivatives of one order by several methods, one number for each row of a leaf.

    Attributes:
      reverse: in reverse mode.
      largest: largest size of an entry of the leaf, here or at the given point; of a
        direction, the largest term of the sum <g, u>.
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
        entries, factors = np.arange(size), np.zeros((0, size))
        if size > MAX_ENTRIES:
            leaf_key = jax.random.fold_in(key, i)
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


class FirstOrder(NamedTuple):
    """Findings at order 1 at a point, leaf by leaf.

    Attributes:
      found: the derivatives.
      gradients: in reverse mode, raveled.
      finite: whether the function's value is finite there.
    """

    found: list[Derivatives]
    gradients: list[np.ndarray]
    finite: bool


def make_first_order(
    problem: Problem, *, step: float, tolerance: float
) -> Callable[..., FirstOrder]:
    """Reverse and forward mode, differences and complex step, compiled once.

    Args:
      problem: the function.
      step: of the differences, times max(1, |entry|); before that, where the leaf's
        root mean square is not about 1, times that instead of 1.
      tolerance: to which differences must settle.

    Returns:
      A function of the point's leaves, of the rows of each leaf and, at a further
      point, of what was found at the given one.
    """
    groups = _groups([leaf.size for leaf in problem.leaves])
    programs = [_first_order_program(problem, group) for group in groups]

    def at(
        leaves: list[jax.Array], rows: list[Rows], given: FirstOrder | None
    ) -> FirstOrder:
        values = [np.asarray(leaf).ravel() for leaf in leaves]
        found, gradients, finite = [], [], True
        for group, program in zip(groups, programs, strict=True):
            mine = [rows[i] for i in group]
            part = [values[i] for i in group]
            directions, lengths = _directions_in_group(part, mine)

            def run(h, length, at=leaves, program=program, directions=directions):
                return program(at, *directions, h, length)

            out = run(step, lengths[0])
            rounding = ROUNDING * float(out["magnitude"])
            reference = _reference([given.found[i] for i in group] if given else None)
            central = settle(
                _reusing(out["central"], run, step, lengths[0]),
                out["largest"],
                reference,
                _of_leaf(mine),
                np.full(len(out["largest"]), rounding),
                lengths,
                step=step,
                tolerance=tolerance,
            )

            def reverse(number, run=run, length=lengths[0]):
                return run(step, length, _nearby(leaves, number))["reverse"]

            least = _least(reference, tolerance, len(out["reverse"]))
            central = without_claims(
                central, out["reverse"], reverse, _leaf_of(mine), least
            )
            largest = _at_least(out["largest"], reference)
            found += _split(out["reverse"], largest, out["exact"], central, mine)
            cuts = np.cumsum([len(x) for x in part])[:-1]
            gradients += np.split(out["gradient"], cuts)
            finite &= bool(np.isfinite(out["magnitude"]))
        return FirstOrder(found, gradients, finite)

    return at


def _reference(given: list[Derivatives] | None) -> np.ndarray | None:
    """Largest entries of the leaves at the given point, row by row.

    A direction has length 1, so an error of its sum is held against them as well.
    """
    if given is None:
        return None
    return np.concatenate([np.full(len(x.largest), x.largest[0]) for x in given])


def _at_least(largest: np.ndarray, reference: np.ndarray | None) -> np.ndarray:
    return largest if reference is None else np.maximum(largest, reference)


def _reusing(
    first: Difference, run: Callable[..., Any], step: float, length: np.ndarray
) -> Callable[[float, np.ndarray], Difference]:
    """Differences at a step, the first of which are there already."""

    def differences(h: float, lengths: np.ndarray) -> Difference:
        if h == step and lengths is length:
            return first
        return run(h, lengths)["central"]

    return differences


def _groups(sizes: list[int]) -> list[list[int]]:
    """Leaves that one program differentiates together, in order."""
    groups: list[list[int]] = [[]]
    for i, size in enumerate(sizes):
        if groups[-1] and sum(sizes[j] for j in groups[-1]) + size > _GROUP_SIZE:
            groups.append([])
        groups[-1].append(i)
    return groups


def _first_order_program(problem: Problem, group: list[int]) -> Callable[..., Any]:
    """The compiled program of a group, without forward mode if there is none."""
    size = sum(problem.leaves[i].size for i in group)
    jit = quick_jit if size <= QUICK_SIZE else jax.jit
    programs = [jit(_row_program(problem, group, mode)) for mode in (True, False)]

    def run(*arguments):
        try:
            out = programs[0](*arguments)
        except TypeError as error:
            if "custom_vjp" not in str(error):
                raise
            del programs[0]  # the function has no forward mode, at any point
            out = programs[0](*arguments)
        return jax.tree.map(np.asarray, out)

    return run


def _directions_in_group(
    values: list[np.ndarray], rows: list[Rows]
) -> tuple[tuple[np.ndarray, ...], list[np.ndarray]]:
    """The rows of a group of leaves, raveled into one vector.

    Args:
      values: of each leaf, raveled.
      rows: of each leaf.

    Returns:
      For the program: for each row the entry (-1 for a random direction) and the
      direction's number, and the directions' factors. Then the lengths of a step: in
      the leaves' own size if that of one of them is not about 1, and of size 1.
    """
    total = sum(map(len, values))
    index, which, factors = [], [], []
    lengths: list[list[float]] = [[], []]
    starts = np.cumsum([0, *map(len, values)])
    for x, start, mine in zip(values, starts, rows, strict=False):
        numbers = range(len(factors), len(factors) + len(mine.factors))
        index += [*(start + mine.entries), *(-1 for _ in numbers)]
        which += [*(0 for _ in mine.entries), *numbers]
        for scale, column in zip((1.0, own_size(x)), lengths, strict=True):
            column += [*np.maximum(scale, np.abs(x[mine.entries]))]
            column += [max(scale, own_size(x)) for _ in numbers]
        for factor in mine.factors:
            factors.append(np.zeros(total))
            factors[-1][start : start + len(factor)] = factor
    columns = np.array(index), np.array(which), np.array(factors).reshape(-1, total)
    ones, own = map(np.array, lengths)
    return columns, [ones] if (ones == own).all() else [own, ones]


def own_size(x: np.ndarray) -> float:
    """Root mean square of a leaf; 1 where that is near 1, or nothing."""
    size = float(np.sqrt(np.mean(x**2)))
    return size if size > 0 and not 0.01 < size < 100 else 1.0


def _row_program(
    problem: Problem, group: list[int], forward: bool
) -> Callable[..., Any]:
    """All rows of a group of leaves at order 1."""
    shapes = [problem.leaves[i].shape for i in group]
    sizes = [problem.leaves[i].size for i in group]
    cuts = np.cumsum(sizes)[:-1]

    def program(leaves, index, which, factors, step, length):
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


def make_second_order(
    problem: Problem, key: PRNGKey, *, step: float, tolerance: float
) -> Callable[..., list[Derivatives]]:
    """Second derivatives: reverse over reverse, and differences of the gradient.

    H u, the gradient of <g, u>, along one random direction u in the space of all
    leaves. In units of each entry's length of a step it has length 1 and no entry near
    zero, so that each entry of H u hears of a whole row of the Hessian H.

    Args:
      problem: the function.
      key: draws u.
      step: of the differences.
      tolerance: to which differences must settle.

    Returns:
      A function of the point's leaves, of the rows of each leaf, in which H u is read,
      of what was found at order 1, of the leaves along which u may go and, at a further
      point, of what was found at order 2 at the given one.
    """
    signs = [
        signs_and_sizes(jax.random.fold_in(key, i), leaf.size)
        for i, leaf in enumerate(problem.leaves)
    ]
    compiled = quick_jit(_hessian_program(problem))

    def at(
        leaves: list[jax.Array],
        rows: list[Rows],
        first: FirstOrder,
        moving: list[bool],
        given: list[Derivatives] | None,
    ) -> list[Derivatives]:
        lengths = _lengths(leaves, first)
        u = [v if move else 0 * v for v, move in zip(signs, moving, strict=True)]
        norm = np.sqrt(sum(np.sum(v**2) for v in u))
        u = [
            (length * v / norm).reshape(leaf.shape)
            for length, v, leaf in zip(lengths, u, leaves, strict=True)
        ]
        places, factors = [r.entries for r in rows], [r.factors for r in rows]

        def run(h: float, ones: np.ndarray, at: Any = leaves) -> Any:
            out = compiled(at, u, places, factors, h)
            return jax.tree.map(np.asarray, out)

        number = sum(mine.number for mine in rows)
        ones = np.ones(number)
        out, reference = run(step, ones), _reference(given)

        def settled(sizes: list[float]) -> Settled:
            return settle(
                _reusing(out["central"], run, step, ones),
                out["largest"],
                reference,
                _of_leaf(rows),
                ROUNDING * np.repeat(sizes, [mine.number for mine in rows]),
                [ones],
                step=step,
                tolerance=tolerance,
            )

        largest_of_all, own = _gradient_sizes(lengths, first)
        central = settled(largest_of_all)
        if given is None:
            # Where a leaf drowns in the gradients of others, its own may be exact.
            alone = _none_settled(rows, central)
            if alone.any():
                central = settled(own).where(alone, central)
        central = without_claims(
            central,
            out["reverse"],
            lambda i: run(step, ones, _nearby(leaves, i))["reverse"],
            _leaf_of(rows),
            _least(reference, tolerance, number),
        )
        largest = _at_least(out["largest"], reference)
        return _split(out["reverse"], largest, {}, central, rows)

    return at


def _lengths(leaves: list[jax.Array], first: FirstOrder) -> list[np.ndarray]:
    """Length of a step of each entry, as differences at order 1 needed it."""
    found = []
    for leaf, derivatives in zip(leaves, first.found, strict=True):
        x = np.asarray(leaf).ravel()
        scale = own_size(x) if derivatives.central.own.any() else 1.0
        found.append(np.maximum(scale, np.abs(x)))
    return found


def _of_leaf(rows: list[Rows]) -> np.ndarray:
    """A number for each row, the same for all entries of a leaf."""
    names, count = [], 0
    for leaf, mine in enumerate(rows):
        names += [leaf] * len(mine.entries)
        names += [-1 - count - i for i in range(len(mine.factors))]
        count += len(mine.factors)
    return np.array(names)


def _leaf_of(rows: list[Rows]) -> np.ndarray:
    """The number of each row's leaf."""
    return np.repeat(np.arange(len(rows)), [mine.number for mine in rows])


def _nearby(leaves: list[jax.Array], number: int) -> list[jax.Array]:
    """A point at 1e-10 of each entry's size for 0, at 1e-9 for 1, and so on."""
    rng, moved = np.random.default_rng(number), []
    for leaf in leaves:
        x = np.asarray(leaf)
        sizes = rng.uniform(0.5, 1, x.shape) * 10.0 ** (number - 10)
        sizes *= rng.choice((-1, 1), x.shape) * np.maximum(np.abs(x), own_size(x))
        moved.append(jax.device_put(x + sizes))
    return moved


def _least(reference: np.ndarray | None, tolerance: float, number: int) -> np.ndarray:
    """Size of a gradient, for each row, that would pass wherever it came from."""
    if reference is None:
        return np.zeros(number)
    return FLOOR * tolerance * reference


def _gradient_sizes(
    lengths: list[np.ndarray], first: FirstOrder
) -> tuple[list[float], list[float]]:
    """Sizes for each leaf to which the rounding of its gradient is relative.

    Returns:
      The largest entry of all gradients, in units of each leaf's step; the leaf's own.
    """
    weighed = [
        _largest_finite(np.abs(gradient) * length)
        for gradient, length in zip(first.gradients, lengths, strict=True)
    ]
    sizes = [max(weighed) / float(length.min()) for length in lengths]
    own = [
        size if derivatives.central.all_zero else _largest_finite(np.abs(gradient))
        for size, gradient, derivatives in zip(
            sizes, first.gradients, first.found, strict=True
        )
    ]
    return sizes, own


def _none_settled(rows: list[Rows], central: Settled) -> np.ndarray:
    """For each row, whether no row of its leaf settled."""
    ends = np.cumsum([mine.number for mine in rows])
    parts = np.split(central.ok, ends[:-1])
    return np.concatenate([np.full(len(part), not part.any()) for part in parts])


def _largest_finite(sizes: np.ndarray) -> float:
    return float(np.max(sizes, where=np.isfinite(sizes), initial=0.0))


def _hessian_program(problem: Problem) -> Callable[..., Any]:
    """H u and differences of the gradient along u, at all rows."""
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

    return program


def _split(
    reverse: np.ndarray,
    largest: np.ndarray,
    exact: dict[str, np.ndarray],
    central: Settled,
    rows: list[Rows],
) -> list[Derivatives]:
    """Numbers of all rows, leaf by leaf."""
    ends = itertools.accumulate(mine.number for mine in rows)
    return [
        Derivatives(
            reverse[start:end],
            largest[start:end],
            {name: values[start:end] for name, values in exact.items()},
            central.part(start, end),
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


def make_whole_gradients(problem: Problem) -> Callable[[list[jax.Array]], Whole]:
    """The derivation by hand and the plain definition, where there are any.

    Returns:
      A function of the point's leaves, compiled once.
    """
    case = problem.case
    nothing: list[np.ndarray | None] = [None] * len(problem.leaves)

    @quick_jit
    def program(leaves):
        args = problem.arguments(leaves)
        out: dict[str, Any] = {}
        if case.hand:
            out["hand"] = case.hand(problem.cotangent, *args)
        if case.plain:
            out["plain"] = jax.grad(problem.plain_objective)(leaves)
            out["values"] = case.fn(*args), case.plain(*args)
        return out

    def at(leaves: list[jax.Array]) -> Whole:
        if not (case.hand or case.plain):
            return Whole(nothing, nothing, ([], []))
        out = jax.tree.map(np.asarray, program(leaves))
        hand = nothing
        if case.hand:
            hand = []
            for gradient, arg in zip(out["hand"], case.args, strict=True):
                like = jax.tree.leaves(arg)
                given = gradient is not None
                hand += jax.tree.leaves(gradient) if given else [None] * len(like)
        first, second = (jax.tree.leaves(tree) for tree in out.get("values", ((), ())))
        return Whole(hand, out.get("plain", nothing), (first, second))

    return at
