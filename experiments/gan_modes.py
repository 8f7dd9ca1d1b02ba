"""Do GANs find all modes? Mixtures of Gaussians, with and without packing.

    python experiments/gan_modes.py
    python experiments/gan_modes.py full --target ring
    python experiments/gan_modes.py --target grid --methods pacgan --packs 3 4

Generators collapse: they make points of some modes and leave others out. PacGAN shows
the discriminator m points side by side, which makes missing variety visible (Lin et al.
2018: on a grid of 25 modes a GAN found 17.3, PacGAN with two points 23.8; ours:
experiments/README.md). Networks and optimizer are those of the authors' code, in which
both players step at once, from the same samples. They took 400,000 steps; the recorded
protocol, 5,000 steps of ten seeds, was fixed in advance for two CPU cores.

Where we differ: training draws new points for every step (they reuse 100,000 packs),
and samples to evaluate are made with the statistics of 10,000 latents in each
normalised layer (they use running means over training).
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import sys
from typing import Literal

from jaxdl.adversarial.health import point_health_remarks
from jaxdl.adversarial.networks import gan_networks
from jaxdl.cli import start
from jaxdl.errors import InputError
from jaxdl.printing import say
from jaxdl.systems.gan_modes.data import Mixture, grid, ring
from jaxdl.systems.gan_modes.figures import mode_figures
from jaxdl.systems.gan_modes.measures import make_modes_evaluate, make_sample
from jaxdl.systems.gan_modes.methods import MethodName, make_training
from jaxdl.systems.gan_modes.protocols import modes_protocols
from jaxdl.systems.gan_modes.report import differences
from jaxdl.train import config
from jaxdl.train.experiment import Case, Experiment, Plan, Sweep
from jaxdl.train.runner import run

TARGETS = {"ring": ring, "grid": grid}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
    """Mode coverage; each method, and each size of pack, is a case."""

    target: Literal["ring", "grid"] = "ring"
    """Mixture to learn: 8 modes on a circle, or 25 on a grid."""
    methods: tuple[MethodName, ...] = ("gan", "pacgan")
    """Ways to train to compare; pacgan gives a case for each of --packs."""
    packs: tuple[int, ...] = (2,)
    """Points that PacGAN's discriminator sees side by side, such as 2 3 4."""
    learning_rate: float = 1e-4
    """Step size of Adam, of both players."""
    steps: int = 2000
    """Training steps of each seed; the paper took 400,000."""
    batch_size: int = 100
    """Packs in a step."""
    seeds: int = 1
    """Seeds of each case."""

    def __post_init__(self):
        super().__post_init__()
        config.require_positive(learning_rate=self.learning_rate)
        wide = "the discriminator sees all of a pack at once"
        config.require_at_most(1_000, wide, packs=max(self.packs, default=1))
        for name in ("methods", "packs"):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given):
                raise InputError(f"{name} is {given}: expected at least one, each once")
        if min(self.packs) < 1:
            raise InputError(
                f"packs has {min(self.packs)}: expected 1 or more points for the "
                "discriminator to see side by side, such as 2"
            )

    def idle(self):
        used = "pacgan" in self.methods
        return config.idle_unless(used, "without the method pacgan", "packs")


def make_experiment(cfg: Config, data: Mixture) -> Experiment:
    """The experiment of a configuration with one method and one size of pack."""
    del data  # every step and every evaluation is given it
    training = make_training(cfg)
    return Experiment(
        init=training.init,
        step=training.step,
        evaluate=make_modes_evaluate(make_sample(training.gan)),
        figures=lambda record: {},
        batch=training.batch,
        protocols=modes_protocols(cfg),
        remarks=point_health_remarks,
        networks=gan_networks(training.gan),
    )


def plan(cfg: Config) -> Plan:
    """A case for each method, and of PacGAN for each size of pack."""
    cases = {}
    for method in cfg.methods:
        for pack in cfg.packs if method == "pacgan" else (1,):
            case = dataclasses.replace(cfg, methods=(method,), packs=(pack,))
            name = f"pacgan{pack}" if method == "pacgan" else method
            cases[name] = Case(case, make_experiment)
    target = TARGETS[cfg.target]()
    return Plan("gan_modes", Sweep(cases, mode_figures), target, cfg)


def train(cfg: Config) -> int:
    """Run the cases, and say how they differ."""
    record = run(*plan(cfg))
    if record.result is not None:
        results = {name: part.result for name, part in record.parts.items()}
        say("\n".join(differences(results)))
    return record.exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv, script=__file__)


if __name__ == "__main__":
    sys.exit(main())
