"""How fast are convolutions, in and outside of loops, against XLA's own and PyTorch?

    python benchmarks/conv.py --json benchmarks/results/conv-DEVICE.json

Claim, on two CPU cores: inside `scan` no layer takes more than 1.3 times its time
outside; four seeds under `vmap` take at most 5 times one; whole training steps of LeNet
and of DCGAN (28 and 32 pixels) are at least as fast as in eager PyTorch. Six minutes.

Layers: each shape of LeNet, of experiments/dcgan.py and of the lecture's Q-network, and
one max pooling. Float32, forward and backward: gradients by the kernel and, but for a
net's first layer, by the input, of half the sum of squares of the output. A step also
subtracts them times 1e-10, so that no step of a loop equals the last. Settings: *call*,
one compiled step after the other called from Python; *scan*, steps inside `lax.scan`;
*vmap*, one call of four steps, each with a kernel and an input of its own. XLA's own is
`lax.conv_general_dilated` or a relative, differentiated by JAX, in the same setting;
PyTorch is eager and always called from Python, on one seed. Sides take turns; one that
takes over half a second is timed by itself, up to three times (`peer_repeats`).

`flop` counts two for each product of a kernel's entry with a pixel (padding too), in
all passes; `fraction_of_matmul_rate` is ours against the rate of a 2048 x 2048 product
in the same run.

Whole steps: benchmarks/conv_twins.py says what stands against what.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import functools
import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from harness import BenchmarkConfig, compare, report, time_in_turns, training_loop
from jax import lax

from jaxdl.cli import start
from jaxdl.errors import InputError
from jaxdl.nn.conv import conv_general_dilated, conv_transpose
from jaxdl.nn.pooling import max_pool

try:
    import torch
    from torch.nn import functional
except ImportError as error:
    raise SystemExit("this benchmark needs PyTorch: pip install torch==2.13.0") from (
        error
    )
from conv_twins import CASES, make_data  # needs PyTorch too
from lstm import product_rate

NUM_SEEDS = 4
BLOCK = 3  # steps of one scan
RATE = 1e-10
SLOW_SECONDS = 0.5
Operands = tuple[jax.Array, ...]


class Layer(NamedTuple):
    """A layer of a net.

    Attributes:
      name: of the net and the layer.
      shape: of the input, NHWC.
      features: channels out.
      size: of the kernel, which is square.
      stride: down and across.
      kind: what it does.
      padding: "SAME" or "VALID".
      first: whether the input needs no gradient.
    """

    name: str
    shape: tuple[int, int, int, int]
    features: int
    size: int
    stride: int = 1
    kind: Literal["conv", "transposed", "max_pool"] = "conv"
    padding: str = "SAME"
    first: bool = False

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """Rows, columns, channels in and out."""
        return self.size, self.size, self.shape[3], self.features

    @property
    def flop(self) -> float | None:
        """Of all passes; None for pooling."""
        if self.kind == "max_pool":
            return None
        batch, height, width, _ = self.shape
        if self.kind == "conv":
            cut = self.size - 1 if self.padding == "VALID" else 0
            height, width = (-(-(n - cut) // self.stride) for n in (height, width))
        products = batch * height * width * math.prod(self.kernel_shape)
        return 2.0 * products * (2 if self.first else 3)


VALID, STRIDED = {"padding": "VALID"}, {"stride": 2}
UP = {"stride": 2, "kind": "transposed"}
LAYERS = (
    Layer("LeNet C1", (100, 32, 32, 1), 6, 5, first=True, **VALID),
    Layer("LeNet C3", (100, 14, 14, 6), 16, 5, **VALID),
    Layer("modern LeNet C1", (100, 32, 32, 1), 16, 5, first=True, **VALID),
    Layer("modern LeNet C3", (100, 14, 14, 16), 32, 5, **VALID),
    # Samples go through a discriminator's first layer too, and ask it for gradients.
    Layer("DCGAN-28 D1", (128, 28, 28, 1), 32, 4, **STRIDED),
    Layer("DCGAN-28 D2", (128, 14, 14, 32), 64, 4, **STRIDED),
    Layer("DCGAN-28 G1", (128, 7, 7, 64), 32, 4, **UP),
    Layer("DCGAN-28 G2", (128, 14, 14, 32), 1, 4, **UP),
    Layer("DCGAN-32 D1", (128, 32, 32, 3), 32, 4, **STRIDED),
    Layer("DCGAN-32 D2", (128, 16, 16, 32), 64, 4, **STRIDED),
    Layer("DCGAN-32 D3", (128, 8, 8, 64), 128, 4, **STRIDED),
    Layer("DCGAN-32 G1", (128, 4, 4, 128), 64, 4, **UP),
    Layer("DCGAN-32 G2", (128, 8, 8, 64), 32, 4, **UP),
    Layer("DCGAN-32 G3", (128, 16, 16, 32), 3, 4, **UP),
    Layer("Q-network 1", (32, 80, 80, 4), 32, 3, first=True),
    Layer("Q-network 2", (32, 40, 40, 32), 64, 3),
    Layer("Q-network 3", (32, 20, 20, 64), 64, 3),
    Layer("Q-network max pooling", (32, 80, 80, 32), 32, 2, 2, "max_pool"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(BenchmarkConfig):
    """Convolutions and convolutional nets against XLA's own and PyTorch."""

    repeats: int = 9
    """Timings of each side, taken in turns; rows hold their medians."""
    layers: bool = True
    """Time single layers; a timing of these lasts a third of `--seconds`."""
    steps: bool = True
    """Time whole training steps of LeNet and DCGAN."""
    only: str = ""
    """Leave out layers and nets whose names do not contain this."""


def ours(layer: Layer, x: jax.Array, kernel: jax.Array | None = None) -> jax.Array:
    """The layer's output."""
    strides = layer.stride, layer.stride
    if layer.kind == "max_pool":
        return max_pool(x, (layer.size, layer.size), strides)
    if layer.kind == "transposed":
        return conv_transpose(x, kernel, strides, layer.padding)
    return conv_general_dilated(x, kernel, strides, layer.padding)


def xlas(layer: Layer, x: jax.Array, kernel: jax.Array | None = None) -> jax.Array:
    """The same by XLA's own operations."""
    strides, order = (layer.stride, layer.stride), ("NHWC", "HWIO", "NHWC")
    if layer.kind == "max_pool":
        window = 1, layer.size, layer.size, 1
        return lax.reduce_window(
            x, -jnp.inf, lax.max, window, (1, *strides, 1), "VALID"
        )
    function = lax.conv_general_dilated
    if layer.kind == "transposed":
        function = lax.conv_transpose
    return function(x, kernel, strides, layer.padding, dimension_numbers=order)


def torchs(layer: Layer, x: Any, kernel: Any = None) -> Any:
    """The same in PyTorch: NCHW, kernels as PyTorch has them."""
    padding = 0 if layer.padding == "VALID" else (layer.size - 1) // 2
    if layer.kind == "max_pool":
        return functional.max_pool2d(x, layer.size, layer.stride)
    if layer.kind == "transposed":
        return functional.conv_transpose2d(
            x, kernel, stride=layer.stride, padding=padding
        )
    return functional.conv2d(x, kernel, stride=layer.stride, padding=padding)


def gradients(layer: Layer, apply: Callable, operands: Operands) -> Operands:
    """Of half the sum of squares of the output, by the operands that need them."""
    if layer.first:
        y, pull_back = jax.vjp(lambda k: apply(layer, operands[0], k), operands[1])
    else:
        y, pull_back = jax.vjp(functools.partial(apply, layer), *operands)
    return pull_back(y)


def step(layer: Layer, apply: Callable, operands: Operands) -> Operands:
    """All passes; gives slightly other operands."""
    found = gradients(layer, apply, operands)
    if layer.first:
        return operands[0] * (1 - 1e-7), operands[1] - RATE * found[0]
    return tuple(a - RATE * g for a, g in zip(operands, found, strict=True))


def torch_gradients(layer: Layer, operands: Sequence[Any]) -> Sequence[Any]:
    """`gradients` in PyTorch."""
    y = torchs(layer, *operands)
    return torch.autograd.grad(y, operands[1:] if layer.first else operands, y.detach())


def draw(layer: Layer) -> tuple[np.ndarray, ...]:
    """An input and, if there is one, a kernel."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(layer.shape, np.float32)
    if layer.kind == "max_pool":
        return (x,)
    kernel = rng.standard_normal(layer.kernel_shape, np.float32)
    return x, kernel / np.float32(math.sqrt(math.prod(layer.kernel_shape[:3])))


def to_torch(layer: Layer, operands: Operands) -> list[Any]:
    """Operands, or gradients by all of them, in PyTorch's order of axes."""
    found = [np.array(operands[0]).transpose(0, 3, 1, 2)]
    for kernel in operands[1:]:
        if layer.kind == "transposed":
            found.append(np.array(kernel)[::-1, ::-1].transpose(2, 3, 0, 1))
        else:
            found.append(np.array(kernel).transpose(3, 2, 0, 1))
    return [torch.tensor(np.ascontiguousarray(array)) for array in found]


def chained(function: Callable, operands: Operands) -> Callable[[int], Any]:
    """`side(steps)`: each call of what is compiled takes what the last one gave."""
    operands = jax.tree.map(jnp.array, operands)  # copies: they are donated
    compiled = jax.jit(function, donate_argnums=0).lower(operands).compile()

    def side(steps: int) -> Operands:
        nonlocal operands
        for _ in range(steps):
            operands = compiled(operands)
        return operands

    return side


def torch_side(layer: Layer, operands: Operands) -> Callable[[int], Any]:
    """The same in PyTorch."""
    x, *kernels = to_torch(layer, operands)
    wanted = kernels if layer.first else [x, *kernels]
    for tensor in wanted:
        tensor.requires_grad_()

    def side(steps: int) -> list[Any]:
        for _ in range(steps):
            found = torch_gradients(layer, [x, *kernels])
            with torch.no_grad():
                if layer.first:
                    x.mul_(1 - 1e-7)
                for tensor, grad in zip(wanted, found, strict=True):
                    tensor.sub_(grad, alpha=RATE)
        return [x, *kernels]

    return side


def settings(layer: Layer, apply: Callable) -> dict[str, Callable[[int], Any]]:
    """The sides of one implementation; a step of *scan* is `BLOCK` steps."""
    once, operands = functools.partial(step, layer, apply), draw(layer)

    def block(operands):
        return lax.scan(lambda held, _: (once(held), None), operands, length=BLOCK)[0]

    many = jax.tree.map(lambda a: np.stack([a] * NUM_SEEDS), operands)
    return {
        "call": chained(once, operands),
        "scan": chained(block, operands),
        "vmap": chained(jax.vmap(once), many),
    }


def time_sides(sides: dict[str, Callable], config: Config) -> dict[str, np.ndarray]:
    """Seconds of one step; the slow sides are timed first, by themselves.

    Their first call warms them up and counts only if it took two seconds or more.
    """
    times, quick = {}, {}
    for name, side in sides.items():
        found = [_seconds(side)]
        while min(found) > SLOW_SECONDS and len(found) < 3 and sum(found) < 2:
            found.append(_seconds(side))
        if min(found) > SLOW_SECONDS:  # not only the first call, which warms up
            times[name] = np.array(found[1:] or found)
        else:
            quick[name] = side
    found, _ = time_in_turns(quick, repeats=config.repeats, seconds=config.seconds / 3)
    return times | found


def _seconds(side: Callable) -> float:
    begin = time.perf_counter()
    jax.block_until_ready(side(1))
    return time.perf_counter() - begin


def time_layer(layer: Layer, config: Config, rate: float) -> list[dict[str, Any]]:
    """The rows of one layer: each setting against XLA's own and PyTorch."""
    sides = {("ours", name): side for name, side in settings(layer, ours).items()}
    sides |= {("XLA", name): side for name, side in settings(layer, xlas).items()}
    sides["PyTorch eager", "call"] = torch_side(layer, draw(layer))
    times = time_sides(sides, config)
    for side in ("ours", "XLA"):
        times[side, "scan"] = times[side, "scan"] / BLOCK
    medians = {name: float(np.median(found)) for name, found in times.items()}
    outside = medians["ours", "call"]
    ratios = {
        "call": {},
        "scan": {"scan_over_outside": medians["ours", "scan"] / outside},
        "vmap": {"vmap4_over_one": medians["ours", "vmap"] / outside},
    }
    rows = []
    for setting, ratio in ratios.items():
        seeds = NUM_SEEDS if setting == "vmap" else 1
        flop = None if layer.flop is None else seeds * layer.flop
        fraction = flop and flop / medians["ours", setting] / rate
        peers = {"XLA's own": times["XLA", setting]}
        if setting != "vmap":
            peers["PyTorch eager"] = times["PyTorch eager", "call"]
        rows += [
            compare(
                f"{layer.name}, {setting}",
                times["ours", setting],
                peer,
                theirs,
                setting=setting,
                input_shape=layer.shape,
                kernel_shape=layer.kernel_shape,
                layer=layer._asdict(),
                flop=flop,
                fraction_of_matmul_rate=fraction,
                peer_repeats=len(theirs),
                dtype="float32",
                torch_threads=torch.get_num_threads(),
                **ratio,
            )
            for peer, theirs in peers.items()
        ]
    return rows


def time_steps(name: str, config: Config) -> list[dict[str, Any]]:
    """The rows of one net's training, one for each peer."""
    case = CASES[name]()
    data = make_data(case.image_shape)
    peers = {
        "PyTorch eager": {},
        "PyTorch eager, fused optimizer": dict(fused=True),
        "PyTorch eager, fused, channels last": dict(fused=True, channels_last=True),
    }
    sides = {"ours": training_loop("sequential", case.experiment, data)}
    sides |= {
        peer: case.torch_loop(case, data, **options) for peer, options in peers.items()
    }
    times, _ = time_in_turns(sides, repeats=config.repeats, seconds=config.seconds)
    return [
        compare(
            f"step of {name}",
            times["ours"],
            peer,
            times[peer],
            setting="step",
            image_shape=case.image_shape,
            batch_size=case.batch_size,
            images_per_second=case.batch_size / float(np.median(times["ours"])),
            dtype="float32",
            torch_threads=torch.get_num_threads(),
        )
        for peer in peers
    ]


def largest(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The largest ratios of all layers."""
    found: dict[str, Any] = {"case": "largest of the layers"}
    for name in ("scan_over_outside", "vmap4_over_one"):
        ratio, case = max((row[name], row["case"]) for row in rows if name in row)
        found |= {name: ratio, f"{name}_case": case}
    return found


def benchmark(config: Config) -> int:
    """Time layers and steps, and report.

    Raises:
      InputError: on an accelerator, where the peers would still run on the CPU; or if
        nothing is left to time.
    """
    if jax.default_backend() != "cpu":
        raise InputError(
            f"JAX runs on {jax.default_backend()}, but PyTorch's side is written for "
            "the CPU: set JAX_PLATFORMS=cpu"
        )
    layers = [a for a in LAYERS if config.layers and config.only in a.name]
    nets = [name for name in CASES if config.steps and config.only in name]
    if not layers + nets:
        raise InputError(
            f"only is {config.only!r}, which leaves nothing to time: expected part of "
            f"one of {', '.join([a.name for a in LAYERS] + list(CASES))}"
        )
    print(f"PyTorch threads: {torch.get_num_threads()}")
    rows = []
    if layers:
        rate = product_rate(config)
        print(f"a 2048 x 2048 product runs at {rate / 1e9:.0f} GFLOP/s", flush=True)
        for layer in layers:
            rows += time_layer(layer, config, rate)
            print(layer.name, flush=True)
        rows.append(largest(rows))
    for name in nets:
        rows += time_steps(name, config)
        print(name, flush=True)
    columns = ["scan_over_outside", "vmap4_over_one", "fraction_of_matmul_rate"]
    return report(rows, config, columns=columns)


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, benchmark, argv)


if __name__ == "__main__":
    sys.exit(main())
