"""Does the health verdict find collapsed GANs, from what a run logs alone?

    python benchmarks/gan_health.py --json benchmarks/results/gan_health-DEVICE.json

Claim: on seeds that took no part in the calibration, at most 5 % of the verdicts
"healthy" and "collapsed" are wrong; the rest is "unclear". The area under the ROC of
the score is printed beside. Eleven minutes of one CPU core.

Small GANs learn mixtures of 2 to 16 modes, with five recipes under which some find all
modes and some do not: a slow discriminator, a fast one, both losses, few units. The
truth is in 2,500 samples: a run has collapsed if its effective number of modes, exp of
the entropy of their shares over the nearest modes, is below 80 % of the modes. (Modes
found, by PacGAN's rule, counts a mode from its first sample on; the area for collapse
by that rule is printed too.) "sharp" leaves out runs with fewer than 40 % samples of
high quality. Others learn 8x8 digits; `health_images.py` says how they are judged.

The weights and the band of "unclear" come from the calibration seeds; both are found
again and printed beside those in use. The band is the smallest outside which, with
each setting judged by weights fitted on the other settings, at most 2.5 % are wrong on
either side. Other settings test whether all of it carries over.
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

from benchmarks import health_images
from benchmarks.health_images import ImageRun, simulate_images
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
FIRST_HELD_OUT = 40  # those before were looked at when the measures were chosen
MOST_WRONG = 0.025  # of the calibration runs on either side of the band
LEAST_RUNS = 10  # on either side, for a limit that means something


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Calibration and test of the verdict on a GAN's health."""

    json: Path | None = None
    """Write device, versions, areas, curve and counts to this file."""
    calibration_seeds: int = 6
    """Seeds of each setting to fit the weights on: 0, 1, ..."""
    held_out_seeds: int = 4
    """Seeds of each setting to test on: 40, 41, ..."""
    steps: int = 3000
    """Training steps of each run."""
    log_every: int = 40
    """Steps between lines of the log."""
    image_steps: int = 4000
    """Training steps of each run on images."""
    image_log_every: int = 50
    """Steps between lines of the log of those."""
    max_settings: int | None = None
    """Keep only so many settings of either kind."""

    def __post_init__(self):
        require_numbers(self)
        require_writable(json=self.json)
        require_at_least(1, max_settings=self.max_settings, log_every=self.log_every)
        seeds = dict(calibration_seeds=self.calibration_seeds)
        require_at_least(1, **seeds, held_out_seeds=self.held_out_seeds)
        require_at_most(FIRST_HELD_OUT, "held-out seeds begin there", **seeds)
        require_at_least(1, image_log_every=self.image_log_every)
        require_at_least(health.MIN_LINES * self.log_every, steps=self.steps)
        lines = health.MIN_LINES * self.image_log_every
        require_at_least(lines, image_steps=self.image_steps)


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
    """A run, the truth about it, and what its log says.

    Attributes:
      run: on points or on images.
      effective: share of modes or classes, exp of the entropy of their shares.
      coverage: of the modes; None on images.
      found: the verdict.
      measures: the numbers it is made of.
    """

    run: Run | ImageRun
    effective: float
    coverage: ModeCoverage | None
    found: health.Health
    measures: dict[str, float]

    @property
    def collapsed(self) -> bool:
        """Whether fewer than 80 % of the modes or classes are effectively there."""
        return self.effective < LEAST_SHARE

    @property
    def collapsed_by_count(self) -> bool:
        """Whether fewer than 80 % of the modes have a sample of high quality."""
        assert self.coverage is not None and isinstance(self.run, Run)
        return self.coverage.modes < LEAST_SHARE * self.run.setting.num_modes


def judge(run: Run | ImageRun) -> Judged:
    """The truth from the samples, the verdict from the log."""
    if isinstance(run, ImageRun):
        seen = run.shares[run.shares > 0]
        effective = math.exp(-np.sum(seen * np.log(seen))) / len(run.shares)
        kind, coverage = "images", None
    else:
        coverage = mode_coverage(run.samples, centres(run.setting), SD)
        kind, effective = "points", math.exp(-coverage.reverse_kl)
    verdict = health.gan_verdict(run.logged, kind)
    return Judged(run, effective, coverage, verdict, health.measure(run.logged, kind))


def thinned(run: Judged) -> Judged:
    """The same run with every second line of its log."""
    logged = {name: values[1::2] for name, values in run.run.logged.items()}
    return judge(run.run._replace(logged=logged))


def inputs(runs: Sequence[Judged], kind: health.Kind) -> np.ndarray:
    """[run number]: the logarithms that the score weighs."""
    weights = health.CALIBRATIONS[kind].weights
    return np.array(
        [
            [
                math.log(run.measures[name] + floor)
                for name, (_, floor) in weights.items()
            ]
            for run in runs
        ]
    )


def fit(runs: Sequence[Judged], kind: health.Kind) -> dict[str, float]:
    """Weights, bias and band, by logistic regression (C = 10, scikit-learn)."""
    from sklearn.linear_model import LogisticRegression

    x, collapsed = inputs(runs, kind), np.array([run.collapsed for run in runs])
    settings = np.array([hash(run.run.setting) for run in runs])
    if len(set(collapsed)) < 2:
        return {}  # nothing to tell apart
    apart = np.empty(len(runs))  # each setting by the fit to the others
    for setting in set(settings):
        own = settings == setting
        if len(set(collapsed[~own])) < 2:
            apart[own] = collapsed.mean()
            continue
        model = LogisticRegression(C=10, max_iter=1000).fit(x[~own], collapsed[~own])
        apart[own] = model.predict_proba(x[own])[:, 1]
    model = LogisticRegression(C=10, max_iter=1000).fit(x, collapsed)
    fitted = dict(
        zip(health.CALIBRATIONS[kind].weights, model.coef_[0].tolist(), strict=True)
    )
    low, high = find_band(apart, collapsed)
    return fitted | {"bias": float(model.intercept_[0]), "low": low, "high": high}


def find_band(probabilities: np.ndarray, collapsed: np.ndarray) -> tuple[float, float]:
    """The smallest band, in steps of 0.01, outside which at most 2.5 % are wrong.

    Ends are at most 0.5 and at least 0.5; 0 or 1 if nothing narrower will do.
    """
    low, high = 0.0, 1.0
    for percent in range(1, 51):
        below = probabilities < percent / 100
        if below.sum() >= LEAST_RUNS and collapsed[below].mean() <= MOST_WRONG:
            low = percent / 100
    for percent in range(99, 49, -1):
        above = probabilities >= percent / 100
        if above.sum() >= LEAST_RUNS and (~collapsed[above]).mean() <= MOST_WRONG:
            high = percent / 100
    return low, high


def areas(runs: Sequence[Judged]) -> dict[str, Any]:
    """Area under the ROC and its 95 % interval, for each truth and kind of run."""
    choices = [("all runs", runs, "collapsed")]
    if all(run.coverage is not None for run in runs):
        sharp = [
            run for run in runs if run.coverage and run.coverage.high_quality >= SHARP
        ]
        choices.append(("sharp runs", sharp, "collapsed"))
        choices.append(("all runs, modes found", runs, "collapsed_by_count"))
    found = {}
    for title, chosen, truth in choices:
        positive = [getattr(run, truth) for run in chosen]
        row = {"runs": len(chosen), "collapsed": sum(positive)}
        if 0 < sum(positive) < len(positive):
            area = roc_area([run.measures["score"] for run in chosen], positive)
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


def errors(runs: Sequence[Judged]) -> dict[str, int]:
    """How many verdicts are "healthy" or "collapsed", and how many of those wrong."""
    definite = [run for run in runs if run.found.verdict in ("healthy", "collapsed")]
    wrong = [
        run for run in definite if run.collapsed != (run.found.verdict == "collapsed")
    ]
    return {"runs": len(runs), "definite": len(definite), "wrong": len(wrong)}


def train_all(config: Config) -> dict[str, list[Judged]]:
    """Every run, judged: calibration, held-out seeds, other settings; both kinds."""
    held_out = range(FIRST_HELD_OUT, FIRST_HELD_OUT + config.held_out_seeds)
    seeds = [*range(config.calibration_seeds), *held_out]
    parts = {}
    for kind, train, (settings, others), length in (
        (
            "points",
            simulate,
            (SETTINGS, OTHER_SETTINGS),
            (config.steps, config.log_every),
        ),
        (
            "images",
            simulate_images,
            (health_images.SETTINGS, health_images.OTHER_SETTINGS),
            (config.image_steps, config.image_log_every),
        ),
    ):
        settings = settings[: config.max_settings]
        runs = [judge(run) for run in train(settings, seeds, *length)]
        others = train(others[: config.max_settings], held_out, *length)
        parts |= part_runs(kind, runs, [judge(run) for run in others])
    return parts


def part_runs(kind: str, runs, others) -> dict[str, list[Judged]]:
    """The parts of the report, by name."""
    held_out = [run for run in runs if run.run.seed >= FIRST_HELD_OUT]
    parts = {
        "calibration": [run for run in runs if run.run.seed < FIRST_HELD_OUT],
        "held-out seeds": held_out,
        "other settings": others,
    }
    if len(runs[0].run.logged["value"]) >= 2 * health.MIN_LINES:
        parts["with half the lines"] = [thinned(run) for run in held_out]
    return {f"{kind}, {name}": part for name, part in parts.items()}


def benchmark(config: Config) -> int:
    """Train, judge, print and write."""
    begin = time.monotonic()
    return report(config, train_all(config), begin)


def report(config: Config, parts: Mapping[str, list[Judged]], begin: float) -> int:
    """Print and write what was found."""
    document = {
        "device": provenance.device_name(),
        "versions": provenance.versions(),
        "config": {k: v for k, v in dataclasses.asdict(config).items() if k != "json"},
        "weights": {
            kind: {
                "in use": {name: w for name, (w, _) in calibration.weights.items()}
                | {"bias": calibration.bias, **calibration.band._asdict()},
                "found again": fit(parts[f"{kind}, calibration"], kind),
            }
            for kind, calibration in health.CALIBRATIONS.items()
        },
        "bands": {name: band._asdict() for name, band in health.BANDS.items()},
        "areas": {name: areas(part) for name, part in parts.items()},
        "counts": {name: counts(part) for name, part in parts.items()},
        "errors": {name: errors(part) for name, part in parts.items()},
        "roc": {
            kind: curve_rows(parts[f"{kind}, held-out seeds"])
            for kind in health.CALIBRATIONS
        },
        "runs": [
            row_of(part, run)
            for part, group in parts.items()
            for run in group
            if "half the lines" not in part
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
    curve = roc_curve([run.measures["score"] for run in runs], collapsed)
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
        **(run.coverage._asdict() if run.coverage else {}),
        "effective": round(run.effective, 4),
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
    print("\nverdicts healthy or collapsed, and wrong ones among them")
    for part, row in document["errors"].items():
        print(
            f"{part:40}{row['definite']:4} of {row['runs']:3}, {row['wrong']:3} wrong"
        )
    for kind, each in document["weights"].items():
        for name, weights in each.items():
            rounded = {k: round(v, 2) for k, v in weights.items()}
            print(f"{kind + ', weights ' + name:40}{rounded}")
    for kind, rows in document["roc"].items():
        print(f"\nROC on held-out seeds, {kind}")
        print("false positive  true positive  threshold")
        for row in rows:
            at = "-" if row["threshold"] is None else f"{row['threshold']:.2f}"
            rates = f"{row['false_positive']:14.3f}{row['true_positive']:15.3f}"
            print(f"{rates}{at:>11}")


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, benchmark, argv)


if __name__ == "__main__":
    sys.exit(main())
