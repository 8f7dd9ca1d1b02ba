"""Arithmetic of less than 64 bits within a function, found in its jaxpr."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal, jaxprs_in_params

from jaxdl.gradcheck.problem import Problem

_CALLS = ("jaxpr", "call_jaxpr", "fun_jaxpr")
_LOOPS = ("scan", "while", "cond")

Widths = dict[int, int]
"""For each argument on which a value depends, the fewest bits of a mantissa between."""


def called(eqn: Any) -> tuple[Any, Sequence[Any]] | None:
    """The program that an equation calls once, and its constants, if that is all it
    does: jit, custom_jvp, custom_vjp, remat."""
    if eqn.primitive.name in _LOOPS:
        return None
    for name in _CALLS:
        program = eqn.params.get(name)
        if program is not None:
            return opened(program)
    return None


def opened(program: Any) -> tuple[Any, Sequence[Any]]:
    """A jaxpr and its constants."""
    if isinstance(program, ClosedJaxpr):
        return program.jaxpr, program.consts
    return program, ()


def narrowest(program: ClosedJaxpr) -> list[list[int]]:
    """Fewest bits of a mantissa through which each argument reaches each output.

    Only what passes from float to float counts: a comparison or a whole number has no
    derivative. 52 for float64 throughout, or no way at all.

    Returns:
      For each output, a number for each argument.
    """
    jaxpr = program.jaxpr
    start = [{i: 52} if _mantissa(v.aval) else {} for i, v in enumerate(jaxpr.invars)]
    found = _pass(jaxpr, start)
    return [[out.get(i, 52) for i in range(len(jaxpr.invars))] for out in found]


def dtype_name(bits: int) -> str:
    """The floating type with so many bits of a mantissa."""
    names = {jnp.finfo(t).nmant: t for t in ("float32", "float16", "bfloat16")}
    return names.get(bits, f"numbers with a mantissa of {bits} bits")


def _mantissa(aval: Any) -> int:
    """Bits of the mantissa of a floating or complex array; 0 for anything else."""
    dtype = getattr(aval, "dtype", None)
    if dtype is None or not jnp.issubdtype(dtype, np.inexact):
        return 0
    return int(jnp.finfo(dtype).nmant)


def _pass(jaxpr: Any, arguments: Sequence[Widths]) -> list[Widths]:
    """Widths of a jaxpr's outputs from those of its arguments."""
    known: dict[Any, Widths] = dict(zip(jaxpr.invars, arguments, strict=True))

    def read(v: Any) -> Widths:
        return {} if isinstance(v, Literal) else known.get(v, {})

    for eqn in jaxpr.eqns:
        for v, widths in zip(eqn.outvars, _step(eqn, read), strict=True):
            bits = _mantissa(v.aval)
            known[v] = {i: min(w, bits) for i, w in widths.items()} if bits else {}
    return [read(v) for v in jaxpr.outvars]


def _step(eqn: Any, read: Any) -> list[Widths]:
    """Widths of an equation's outputs."""
    arguments, name = [read(v) for v in eqn.invars], eqn.primitive.name
    inside = called(eqn)
    if inside and len(inside[0].invars) == len(arguments):
        return _pass(inside[0], arguments)
    if name == "cond":
        ways = [_pass(opened(b)[0], arguments[1:]) for b in eqn.params["branches"]]
        return [_merge(outs) for outs in zip(*ways, strict=True)]
    if name == "scan":
        constants, carries = eqn.params["num_consts"], eqn.params["num_carry"]
        return _loop(opened(eqn.params["jaxpr"])[0], arguments, constants, carries)
    if name == "while":
        skipped, constants = (eqn.params[f"{k}_nconsts"] for k in ("cond", "body"))
        carries = len(arguments) - skipped - constants
        body = opened(eqn.params["body_jaxpr"])[0]
        return _loop(body, arguments[skipped:], constants, carries)
    merged = _merge(arguments)
    bits = [eqn.params["mantissa_bits"]] if name == "reduce_precision" else []
    for program in jaxprs_in_params(eqn.params):  # of which nothing is known
        bits += [_mantissa(v.aval) or 52 for e in program.eqns for v in e.outvars]
    return [{i: min(w, *bits, 52) for i, w in merged.items()}] * len(eqn.outvars)


def _loop(
    body: Any, arguments: Sequence[Widths], num_consts: int, num_carry: int
) -> list[Widths]:
    """Widths after as many rounds as it takes until they stay."""
    constants, rest = arguments[:num_consts], arguments[num_consts + num_carry :]
    carry = list(arguments[num_consts : num_consts + num_carry])
    while True:
        outs = _pass(body, [*constants, *carry, *rest])
        new = [_merge(pair) for pair in zip(carry, outs, strict=False)]
        if new == carry:
            return [*new, *outs[num_carry:]]
        carry = new


def _merge(several: Sequence[Widths]) -> Widths:
    """The fewest bits on any way."""
    merged: Widths = {}
    for widths in several:
        for i, bits in widths.items():
            merged[i] = min(bits, merged.get(i, bits))
    return merged


def why_narrow(problem: Problem) -> list[str]:
    """For each leaf, why differences cannot show its derivative; else nothing.

    A function with a custom VJP is looked at together with its backward pass.
    """
    program = jax.make_jaxpr(problem.objective)(problem.leaves)
    (found,) = narrowest(program)
    if _has_custom_vjp(program.jaxpr):
        backward = jax.make_jaxpr(jax.grad(problem.objective))(problem.leaves)
        for i, widths in enumerate(narrowest(backward)):
            found[i] = min(found[i], *widths)
    return [
        ""
        if bits >= 52
        else f"computed in {dtype_name(bits)}, too coarse for differences: expected "
        "float64 throughout; let the function keep the dtype of its arguments"
        for bits in found
    ]


def _has_custom_vjp(jaxpr: Any) -> bool:
    return any(
        eqn.primitive.name.startswith("custom_vjp")
        or any(map(_has_custom_vjp, jaxprs_in_params(eqn.params)))
        for eqn in jaxpr.eqns
    )
