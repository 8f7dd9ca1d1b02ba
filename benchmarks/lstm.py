"""How fast are our LSTM's passes against `torch.nn.LSTM`, and in how much memory?

    python benchmarks/lstm.py --json benchmarks/results/lstm-DEVICE.json

Claim: on two CPU cores, forward and backward together take no longer than in PyTorch on
the geometric mean of the five shapes, and no shape runs at less than 0.7 of its speed.
Eight minutes.

One layer with forget gate, float32, sequences [time batch features]; both sides have
the same weights and give the same outputs (to 1e-5 of the largest) and gradients (to
5e-5, some being sums of 1e5 products), checked before they are timed. Ours is one call
of a compiled function after the other, as PyTorch's eager calls are. `in_block_seconds`
is ours inside a scanned block of five, as the runner trains: there the large
intermediate arrays are allocated once for all. `autodiff` is a plain `lax.scan` of the
same step, differentiated by JAX. `of_product_rate` is the share of the rate of a
2048 x 2048 matrix product, measured in the same run.

A whole training step of experiments/char_lm.py stands against its twin's. Memory is the
peak of a process of its own that takes training steps of gradient descent.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import functools
import math
import multiprocessing
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from harness import BenchmarkConfig, compare, load_script, report, time_in_turns

from jaxdl.cli import start
from jaxdl.nn.recurrence import Recurrence, lstm, scan_steps
from jaxdl.systems.char_lm.data import load_text
from jaxdl.train import provenance
from jaxdl.types import Params

try:
    import torch
except ImportError as error:
    raise SystemExit("this benchmark needs PyTorch: pip install torch==2.13.0") from (
        error
    )


class Shape(NamedTuple):
    """Sizes of one comparison."""

    time: int
    batch: int
    in_size: int
    hidden: int


SHAPES = (
    Shape(100, 64, 64, 128),
    Shape(128, 32, 128, 256),
    Shape(35, 20, 650, 650),
    Shape(1000, 16, 2, 32),
    Shape(784, 128, 1, 128),
)
LONG = Shape(1000, 64, 64, 512)
BLOCK = 5
TOLERANCE = 1e-5  # of the largest entry, for outputs
GRADS_TOLERANCE = 5e-5  # likewise, for sums of up to 1e5 float32 products


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(BenchmarkConfig):
    """LSTM passes against PyTorch."""

    repeats: int = 11
    """Timings of each side, taken in turns; rows hold their medians."""
    char_lm: bool = True
    """Time a whole training step of the character model and of its twin as well."""
    memory: bool = True
    """Measure the peak memory of training on long sequences, with and without remat."""


class Problem(NamedTuple):
    """A layer at a point, with the gradient of some scalar by its outputs."""

    layer: Recurrence
    params: Params
    inputs: jax.Array
    output_grads: jax.Array


def make_problem(shape: Shape) -> Problem:
    """Our initial weights and normal inputs and output gradients."""
    layer = lstm(shape.hidden)
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(shape.time, shape.batch, shape.in_size))
    grads = rng.normal(size=(shape.time, shape.batch, shape.hidden))
    return Problem(
        layer,
        layer.init(jax.random.key(0), shape.in_size),
        jnp.asarray(inputs, jnp.float32),
        jnp.asarray(grads, jnp.float32),
    )


def our_forward(problem: Problem, *, plain: bool = False) -> Callable:
    """`forward(params, inputs) -> outputs`; `plain`: the step, scanned."""
    layer = problem.layer
    scan = functools.partial(scan_steps, layer.step) if plain else layer.scan

    def forward(params, inputs):
        carry = layer.initial_carry(inputs.shape[1])
        return scan(params, carry, inputs, None)[1]

    return forward


def our_both(forward: Callable) -> Callable:
    """`both(params, inputs, output_grads) -> (outputs, gradients of both)`."""

    def both(params, inputs, output_grads):
        outputs, backward = jax.vjp(forward, params, inputs)
        return outputs, backward(output_grads)

    return both


def in_block(both: Callable) -> Callable:
    """`BLOCK` times `both`, each from weights that the last one moved."""

    def block(params, inputs, output_grads):
        def step(carry, _):
            outputs, grads = both(*carry, output_grads)
            carry = jax.tree.map(lambda x, g: x - 1e-6 * g, carry, grads)
            return carry, outputs[-1, 0, 0]

        return jax.lax.scan(step, (params, inputs), None, length=BLOCK)

    return block


def torch_layer(params: Params) -> torch.nn.LSTM:
    """Our weights in PyTorch, whose second bias is zero."""
    in_size, width = params["input_kernel"].shape
    layer = torch.nn.LSTM(in_size, width // 4)
    arrays = (
        params["input_kernel"].T,
        params["recurrent_kernel"].T,
        params["bias"],
        jnp.zeros(width),
    )
    with torch.no_grad():
        for parameter, array in zip(layer.parameters(), arrays, strict=True):
            parameter.copy_(torch.tensor(np.array(array)))
    return layer


def torch_sides(problem: Problem) -> dict[str, Callable[[], Any]]:
    """PyTorch's forward, and both passes, as calls without arguments."""
    layer = torch_layer(problem.params)
    inputs, grads = (torch.tensor(np.array(x)) for x in problem[2:])
    leaf = inputs.clone().requires_grad_()

    def forward():
        with torch.no_grad():
            return layer(inputs)[0]

    def both():
        layer.zero_grad()
        leaf.grad = None
        outputs, _ = layer(leaf)
        outputs.backward(grads)
        wi, wh, bias, _ = (p.grad for p in layer.parameters())
        params = {"input_kernel": wi.T, "recurrent_kernel": wh.T, "bias": bias}
        return outputs.detach(), (params, leaf.grad)

    return {"forward": forward, "forward + backward": both}


def our_sides(problem: Problem, *, plain: bool = False) -> dict[str, Callable]:
    """The same of ours, compiled."""
    forward = our_forward(problem, plain=plain)
    first, second = jax.jit(forward), jax.jit(our_both(forward))
    _, params, inputs, grads = problem
    return {
        "forward": lambda: first(params, inputs),
        "forward + backward": lambda: second(params, inputs, grads),
    }


def largest_difference(ours: Any, theirs: Any) -> float:
    """Over all arrays, relative to the largest entry of each."""
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    return max(
        float(np.abs(np.asarray(a) - np.asarray(b)).max() / np.abs(np.asarray(b)).max())
        for a, b in pairs
    )


def repeated(call: Callable[[], Any]) -> Callable[[int], Any]:
    """A side of `time_in_turns`: each call is waited for, as PyTorch's are."""

    def side(steps: int) -> Any:
        for _ in range(steps):
            result = jax.block_until_ready(call())
        return result

    return side


def time_shape(shape: Shape, config: Config, rate: float) -> list[dict]:
    """The rows of one shape: forward, and both passes."""
    problem = make_problem(shape)
    ours, theirs = our_sides(problem), torch_sides(problem)
    plain = our_sides(problem, plain=True)
    pairs = zip(
        ours["forward + backward"](), theirs["forward + backward"](), strict=True
    )
    outputs, grads = (largest_difference(*pair) for pair in pairs)
    if not (outputs < TOLERANCE and grads < GRADS_TOLERANCE):
        raise RuntimeError(
            f"{shape}: outputs differ by {outputs:.1e}, gradients by {grads:.1e}"
        )
    block = jax.jit(in_block(our_both(our_forward(problem))))
    rows = []
    for name, passes in (("forward", 1), ("forward + backward", 3)):
        sides = {"ours": ours[name], "autodiff": plain[name], "PyTorch": theirs[name]}
        sides = {side: repeated(call) for side, call in sides.items()}
        if passes == 3:
            sides["block"] = repeated(lambda: block(*problem[1:]))
        times, _ = time_in_turns(sides, repeats=config.repeats, seconds=config.seconds)
        times["block"] = times.get("block", np.full(1, np.nan)) / BLOCK
        size = shape.in_size + shape.hidden
        flop = 2 * passes * shape.time * shape.batch * 4 * shape.hidden * size
        medians = {side: float(np.median(found)) for side, found in times.items()}
        row = compare(
            f"{name} {tuple(shape)}",
            times["ours"],
            "PyTorch",
            times["PyTorch"],
            of_product_rate=flop / medians["ours"] / rate,
            peer_of_product_rate=flop / medians["PyTorch"] / rate,
            autodiff_seconds=medians["autodiff"],
            in_block_seconds=medians["block"] if passes == 3 else None,
            outputs_difference=outputs,
            grads_difference=grads,
            dtype="float32",
            torch_threads=torch.get_num_threads(),
        )
        rows.append(row)
    return rows


def product_rate(config: Config) -> float:
    """FLOP a second of a 2048 x 2048 matrix product, the best of several."""
    a = jnp.ones((2048, 2048))
    product = jax.jit(jnp.matmul)
    times, _ = time_in_turns(
        {"product": repeated(lambda: product(a, a))},
        repeats=config.repeats,
        seconds=config.seconds,
    )
    return 2 * 2048**3 / float(times["product"].min())


def geometric_means(rows: list[dict]) -> list[dict]:
    """One row for each of forward and both passes, over the shapes."""
    found = []
    for name in ("forward", "forward + backward"):
        chosen = [row for row in rows if row["case"].startswith(f"{name} (")]
        ratios = [row["speedup"] for row in chosen]
        means = {
            key: math.exp(np.mean([math.log(row[key]) for row in chosen]))
            for key in ("ours_seconds", "peer_seconds", "autodiff_seconds")
        }
        speedup = math.exp(np.mean(np.log(ratios)))
        found.append(
            {
                "case": f"{name}, geometric mean",
                "peer": "PyTorch",
                **means,
                "speedup": speedup,
                "lowest_speedup": min(ratios),
            }
        )
    return found


def time_char_lm(config: Config) -> list[dict]:
    """The rows of a whole training step of the character model, at its size for plays.

    It reads the script's default text, which needs no download.
    """
    script = load_script("experiments/char_lm.py")
    cfg = script.PRESETS["tiny_shakespeare"]
    sides = load_script("benchmarks/char_lm.py").make_step_sides(
        cfg, load_text("python")
    )
    times, _ = time_in_turns(sides, repeats=config.repeats, seconds=config.seconds)
    ours = times.pop("ours")
    return [
        compare("char_lm, training step", ours, peer, theirs)
        for peer, theirs in times.items()
    ]


def probe_memory(remat: bool, queue: Any) -> None:
    """Take training steps on long sequences; send seconds a step and peak memory."""
    layer = lstm(LONG.hidden)
    params = layer.init(jax.random.key(0), LONG.in_size)
    inputs = jax.random.normal(jax.random.key(1), LONG[:3])

    @functools.partial(jax.jit, donate_argnums=0)
    def train_step(params, inputs):
        def loss_fn(params):
            carry = layer.initial_carry(LONG.batch)
            _, outputs = layer.scan(params, carry, inputs, None, remat=remat)
            return jnp.mean(outputs**2)

        loss, grads = jax.value_and_grad(loss_fn)(params)
        return jax.tree.map(lambda p, g: p - 0.1 * g, params, grads), loss

    seconds = []
    for _ in range(4):
        begin = time.perf_counter()
        params, loss = jax.block_until_ready(train_step(params, inputs))
        seconds.append(time.perf_counter() - begin)
    queue.put((float(np.median(seconds[1:])), provenance.peak_memory_bytes()))


def measure_memory() -> list[dict]:
    """The rows of memory, each from a process of its own."""
    context = multiprocessing.get_context("spawn")
    rows = []
    for remat in (False, True):
        queue = context.SimpleQueue()
        process = context.Process(target=probe_memory, args=(remat, queue))
        process.start()
        seconds, peak = queue.get()
        process.join()
        row = {
            "case": f"training step {tuple(LONG)}" + ", remat" * remat,
            "ours_seconds": seconds,
            "peak_gib": peak / 2**30,
        }
        rows.append(row)
    return rows


def benchmark(config: Config) -> int:
    """Time every shape, the character model and the memory, and report."""
    rate = product_rate(config)
    print(f"a 2048 x 2048 product runs at {rate / 1e9:.0f} GFLOP/s", flush=True)
    rows = []
    for shape in SHAPES:
        rows += time_shape(shape, config, rate)
        print(f"{tuple(shape)}: {rows[-1]['speedup']:.2f}", flush=True)
    rows += geometric_means(rows)
    if config.char_lm:
        rows += time_char_lm(config)
    if config.memory:
        rows += measure_memory()
    columns = ["autodiff_seconds", "in_block_seconds", "of_product_rate", "peak_gib"]
    return report(rows, config, columns=columns)


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, benchmark, argv)


if __name__ == "__main__":
    sys.exit(main())
