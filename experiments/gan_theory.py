"""The theory of GANs, measured while one trains (Goodfellow et al. 2014, theorem 1).

    python experiments/gan_theory.py
    python experiments/gan_theory.py --targets two_moons --generators flow

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

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import itertools
import sys
from typing import Literal

from jaxdl.cli import start
from jaxdl.errors import InputError
from jaxdl.systems.gan_theory.data import DENSITIES, Density, together
from jaxdl.systems.gan_theory.figures import theory_figures
from jaxdl.systems.gan_theory.training import make_game, make_likelihood
from jaxdl.train import config
from jaxdl.train.experiment import Case, Experiment, Plan, Sweep
from jaxdl.train.runner import run

Target = Literal["two_moons", "annulus"]
Generator = Literal["flow", "mlp", "likelihood"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
    """GANs in the plane; each generator with each target is a case."""

    targets: tuple[Target, ...] = ("annulus",)
    """Distributions to learn; their densities are known."""
    generators: tuple[Generator, ...] = ("flow", "likelihood")
    """A flow or a plain net (mlp) against a discriminator, or a flow alone."""
    steps: int = 2000
    """Generator steps of each net."""
    batch_size: int = 256
    """Points in one minibatch."""
    disc_steps: int = 10
    """Discriminator steps for each generator step, each on its own minibatch; with
    five or fewer it fell behind for good."""
    gen_learning_rate: float = 3e-4
    """First step size of the generator; it falls to 0 along a cosine."""
    disc_learning_rate: float = 2e-3
    """First step size of the discriminator; it falls to a tenth of it, likewise, over
    its first --steps updates, though it makes --disc-steps of them in a step."""
    likelihood_learning_rate: float = 1e-3
    """First step size of the flow that is fitted by maximum likelihood."""
    num_layers: int = 12
    """Coupling layers of the flow."""
    hidden_size: int = 64
    """Width of the discriminator and of the flow's nets; the plain net has twice it."""
    seeds: int = 1
    """Seeds of each case."""
    eval_every: int | None = config.free(None)
    """Steps between evaluations; by default twenty a run."""

    def __post_init__(self):
        super().__post_init__()
        config.require_positive(
            gen_learning_rate=self.gen_learning_rate,
            disc_learning_rate=self.disc_learning_rate,
            likelihood_learning_rate=self.likelihood_learning_rate,
        )
        config.require_at_least(1, disc_steps=self.disc_steps)
        unrolled = "each is compiled into the training step"
        config.require_at_most(50, unrolled, disc_steps=self.disc_steps)
        config.require_at_most(100, unrolled, num_layers=self.num_layers)
        config.require_at_least(2, num_layers=self.num_layers)
        config.require_at_least(2, hidden_size=self.hidden_size)
        for name in ("targets", "generators"):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given):
                raise InputError(f"{name} is {given}: expected at least one, each once")

    def idle(self):
        kinds = set(self.generators)
        game = "disc_steps", "gen_learning_rate", "disc_learning_rate"
        return (
            config.idle_unless(
                bool(kinds - {"likelihood"}), "without the generator flow or mlp", *game
            )
            | config.idle_unless(
                bool(kinds - {"mlp"}), "with the generator mlp alone", "num_layers"
            )
            | config.idle_unless(
                "likelihood" in kinds,
                "without the generator likelihood",
                "likelihood_learning_rate",
            )
        )


def make_experiment(cfg: Config, data: Density) -> Experiment:
    """The experiment of a configuration with one target and one generator."""
    del data  # it stands for all targets; each case draws from its own
    (target,) = cfg.targets
    make = make_likelihood if cfg.generators == ("likelihood",) else make_game
    return make(cfg, DENSITIES[target]())


def plan(cfg: Config) -> Plan:
    """A case for each target and generator."""
    cfg = config.fill_defaults(cfg, {"eval_every": max(1, cfg.steps // 20)})
    cases = {}
    for target, kind in itertools.product(cfg.targets, cfg.generators):
        case = dataclasses.replace(cfg, targets=(target,), generators=(kind,))
        cases[f"{target}-{kind}"] = Case(case, make_experiment)
    data = together([DENSITIES[target]() for target in cfg.targets])
    return Plan("gan_theory", Sweep(cases, theory_figures), data, cfg)


def train(cfg: Config) -> int:
    """Run the cases."""
    return run(*plan(cfg)).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv, script=__file__)


if __name__ == "__main__":
    sys.exit(main())
