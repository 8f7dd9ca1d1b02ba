"""The theory of GANs, measured while one trains (Goodfellow et al. 2014, theorem 1).

    python experiments/gan_theory.py
    python experiments/gan_theory.py --targets annulus --generators flow --seeds 1

In the plane, with a normalizing flow as generator, both densities are known, so that
everything the theory speaks of can be integrated: the divergence of data and samples,
the best discriminator there is, D* = p / (p + q), and the bound that it attains,
-log 4 + 2 JSD(p, q), beside the value V(D, G) that the trained discriminator reaches.
V never exceeds the bound; the space between is what the discriminator has not learned
yet. The generator follows the game's own loss, log(1 - D(G(z))), of which the bound is
the best case. `likelihood` fits the same flow by maximum likelihood, for the divergence
that it can reach at all; `mlp` is a generator without a density, of which samples are
all that is known: its figures are estimates, and named so.
"""

import dataclasses
import functools
import hashlib
import itertools
import math
import sys
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax

from jaxdl.adversarial.health import health_remarks
from jaxdl.adversarial.losses import minimax_generator_loss
from jaxdl.adversarial.objectives import make_gan_losses
from jaxdl.adversarial.step import make_gan_init, make_gan_step
from jaxdl.cli import start
from jaxdl.errors import InputError
from jaxdl.systems.gan_theory.data import DENSITIES, Density
from jaxdl.systems.gan_theory.figures import theory_figures
from jaxdl.systems.gan_theory.flow import Flow, coupling_flow
from jaxdl.systems.gan_theory.measures import (
    make_likelihood_evaluate,
    make_sampled_evaluate,
    make_theory_evaluate,
)
from jaxdl.systems.gan_theory.networks import plane_gan
from jaxdl.train import config, step
from jaxdl.train.experiment import Case, Sweep
from jaxdl.train.run import Experiment, run
from jaxdl.types import Model

Target = Literal["two_moons", "annulus"]
Generator = Literal["flow", "mlp", "likelihood"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
    """GANs in the plane; each generator with each target is a case."""

    targets: tuple[Target, ...] = ("two_moons", "annulus")
    """Distributions to learn; their densities are known."""
    generators: tuple[Generator, ...] = ("flow", "mlp", "likelihood")
    """A flow against a discriminator, a plain net against one, and a flow alone."""
    steps: int = 8000
    """Generator steps of each net."""
    batch_size: int = 256
    """Points in one minibatch."""
    disc_steps: int = 10
    """Discriminator steps for each generator step, each on its own minibatch; with
    five or fewer it fell behind for good."""
    gen_learning_rate: float = 3e-4
    """First step size of the generator; it falls to 0 along a cosine."""
    disc_learning_rate: float = 2e-3
    """First step size of the discriminator; it falls to a tenth of it, likewise."""
    likelihood_learning_rate: float = 1e-3
    """First step size of the flow that is fitted by maximum likelihood."""
    num_layers: int = 12
    """Coupling layers of the flow."""
    hidden_size: int = 64
    """Width of the discriminator and of the flow's nets; the plain net has twice it."""
    seeds: int = 3
    """Seeds of each case."""
    eval_every: int | None = config.free(None)
    """Steps between evaluations; by default forty a run."""

    def __post_init__(self):
        super().__post_init__()
        config.require_positive(
            gen_learning_rate=self.gen_learning_rate,
            disc_learning_rate=self.disc_learning_rate,
            likelihood_learning_rate=self.likelihood_learning_rate,
        )
        config.require_at_least(1, disc_steps=self.disc_steps)
        config.require_at_least(2, num_layers=self.num_layers)
        config.require_at_least(2, hidden_size=self.hidden_size)
        for name in ("targets", "generators"):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given):
                raise InputError(f"{name} is {given}: expected at least one, each once")


def make_flow(cfg: Config) -> Flow:
    """The flow of a configuration."""
    return coupling_flow(2, num_layers=cfg.num_layers, hidden_size=cfg.hidden_size)


def make_batch(density: Density, *shape: int):
    """`batch(data, key, step)`: new points in an array [*shape 2] for every step."""
    num = math.prod(shape)

    def batch(_, key, step):
        return density.draw(jax.random.fold_in(key, step), num).reshape(*shape, 2)

    return batch


@functools.lru_cache(maxsize=16)  # the same command compiles once a process
def make_experiment(cfg: Config) -> Experiment:
    """The experiment of a configuration with one target and one generator."""
    (target,), (kind,) = cfg.targets, cfg.generators
    density = DENSITIES[target]()
    if kind == "likelihood":
        return likelihood_experiment(cfg, density)
    gan = plane_gan(density.half_width, hidden_size=cfg.hidden_size)
    disc, flow = gan.discriminator, make_flow(cfg)
    optimizers = (
        optax.adam(falling(cfg.gen_learning_rate, cfg), b1=0.5, b2=0.99),
        optax.adam(falling(cfg.disc_learning_rate, cfg, to=0.1)),
    )
    if kind == "flow":
        generator = Model(flow.init, flow.apply)
        measured = make_theory_evaluate(
            flow.log_density, disc.apply, density.log_density, density.half_width
        )
    else:
        generator = gan.generator
        measured = make_sampled_evaluate(
            generator.apply, disc.apply, gan.latent_size, density
        )
    losses = make_gan_losses(
        generator.apply,
        disc.apply,
        gan.latent_size,
        generator_loss=minimax_generator_loss,
        real=lambda points: points,
    )
    return Experiment(
        init=make_gan_init(generator, disc, *optimizers),
        step=make_gan_step(*losses, *optimizers),
        evaluate=measured,
        figures=lambda record: {},
        batch=make_batch(density, cfg.disc_steps, cfg.batch_size),
        protocols=protocols(cfg),
        remarks=health_remarks,
    )


def likelihood_experiment(cfg: Config, density: Density) -> Experiment:
    """The flow alone, fitted by maximum likelihood."""
    flow = make_flow(cfg)
    optimizer = optax.adam(falling(cfg.likelihood_learning_rate, cfg))

    def loss_fn(params, batch, key):
        del key  # this objective draws nothing
        loss = -jnp.mean(flow.log_density(params, batch))
        return loss, {"loss": loss}

    return Experiment(
        init=step.make_init(Model(flow.init, flow.apply), optimizer),
        step=step.make_train_step(loss_fn, optimizer),
        evaluate=make_likelihood_evaluate(
            flow.log_density, density.log_density, density.half_width
        ),
        figures=lambda record: {},
        batch=make_batch(density, cfg.batch_size),
        protocols=protocols(cfg),
    )


def falling(learning_rate: float, cfg: Config, to: float = 0.0):
    """A step size that falls along a cosine, to a share `to` of the first."""
    return optax.cosine_decay_schedule(learning_rate, max(cfg.steps, 1), alpha=to)


def protocols(cfg: Config) -> dict[str, Any]:
    """How what a case finds was measured."""
    (target,), (kind,) = cfg.targets, cfg.generators
    shared = {"data": target, "networks": f"{kind}, {cfg.steps:,} steps"}
    if kind == "mlp":
        how = "histograms of 100,000 points each on 48 x 48 cells"
        return {"jsd_estimate": shared | {"estimated_from": how}}
    exact = {"jsd": shared | {"integrated": "on a grid, float64"}}
    return exact


def train(cfg: Config) -> int:
    """Run the cases."""
    cfg = config.fill_defaults(cfg, {"eval_every": max(1, cfg.steps // 40)})
    cases = {}
    for target, kind in itertools.product(cfg.targets, cfg.generators):
        case = dataclasses.replace(cfg, targets=(target,), generators=(kind,))
        cases[f"{target}-{kind}"] = Case(case, make_experiment(case))
    # Each case draws from its own density; one stands for them all.
    densities = [DENSITIES[target]() for target in cfg.targets]
    digest = hashlib.sha256("".join(d.checksum for d in densities).encode())
    together = dataclasses.replace(
        densities[0], name="-".join(cfg.targets), checksum=digest.hexdigest()
    )
    figures = theory_figures
    return run("gan_theory", Sweep(cases, figures), together, cfg).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv)


if __name__ == "__main__":
    sys.exit(main())
