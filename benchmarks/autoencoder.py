"""How fast do a deep autoencoder and a Boltzmann machine train, against PyTorch?

    python benchmarks/autoencoder.py --json benchmarks/results/autoencoder-DEVICE.json

The question: are one epoch (469 steps of 128 images) of the 784-1000-500-250-30
autoencoder, and one of contrastive divergence (CD-1, 784 visible and 500 hidden units),
at least 1.5 times as fast as in eager PyTorch? benchmarks/README.md has the answer for
two CPU cores. Two minutes.

The autoencoder is that of experiments/autoencoder.py (GELU, cross-entropy, Adam) at a
constant rate; the machine's update is plain gradient ascent. The peers are the same
models from the same initial weights; the machine once as free energies, differentiated,
and once "by hand", in matrix products and updates in place. Ours runs as the sequential
executor does: a scanned block with the bytes on the device, minibatches drawn, gathered
and scaled inside, metrics of every step. The peers hold the images as one float tensor
and compute no metrics.

Peak memory is that of a process of its own which trains one side. Both sides' processes
have imported both libraries, and hold what each is given: 60,000 images, as bytes
(45 MiB) or as floats (179 MiB); the peak is that of the steps, compilation included,
without setting up. `start_mib` is what the process holds after its imports.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import contextlib
import dataclasses
import functools
import gc
import multiprocessing
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from harness import (
    BenchmarkConfig,
    Data,
    compare,
    enlarged_digits,
    report,
    time_in_turns,
    training_loop,
)

from jaxdl.cli import start
from jaxdl.data.load import Split
from jaxdl.errors import InputError
from jaxdl.models.autoencoders import Autoencoder, autoencoder
from jaxdl.models.rbm import free_energy, gibbs_chain, init_rbm
from jaxdl.objectives.contrastive_divergence import make_contrastive_divergence_loss
from jaxdl.objectives.reconstruction import make_reconstruction_loss
from jaxdl.ops.losses import bernoulli_cross_entropy
from jaxdl.train import provenance
from jaxdl.train.runner import Experiment
from jaxdl.train.seeds import seed_keys
from jaxdl.train.step import make_init, make_train_step, make_uniform_batch
from jaxdl.types import Model, Params

try:
    import torch
    from torch import nn
    from torch.nn.functional import binary_cross_entropy_with_logits, softplus
except ImportError as error:
    raise SystemExit("this benchmark needs PyTorch: pip install torch==2.13.0") from (
        error
    )

PIXELS, HIDDEN_SIZES, LATENT_SIZE = 784, (1000, 500, 250), 30
HIDDEN_UNITS = 500
BATCH_SIZE, NUM_IMAGES = 128, 60_000
EPOCH = -(-NUM_IMAGES // BATCH_SIZE)
LEARNING_RATE, CD_RATE = 1e-3, 0.05
MEMORY_STEPS = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(BenchmarkConfig):
    """A deep autoencoder and contrastive divergence against PyTorch."""

    memory: bool = True
    """Measure the peak memory of each side in a process of its own."""


def make_data(num: int = NUM_IMAGES) -> Data:
    """Digits at MNIST's size and number."""
    return Data(Split(enlarged_digits(num), jnp.zeros(num, jnp.int32)))


def make_model() -> Autoencoder:
    """The deep autoencoder."""
    return autoencoder(PIXELS, HIDDEN_SIZES, LATENT_SIZE)


def _experiment(model: Model, loss_fn: Callable, optimizer) -> Experiment:
    return Experiment(
        init=make_init(model, optimizer),
        step=make_train_step(loss_fn, optimizer),
        evaluate=None,
        figures=None,
        batch=make_uniform_batch(BATCH_SIZE),
    )


def make_autoencoder() -> Experiment:
    """The training of the autoencoder, as the runner takes it."""
    model = make_model()
    loss_fn = make_reconstruction_loss(model.apply, bernoulli_cross_entropy)
    model = Model(model.init, model.apply)
    return _experiment(model, loss_fn, optax.adam(LEARNING_RATE))


def make_machine() -> Experiment:
    """Contrastive divergence, likewise."""
    model = Model(lambda key: init_rbm(key, PIXELS, HIDDEN_UNITS), free_energy)
    loss_fn = make_contrastive_divergence_loss(free_energy, gibbs_chain)
    return _experiment(model, loss_fn, optax.sgd(CD_RATE))


def torch_autoencoder(params: Params) -> nn.Sequential:
    """Our parameters as PyTorch's layers."""
    layers = []
    for part in (params["encoder"], params["decoder"]):
        for i, layer in enumerate(part):
            linear = nn.Linear(*layer["kernel"].shape)
            with torch.no_grad():
                linear.weight.copy_(torch.tensor(np.array(layer["kernel"]).T))
                linear.bias.copy_(torch.tensor(np.array(layer["bias"])))
            layers += [linear, nn.GELU()] if i < len(part) - 1 else [linear]
    return nn.Sequential(*layers)


def torch_loss(net: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Cross-entropy summed over the pixels, mean over the images."""
    logits = net(images)
    total = binary_cross_entropy_with_logits(logits, images, reduction="sum")
    return total / len(images)


def cd_update(
    machine: dict[str, torch.Tensor],
    visible: torch.Tensor,
    uniforms: tuple[torch.Tensor, torch.Tensor],
) -> None:
    """One step of CD-1 in place; `uniforms` decide the hidden, then the visible draws.

    The gradient of the free energies by hand: v h^T with h the hidden probabilities, of
    the data and of the samples.
    """
    kernel, visible_bias, hidden_bias = machine.values()
    first = torch.sigmoid(torch.addmm(hidden_bias, visible, kernel))
    hidden = (uniforms[0] < first).float()
    samples = torch.sigmoid(torch.addmm(visible_bias, hidden, kernel.T))
    samples = (uniforms[1] < samples).float()
    last = torch.sigmoid(torch.addmm(hidden_bias, samples, kernel))
    rate = CD_RATE / len(visible)
    kernel.addmm_(visible.T, first, alpha=rate).addmm_(samples.T, last, alpha=-rate)
    visible_bias.add_((visible - samples).sum(0), alpha=rate)
    hidden_bias.add_((first - last).sum(0), alpha=rate)


def cd_step(
    machine: dict[str, torch.Tensor],
    visible: torch.Tensor,
    uniforms: tuple[torch.Tensor, torch.Tensor],
    optimizer: torch.optim.Optimizer,
) -> None:
    """The same step written as ours is: free energies, differentiated."""
    kernel, visible_bias, hidden_bias = machine.values()
    with torch.no_grad():
        hidden = torch.sigmoid(torch.addmm(hidden_bias, visible, kernel))
        hidden = (uniforms[0] < hidden).float()
        samples = torch.sigmoid(torch.addmm(visible_bias, hidden, kernel.T))
        samples = (uniforms[1] < samples).float()

    def free_energy(v):
        logits = torch.addmm(hidden_bias, v, kernel)
        return -v @ visible_bias - softplus(logits).sum(1)

    optimizer.zero_grad(set_to_none=True)
    (free_energy(visible).mean() - free_energy(samples).mean()).backward()
    optimizer.step()


def torch_machine(params: Params) -> dict[str, torch.Tensor]:
    """Our parameters as tensors, in the order of `cd_update`."""
    names = "kernel", "visible_bias", "hidden_bias"
    return {name: torch.tensor(np.array(params[name])) for name in names}


def torch_images(data: Data) -> torch.Tensor:
    """The images as rows of floats."""
    image = np.array(data.train.image)
    return torch.from_numpy(image).reshape(len(image), -1).float().div_(255)


def autoencoder_loop(params: Params, data: Data, *, fused: bool | None = None):
    """Training the autoencoder in PyTorch: `side(steps)`."""
    images, net = torch_images(data), torch_autoencoder(params)
    optimizer = torch.optim.Adam(net.parameters(), LEARNING_RATE, fused=fused)

    def side(steps: int) -> None:
        for _ in range(steps):
            batch = images[torch.randint(len(images), (BATCH_SIZE,))]
            optimizer.zero_grad(set_to_none=True)
            torch_loss(net, batch).backward()
            optimizer.step()

    return side


def machine_loop(params: Params, data: Data, *, by_hand: bool = False):
    """Contrastive divergence in PyTorch: `side(steps)`."""
    images, machine = torch_images(data), torch_machine(params)
    shapes = (BATCH_SIZE, HIDDEN_UNITS), (BATCH_SIZE, PIXELS)
    update = cd_update
    if not by_hand:
        leaves = [tensor.requires_grad_() for tensor in machine.values()]
        optimizer = torch.optim.SGD(leaves, CD_RATE)
        update = functools.partial(cd_step, optimizer=optimizer)

    def side(steps: int) -> None:
        for _ in range(steps):
            batch = images[torch.randint(len(images), (BATCH_SIZE,))]
            update(machine, batch, tuple(torch.rand(shape) for shape in shapes))

    return side


CASES = {
    "autoencoder 784-1000-500-250-30": (make_autoencoder, autoencoder_loop),
    "CD-1 784-500": (make_machine, machine_loop),
}


def initial_params(experiment: Experiment) -> Params:
    """Both sides' weights to begin with."""
    return experiment.init(seed_keys(0).init, None, None).params


def time_case(name: str, data: Data, config: Config) -> list[dict[str, Any]]:
    """The rows of one case, one for each peer."""
    make, torch_loop = CASES[name]
    experiment = make()
    params = initial_params(experiment)
    sides = {
        "ours": training_loop("sequential", experiment, data),
        "PyTorch eager": torch_loop(params, data),
    }
    if torch_loop is autoencoder_loop:
        sides["PyTorch eager, fused optimizer"] = torch_loop(params, data, fused=True)
    else:
        sides["PyTorch eager, by hand"] = torch_loop(params, data, by_hand=True)
    times, _ = time_in_turns(sides, repeats=config.repeats, seconds=config.seconds)
    ours = times.pop("ours")
    return [
        compare(
            name,
            ours,
            peer,
            theirs,
            epoch_seconds=EPOCH * float(np.median(ours)),
            peer_epoch_seconds=EPOCH * float(np.median(theirs)),
            batch_size=BATCH_SIZE,
            dtype="float32",
            torch_threads=torch.get_num_threads(),
        )
        for peer, theirs in times.items()
    ]


def forget_peak() -> None:
    """Begin the record of this process's largest memory anew, where that is known."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def probe_memory(name: str, ours: bool, queue: Any) -> None:
    """Train one side; send the peak memory before and after, in bytes."""
    forget_peak()
    before = provenance.peak_memory_bytes()
    make, torch_loop = CASES[name]
    experiment, data = make(), make_data()
    if ours:
        side = training_loop("sequential", experiment, data)
    else:
        params = initial_params(experiment)
        side = torch_loop(params, data)
    del data
    gc.collect()
    forget_peak()  # what setting up took is not training's
    jax.block_until_ready(side(MEMORY_STEPS))
    queue.put((before, provenance.peak_memory_bytes()))


def measure_memory(name: str) -> list[dict[str, Any]]:
    """The rows of memory of one case, each side from a process of its own."""
    context = multiprocessing.get_context("spawn")
    rows = []
    for side in ("ours", "PyTorch eager"):
        queue = context.SimpleQueue()
        process = context.Process(
            target=probe_memory, args=(name, side == "ours", queue)
        )
        process.start()
        before, peak = queue.get()
        process.join()
        sizes = {"peak_mib": peak / 2**20, "start_mib": before / 2**20}
        rows.append({"case": f"memory, {name}, {side}", **sizes})
    return rows


def benchmark(config: Config) -> int:
    """Time both cases, measure their memory, and report.

    Raises:
      InputError: on an accelerator, where the peers would still run on the CPU.
    """
    if jax.default_backend() != "cpu":
        raise InputError(
            f"JAX runs on {jax.default_backend()}, but PyTorch's side is written for "
            "the CPU: set JAX_PLATFORMS=cpu"
        )
    print(f"PyTorch threads: {torch.get_num_threads()}")
    data = make_data()
    rows = [row for name in CASES for row in time_case(name, data, config)]
    if config.memory:
        rows += [row for name in CASES for row in measure_memory(name)]
    columns = ["epoch_seconds", "peer_epoch_seconds", "peak_mib", "start_mib"]
    return report(rows, config, columns=columns)


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, benchmark, argv)


if __name__ == "__main__":
    sys.exit(main())
