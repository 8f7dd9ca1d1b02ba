"""The branches of a function that its values took, found by running its jaxpr.

Counted are `where` and `select_n`, `max` and `min` (so `relu`), `clamp`, `cond` and
`switch`, if the point decides them, in the function and in everything it calls: `jit`,
`scan`, `while`, and functions with a custom derivative, whose rule for the derivative
is looked at too. Not counted are guards against infinities and NaN, for only points
with finite values are checked, and what chooses without a branch: sorting, `reduce_max`
and indexing.

A branch that no point took is reported and does not fail: nothing was shown of it, and
it may be one that cannot be reached.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal
from jax.extend.source_info_util import summarize

from jaxdl.gradcheck.precision import called, opened
from jaxdl.gradcheck.problem import Problem, quick_jit

_BOOLEAN = ("false", "true")
_LARGER = ("first larger", "second larger")
_CLAMP = ("below", "within", "above")


class Branch(NamedTuple):
    """A place where a function branches.

    Attributes:
      kind: "where", "max", "min", "clamp" or "cond".
      where: file and line; empty if JAX does not know.
      seen, unseen: names of the ways that were taken at some point, and at none.
    """

    kind: str
    where: str
    seen: tuple[str, ...]
    unseen: tuple[str, ...]


def find_branches(
    problem: Problem, points: Sequence[list[jax.Array]]
) -> tuple[Branch, ...]:
    """The branches of a problem's function, in the order in which it runs.

    Args:
      problem: the function.
      points: lists of leaves.
    """
    # Without the `jit` of `make_problem`, which would hide the lines.
    fn = problem.case.fn.__wrapped__  # pyrefly: ignore[missing-attribute]
    program = jax.make_jaxpr(lambda leaves: fn(*problem.arguments(leaves)))(
        problem.leaves
    )
    sites: list[_Site] = []
    place = _Place(_definition(fn))

    def record(leaves):
        sites.clear()
        start = [_Value(leaf, True) for leaf in leaves]
        return _run(program.jaxpr, program.consts, start, place, sites)[1]

    compiled = quick_jit(record)
    seen = [compiled(leaves) for leaves in points]
    taken = [np.any(np.asarray(each), axis=0) for each in zip(*seen, strict=True)]
    found = [
        Branch(
            site.kind,
            site.where,
            tuple(name for name, was in zip(site.ways, ways, strict=True) if was),
            tuple(name for name, was in zip(site.ways, ways, strict=True) if not was),
        )
        for site, ways in zip(sites, taken, strict=True)
    ]
    return tuple(dict.fromkeys(found))


class _Site(NamedTuple):
    """A branch, before it is known which ways it takes."""

    kind: str
    where: str
    ways: tuple[str, ...]


class _Place(NamedTuple):
    """Where a program is called, and whether a rule for a derivative calls it."""

    line: str
    in_rule: bool = False


class _Value(NamedTuple):
    """A value, whether the point decides it, and whether it guards against NaN."""

    value: Any
    depends: bool = False
    guards: bool = False


def _run(
    jaxpr: Any,
    consts: Sequence[Any],
    arguments: Sequence[_Value],
    place: _Place,
    sites: list[_Site],
) -> tuple[list[_Value], list[jax.Array]]:
    """Runs a jaxpr.

    Args:
      jaxpr, consts: the program.
      arguments: of the program.
      place: where it is called.
      sites: the branches are added to it.

    Returns:
      The outputs and, for each branch that was added, which ways it takes.
    """
    known: dict[Any, _Value] = dict(zip(jaxpr.invars, arguments, strict=True))
    known |= zip(jaxpr.constvars, map(_Value, consts), strict=True)
    seen: list[jax.Array] = []

    def read(v: Any) -> _Value:
        return _Value(v.val) if isinstance(v, Literal) else known[v]

    for eqn in jaxpr.eqns:
        inputs = [read(v) for v in eqn.invars]
        here = place._replace(line=_line(eqn) or place.line)
        branch = _branch(eqn, inputs)
        if branch:
            kind, ways, taken = branch
            sites.append(_Site(kind, here.line, ways))
            seen.append(taken)
        outputs, inside = _inside(eqn, inputs, here, sites)
        seen += inside
        known |= zip(eqn.outvars, outputs, strict=True)
    return [read(v) for v in jaxpr.outvars], seen


def _definition(fn: Callable[..., Any]) -> str:
    """File and line where a function begins; empty if it has none."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}" if code else ""


def _line(eqn: Any) -> str:
    """File and line of an equation, as in "losses.py:12"; empty if that is ours."""
    found = re.match(r"(.+?):(\d+)", summarize(eqn.source_info))
    if not found or Path(found[1]).parent == Path(__file__).parent:
        return ""
    return f"{Path(found[1]).name}:{found[2]}"


def _branch(
    eqn: Any, inputs: list[_Value]
) -> tuple[str, tuple[str, ...], jax.Array] | None:
    """Kind of an equation that branches, names of its ways, and which it takes."""
    name, values = eqn.primitive.name, [each.value for each in inputs]
    floating = all(jnp.issubdtype(v.aval.dtype, np.inexact) for v in eqn.outvars)
    if name in ("select_n", "cond"):
        decides = inputs[0].depends and not inputs[0].guards
        if not decides or (name == "select_n" and not floating):
            return None
        number = len(inputs) - 1 if name == "select_n" else len(eqn.params["branches"])
        ways = _BOOLEAN if number == 2 else tuple(f"case {i}" for i in range(number))
        taken = [jnp.any(values[0] == i) for i in range(number)]
        return "where" if name == "select_n" else "cond", ways, jnp.stack(taken)
    if not floating or not any(each.depends for each in inputs):
        return None
    if name in ("max", "min"):
        if any(_is_infinite(v) for v in eqn.invars):
            return None
        a, b = values
        return name, _LARGER, jnp.stack([jnp.any(a > b), jnp.any(b > a)])
    if name == "clamp":
        low, x, high = values
        within = (x >= low) & (x <= high)
        return "clamp", _CLAMP, jnp.stack([*map(jnp.any, (x < low, within, x > high))])
    return None


def _is_infinite(v: Any) -> bool:
    return isinstance(v, Literal) and bool(np.all(np.isinf(v.val)))


def _is_guard(eqn: Any, inputs: list[_Value]) -> bool:
    """Whether an equation tells finite numbers from others, or passes that on."""
    same = eqn.primitive.name == "ne" and eqn.invars[0] is eqn.invars[-1]
    infinite = eqn.primitive.name in ("eq", "ne") and any(map(_is_infinite, eqn.invars))
    is_flag = all(v.aval.dtype == bool for v in eqn.outvars)
    passed_on = is_flag and any(each.guards for each in inputs)
    return eqn.primitive.name == "is_finite" or same or infinite or passed_on


def _inside(
    eqn: Any, inputs: list[_Value], place: _Place, sites: list[_Site]
) -> tuple[list[_Value], list[jax.Array]]:
    """Outputs of an equation, and which ways the branches within it take."""
    name = eqn.primitive.name
    # A rule may call the function that it is of: then as it is, without its rule.
    if name.startswith("custom_") and not place.in_rule:
        found = _with_derivative(eqn, inputs, place, sites)
        if found:
            return found
    inner = called(eqn)
    if inner and len(inner[0].invars) == len(inputs):
        return _run(*inner, inputs, place, sites)
    if name in _LOOPS:
        return _LOOPS[name](eqn, inputs, place, sites)
    values = [each.value for each in inputs]
    outputs = _bind(eqn, values)
    depends, guards = any(each.depends for each in inputs), _is_guard(eqn, inputs)
    return [_Value(y, depends, guards) for y in outputs], []


def _bind(eqn: Any, values: Sequence[Any]) -> list[Any]:
    params = eqn.primitive.get_bind_params(eqn.params)
    found = eqn.primitive.bind(*values, **params)
    return list(found) if eqn.primitive.multiple_results else [found]


def _with_derivative(
    eqn: Any, inputs: list[_Value], place: _Place, sites: list[_Site]
) -> tuple[list[_Value], list[jax.Array]] | None:
    """A function with a custom derivative: the rule instead of the function.

    None if the derivative cannot be traced alone.
    """

    def whole(*values):
        def call(*values):
            return _bind(eqn, values)

        if "vjp" in eqn.primitive.name:
            outputs, pull = jax.vjp(call, *values)
            return outputs, pull([jnp.ones_like(y) for y in outputs])
        return jax.jvp(call, values, tuple(jnp.ones_like(x) for x in values))

    values = [each.value for each in inputs]
    try:
        program = jax.make_jaxpr(whole)(*values)
    except Exception:  # whole numbers have no tangents, and rules can do anything
        return None
    rule = place._replace(in_rule=True)
    outputs, seen = _run(program.jaxpr, program.consts, inputs, rule, sites)
    return outputs[: len(eqn.outvars)], seen


def _cond(
    eqn: Any, inputs: list[_Value], place: _Place, sites: list[_Site]
) -> tuple[list[_Value], list[jax.Array]]:
    """Each branch records its own; those of the others were not seen."""
    index, *operands = inputs
    parts, runs = [], []
    for branch in eqn.params["branches"]:
        own: list[_Site] = []
        run = _values_only(*opened(branch), operands, place, own)
        jax.eval_shape(run, *(each.value for each in operands))  # finds the branches
        parts.append(tuple(own))
        runs.append(run)

    def recording(number: int, run: Callable[..., Any]) -> Callable[..., Any]:
        def way(*values):
            outputs, seen = run(*values)
            nothing = [[jnp.zeros(len(s.ways), bool) for s in part] for part in parts]
            return outputs, [*nothing[:number], seen, *nothing[number + 1 :]]

        return way

    ways = [recording(number, run) for number, run in enumerate(runs)]
    values = [each.value for each in operands]
    outputs, seen = jax.lax.switch(index.value, ways, *values)
    sites += [site for part in parts for site in part]
    depends = any(each.depends for each in inputs)
    return [_Value(y, depends) for y in outputs], [s for part in seen for s in part]


def _scan(
    eqn: Any, inputs: list[_Value], place: _Place, sites: list[_Site]
) -> tuple[list[_Value], list[jax.Array]]:
    params = eqn.params
    first, second = params["num_consts"], params["num_consts"] + params["num_carry"]
    depends = any(each.depends for each in inputs)
    carry = [each._replace(depends=depends) for each in inputs[first:second]]
    arguments = [*inputs[:first], *carry, *inputs[second:]]
    own: list[_Site] = []
    run = _values_only(*opened(params["jaxpr"]), arguments, place, own)
    consts = [each.value for each in inputs[:first]]

    def body(carry, xs):
        outputs, seen = run(*consts, *carry, *xs)
        return outputs[: len(carry)], (outputs[len(carry) :], seen)

    last, (ys, seen) = jax.lax.scan(
        body,
        [each.value for each in carry],
        [each.value for each in inputs[second:]],
        length=params["length"],
        reverse=params["reverse"],
    )
    sites += own
    outputs = [_Value(y, depends) for y in [*last, *ys]]
    return outputs, [jnp.any(each, axis=0) for each in seen]


def _while(
    eqn: Any, inputs: list[_Value], place: _Place, sites: list[_Site]
) -> tuple[list[_Value], list[jax.Array]]:
    params = eqn.params
    first = params["cond_nconsts"]
    second = first + params["body_nconsts"]
    depends = any(each.depends for each in inputs)
    carry = [each._replace(depends=depends) for each in inputs[second:]]
    own: list[_Site] = []
    body = opened(params["body_jaxpr"])
    run = _values_only(*body, [*inputs[first:second], *carry], place, own)
    test, test_consts = opened(params["cond_jaxpr"])
    values = [each.value for each in inputs]
    jax.eval_shape(run, *values[first:])  # finds the branches
    nothing = [jnp.zeros(len(site.ways), bool) for site in own]

    def goes_on(state):
        arguments = map(_Value, [*values[:first], *state[0]])
        return _run(test, test_consts, [*arguments], place, [])[0][0].value

    def step(state):
        before, seen = state
        outputs, new = run(*values[first:second], *before)
        return outputs, [a | b for a, b in zip(seen, new, strict=True)]

    outputs, seen = jax.lax.while_loop(goes_on, step, (values[second:], nothing))
    sites += own
    return [_Value(y, depends) for y in outputs], seen


_LOOPS = {"cond": _cond, "scan": _scan, "while": _while}


def _values_only(
    jaxpr: Any,
    consts: Sequence[Any],
    arguments: Sequence[_Value],
    place: _Place,
    sites: list[_Site],
) -> Callable[..., tuple[list[Any], list[jax.Array]]]:
    """`_run` as a function of values, of which the rest is as in `arguments`."""

    def run(*values):
        sites.clear()
        inputs = [
            each._replace(value=value)
            for each, value in zip(arguments, values, strict=True)
        ]
        outputs, seen = _run(jaxpr, consts, inputs, place, sites)
        return [each.value for each in outputs], seen

    return run
