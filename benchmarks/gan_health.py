"""Does the health verdict find collapsed GANs, from what a run logs alone?

    python benchmarks/gan_health.py --json benchmarks/results/gan_health-DEVICE.json

Claim: the area under the ROC of the collapse score (evaluate/gan_health.py) is at least
0.95 on seeds that took no part in its calibration. Three minutes on two CPU cores.

Small GANs learn mixtures of 2 to 16 modes, with five recipes under which some find all
modes and some do not: a slow discriminator, a fast one, both losses, few units. The
truth is in 2,500 samples: a run has collapsed if its effective number of modes, exp of
the entropy of their shares over the nearest modes, is below 80 % of the modes. (Modes
found, by PacGAN's rule, counts a mode from its first sample on; the area for collapse
by that rule is printed too.) The weights of the score come from the calibration seeds;
they are fitted again and printed beside those in use. Other settings test whether it
carries over. "sharp" leaves out runs with fewer than 40 % samples of high quality.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import collections
import dataclasses
import functools
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.roc import roc_area, roc_curve
from jaxdl.adversarial import health
from jaxdl.adversarial import losses as adversarial
from jaxdl.adversarial.objectives import make_gan_losses
from jaxdl.adversarial.step import make_gan_init, make_gan_step
from jaxdl.cli import start
from jaxdl.files import require_writable
from jaxdl.models.mlps import mlp
from jaxdl.systems.gan_modes.data import mixture
from jaxdl.systems.gan_modes.measures import NUM_SAMPLES, ModeCoverage, mode_coverage
from jaxdl.train import provenance
from jaxdl.train.config import require_at_least, require_at_most, require_numbers
from jaxdl.types import Model

SD = 0.1
BATCH_SIZE = 64
LATENT_SIZE = 2
REPEATED_MODES = 144  # a multiple of every number of modes, so that all runs are alike

LEAST_SHARE = 0.8  # of the modes, for a run that has not collapsed
SHARP = 0.4  # share of samples of high quality
FIRST_HELD_OUT = 20  # those before were looked at when the measures were chosen


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Calibration and test of the verdict on a GAN's health."""

    json: Path | None = None
    """Write device, versions, areas, curve and counts to this file."""
    calibration_seeds: int = 6
    """Seeds of each setting to fit the weights on: 0, 1, ..."""
    held_out_seeds: int = 4
    """Seeds of each setting to test on: 20, 21, ..."""
    steps: int = 3000
    """Training steps of each run."""
    log_every: int = 40
    """Steps between lines of the log."""
    max_settings: int | None = None
    """Keep only so many settings of either kind."""

    def __post_init__(self):
        require_numbers(self)
        require_writable(json=self.json)
        require_at_least(1, max_settings=self.max_settings, log_every=self.log_every)
        seeds = dict(calibration_seeds=self.calibration_seeds)
        require_at_least(1, **seeds, held_out_seeds=self.held_out_seeds)
        require_at_most(FIRST_HELD_OUT, "held-out seeds begin there", **seeds)
        require_at_least(health.MIN_LINES * self.log_every, steps=self.steps)


class Setting(NamedTuple):
    """One way to train a small GAN, and the mixture that it is to learn."""

    num_modes: int
    layout: Literal["ring", "grid"]
    radius: float
    learning_rate: float  # the generator's
    disc_speed: float  # the discriminator's learning rate over the generator's
    minimax: bool
    gen_size: int = 32
    disc_steps: int = 1


RECIPES = [
    Setting(0, "ring", 1.5, 2e-3, 1.0, False),
    Setting(0, "grid", 3.0, 1e-3, 4.0, False),
    Setting(0, "ring", 2.0, 1e-3, 0.25, False),
    Setting(0, "grid", 2.0, 2e-3, 2.0, True),
    Setting(0, "ring", 3.0, 2e-3, 1.0, False, gen_size=16, disc_steps=2),
]
SETTINGS = [
    recipe._replace(num_modes=num_modes)
    for recipe in RECIPES
    for num_modes in (2, 3, 4, 6, 8, 9, 12, 16)
]
OTHER_SETTINGS = [
    Setting(4, "ring", 2.5, 3e-3, 2.0, False),
    Setting(9, "ring", 2.5, 3e-3, 2.0, False),
    Setting(4, "grid", 2.5, 1e-3, 0.5, False),
    Setting(9, "grid", 2.5, 1e-3, 0.5, False),
    Setting(3, "ring", 3.0, 1e-3, 1.0, True),
    Setting(12, "ring", 3.0, 1e-3, 1.0, True),
    Setting(6, "grid", 3.5, 3e-3, 1.0, False, gen_size=16, disc_steps=2),
    Setting(16, "grid", 3.5, 3e-3, 4.0, False, gen_size=16, disc_steps=2),
]


class Run(NamedTuple):
    """What training with one setting and one seed left behind."""

    setting: Setting
    seed: int
    logged: dict[str, np.ndarray]  # [time] each
    samples: np.ndarray  # [sample 2]


def centres(setting: Setting) -> np.ndarray:
    """[num_modes 2]: evenly on a circle, or from a corner on along a square grid."""
    if setting.layout == "ring":
        angles = 2 * np.pi * np.arange(setting.num_modes) / setting.num_modes
        points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    else:
        side = int(np.ceil(np.sqrt(setting.num_modes)))
        ticks = np.linspace(-1, 1, side)
        points = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    return setting.radius * points[: setting.num_modes]


class Knobs(NamedTuple):
    """What differs between runs of one program."""

    centres: Any
    gen_rate: Any
    disc_rate: Any
    minimax: Any


@functools.cache
def make_program(gen_size: int, disc_steps: int, steps: int, log_every: int):
    """`program(knobs, keys)`: train many GANs at once; metrics [run time], samples."""
    generator = mlp((LATENT_SIZE, gen_size, gen_size, 2), hidden="relu")
    logits = mlp((2, 32, 32, 1), hidden="leaky_relu")
    discriminator = Model(
        logits.init, lambda params, x, key=None: logits.apply(params, x)[:, 0]
    )
    target = mixture(np.zeros((REPEATED_MODES, 2)), SD, "modes")

    def train(knobs: Knobs, key):
        def generator_loss(fake_logits):
            return jnp.where(
                knobs.minimax,
                adversarial.minimax_generator_loss(fake_logits),
                adversarial.non_saturating_generator_loss(fake_logits),
            )

        losses = make_gan_losses(
            generator.apply,
            discriminator.apply,
            LATENT_SIZE,
            generator_loss=generator_loss,
            real=lambda points: points,
        )
        optimizers = optax.adam(knobs.gen_rate, 0.5), optax.adam(knobs.disc_rate, 0.5)
        step = make_gan_step(*losses, *optimizers)
        data = dataclasses.replace(target, centres=knobs.centres)
        init_key, batch_key, sample_key = jax.random.split(key, 3)

        def body(state, i):
            points = data.draw(
                jax.random.fold_in(batch_key, i), disc_steps * BATCH_SIZE
            )
            return step(state, points.reshape(disc_steps, BATCH_SIZE, 2))

        init = make_gan_init(generator, discriminator, *optimizers)
        state, metrics = jax.lax.scan(
            body, init(init_key, None, None), jnp.arange(steps)
        )
        z = jax.random.normal(sample_key, (NUM_SAMPLES, LATENT_SIZE))
        logged = {name: x[log_every - 1 :: log_every] for name, x in metrics.items()}
        return logged, generator.apply(state.gen_params, z)

    return jax.jit(jax.vmap(train))


def simulate(
    settings: Sequence[Setting], seeds: Sequence[int], steps: int, log_every: int
) -> list[Run]:
    """Every setting with every seed; runs of one shape are one program."""
    pairs = [(setting, seed) for setting in settings for seed in seeds]
    shapes = sorted({(s.gen_size, s.disc_steps) for s in settings})
    runs = []
    for shape in shapes:
        chosen = [
            pair for pair in pairs if (pair[0].gen_size, pair[0].disc_steps) == shape
        ]
        knobs = Knobs(
            np.stack(
                [
                    np.tile(centres(s), (REPEATED_MODES // s.num_modes, 1))
                    for s, _ in chosen
                ]
            ).astype(np.float32),
            np.float32([s.learning_rate for s, _ in chosen]),
            np.float32([s.learning_rate * s.disc_speed for s, _ in chosen]),
            np.array([s.minimax for s, _ in chosen]),
        )
        keys = jnp.stack([jax.random.key(seed) for _, seed in chosen])
        logged, samples = make_program(*shape, steps, log_every)(knobs, keys)
        logged = {name: np.asarray(values, float) for name, values in logged.items()}
        for i, (setting, seed) in enumerate(chosen):
            row = {name: values[i] for name, values in logged.items()}
            runs.append(Run(setting, seed, row, np.asarray(samples[i])))
    return runs


class Judged(NamedTuple):
    """A run, the truth about it, and what its log says."""

    run: Run
    coverage: ModeCoverage
    found: health.Health
    measures: dict[str, float]

    @property
    def collapsed(self) -> bool:
        """Whether fewer than 80 % of the modes are effectively there."""
        return self.coverage.reverse_kl > -math.log(LEAST_SHARE)

    @property
    def collapsed_by_count(self) -> bool:
        """Whether fewer than 80 % of the modes have a sample of high quality."""
        return self.coverage.modes < LEAST_SHARE * self.run.setting.num_modes


def judge(run: Run) -> Judged:
    """The truth from the samples, the verdict from the log."""
    coverage = mode_coverage(run.samples, centres(run.setting), SD)
    return Judged(
        run, coverage, health.gan_verdict(run.logged), health.measure(run.logged)
    )


def thinned(run: Judged) -> Judged:
    """The same run with every second line of its log."""
    logged = {name: values[1::2] for name, values in run.run.logged.items()}
    return judge(run.run._replace(logged=logged))


def fit(runs: Sequence[Judged]) -> dict[str, float]:
    """Weights and bias of the score by logistic regression (C = 10, scikit-learn)."""
    from sklearn.linear_model import LogisticRegression

    floors = {name: floor for name, (_, floor) in health.WEIGHTS.items()}
    inputs = [
        [math.log(run.measures[name] + floor) for name, floor in floors.items()]
        for run in runs
    ]
    collapsed = [run.collapsed for run in runs]
    if len(set(collapsed)) < 2:
        return {}  # nothing to tell apart
    model = LogisticRegression(C=10, max_iter=1000).fit(inputs, collapsed)
    fitted = dict(zip(floors, model.coef_[0].tolist(), strict=True))
    return fitted | {"bias": float(model.intercept_[0])}


def areas(runs: Sequence[Judged]) -> dict[str, Any]:
    """Area under the ROC and its 95 % interval, for each truth and kind of run."""
    sharp = [run for run in runs if run.coverage.high_quality >= SHARP]
    found = {}
    for title, chosen, truth in (
        ("all runs", runs, "collapsed"),
        ("sharp runs", sharp, "collapsed"),
        ("all runs, modes found", runs, "collapsed_by_count"),
    ):
        positive = [getattr(run, truth) for run in chosen]
        row = {"runs": len(chosen), "collapsed": sum(positive)}
        if 0 < sum(positive) < len(positive):
            area = roc_area([run.found.score for run in chosen], positive)
            row |= dict(zip(("area", "low", "high"), area, strict=True))
        found[title] = row
    return found


def counts(runs: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """How often each verdict met each truth."""
    found = collections.Counter(
        ("collapsed" if run.collapsed else "covered", run.found.verdict) for run in runs
    )
    return {
        truth: {verdict: n for (t, verdict), n in sorted(found.items()) if t == truth}
        for truth in ("covered", "collapsed")
    }


def benchmark(config: Config) -> int:
    """Train, judge, print and write."""
    begin = time.monotonic()
    held_out = range(FIRST_HELD_OUT, FIRST_HELD_OUT + config.held_out_seeds)
    settings, others = (
        SETTINGS[: config.max_settings],
        OTHER_SETTINGS[: config.max_settings],
    )
    seeds = [*range(config.calibration_seeds), *held_out]
    length = config.steps, config.log_every
    runs = [judge(run) for run in simulate(settings, seeds, *length)]
    parts = {
        "calibration": [run for run in runs if run.run.seed < FIRST_HELD_OUT],
        "held-out seeds": [run for run in runs if run.run.seed >= FIRST_HELD_OUT],
        "other settings": [judge(run) for run in simulate(others, held_out, *length)],
    }
    if config.steps // config.log_every >= 2 * health.MIN_LINES:
        parts["with half the lines"] = [thinned(run) for run in parts["held-out seeds"]]
    in_use = {name: weight for name, (weight, _) in health.WEIGHTS.items()}
    document = {
        "device": provenance.device_name(),
        "versions": provenance.versions(),
        "config": {k: v for k, v in dataclasses.asdict(config).items() if k != "json"},
        "weights": {
            "in use": in_use | {"bias": health.BIAS},
            "fitted again": fit(parts["calibration"]),
        },
        "thresholds": health.THRESHOLDS,
        "areas": {name: areas(part) for name, part in parts.items()},
        "counts": {name: counts(part) for name, part in parts.items()},
        "roc": curve_rows(parts["held-out seeds"]),
        "runs": [
            row_of(part, run)
            for part, group in parts.items()
            for run in group
            if part != "with half the lines"
        ],
        "seconds": time.monotonic() - begin,
    }
    print_tables(document)
    if config.json is not None:
        config.json.parent.mkdir(parents=True, exist_ok=True)
        config.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


def curve_rows(runs: Sequence[Judged]) -> list[dict[str, float]]:
    """The ROC where 0, 5, ..., 100 % of the covered runs are called collapsed."""
    collapsed = [run.collapsed for run in runs]
    if len(set(collapsed)) < 2:
        return []
    curve = roc_curve([run.found.score for run in runs], collapsed)
    rows = []
    for rate in np.linspace(0, 1, 21):
        i = int(np.searchsorted(curve.false_positive, rate, side="right")) - 1
        values = (float(x[i]) for x in curve[1:])
        threshold = None if i == 0 else float(curve.threshold[i])
        rows.append(dict(zip(("false_positive", "true_positive"), values, strict=True)))
        rows[-1]["threshold"] = threshold
    return rows


def row_of(part: str, run: Judged) -> dict[str, Any]:
    """What the JSON file keeps of a run."""
    return {
        "part": part,
        **run.run.setting._asdict(),
        "seed": run.run.seed,
        **run.coverage._asdict(),
        "collapsed": run.collapsed,
        "verdict": run.found.verdict,
        **{name: round(value, 5) for name, value in run.measures.items()},
    }


def print_tables(document: Mapping[str, Any]) -> None:
    """Areas, counts, weights and the curve, as text."""
    print(f"{document['device']}; jax {document['versions']['jax']}; ", end="")
    print(f"{len(document['runs'])} runs in {document['seconds']:.0f} s")
    print(f"\n{'area under the ROC':40}{'runs':>6}{'collapsed':>11}  area [95 %]")
    for part, rows in document["areas"].items():
        for title, row in rows.items():
            area = "-"
            if "area" in row:
                area = "{area:.3f} [{low:.3f}, {high:.3f}]".format(**row)
            label = f"{part}: {title}"
            print(f"{label:40}{row['runs']:6}{row['collapsed']:11}  {area}")
    print("\nverdicts by truth")
    for part, truths in document["counts"].items():
        for truth, verdicts in truths.items():
            print(f"{part + ', ' + truth:40}{verdicts}")
    for name, weights in document["weights"].items():
        rounded = {k: round(v, 2) for k, v in weights.items()}
        print(f"{'weights ' + name:40}{rounded}")
    print(f"{'thresholds':40}{document['thresholds']}")
    print("\nROC on held-out seeds\nfalse positive  true positive  threshold")
    for row in document["roc"]:
        at = "-" if row["threshold"] is None else f"{row['threshold']:.2f}"
        print(f"{row['false_positive']:14.3f}{row['true_positive']:15.3f}{at:>11}")


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, benchmark, argv)


if __name__ == "__main__":
    sys.exit(main())
