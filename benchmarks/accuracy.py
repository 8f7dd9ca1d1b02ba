"""How accurate is each activation and loss of one number, over all float32 numbers?

    python benchmarks/accuracy.py --json FILE.json

Claim: value and first derivative are within 4 units in the last place, or 1e-6 of
themselves, at every float32 number. Each of the 2^32 bit patterns is tried with
`--stride 1`; a stride of 1,021 tries 8,216 numbers between any two powers of two, in
half a minute.

The true values are computed in float64 by formulas that cancel nothing
(`tests/benchmarks/test_accuracy.py` compares them with 60 digits of mpmath's). Where a
true value is not 0 but below float32's normal range, 1.2e-38, XLA on CPU gives 0: an
error of at most 1.2e-38 is none there. At infinities the limits are expected, at NaN
NaN. `jax.nn` and PyTorch are held to the same numbers.

Speed stands beside it: nanoseconds for each of 1,000,000 numbers, forward and backward,
medians of timings in turns (`--repeats 0` leaves them out).
"""

import dataclasses
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from harness import BenchmarkConfig, report, time_in_turns
from scipy import special

from jaxdl.adversarial import losses as gan
from jaxdl.cli import start
from jaxdl.ops import losses
from jaxdl.ops.activations import ACTIVATIONS

try:
    import torch
except ImportError:
    torch = None

CHUNK = 2**22
TINY = 2.0**-126  # the least normal float32
NUM_TIMED = 1_000_000
ArrayFn = Callable[[Any], Any]


class Case(NamedTuple):
    """A function of one number, from three libraries, and what is true of it.

    Attributes:
      ours, jax_nn, torch_fn: elementwise; None where a library has none.
      value, derivative: of float64 arrays, in NumPy and SciPy.
      table: our closed form of the derivative, where there is one.
    """

    ours: ArrayFn
    jax_nn: ArrayFn | None
    torch_fn: ArrayFn | None
    value: ArrayFn
    derivative: ArrayFn
    table: ArrayFn | None = None


# What is true, in float64


def _sigmoid_slope(z):
    return special.expit(z) * special.expit(-z)


def _softplus(z):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def _gelu_slope(z):
    with np.errstate(invalid="ignore"):
        bell = z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return special.ndtr(z) + np.where(np.isinf(z), 0, bell)


def _times(z, factor):
    """z * factor, where a factor of 0 wins over an infinite z."""
    with np.errstate(invalid="ignore"):
        return np.where(factor == 0, 0, z * factor)


def _silu_slope(z):
    return special.expit(z) + _times(z, _sigmoid_slope(z))


def _between(z, low, high):
    return np.heaviside(z - low, 0.5) * np.heaviside(high - z, 0.5)


def _nan_or(z, value):
    return np.where(np.isnan(z), np.nan, value)


def _nan_at_infinity(fn):
    """Of a row [z, 0] with z infinite no library knows the softmax."""
    return lambda z: np.where(z == np.inf, np.nan, fn(z))


TRUE = {
    "unit_step": (lambda z: np.heaviside(z, 0.5), lambda z: _nan_or(z, 0)),
    "sign": (np.sign, lambda z: _nan_or(z, 0)),
    "linear": (lambda z: z, np.ones_like),
    "piecewise_linear": (
        lambda z: np.clip(z + 0.5, 0, 1),
        lambda z: _between(z, -0.5, 0.5),
    ),
    "sigmoid": (special.expit, _sigmoid_slope),
    "tanh": (np.tanh, lambda z: 4 * _sigmoid_slope(2 * z)),
    "relu": (lambda z: np.maximum(z, 0), lambda z: _nan_or(z, z > 0)),
    "leaky_relu": (
        lambda z: np.where(z > 0, z, z / 100),
        lambda z: _nan_or(z, np.where(z >= 0, 1, 0.01)),
    ),
    "softplus": (_softplus, special.expit),
    "softmax": (_nan_at_infinity(special.expit), _nan_at_infinity(_sigmoid_slope)),
    "softsign": (
        lambda z: np.where(np.isinf(z), np.sign(z), z / (1 + np.abs(z))),
        lambda z: (1 / (1 + np.abs(z))) ** 2,
    ),
    "elu": (
        lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        lambda z: np.exp(np.minimum(z, 0)),
    ),
    "gelu": (lambda z: _times(z, special.ndtr(z)), _gelu_slope),
    "silu": (lambda z: _times(z, special.expit(z)), _silu_slope),
    "maxout": (
        lambda z: np.maximum(z, 0),
        lambda z: _nan_or(z, np.heaviside(z, 0.5)),
    ),
}
"""Value and derivative of each activation; of a row [z, 0] for softmax and maxout."""

OF_REAL = (lambda z: _softplus(-z), lambda z: -special.expit(-z))
OF_FAKE = (_softplus, special.expit)


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
        return losses.softmax_cross_entropy(rows, jnp.full(z.shape, label))

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


def numbers(stride: int) -> Iterator[np.ndarray]:
    """Float32 numbers in chunks: special ones, then every `stride`-th bit pattern."""
    special_ones = [0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 0.5, -0.5]
    yield np.resize(np.float32(special_ones), CHUNK if stride == 1 else 1024)
    for begin in range(0, 2**32, CHUNK * stride):
        bits = np.arange(begin, min(begin + CHUNK * stride, 2**32), stride)
        yield bits.astype(np.uint32).view(np.float32)


def value_and_derivative(fn: ArrayFn) -> Callable[[np.ndarray], tuple]:
    """Of a function of JAX, compiled."""

    @jax.jit
    def both(z):
        y, pull = jax.vjp(fn, z)
        return y, *pull(jnp.ones_like(y))

    return both


def torch_value_and_derivative(fn: ArrayFn) -> Callable[[np.ndarray], tuple]:
    """Of a function of PyTorch."""

    def both(z):
        leaf = torch.from_numpy(z).requires_grad_()
        y = fn(leaf)
        (slope,) = torch.autograd.grad(y, leaf, torch.ones_like(y))
        return y.detach().numpy(), slope.numpy()

    return both


class Worst(NamedTuple):
    """The largest error found, where the goal is missed if it is missed anywhere.

    Attributes:
      relative: |got - true| / |true|, over true values in the normal range; infinite
        for a wrong infinity or NaN.
      ulp: the same in units in the last place of the true value.
      at: the number where `relative` is largest.
      below: |got - true| in units of 1.2e-38, over true values below that.
      misses: how many numbers are off by more than 4 ulp and 1e-6.
    """

    relative: float = 0.0
    ulp: float = 0.0
    at: float = 0.0
    below: float = 0.0
    misses: int = 0

    def join(self, other: "Worst") -> "Worst":
        """The larger errors of two parts."""
        first = self if self.relative >= other.relative else other
        return Worst(
            first.relative,
            max(self.ulp, other.ulp),
            first.at,
            max(self.below, other.below),
            self.misses + other.misses,
        )


def errors(z: np.ndarray, got: np.ndarray, fn: ArrayFn) -> Worst:
    """The largest error of values at `z`, where `fn` is true."""
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        wide, got = z.astype(np.float64), np.asarray(got).astype(np.float64)
        true = np.asarray(fn(wide), np.float64)
        # XLA on CPU takes subnormal numbers for 0: what is true there will do as well.
        subnormal = np.flatnonzero((np.abs(wide) < TINY) & (wide != 0))
        if subnormal.size:
            at_zero = fn(np.zeros(1))
            near = np.abs(got[subnormal] - at_zero) < np.abs(
                got[subnormal] - true[subnormal]
            )
            true[subnormal[near]] = at_zero
    with np.errstate(over="ignore"):
        rounded = true.astype(np.float32)
    size = np.abs(true)
    normal = np.isfinite(rounded) & (size >= TINY)
    with np.errstate(invalid="ignore", divide="ignore"):
        gaps = np.abs(got - true)
        relative = np.where(normal, gaps / size, 0)
        unit = np.ldexp(1.0, np.frexp(np.where(normal, size, 1))[1] - 24)
        ulp = np.where(normal, gaps / unit, 0)
        small = np.isfinite(rounded) & (size < TINY)
        below = np.where(small, gaps / TINY, 0)
    same = np.where(np.isnan(rounded), np.isnan(got), got == rounded)
    relative = np.where(np.isfinite(rounded) | same, relative, np.inf)
    relative, ulp = (np.where(np.isnan(x), np.inf, x) for x in (relative, ulp))
    below = np.where(np.isnan(below), np.inf, below)
    missed = ((relative > 1e-6) & (ulp > 4)) | (below > 1) | (relative == np.inf)
    worst = int(np.argmax(relative))
    return Worst(
        float(relative[worst]),
        float(ulp.max()),
        float(z[worst]),
        float(below.max()),
        int(missed.sum()),
    )


def sweep(
    case: Case, stride: int, *, peers: bool = True
) -> dict[str, tuple[Worst, ...]]:
    """Errors of value and derivative, by library; ours alone without `peers`."""
    sides = {"ours": value_and_derivative(case.ours)}
    if case.table is not None:
        table = jax.jit(lambda z: (case.ours(z), case.table(z)))
        sides["table"] = table
    if peers and case.jax_nn is not None:
        sides["jax.nn"] = value_and_derivative(case.jax_nn)
    if peers and case.torch_fn is not None:
        sides["PyTorch"] = torch_value_and_derivative(case.torch_fn)
    found = {side: (Worst(), Worst()) for side in sides}
    for z in numbers(stride):
        for side, fn in sides.items():
            true = case.value, case.derivative
            parts = [errors(z, *pair) for pair in zip(fn(z), true, strict=True)]
            joined = [a.join(b) for a, b in zip(found[side], parts, strict=True)]
            found[side] = tuple(joined)
    return found


# What is measured, and how fast it is


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(BenchmarkConfig):
    """Accuracy over all float32 numbers, and speed, of each activation and loss."""

    functions: tuple[Literal[*cases()], ...] = tuple(cases())
    """Which to try."""
    stride: int = 1021
    """Every which bit pattern to try; 1 tries all, in hours."""
    repeats: int = 15
    """Timings of each side, taken in turns; rows hold their medians. 0: none."""
    seconds: float = 0.02
    """About how long one timing lasts."""

    def __post_init__(self):
        if self.stride < 1 or self.repeats < 0:
            raise ValueError(
                f"--stride is {self.stride} and --repeats {self.repeats}: expected 1 "
                "or more, and 0 or more"
            )


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
    row: dict[str, Any] = {"case": name, "stride": config.stride}
    for side, pair in sweep(case, config.stride).items():
        for order, worst in zip(("value", "derivative"), pair, strict=True):
            found = worst._asdict()
            row[f"{side} {order}"] = {k: _in_json(v) for k, v in found.items()}
    if config.repeats:
        times, _ = time_in_turns(
            sides_of_speed(case), repeats=config.repeats, seconds=config.seconds
        )
        for side, found in times.items():
            row[f"{side} ns"] = float(np.median(found)) / NUM_TIMED * 1e9
    return row


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


def benchmark(config: Config) -> int:
    """Try everything and report."""
    rows = []
    for name in config.functions:
        rows.append(row_of(name, cases()[name], config))
        print(f"{time.strftime('%X')} tried {name}", flush=True)
    print(table(rows))
    return report(rows, config)


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, benchmark, argv)


if __name__ == "__main__":
    sys.exit(main())
