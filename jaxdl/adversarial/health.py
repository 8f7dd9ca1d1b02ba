"""Is a GAN healthy? A verdict from what its training logs, with the evidence.

With the best discriminator V(D, G) = -log 4 + 2 JSD(data || samples); any other one
stays below. So V above -log 4 proves that data and samples differ; V below -log 4 means
that the discriminator is worse than a coin, because the generator has moved on since it
learned. Data without samples near them (missing modes) and samples without data near
them (blur) raise V alike. The noise of D(G(z)) tells them apart in part: D is nearly
constant on samples that all lie within modes.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

NEEDED = "value", "d_real", "d_fake"
MIN_LINES = 20  # of which the second half is judged

# Log odds of a collapse: bias + sum of weight * log(number + floor), a logistic
# regression on the 240 calibration runs of benchmarks/gan_health.py.
WEIGHTS = {
    "distance": (6.54, 0.003),  # weight, floor
    "shortfall": (4.72, 0.001),
    "spread": (-3.60, 0.003),
}
BIAS = 29.26

THRESHOLDS = {
    # Even odds of the regression.
    "score": 0.0,
    # By theory: with the best D, samples of one mode in nine, and of nothing else, give
    # 0.8; of r of all modes (1 - r) / (1 + r).
    "gap": 0.8,
    # About twice the 99 % quantile of the calibration runs that had not collapsed.
    "swing": 0.08,
    "shortfall": 0.015,
}


class Health(NamedTuple):
    """A verdict on the second half of a GAN's log.

    Attributes:
      verdict: "healthy", "collapsed", "discriminator_won", "oscillating"; "unknown" if
        the log is too short or not finite, "not_applicable" without D as a probability.
      score: log odds of a collapse; larger is likelier; None without a verdict.
      evidence: the numbers that decided, by name, each `{"value", "threshold"}`; a
        threshold is None for a number that counts through the score only.
      text: one sentence for the user.
    """

    verdict: str
    score: float | None
    evidence: dict[str, dict[str, float | None]]
    text: str


def gan_verdict(logged: Mapping[str, ArrayLike]) -> Health:
    """The verdict on one run.

    From the second half of the log, with e = V + log 4 in nats: `distance` = median of
    |e|, `shortfall` = mean of max(-e, 0), `spread` = sd of the batches' mean D(G(z)),
    `gap` = mean of D(x) - D(G(z)), `swing` = sd of the slow part of e: without its
    linear trend and without its noise, half the mean square of successive differences
    (von Neumann). The discriminator has won if the gap is large; the game oscillates if
    swing or shortfall is; else the score decides between collapsed and healthy.

    The score was calibrated on small GANs of points in the plane, with batches of 64
    and 37 lines judged; the fewer lines, the more often it errs. On images, where
    samples are never perfect, "collapsed" says that the samples differ from the data as
    those of a collapsed GAN do: it asks for a look at them.

    Args:
      logged: values over time, one a line, `value`, `d_real` and `d_fake` among them
        (`jaxdl.adversarial.objectives.game_measures`).

    References:
      Goodfellow et al., "Generative adversarial nets", 2014, theorem 1; von Neumann,
      "Distribution of the ratio of the mean square successive difference to the
      variance", 1941.
    """
    missing = [name for name in NEEDED if name not in logged]
    if logged and missing:
        text = "not applicable: the verdict needs D as a probability, and this run "
        return Health("not_applicable", None, {}, f"{text}logs no {', '.join(missing)}")
    lines = np.asarray([logged.get(name, ()) for name in NEEDED], np.float64)
    if lines.shape[1] < MIN_LINES:
        text = f"unknown: {lines.shape[1]} lines were logged, {MIN_LINES} are needed"
        return Health("unknown", None, {}, f"{text}; train longer or log more often")
    if not np.isfinite(lines).all():
        text = "unknown: the log holds values that are not finite"
        return Health("unknown", None, {}, f"{text}; try a lower learning rate")
    return _judge(measure(logged))


def measure(logged: Mapping[str, ArrayLike]) -> dict[str, float]:
    """The numbers of `gan_verdict` and the score, of a log that is fit for them."""
    value, d_real, d_fake = (np.asarray(logged[name], np.float64) for name in NEEDED)
    half = -(len(value) // 2)
    value, d_real, d_fake = value[half:], d_real[half:], d_fake[half:]
    excess = value + math.log(4)
    time = np.arange(len(excess))
    steady = excess - np.polyval(np.polyfit(time, excess, 1), time)
    noise = np.mean(np.diff(steady) ** 2) / 2
    found = {
        "excess": np.mean(excess),
        "distance": np.median(np.abs(excess)),
        "shortfall": np.mean(np.maximum(-excess, 0)),
        "spread": np.std(d_fake),
        "gap": np.mean(d_real - d_fake),
        "swing": math.sqrt(max(0.0, np.var(steady) - noise)),
    }
    found = {name: float(number) for name, number in found.items()}
    parts = (w * math.log(found[name] + floor) for name, (w, floor) in WEIGHTS.items())
    return found | {"score": BIAS + sum(parts)}


def _judge(found: Mapping[str, float]) -> Health:
    """The verdict, by the first rule that applies."""
    above = {name: found[name] >= limit for name, limit in THRESHOLDS.items()}
    jsd = max(0.0, found["excess"] / 2)
    if above["gap"]:
        verdict, names = "discriminator_won", ("gap", "excess")
        text = (
            f"discriminator has won: D(x) exceeds D(G(z)) by {found['gap']:.2f} on "
            "average, so samples and data hardly overlap; slow the discriminator down"
        )
    elif above["swing"] or above["shortfall"]:
        verdict, names = "oscillating", ("swing", "shortfall", "score")
        text = (
            f"oscillating: V swings slowly by {found['swing']:.2f} and falls short of "
            f"-log 4 by {found['shortfall']:.3f} on average, so the players chase each "
            "other; lower the learning rates or speed the discriminator up"
        )
    elif above["score"]:
        verdict, names = "collapsed", (*WEIGHTS, "score")
        text = (
            f"collapsed: V stays {found['distance']:.2f} off -log 4, data and samples "
            f"differ by a JSD of {jsd:.2f} nats or more: modes are probably missing, "
            "or samples blurred; look at them"
        )
    else:
        verdict, names = "healthy", (*WEIGHTS, "score")
        text = (
            f"healthy: V is {found['distance']:.2f} off -log 4, without the swings and "
            "the distance of a collapsed game"
        )
    evidence = {
        name: {"value": found[name], "threshold": THRESHOLDS.get(name)}
        for name in names
    }
    return Health(verdict, found["score"], evidence, text)


def health_remarks(history) -> dict[str, dict[str, Any]]:
    """`gan_verdict` of one seed's history, as the runner's `remarks` wants it."""
    return {"health": gan_verdict(history.train.values)._asdict()}
