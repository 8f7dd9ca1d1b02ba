"""How fast is each activation, against memory and against PyTorch?

    python benchmarks/activations.py --json FILE.json --figure FILE.png

Claim: on CPU, 16 million float32 numbers, no activation of `ops.activations` is slower
than in eager PyTorch, and forward and backward together reach 80 % of a copy's
bandwidth for ReLU, leaky ReLU, sigmoid and tanh. Twelve minutes.

Forward is one compiled call, y = f(z); forward + backward gives y and, for a given
cotangent, the gradient dz: 8 and 16 bytes a number in float32, each array counted once.
The copy, the roofline, is a compiled call that moves as many bytes between as many
arrays of the same sizes: z + 1, and for both directions (cotangent + 1, z + 1). In the
first columns every call writes to fresh arrays, as a training script's first-hand calls
do, on our side, the copy's and PyTorch's: for large arrays page faults are then most of
the time. In the `warm` columns ours and the copy write into donated arrays.

Arrays have rows of 100 numbers, the axis of softmax and of maxout, whose units take
pairs of them (its forward copy adds the two). As a layer, the activation follows
x W + b of 512 examples, 784 inputs and 512 columns, with gradients of x, W and b; there
the yardstick is the same layer without activation.

PyTorch's side returns arrays of its own too: `linear` multiplies by 1, and `unit_step`
has a hand-made backward pass of zeros, for PyTorch gives `heaviside` none. On an
accelerator, where it would still run on the CPU, it is left out and the copy (or the
layer without activation) is the peer.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import functools
import itertools
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from harness import BenchmarkConfig, compare, report, time_in_turns

from jaxdl.cli import start
from jaxdl.errors import InputError
from jaxdl.files import require_writable
from jaxdl.models.mlps import mlp
from jaxdl.ops.activations import ACTIVATIONS
from jaxdl.train.config import require_at_least, require_each_once

try:
    import torch
except ImportError:
    torch = None

FEATURES = 100  # of a row
LAYER = 512, 784, 512  # examples, inputs, columns
DIRECTIONS = FORWARD, BOTH = "forward", "forward + backward"
GATE_SIZE, GATE_SHARE = 16_000_000, 0.8
AT_GATE_SHARE = "relu", "leaky_relu", "sigmoid", "tanh"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(BenchmarkConfig):
    """Activations against memory and PyTorch."""

    repeats: int = 7
    """Timings of each side, taken in turns; rows hold their medians."""
    seconds: float = 0.01
    """About how long one timing lasts, if one call is not longer."""
    activations: tuple[Literal[*ACTIVATIONS], ...] = tuple(ACTIVATIONS)
    """Which activations to time."""
    sizes: tuple[int, ...] = (1_000, 30_000, 1_000_000, GATE_SIZE, 30_000_000)
    """How many numbers an array holds, in multiples of 100."""
    dtypes: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")
    """Types to time."""
    layer: bool = True
    """Also time the activations in a dense layer."""
    compile: bool = True
    """Also time torch.compile, which needs a C++ compiler and seconds for each row."""
    compile_sizes: tuple[int, ...] = (GATE_SIZE,)
    """Sizes for torch.compile, in the first of the types."""
    warm_size: int = 1_000_000
    """From which size on to time donated arrays; small ones are warm anyway."""
    figure: Path | None = None
    """Draw the rows to this PNG file."""

    def __post_init__(self):
        super().__post_init__()
        for name in ("activations", "sizes", "dtypes"):
            require_each_once(**{name: getattr(self, name)})
        require_at_least(1, warm_size=self.warm_size)
        require_writable(figure=self.figure)
        for size in self.sizes:
            if size < FEATURES or size % FEATURES:
                raise InputError(
                    f"--sizes has {size}: expected multiples of {FEATURES}, the "
                    "length of a row"
                )


class Work(NamedTuple):
    """What one group of timings computes.

    Attributes:
      fn: of `inputs`, in JAX.
      torch_fn: of the leaves of `inputs`, in PyTorch; None without it.
      inputs: arrays, or trees of them.
      cotangent: of the shape of the result.
      yardstick: its name.
      yardstick_fn: what ours is held against, of `yardstick_args`.
    """

    fn: Callable[..., jax.Array]
    torch_fn: Callable[..., Any] | None
    inputs: tuple[Any, ...]
    cotangent: jax.Array
    yardstick: str
    yardstick_fn: Callable[..., tuple]
    yardstick_args: tuple[Any, ...]


# Both sides of a comparison


def in_direction(fn: Callable, direction: str) -> Callable[..., tuple]:
    """`f(*inputs, cotangent)`: the value of `fn` and, if asked for, the gradients."""

    def forward(*args):
        return (fn(*args[:-1]),)

    def forward_and_backward(*args):
        y, pull = jax.vjp(fn, *args[:-1])
        return y, *pull(args[-1])

    return forward if direction == FORWARD else forward_and_backward


def wait_if_large(results: tuple) -> None:
    """Waits on the CPU where unread results would pile up; small calls queue up."""
    if jax.default_backend() == "cpu" and results[0].nbytes > 2**20:
        results[0].block_until_ready()


def fresh(fn: Callable, args: tuple) -> Callable[[int], Any]:
    """Calls whose results lie in new arrays: `side(steps)`."""
    compiled = jax.jit(fn)

    def side(steps: int) -> Any:
        for _ in range(steps - 1):
            wait_if_large(compiled(*args))
        return compiled(*args)

    return side


def donated(fn: Callable, args: tuple) -> Callable[[int], Any]:
    """Calls that write their results over those of the call before."""
    compiled = jax.jit(
        lambda results, *args: fn(*args), donate_argnums=0, keep_unused=True
    )
    results = jax.jit(fn)(*args)

    def side(steps: int) -> Any:
        nonlocal results
        for _ in range(steps):
            results = compiled(results, *args)
            wait_if_large(results)
        return results

    return side


def as_torch(tree: Any) -> list:
    """The leaves of a tree as PyTorch's tensors, in the same memory where it can be."""
    return [torch.from_dlpack(leaf) for leaf in jax.tree.leaves(tree)]


def torch_side(fn: Callable, work: Work, direction: str) -> Callable[[int], None]:
    """The same calls in PyTorch."""
    inputs, (cotangent,) = as_torch(work.inputs), as_torch(work.cotangent)
    leaves = [tensor.detach().requires_grad_() for tensor in inputs]

    def forward(steps: int) -> None:
        with torch.no_grad():
            for _ in range(steps):
                fn(*inputs)

    def forward_and_backward(steps: int) -> None:
        for _ in range(steps):
            torch.autograd.grad(fn(*leaves), leaves, cotangent)

    return forward if direction == FORWARD else forward_and_backward


def compiled_torch_side(
    work: Work, direction: str
) -> tuple[Callable[[int], None] | None, str | None]:
    """The same through torch.compile, or why that does not work here."""
    torch._dynamo.reset()  # past some recompilations it would run eagerly unasked
    side = torch_side(torch.compile(work.torch_fn, dynamic=False), work, direction)
    try:
        side(1)
    except Exception as error:  # whatever a compiler that is not there raises
        return None, f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
    return side, None


@functools.cache
def torch_activations() -> dict[str, Callable]:
    """PyTorch's own of each activation."""

    class UnitStep(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            return torch.heaviside(z, torch.tensor(0.5, dtype=z.dtype))

        @staticmethod
        def backward(ctx, cotangent):
            return torch.zeros_like(cotangent)

    functional = torch.nn.functional
    return {
        "unit_step": UnitStep.apply,
        "sign": torch.sign,
        "linear": lambda z: z * 1,
        "piecewise_linear": lambda z: torch.clamp(z + 0.5, 0, 1),
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": functional.leaky_relu,
        "softplus": functional.softplus,
        "softmax": lambda z: torch.softmax(z, -1),
        "softsign": functional.softsign,
        "elu": functional.elu,
        "gelu": functional.gelu,
        "silu": functional.silu,
        "maxout": lambda z: torch.maximum(*torch.chunk(z, 2, -1)),
    }


# What is timed


def alone(name: str, direction: str, z: jax.Array, cotangent: jax.Array) -> Work:
    """An activation by itself, against a copy."""
    row = ACTIVATIONS[name]
    cotangent = jnp.array(cotangent[:, : FEATURES // row.pieces])

    def copy(z, cotangent):
        if direction == BOTH:
            return cotangent + 1, z + 1
        if row.pieces == 2:
            return (z[:, : FEATURES // 2] + z[:, FEATURES // 2 :],)
        return (z + 1,)

    torch_fn = torch and torch_activations()[name]
    return Work(row.fn, torch_fn, (z,), cotangent, "copy", copy, (z, cotangent))


def in_layer(name: str, direction: str, dtype: str) -> Work:
    """An activation after matrix product and bias, against the layer without it."""
    examples, num_inputs, columns = LAYER
    units = columns // ACTIVATIONS[name].pieces
    layer, bare = mlp((num_inputs, units), output=name), mlp((num_inputs, columns))
    keys = jax.random.split(jax.random.key(0), 3)
    params = layer.init(keys[0])
    x = jax.random.normal(keys[1], (examples, num_inputs))
    cotangent = jax.random.normal(keys[2], (examples, columns))
    params, x, cotangent = jax.tree.map(
        lambda leaf: leaf.astype(dtype), (params, x, cotangent)
    )

    torch_activation = torch and torch_activations()[name]

    def torch_fn(bias, kernel, x):
        return torch_activation(torch.addmm(bias, x, kernel))

    return Work(
        layer.apply,
        torch_fn,
        (params, x),
        jnp.array(cotangent[:, :units]),
        "bare_layer",
        in_direction(bare.apply, direction),
        (params, x, cotangent),
    )


def time_work(
    case: dict[str, Any], work: Work, config: Config, *, warm: bool, compiled: bool
) -> dict[str, Any]:
    """The row of one group of timings."""
    fn = in_direction(work.fn, case["direction"])
    args = (*work.inputs, work.cotangent)
    sides = {
        "ours": fresh(fn, args),
        "yardstick": fresh(work.yardstick_fn, work.yardstick_args),
    }
    if warm:
        sides["warm"] = donated(fn, args)
        sides["warm yardstick"] = donated(work.yardstick_fn, work.yardstick_args)
    extras = {}
    if torch is not None and jax.default_backend() == "cpu":
        sides["PyTorch eager"] = torch_side(work.torch_fn, work, case["direction"])
        if compiled:
            side, problem = compiled_torch_side(work, case["direction"])
            if side is None:
                extras["compile_problem"] = problem
            else:
                sides["torch.compile"] = side
    times, steps = time_in_turns(sides, repeats=config.repeats, seconds=config.seconds)
    seconds = {side: float(np.median(found)) for side, found in times.items()}
    arrays = jax.tree.leaves((work.inputs, jax.eval_shape(work.fn, *work.inputs)))
    num_bytes = sum(array.size * array.dtype.itemsize for array in arrays)
    num_bytes *= 2 if case["direction"] == BOTH else 1
    extras["elements_per_second"] = case["size"] / seconds["ours"]
    extras["bytes_per_second"] = num_bytes / seconds["ours"]
    extras[f"{work.yardstick}_seconds"] = seconds["yardstick"]
    extras[f"of_{work.yardstick}"] = seconds["yardstick"] / seconds["ours"]
    if warm:
        extras["warm_seconds"] = seconds["warm"]
        extras[f"warm_{work.yardstick}_seconds"] = seconds["warm yardstick"]
        extras[f"warm_of_{work.yardstick}"] = (
            seconds["warm yardstick"] / seconds["warm"]
        )
    if "torch.compile" in seconds:
        extras["compile_seconds"] = seconds["torch.compile"]
        extras["over_compile"] = seconds["torch.compile"] / seconds["ours"]
    peer = "PyTorch eager" if "PyTorch eager" in times else "yardstick"
    title = "{activation}, {direction}, {dtype}, {size}".format(**case)
    return compare(
        title if case["layer"] == "alone" else f"dense + {title}",
        times["ours"],
        peer.replace("yardstick", work.yardstick),
        times[peer],
        **case,
        **extras,
        ours_steps=steps["ours"],
        peer_steps=steps[peer],
    )


def time_alone(config: Config) -> list[dict]:
    """The rows of the activations by themselves."""
    rows, rng = [], np.random.default_rng(0)
    for size in config.sizes:
        shape = size // FEATURES, FEATURES
        normals = [2 * rng.standard_normal(shape, np.float32) for _ in range(2)]
        for dtype in config.dtypes:
            arrays = [jnp.asarray(normal, dtype) for normal in normals]
            compiled = config.compile and size in config.compile_sizes
            for name, direction in itertools.product(config.activations, DIRECTIONS):
                case = dict(
                    activation=name, direction=direction, dtype=dtype, size=size
                )
                row = time_work(
                    case | {"layer": "alone"},
                    alone(name, direction, *arrays),
                    config,
                    warm=size >= config.warm_size,
                    compiled=compiled and dtype == config.dtypes[0],
                )
                rows.append(row)
            print(f"{time.strftime('%X')} timed {size} x {dtype}", flush=True)
    return rows


def time_layer(config: Config) -> list[dict]:
    """The rows of the activations in a dense layer."""
    rows, size = [], LAYER[0] * LAYER[2]
    for dtype in config.dtypes:
        for name, direction in itertools.product(config.activations, DIRECTIONS):
            case = dict(activation=name, direction=direction, dtype=dtype, size=size)
            row = time_work(
                case | {"layer": "dense"},
                in_layer(name, direction, dtype),
                config,
                warm=False,
                compiled=config.compile and dtype == config.dtypes[0],
            )
            rows.append(row)
        print(f"{time.strftime('%X')} timed a dense layer x {dtype}", flush=True)
    return rows


# What is found


def verdicts(rows: Sequence[dict]) -> list[str]:
    """The claim's two halves, in words, for what was timed of them."""
    gate = {"layer": "alone", "size": GATE_SIZE, "dtype": "float32"}
    at_gate = [row for row in rows if gate.items() <= row.items()]
    shares = {
        row["activation"]: row["of_copy"]
        for row in at_gate
        if row["direction"] == BOTH and row["activation"] in AT_GATE_SHARE
    }
    speedups = {
        f"{row['activation']} ({row['direction']})": row["speedup"]
        for row in at_gate
        if row["peer"] == "PyTorch eager"
    }
    found = []
    for title, values, bound in [
        ("forward + backward, share of the copy's bandwidth", shares, GATE_SHARE),
        ("speed over PyTorch eager", speedups, 1),
    ]:
        if values:
            below = [f"{name} {v:.2f}" for name, v in values.items() if v < bound]
            which = ", ".join(below) or "none"
            found.append(f"{title}: of {len(values)} below {bound:g}: {which}")
    return found


def draw(rows: Sequence[dict], file: Path) -> None:
    """Shares of a copy's bandwidth, speed over PyTorch's, and speed by size."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    dtype, names = rows[0]["dtype"], list(dict.fromkeys(r["activation"] for r in rows))
    rows = [row for row in rows if row["dtype"] == dtype]
    by_itself = [row for row in rows if row["layer"] == "alone"]
    sizes = sorted({row["size"] for row in by_itself})
    size = GATE_SIZE if GATE_SIZE in sizes else sizes[-1]
    there = [row for row in by_itself if row["size"] == size]
    figure = Figure(figsize=(8, 8), dpi=125, layout="constrained")
    (share, speed), (by_size, layer) = figure.subplots(2, 2)

    def dots(axes, rows, series):
        for label, style, key, direction in series:
            found = {
                row["activation"]: row[key]
                for row in rows
                if key in row and row["direction"] == direction
            }
            if found:
                axes.plot([found.get(n) for n in names], names, style, label=label)
        axes.axvline(1, color="0.5", linewidth=1, zorder=0)
        axes.grid(alpha=0.3)
        axes.invert_yaxis()

    dots(
        share,
        there,
        [
            ("fresh arrays", "C0o", "of_copy", BOTH),
            ("donated, warm arrays", "C1x", "warm_of_copy", BOTH),
        ],
    )
    share.set_xlim(0)
    share.set_title(f"Share of a copy's bandwidth\n{size:,} {dtype}, {BOTH}")
    for axes, chosen, title in [
        (speed, there, f"{size:,} {dtype}"),
        (layer, [row for row in rows if row["layer"] == "dense"], "in a dense layer"),
    ]:
        of_torch = [row for row in chosen if row["peer"] == "PyTorch eager"]
        dots(
            axes,
            of_torch,
            [
                ("eager: forward", "C0|", "speedup", FORWARD),
                ("and backward", "C0o", "speedup", BOTH),
                ("compiled: forward", "C1|", "over_compile", FORWARD),
                ("and backward", "C1x", "over_compile", BOTH),
            ],
        )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_title(f"Times as fast as PyTorch\n{title}")
    lines = {
        name: sorted(
            (row["size"], row["elements_per_second"], row["size"] / row["copy_seconds"])
            for row in by_itself
            if row["activation"] == name and row["direction"] == BOTH
        )
        for name in names
    }
    for i, (name, line) in enumerate(lines.items()):
        x, y, copy = zip(*line, strict=True)
        if i == 0:
            by_size.plot(x, copy, "k.-", linewidth=2, label="copy")
        by_size.plot(x, y, (".-", ".--")[i // 10 % 2], label=name)
    labels = {"xlabel": "numbers in an array", "ylabel": "numbers a second"}
    by_size.set(xscale="log", yscale="log", **labels)
    by_size.set_title(f"Speed by size of array\n{dtype}, {BOTH}")
    for axes in (share, speed, by_size, layer):
        axes.title.set_fontsize(10)
        if axes.get_legend_handles_labels()[0]:
            low = -0.2 if axes is by_size else -0.08  # below its label
            below = {"loc": "upper center", "bbox_to_anchor": (0.45, low)}
            axes.legend(**below, fontsize=6.5, ncols=4 if axes is by_size else 2)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file)


def benchmark(config: Config) -> int:
    """Time everything and report."""
    if torch is None:
        print("PyTorch is not installed and left out: pip install torch==2.13.0")
    elif jax.default_backend() != "cpu":
        print("PyTorch, whose side is written for the CPU, is left out")
    else:
        print(f"PyTorch threads: {torch.get_num_threads()}")
    rows = time_alone(config) + (time_layer(config) if config.layer else [])
    columns = "of_copy", "warm_of_copy", "of_bare_layer", "over_compile"
    code = report(rows, config, columns=(*columns, "bytes_per_second"))
    for problem in sorted({row.get("compile_problem", "") for row in rows} - {""}):
        print(f"torch.compile does not work here: {problem}")
    print("\n".join(verdicts(rows)))
    if config.figure is not None:
        draw(rows, config.figure)
    return code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, benchmark, argv)


if __name__ == "__main__":
    sys.exit(main())
