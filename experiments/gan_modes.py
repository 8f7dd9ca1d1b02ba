"""Do GANs find all modes? Mixtures of Gaussians, with and without packing.

    python experiments/gan_modes.py --target ring
    python experiments/gan_modes.py --target grid --methods pacgan --packs 3 4

Generators collapse: they make points of some modes and leave others out. PacGAN shows
the discriminator m points side by side, which makes missing variety visible (Lin et al.
2018: on a grid of 25 modes a GAN found 17.3, PacGAN with two points 23.8; ours:
experiments/results). Networks and optimizer are those of the authors' code, in which
both players step at once, from the same samples. 400,000 steps are theirs; the default
was fixed in advance for two CPU cores, where ten seeds take seven minutes a case.

Where we differ: training draws new points for every step (they reuse 100,000 packs),
and samples to evaluate are made with the statistics of 10,000 latents in each
normalised layer (they use running means over training).
"""

import dataclasses
import functools
import sys
from typing import Any, Literal

import jax
import optax

from jaxdl.adversarial import losses as adversarial
from jaxdl.adversarial.health import health_remarks
from jaxdl.adversarial.objectives import critic_measures, make_gan_losses
from jaxdl.adversarial.step import make_gan_init, make_gan_step
from jaxdl.cli import start
from jaxdl.errors import InputError
from jaxdl.measures.statistics import standard_error, welch_ci95
from jaxdl.nn import population_statistics
from jaxdl.systems.gan_modes import measures
from jaxdl.systems.gan_modes.data import grid, ring
from jaxdl.systems.gan_modes.figures import mode_figures
from jaxdl.systems.gan_modes.gradient_penalty import wgan_gp_penalty
from jaxdl.systems.gan_modes.measures import make_modes_evaluate
from jaxdl.systems.gan_modes.networks import pacgan
from jaxdl.systems.gan_modes.step import against_params, make_simultaneous_step
from jaxdl.systems.gan_modes.unrolled import make_unrolled_generator_loss
from jaxdl.train import config
from jaxdl.train.experiment import Case, Sweep
from jaxdl.train.run import Experiment, run

MethodName = Literal["gan", "pacgan", "unrolled", "wgan_gp", "minibatch"]
TARGETS = {"ring": ring, "grid": grid}
NUM_STATISTICS = 10_000
UNROLLED_STEPS = 5
CRITIC_STEPS = 5
WASSERSTEIN: dict[str, Any] = dict(
    generator_loss=adversarial.wasserstein_generator_loss,
    discriminator_loss=adversarial.wasserstein_critic_loss,
    # The weight that its authors' code has for such mixtures.
    penalty=functools.partial(wgan_gp_penalty, weight=0.1),
    measures=critic_measures,
)


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
    steps: int = 5000
    """Training steps of each seed; 400,000 are the paper's."""
    batch_size: int = 100
    """Packs in a step."""
    seeds: int = 10
    """Seeds of each case."""

    def __post_init__(self):
        super().__post_init__()
        config.require_positive(learning_rate=self.learning_rate)
        for name in ("methods", "packs"):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given):
                raise InputError(f"{name} is {given}: expected at least one, each once")
        if min(self.packs) < 1:
            raise InputError(
                f"packs has {min(self.packs)}: expected 1 or more points for the "
                "discriminator to see side by side, such as 2"
            )


def make_sample(gan):
    """`sample(gen_params, key, num)` with population statistics."""
    apply = gan.generator.apply

    @functools.partial(jax.jit, static_argnums=2)
    def sample(gen_params, key, num):
        statistics_key, latent_key = jax.random.split(key)
        latents = jax.random.normal(statistics_key, (NUM_STATISTICS, gan.latent_size))
        found = population_statistics(apply, gen_params, latents)
        z = jax.random.normal(latent_key, (num, gan.latent_size))
        return apply(gen_params, z, statistics=found)

    return sample


@functools.lru_cache(maxsize=16)  # the same command compiles once a process
def make_experiment(cfg: Config) -> Experiment:
    """The experiment of a configuration with one method and one size of pack."""
    (method,), (pack,) = cfg.methods, cfg.packs
    gan = pacgan(pack, minibatch=method == "minibatch")
    wasserstein, unrolled = method == "wgan_gp", method == "unrolled"
    gen_loss_fn, disc_loss_fn = make_gan_losses(
        gan.generator.apply,
        gan.discriminator.apply,
        gan.latent_size,
        real=lambda points: points,
        pack=pack,
        apart=method == "minibatch",
        **(WASSERSTEIN if wasserstein else {}),
    )
    # The unrolled GAN differentiates Adam's square root.
    eps_root = 1e-16 if unrolled else 0.0
    optimizer = optax.adam(cfg.learning_rate, b1=0.8, eps_root=eps_root)
    if unrolled:
        gen_loss_fn = make_unrolled_generator_loss(
            gen_loss_fn, disc_loss_fn, optimizer, UNROLLED_STEPS
        )
    elif not wasserstein:
        gen_loss_fn = against_params(gen_loss_fn)
    make_step = make_gan_step if wasserstein else make_simultaneous_step
    disc_steps = CRITIC_STEPS if wasserstein else 1

    def batch(data, key, step):
        num = disc_steps * cfg.batch_size * pack
        points = data.draw(jax.random.fold_in(key, step), num)
        return points.reshape(disc_steps, cfg.batch_size, -1)

    return Experiment(
        init=make_gan_init(*gan[:2], optimizer, optimizer),
        step=make_step(gen_loss_fn, disc_loss_fn, optimizer, optimizer),
        evaluate=make_modes_evaluate(make_sample(gan)),
        figures=lambda record: {},
        batch=batch,
        protocols=protocols(cfg),
        remarks=health_remarks,
    )


def protocols(cfg: Config) -> dict[str, Any]:
    """How a case was trained and measured, and the figures beside it."""
    (method,), (pack,) = cfg.methods, cfg.packs

    def error_of(name):
        def rounded(values):
            error = standard_error(values[name])
            return None if error is None else float(f"{error:.2g}")

        return rounded

    shared = {
        "target": cfg.target,
        "method": method,
        "pack": pack,
        "networks": "4 x 400 batch norm, 3 x 200 maxout(5)",
        "optimizer": "Adam, beta1 0.8, both players at once",
        "learning_rate": cfg.learning_rate,
        "batch_size": cfg.batch_size,
        "steps": cfg.steps,
        "trained_on": "new points in every step",
        "statistics": f"those of {NUM_STATISTICS:,} latents",
        "samples": measures.NUM_SAMPLES,
    }
    ids = {"modes": "modes", "high_quality": "quality", "reverse_kl": None}
    found = {}
    for name, published in ids.items():
        found[name] = shared | {"standard_error": error_of(name)}
        if published and method in ("gan", "pacgan") and pack <= 4:
            found[name]["published"] = f"pacgan-{cfg.target}-{pack}-{published}"
    return found


def differences(results) -> list[str]:
    """How each case's measures differ from the GAN's, a line for each."""
    if "gan" not in results:
        return []
    lines = []
    for name, result in results.items():
        for measure, found in result["metrics"].items():
            base = results["gan"]["metrics"][measure]["per_seed"]
            mean, low, high = welch_ci95(found["per_seed"], base)
            if name != "gan":
                line = f"{name} - gan, {measure}: {mean:+.3g}"
                if low is not None:  # one seed has no interval
                    line += f", 95 % [{low:+.3g}, {high:+.3g}] (Welch)"
                lines.append(line)
    return lines


def train(cfg: Config) -> int:
    """Run the cases, and say how they differ."""
    cases = {}
    for method in cfg.methods:
        for pack in cfg.packs if method == "pacgan" else (1,):
            case = dataclasses.replace(cfg, methods=(method,), packs=(pack,))
            name = f"pacgan{pack}" if method == "pacgan" else method
            cases[name] = Case(case, make_experiment(case))
    target, figures = TARGETS[cfg.target](), mode_figures
    record = run("gan_modes", Sweep(cases, figures), target, cfg)
    if record.result is not None and "cases" in record.result:
        print("\n".join(differences(record.result["cases"])), flush=True)
    return record.exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv)


if __name__ == "__main__":
    sys.exit(main())
