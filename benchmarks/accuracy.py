"""How accurate is each activation and loss of one number, over all float32 numbers?

    python benchmarks/accuracy.py --json FILE.json

Claim: value and first derivative are within 1e-6 of themselves at every float32 number.
A stride of 1,021 tries 8,216 numbers between any two powers of two, in half a minute.
All 2^32 are tried, a minute a function, by

    python benchmarks/accuracy.py --stride 1 --peers jax.nn --repeats 0 --resume \\
        --json FILE.json

The true values are computed by XLA in float64, by formulas that cancel nothing. They
are within 1e-12 of 60 digits of mpmath's (`tests/benchmarks/test_accuracy.py`). Where a
true value is not 0 but below float32's normal range, 1.2e-38, XLA on CPU gives 0: an
error of at most 1.2e-38 is none there. At infinities the limits are expected, at NaN
NaN. `jax.nn` and PyTorch are held to the same numbers.

Speed stands beside it: nanoseconds for each of 1,000,000 numbers, forward and backward,
medians of timings in turns (`--repeats 0` leaves them out).
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import functools
import hashlib
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from harness import BenchmarkConfig, machine, report, save, time_in_turns

from jaxdl.adversarial import losses as gan
from jaxdl.cli import start
from jaxdl.errors import InputError
from jaxdl.ops import losses
from jaxdl.ops.activations import ACTIVATIONS
from jaxdl.train.config import require_at_least, require_each_once

try:
    import torch
except ImportError:
    torch = None

CHUNK = 2**18
BLOCK = 2**14  # small enough for the cache
GOAL = 1e-6
TINY = 2.0**-126  # the least normal float32
NUM_TIMED = 1_000_000
ArrayFn = Callable[[Any], Any]


class Case(NamedTuple):
    """A function of one number, from three libraries, and what is true of it.

    Attributes:
      ours, jax_nn, torch_fn: elementwise; None where a library has none.
      value, derivative: of float64 arrays, by JAX.
      table: our closed form of the derivative, where there is one.
    """

    ours: ArrayFn
    jax_nn: ArrayFn | None
    torch_fn: ArrayFn | None
    value: ArrayFn
    derivative: ArrayFn
    table: ArrayFn | None = None


# What is true: formulas that cancel nothing, of float64 arrays


def _sigmoid(z):
    return 1 / (1 + jnp.exp(-z))


def _sigmoid_slope(z):
    return _sigmoid(z) * _sigmoid(-z)


def _softplus(z):
    return jnp.maximum(z, 0) + jnp.log1p(jnp.exp(-jnp.abs(z)))


def _normal_cdf(z):
    return jax.lax.erfc(-z * 0.5**0.5) / 2


def _times(z, factor):
    """z * factor, where a factor of 0 wins over an infinite z."""
    return jnp.where(factor == 0, 0, z * factor)


def _gelu_slope(z):
    return _normal_cdf(z) + _times(z, jnp.exp(-(z**2) / 2) / math.sqrt(2 * math.pi))


def _silu_slope(z):
    return _sigmoid(z) + _times(z, _sigmoid_slope(z))


def _between(z, low, high):
    return jnp.heaviside(z - low, 0.5) * jnp.heaviside(high - z, 0.5)


def _nan_or(z, value):
    return jnp.where(jnp.isnan(z), math.nan, value)


def _nan_at_infinity(fn):
    """Of a row [z, 0] with z infinite no library knows the softmax."""
    return lambda z: jnp.where(z == math.inf, math.nan, fn(z))


TRUE = {
    "unit_step": (lambda z: jnp.heaviside(z, 0.5), lambda z: _nan_or(z, 0)),
    "sign": (jnp.sign, lambda z: _nan_or(z, 0)),
    "linear": (lambda z: z, jnp.ones_like),
    "piecewise_linear": (
        lambda z: jnp.clip(z + 0.5, 0, 1),
        lambda z: _between(z, -0.5, 0.5),
    ),
    "sigmoid": (_sigmoid, _sigmoid_slope),
    "tanh": (jnp.tanh, lambda z: 4 * _sigmoid_slope(2 * z)),
    "relu": (lambda z: jnp.maximum(z, 0), lambda z: _nan_or(z, z > 0)),
    "leaky_relu": (
        lambda z: jnp.where(z > 0, z, z / 100),
        lambda z: _nan_or(z, jnp.where(z >= 0, 1, 0.01)),
    ),
    "softplus": (_softplus, _sigmoid),
    "softmax": (_nan_at_infinity(_sigmoid), _nan_at_infinity(_sigmoid_slope)),
    "softsign": (
        lambda z: jnp.where(jnp.isinf(z), jnp.sign(z), z / (1 + jnp.abs(z))),
        lambda z: (1 / (1 + jnp.abs(z))) ** 2,
    ),
    "elu": (
        lambda z: jnp.where(z > 0, z, jnp.expm1(jnp.minimum(z, 0))),
        lambda z: jnp.exp(jnp.minimum(z, 0)),
    ),
    "gelu": (lambda z: _times(z, _normal_cdf(z)), _gelu_slope),
    "silu": (lambda z: _times(z, _sigmoid(z)), _silu_slope),
    "maxout": (
        lambda z: jnp.maximum(z, 0),
        lambda z: _nan_or(z, jnp.heaviside(z, 0.5)),
    ),
}
"""Value and derivative of each activation; of a row [z, 0] for softmax and maxout."""

OF_REAL = (lambda z: _softplus(-z), lambda z: -_sigmoid(-z))
OF_FAKE = (_softplus, _sigmoid)


def _unknown_at_infinity(pair):
    return tuple(map(_nan_at_infinity, pair))


def _negated(pair):
    return tuple(lambda z, f=f: -f(z) for f in pair)


# The three libraries


def _first_of_row(fn: ArrayFn) -> ArrayFn:
    return lambda z: fn(jnp.stack([z, jnp.zeros_like(z)], axis=-1))[..., 0]


def _torch_row(fn: ArrayFn) -> ArrayFn:
    return lambda z: fn(torch.stack([z, torch.zeros_like(z)], dim=-1))


def _jax_nn() -> dict[str, ArrayFn]:
    nn = jax.nn
    exact_gelu = lambda z: nn.gelu(z, approximate=False)  # noqa: E731
    found = {name: getattr(nn, name) for name in ("sigmoid", "relu", "leaky_relu")}
    found |= {name: getattr(nn, name) for name in ("softplus", "elu", "silu")}
    return found | {
        "tanh": jnp.tanh,
        "sign": jnp.sign,
        "softmax": _first_of_row(nn.softmax),
        "softsign": nn.soft_sign,
        "gelu": exact_gelu,
    }


def _torch() -> dict[str, ArrayFn]:
    if torch is None:
        return {}
    nn = torch.nn.functional
    return {
        "sign": torch.sign,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": nn.leaky_relu,
        "softplus": nn.softplus,
        "softmax": _torch_row(lambda row: torch.softmax(row, -1)[..., 0]),
        "softsign": nn.softsign,
        "elu": nn.elu,
        "gelu": nn.gelu,
        "silu": nn.silu,
        "maxout": _torch_row(lambda row: torch.maximum(row[..., 0], row[..., 1])),
        "bernoulli, t = 0": lambda z: nn.binary_cross_entropy_with_logits(
            z, torch.zeros_like(z), reduction="none"
        ),
        "bernoulli, t = 1": lambda z: nn.binary_cross_entropy_with_logits(
            z, torch.ones_like(z), reduction="none"
        ),
        "softmax loss, label 0": _torch_row(lambda row: -row.log_softmax(-1)[..., 0]),
        "softmax loss, label 1": _torch_row(lambda row: -row.log_softmax(-1)[..., 1]),
        "gan, generator": lambda z: -nn.logsigmoid(z),
        "gan, minimax generator": lambda z: nn.logsigmoid(-z),
    }


def _bernoulli(target: float) -> ArrayFn:
    def loss(z):
        targets = jnp.full_like(z, target)[..., None]
        return losses.bernoulli_cross_entropy(z[..., None], targets)

    return loss


def _optax_bernoulli(target: float) -> ArrayFn:
    import optax

    return lambda z: optax.sigmoid_binary_cross_entropy(z, jnp.full_like(z, target))


def _softmax_loss(label: int) -> ArrayFn:
    def loss(z):
        rows = jnp.stack([z, jnp.zeros_like(z)], axis=-1)
        # Of constant labels XLA would fold the gradient's scatter, for half a minute.
        labels = _apart(jnp.full(z.shape, label))
        return losses.softmax_cross_entropy(rows, labels)

    return loss


def _jax_softmax_loss(label: int) -> ArrayFn:
    def loss(z):
        rows = jnp.stack([z, jnp.zeros_like(z)], axis=-1)
        return -jax.nn.log_softmax(rows)[..., label]

    return loss


def cases() -> dict[str, Case]:
    """Every activation, and the losses of one logit."""
    found, of_jax, of_torch = {}, _jax_nn(), _torch()
    for name, row in ACTIVATIONS.items():
        ours = row.fn if row.elementwise else _first_of_row(row.fn)
        table = row.derivative if row.elementwise else None
        peers = of_jax.get(name), of_torch.get(name)
        found[name] = Case(ours, *peers, *TRUE[name], table)
    log_sigmoid = jax.nn.log_sigmoid
    others = {
        "bernoulli, t = 0": (_bernoulli(0), _optax_bernoulli(0), OF_FAKE),
        "bernoulli, t = 1": (_bernoulli(1), _optax_bernoulli(1), OF_REAL),
        "softmax loss, label 0": (
            _softmax_loss(0),
            _jax_softmax_loss(0),
            _unknown_at_infinity(OF_REAL),
        ),
        "softmax loss, label 1": (
            _softmax_loss(1),
            _jax_softmax_loss(1),
            _unknown_at_infinity(OF_FAKE),
        ),
        "gan, generator": (
            gan.non_saturating_generator_loss,
            lambda z: -log_sigmoid(z),
            OF_REAL,
        ),
        "gan, minimax generator": (
            gan.minimax_generator_loss,
            lambda z: log_sigmoid(-z),
            _negated(OF_FAKE),
        ),
    }
    for name, (ours, of_jax_nn, true) in others.items():
        found[name] = Case(ours, of_jax_nn, of_torch.get(name), *true)
    return found


# The sweep

SPECIAL = np.float32([0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 0.5, -0.5])


def numbers(stride: int) -> Iterator[tuple[jax.Array, int]]:
    """Float32 numbers in chunks of one size, and how many of a chunk count.

    Every `stride`-th bit pattern from 0 on, then the special numbers, unless all were
    there. What fills the last chunk does not count.
    """
    regular = -(-(2**32) // stride)
    total = regular + (len(SPECIAL) if stride > 1 else 0)
    size = min(CHUNK, total)
    for begin in range(0, total, size):
        first = np.uint32(begin * stride % 2**32)
        num_regular = np.int32(min(size, regular - begin))
        yield _chunk(first, stride, num_regular, size), min(size, total - begin)


@functools.partial(jax.jit, static_argnames=("stride", "size"))
def _chunk(first, stride: int, num_regular, size: int):
    place = jax.lax.iota(jnp.int32, size)
    bits = first + place.astype(jnp.uint32) * np.uint32(stride)
    z = jax.lax.bitcast_convert_type(bits, jnp.float32)
    special = jnp.asarray(SPECIAL)[(place - num_regular) % len(SPECIAL)]
    return jnp.where(place < num_regular, z, special)


def value_and_derivative(fn: ArrayFn) -> Callable[[jax.Array], tuple]:
    """Of a function of JAX, compiled."""

    @jax.jit
    def both(z):
        y, pull = jax.vjp(fn, z)
        return y, *pull(jnp.ones_like(y))

    return both


def torch_value_and_derivative(fn: ArrayFn) -> Callable[[jax.Array], tuple]:
    """Of a function of PyTorch; in float64, for XLA on CPU drops subnormal float32."""

    def both(z):
        leaf = torch.from_numpy(np.array(z)).requires_grad_()
        y = fn(leaf)
        (slope,) = torch.autograd.grad(y, leaf, torch.ones_like(y))
        return tuple(x.detach().double().numpy() for x in (y, slope))

    return both


class Worst(NamedTuple):
    """The largest error found.

    Attributes:
      relative: |got - true| / |true|, infinite for a wrong infinity or NaN. Where the
        true value is below the normal range, |got - true| / 1.2e-38 if that is above 1.
      at: the number where `relative` is largest.
      misses: how many numbers are off by more than 1e-6.
    """

    relative: float = 0.0
    at: float = 0.0
    misses: int = 0

    def join(self, other: "Worst") -> "Worst":
        """The larger error of two parts."""
        first = self if self.relative >= other.relative else other
        return first._replace(misses=self.misses + other.misses)


class Truth(NamedTuple):
    """What is true of a function at some numbers, and at 0, in float64."""

    values: Any
    at_zero: Any


def truths(z: Any, fns: tuple[ArrayFn, ...]) -> list[Truth]:
    """What functions of float64 are at float32 numbers."""
    with jax.enable_x64(True):
        return _truths(z, fns)


@functools.partial(jax.jit, static_argnames="fns")
def _truths(z, fns):
    pairs = [
        [fn(x).astype(jnp.float64) for x in (_widened(z), jnp.zeros(()))] for fn in fns
    ]
    return [Truth(*pair) for pair in pairs]


def errors(z: Any, got: Any, true: Truth, num: int | None = None) -> Worst:
    """The largest error of values `got` at `z`.

    Args:
      z: float32 numbers.
      got: values there, in float32 or float64.
      true: what is true there.
      num: how many of the numbers count as misses; all by default.
    """
    with jax.enable_x64(True):
        found = _errors(z, got, true, np.int32(len(z) if num is None else num))
    relative, at, misses = jax.device_get(found)
    i = int(np.argmax(relative))
    return Worst(float(relative[i]), float(at[i]), int(np.sum(misses)))


@jax.jit
def _errors(z, got, true: Truth, num):
    """Of each block."""
    size = min(BLOCK, len(z))

    def in_blocks(x):
        return jnp.pad(x, (0, -len(x) % size), mode="edge").reshape(-1, size)

    def block(begin, parts):
        return begin + size, _block_errors(*parts, true.at_zero, num - begin)

    parts = jax.tree.map(in_blocks, (z, got, true.values))
    return jax.lax.scan(block, np.int32(0), parts)[1]


def _block_errors(z, got, true, at_zero, num):
    size, place = jnp.abs(_widened(z)), jax.lax.iota(jnp.int32, len(z))
    got, rounded = got.astype(jnp.float64), true.astype(jnp.float32)
    gaps = jnp.abs(got - true)
    # XLA on CPU takes subnormal numbers for 0: what is true there will do as well.
    nearest = jnp.minimum(gaps, jnp.abs(got - at_zero))
    gaps = jnp.where((size < TINY) & (size > 0), nearest, gaps)
    error = (gaps / jnp.maximum(jnp.abs(true), TINY)).astype(jnp.float32)
    error = jnp.where((jnp.abs(true) >= TINY) | (error > 1), error, 0)
    same = (got == rounded) | (jnp.isnan(got) & jnp.isnan(rounded))
    finite = jnp.isfinite(rounded)
    right = jnp.where(finite, ~jnp.isnan(gaps), same)
    error = jnp.where(right, jnp.where(finite, error, 0), jnp.inf)
    error = _apart(error.astype(jnp.float32))
    largest = jnp.max(error)
    worst = jnp.min(_apart(jnp.where(error == largest, place, len(z) - 1)))
    missed = lambda: jnp.sum((error > GOAL) & (place < num))  # noqa: E731
    return largest, z[worst], jax.lax.cond(largest > GOAL, missed, lambda: 0)


def _widened(x):
    """In float64, subnormal numbers too, which XLA on CPU converts to 0."""
    bits = jax.lax.bitcast_convert_type(x, jnp.int32)
    size = bits & 0x7FFFFFFF
    small = size < 0x00800000
    unit = jnp.where(small, jnp.where(bits < 0, -(2.0**-149), 2.0**-149), 1.0)
    normalised = jnp.where(small, size.astype(jnp.float32), x)
    return _apart(normalised.astype(jnp.float64) * unit)


_apart = jax.lax.optimization_barrier
"""Holds an array once: XLA would compute it anew for each of its uses."""


def sweep(
    case: Case, stride: int, peers: Sequence[str] = ()
) -> dict[str, dict[str, Worst]]:
    """Errors by "value" and "derivative", then by library.

    Args:
      case: the function.
      stride: of the bit patterns.
      peers: the libraries beside ours, where they have it.
    """
    both = {"ours": value_and_derivative(case.ours)}
    if "jax.nn" in peers and case.jax_nn is not None:
        both["jax.nn"] = value_and_derivative(case.jax_nn)
    if "PyTorch" in peers and case.torch_fn is not None:
        both["PyTorch"] = torch_value_and_derivative(case.torch_fn)
    table = case.table and jax.jit(case.table)
    found: dict[str, dict[str, Worst]] = {"value": {}, "derivative": {}}
    for z, num in numbers(stride):
        got = {side: dict(zip(found, fn(z), strict=True)) for side, fn in both.items()}
        if table is not None:
            got["table"] = {"derivative": table(z)}
        true = dict(zip(found, truths(z, (case.value, case.derivative)), strict=True))
        for side, parts in got.items():
            for order, values in parts.items():
                before = found[order].get(side, Worst())
                found[order][side] = before.join(errors(z, values, true[order], num))
    return found


# What is measured, and how fast it is


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(BenchmarkConfig):
    """Accuracy over all float32 numbers, and speed, of each activation and loss."""

    functions: tuple[Literal[*cases()], ...] = tuple(cases())
    """Which to try."""
    least_repeats: ClassVar[int] = 0
    stride: int = 1021
    """Every which bit pattern to try; 1 tries all, about a minute a function."""
    peers: tuple[Literal["jax.nn", "PyTorch"], ...] = ("jax.nn", "PyTorch")
    """Libraries to compare with. PyTorch takes longest."""
    resume: bool = False
    """Keep what `--json` has of the same programs; try the rest."""
    repeats: int = 15
    """Timings of each side, taken in turns; rows hold their medians. 0: none."""
    seconds: float = 0.02
    """About how long one timing lasts."""

    def __post_init__(self):
        super().__post_init__()
        require_at_least(1, stride=self.stride)
        require_each_once(functions=self.functions)
        if self.resume and self.json is None:
            raise InputError("--resume without --json: name the file to resume from")


def sides_of_speed(case: Case) -> dict[str, Callable[[int], Any]]:
    """Forward and backward over `NUM_TIMED` numbers: `side(steps)` of each library."""
    rng = np.random.default_rng(0)
    z, cotangent = 2 * rng.standard_normal((2, NUM_TIMED), np.float32)

    def in_jax(fn):
        @jax.jit
        def both(z, cotangent):
            y, pull = jax.vjp(fn, z)
            return y, *pull(cotangent)

        args = jax.device_put((z, cotangent))

        def side(steps):
            for _ in range(steps):
                results = jax.block_until_ready(both(*args))
            return results

        return side

    def in_torch(fn):
        leaf = torch.from_numpy(z).requires_grad_()
        given = torch.from_numpy(cotangent)

        def side(steps):
            for _ in range(steps):
                torch.autograd.grad(fn(leaf), leaf, given)

        return side

    sides = {"ours": in_jax(case.ours)}
    if case.jax_nn is not None:
        sides["jax.nn"] = in_jax(case.jax_nn)
    if case.torch_fn is not None:
        sides["PyTorch"] = in_torch(case.torch_fn)
    return sides


def row_of(name: str, case: Case, config: Config) -> dict[str, Any]:
    """Errors and times of one function, for the table and the file."""
    row = description(name, case, config)
    for order, found in sweep(case, config.stride, config.peers).items():
        for side, worst in found.items():
            fields = worst._asdict().items()
            row[f"{side} {order}"] = {k: _in_json(v) for k, v in fields}
    if config.repeats:
        times, _ = time_in_turns(
            sides_of_speed(case), repeats=config.repeats, seconds=config.seconds
        )
        for side, found in times.items():
            row[f"{side} ns"] = float(np.median(found)) / NUM_TIMED * 1e9
    return row


def description(name: str, case: Case, config: Config) -> dict[str, Any]:
    """What is tried: rows that begin alike are of the same programs."""
    return {
        "case": name,
        "stride": config.stride,
        "peers": [*config.peers],
        "timed": config.repeats,
        "program": program(case),
    }


def program(case: Case) -> str:
    """Digest of our value and derivatives, as they are handed to XLA."""
    z = jax.ShapeDtypeStruct((8,), jnp.float32)
    texts = [value_and_derivative(case.ours).lower(z).as_text()]
    if case.table is not None:
        texts.append(jax.jit(case.table).lower(z).as_text())
    return hashlib.sha256("".join(texts).encode()).hexdigest()[:16]


def _in_json(value: Any) -> Any:
    """JSON knows no infinity and no NaN."""
    finite = isinstance(value, int) or np.isfinite(value)
    return value if finite else str(value)


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown: largest relative errors, misses, and nanoseconds."""

    def error(row, side, order):
        found = row.get(f"{side} {order}")
        if found is None:
            return "-"
        size = found["relative"]
        at = found["at"]
        at = at if isinstance(at, str) else f"{at:.3g}"
        if isinstance(size, str):
            return f"wrong at {at}"
        return f"{size:.1e} at {at}" if size else "0"

    sides = ("ours", "jax.nn", "PyTorch")
    heads = [f"{order}: {side}" for order in ("f", "f'") for side in sides]
    lines = [["function", *heads, "ns: ours", "jax.nn", "PyTorch"]]
    lines.append(["---"] * len(lines[0]))
    for row in rows:
        orders = ("value", "derivative")
        cells = [error(row, side, order) for order in orders for side in sides]
        times = [row.get(f"{side} ns") for side in sides]
        cells += ["-" if x is None else f"{x:.2f}" for x in times]
        lines.append([row["case"], *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def earlier_rows(config: Config) -> dict[str, dict[str, Any]]:
    """Rows of the file to resume from, by name."""
    if not config.resume or not config.json.exists():
        return {}
    document = json.loads(config.json.read_text())
    here = machine()
    if {key: document[key] for key in here} != here:
        raise InputError(
            f"{config.json} is of another device or other versions: expected "
            f"{here['device']} and {here['versions']}; name another file"
        )
    return {row["case"]: row for row in document["rows"]}


def benchmark(config: Config) -> int:
    """Try everything and report."""
    found, known = earlier_rows(config), cases()
    for name in config.functions:
        begins = description(name, known[name], config)
        if begins.items() <= found.get(name, {}).items():
            print(f"{name} is in {config.json} already", flush=True)
            continue
        found[name] = row_of(name, known[name], config)
        rows = [found[key] for key in known if key in found]
        save(rows, config)
        print(f"{time.strftime('%X')} tried {name}", flush=True)
    rows = [found[key] for key in known if key in found]
    print(table(rows))
    return report(rows, config)


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, benchmark, argv)


if __name__ == "__main__":
    sys.exit(main())
