"""How fast is a GAN's training step, against PyTorch and against our own runner?

    python benchmarks/gan_step.py --json benchmarks/results/gan_step-DEVICE.json

Claim: batch 64, steps per second of the digits pair are at least 2.5 times those of
eager PyTorch, of the 784-256-256 pair 2 times, of the paper's networks 1.6 times; the
runner with all it does costs at most 5 % over the bare scanned loop. Five minutes.

Ours is the step of experiments/gan.py (Adam, without the recipe's decay and norm bound;
the paper's networks with the paper's SGD as well) as the sequential executor runs it: a
scanned block with the bytes on the device, minibatches drawn, gathered and scaled
inside. The peers are the same networks from the same initial weights, with the images
as one float tensor in memory and the same gradients: in the discriminator's step the
samples are detached and both halves go through in one pass, in the generator's step
only its own parameters get gradients. Both sides draw minibatch, latents (anew for each
player) and dropout. Ours also computes five metrics at every step, the peers none.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import math
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import jax
import numpy as np
from harness import (
    GAN_BATCH_SIZE,
    GAN_CASES,
    BenchmarkConfig,
    Data,
    GanCase,
    compare,
    load_script,
    make_gan,
    report,
    time_in_turns,
    training_loop,
)

from jaxdl.cli import start
from jaxdl.data.load import load_images
from jaxdl.errors import InputError
from jaxdl.train.config import require_each_once, require_positive
from jaxdl.train.runner import Experiment, run
from jaxdl.train.seeds import seed_keys
from jaxdl.types import Params

try:
    import torch
    from torch import nn
    from torch.nn.functional import binary_cross_entropy_with_logits
except ImportError as error:
    raise SystemExit("this benchmark needs PyTorch: pip install torch==2.13.0") from (
        error
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(BenchmarkConfig):
    """Training steps of GANs against PyTorch."""

    cases: tuple[Literal[*GAN_CASES], ...] = tuple(GAN_CASES)
    """Pairs of networks to time."""
    compile: bool = True
    """Also time torch.compile, which needs a C++ compiler and half a minute."""
    runner_seconds: float = 30.0
    """How long the runner is timed against the bare loop, in seconds; 0 leaves it
    out."""

    def __post_init__(self):
        super().__post_init__()
        require_each_once(cases=self.cases)
        require_positive(runner_seconds=self.runner_seconds or None)


class Maxout(nn.Module):
    """A dense layer whose units are the largest of their pieces."""

    def __init__(self, in_size: int, num_units: int, num_pieces: int):
        super().__init__()
        self.pieces = nn.Linear(in_size, num_units * num_pieces)
        self.shape = num_pieces, num_units

    def forward(self, x):
        return self.pieces(x).unflatten(-1, self.shape).amax(1)


def torch_networks(name: str) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator of a case, as in jaxdl/systems/gan/networks.py."""
    pixels = GAN_CASES[name].image_size ** 2
    if name.startswith("paper"):
        generator = nn.Sequential(
            *(nn.Linear(100, 1200), nn.ReLU()),
            *(nn.Linear(1200, 1200), nn.ReLU()),
            *(nn.Linear(1200, pixels), nn.Sigmoid()),
        )
        discriminator = nn.Sequential(
            nn.Dropout(0.2),
            *(Maxout(pixels, 240, 5), nn.Dropout(0.5)),
            *(Maxout(240, 240, 5), nn.Dropout(0.5)),
            *(nn.Linear(240, 1), nn.Flatten(0)),
        )
        return generator, discriminator
    latent_size, hidden_size = {"digits": (32, 128), "mlp": (64, 256)}[name]

    def net(in_size: int, out_size: int, *after: nn.Module) -> list[nn.Module]:
        return [
            *(nn.Linear(in_size, hidden_size), nn.LeakyReLU(0.2), *after),
            *(nn.Linear(hidden_size, hidden_size), nn.LeakyReLU(0.2), *after),
            nn.Linear(hidden_size, out_size),
        ]

    generator = nn.Sequential(*net(latent_size, pixels), nn.Sigmoid())
    discriminator = nn.Sequential(*net(pixels, 1, nn.Dropout(0.3)), nn.Flatten(0))
    return generator, discriminator


def copy_params(params: Params, module: nn.Module) -> None:
    """Our parameters into the linear layers of a module, in their order."""
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    leaves = iter(jax.tree.leaves(params))  # bias and kernel of each layer in turn
    with torch.no_grad():
        for layer, bias, kernel in zip(layers, leaves, leaves, strict=True):
            layer.bias.copy_(torch.tensor(np.asarray(bias)))
            layer.weight.copy_(torch.tensor(np.asarray(kernel).T))


def torch_losses(generator: nn.Module, discriminator: nn.Module):
    """The losses of both players as functions of images and latents."""
    ones = torch.ones(GAN_BATCH_SIZE)

    def disc_loss_fn(real, z):
        fake = generator(z).detach()
        real_logits, fake_logits = discriminator(torch.cat([real, fake])).chunk(2)
        real_loss = binary_cross_entropy_with_logits(real_logits, ones)
        fake_loss = binary_cross_entropy_with_logits(fake_logits, 1 - ones)
        return real_loss + fake_loss

    def gen_loss_fn(z):
        return binary_cross_entropy_with_logits(discriminator(generator(z)), ones)

    return disc_loss_fn, gen_loss_fn


def torch_optimizer(case: GanCase, params, *, fused: bool | None = None):
    """The optimizer of a case; `fused` is PyTorch's faster kernel for it."""
    rate, momentum = case.learning_rate, case.momentum
    if case.optimizer == "adam":
        return torch.optim.Adam(params, rate, betas=(momentum, 0.999), fused=fused)
    return torch.optim.SGD(params, rate, momentum, fused=fused)


def torch_loop(
    name: str,
    experiment: Experiment,
    data: Data,
    *,
    fused: bool | None = None,
    compiled: bool = False,
) -> Callable[[int], None]:
    """Training in PyTorch: `side(steps)`."""
    case, image = GAN_CASES[name], np.array(data.train.image)
    images = torch.from_numpy(image).reshape(len(image), -1).float() / 255
    generator, discriminator = torch_networks(name)
    state = experiment.init(seed_keys(0).init, data, None)
    copy_params(state.gen_params, generator)
    copy_params(state.disc_params, discriminator)
    gen_params = list(generator.parameters())
    gen_optimizer = torch_optimizer(case, gen_params, fused=fused)
    disc_optimizer = torch_optimizer(case, discriminator.parameters(), fused=fused)
    disc_loss_fn, gen_loss_fn = torch_losses(generator, discriminator)
    gen_step, disc_step = gen_optimizer.step, disc_optimizer.step
    z_shape = GAN_BATCH_SIZE, case.gan.latent_size
    if compiled:
        disc_loss_fn, gen_loss_fn = map(torch.compile, (disc_loss_fn, gen_loss_fn))
        gen_step, disc_step = torch.compile(gen_step), torch.compile(disc_step)

    def side(steps: int) -> None:
        for _ in range(steps):
            real = images[torch.randint(len(images), (GAN_BATCH_SIZE,))]
            disc_optimizer.zero_grad(set_to_none=True)
            disc_loss_fn(real, torch.randn(z_shape)).backward()
            disc_step()
            gen_optimizer.zero_grad(set_to_none=True)
            loss = gen_loss_fn(torch.randn(z_shape))
            loss.backward(inputs=gen_params)
            gen_step()

    return side


def time_case(name: str, config: Config) -> list[dict]:
    """The rows of one pair of networks, one for each peer."""
    experiment, data = make_gan(name)
    sides = {
        "ours": training_loop("sequential", experiment, data),
        "PyTorch eager": torch_loop(name, experiment, data),
        "PyTorch eager, fused optimizer": torch_loop(
            name, experiment, data, fused=True
        ),
    }
    if config.compile:
        sides["torch.compile"] = torch_loop(name, experiment, data, compiled=True)
    times, steps = time_in_turns(sides, repeats=config.repeats, seconds=config.seconds)
    extras = {
        "batch_size": GAN_BATCH_SIZE,
        "dtype": "float32",
        "torch_threads": torch.get_num_threads(),
    }
    return [
        compare(
            GAN_CASES[name].title,
            times["ours"],
            peer,
            times[peer],
            **extras,
            ours_steps=steps["ours"],
            peer_steps=steps[peer],
        )
        for peer in sides
        if peer != "ours"
    ]


def time_runner(seconds: float) -> dict:
    """The runner at its default intervals against the bare loop, on the digits pair.

    Compilation and evaluations are left out on both sides, checkpoints, logs, progress
    and TensorBoard are in. The bare loop runs half before and half after the runner.
    """
    gan, data = load_script("experiments/gan.py"), load_images("digits")
    cfg = gan.Config()
    experiment = gan.make_experiment(cfg, data)
    bare, tenth, times = training_loop("sequential", experiment, data), 200, []
    jax.block_until_ready(bare(tenth))
    begin = time.perf_counter()
    jax.block_until_ready(bare(tenth))
    # Whole blocks in each tenth of the run: between two evaluations.
    tenth *= math.ceil(seconds / 10 / (time.perf_counter() - begin))

    def half():
        for _ in range(5):
            begin = time.perf_counter()
            jax.block_until_ready(bare(tenth))
            times.append((time.perf_counter() - begin) / tenth)

    jax.block_until_ready(bare(tenth))  # compiles this length
    half()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        ran = dataclasses.replace(cfg, steps=10 * tenth, executor="sequential", out=out)
        result = run("gan", experiment, data, ran).result
    half()
    return compare(
        "runner, digits pair",
        np.array([1 / result["steps_per_second"]]),
        "bare scanned loop",
        np.array(times),
        steps=10 * tenth,
        runner_train_seconds=result["seconds"]["train"],
        bare_tenths=times,
    )


def benchmark(config: Config) -> int:
    """Time all cases and report.

    Raises:
      InputError: on an accelerator, where the peers would still run on the CPU.
    """
    if jax.default_backend() != "cpu":
        raise InputError(
            f"JAX runs on {jax.default_backend()}, but PyTorch's side is written for "
            "the CPU: set JAX_PLATFORMS=cpu"
        )
    print(f"PyTorch threads: {torch.get_num_threads()}")
    rows = [row for name in config.cases for row in time_case(name, config)]
    if config.runner_seconds > 0:
        rows.append(time_runner(config.runner_seconds))
    return report(rows, config)


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, benchmark, argv)


if __name__ == "__main__":
    sys.exit(main())
