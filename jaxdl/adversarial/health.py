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
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

NEEDED = "value", "d_real", "d_fake"
MIN_LINES = 20  # of which the second half is judged

Kind = Literal["points", "images"]


class Band(NamedTuple):
    """Limits of a sign of trouble.

    Attributes:
      low: below, the sign is absent; from here on it is unclear.
      high: from here on the sign is certain enough to name it.
    """

    low: float
    high: float


class Calibration(NamedTuple):
    """Log odds of a collapse: bias + sum of weight * log(number + floor).

    A logistic regression on the calibration runs of benchmarks/gan_health.py.

    Attributes:
      bias: added to all.
      weights: for each number of `measure` that counts, its weight and floor.
      band: of the probability of a collapse; within it the log can't tell.
      lines: of the log, below which it can't tell either.
      reach: distance of V from -log 4 beyond which it can't, in nats: no calibration
        run was farther off.
    """

    bias: float
    weights: dict[str, tuple[float, float]]
    band: Band
    lines: int
    reach: float


MORE_LINES = "train longer or log more often (--log-every)"
STILL = 0.003
"""Nats that V has to move by, between tenths of the log, if anything was trained."""
CALIBRATIONS: dict[str, Calibration] = {
    "points": Calibration(
        39.67,
        {
            "distance": (5.29, 0.003),
            "shortfall": (4.82, 0.001),
            "hops": (-2.90, 0.0),
        },
        Band(0.29, 0.86),
        MIN_LINES,
        math.inf,  # the score grows with the distance
    ),
    "images": Calibration(
        -2.14,
        {
            "wander": (3.89, 0.0),
            "wander_fake": (4.73, 0.0),
            "hops": (2.54, 0.0),
        },
        Band(0.13, 0.74),
        80,
        0.5,
    ),
}


BANDS = {
    # By theory: with the best D, samples of one mode in nine, and of nothing else, give
    # a gap of 0.8; of r of all modes (1 - r) / (1 + r).
    "gap": Band(0.75, 0.85),
    # Nats, both larger than the 0.01 that the text shows.
    "swing": Band(0.05, 0.10),
    "below": Band(0.02, 0.04),
}
WHICH_V = "median over minibatches of the second half of training"
SIGNIFICANCE = 3.0  # standard errors that slow swings must exceed those of noise


class Health(NamedTuple):
    """A verdict on the second half of a GAN's log.

    Attributes:
      verdict: "healthy", "collapsed", "unclear", "discriminator_won", "oscillating";
        "unknown" if the log is too short or not finite, "not_applicable" without D as a
        probability.
      score: log odds of a collapse; larger is likelier; None without a verdict.
      probability: of a collapse, 1 / (1 + exp(-score)); None without a verdict.
      evidence: the numbers that decided, by name, each `{"value", "low", "high"}`, with
        the limits of its `Band`; None for a number that counts through the probability
        only.
      text: one sentence for the user.
    """

    verdict: str
    score: float | None
    probability: float | None
    evidence: dict[str, dict[str, float | None]]
    text: str


def gan_verdict(logged: Mapping[str, ArrayLike], kind: Kind = "images") -> Health:
    """The verdict on one run.

    From the second half of the log, with e = V + log 4 in nats: `distance` = median of
    |e|, `shortfall` = mean of max(-e, 0), `gap` = mean of D(x) - D(G(z)), `below` =
    -median of e. Less its linear trend, a series has a variance and, in half the mean
    square of its successive differences, a variance of its noise (von Neumann).
    `wander` and `wander_fake` are the ratios of the two of e and D(G(z)), 1 for noise
    alone and larger where slow changes are added, as when a collapsed generator moves
    from mode to mode; `swing` = sd of the slow part of e, 0 unless wander is 3 standard
    errors above 1; `hops` = sd of the noise of D(G(z)) over that of D(x). These ratios
    don't depend on the batch size. `probability` is that of a collapse.

    Each of `gap`, `swing`, `below` and `probability` has a band: from its upper end on
    the sign counts, within the band it is unclear. The discriminator has won if the gap
    counts; the game oscillates if swing or below does; else the run has collapsed if
    the probability counts, is unclear if any sign is, and healthy if none is. A log of
    fewer lines than the calibration needs, with V farther off than in all its runs, or
    with a V that never moved says neither healthy nor collapsed.

    Args:
      logged: values over time, one a line, `value`, `d_real` and `d_fake` among them
        (`jaxdl.adversarial.objectives.game_measures`).
      kind: what the GAN learns, "points" or "images": the probability was calibrated on
        small GANs of either. benchmarks/README.md says how often it errs.

    References:
      Goodfellow et al., "Generative adversarial nets", 2014, theorem 1; von Neumann,
      "Distribution of the ratio of the mean square successive difference to the
      variance", 1941.
    """
    missing = [name for name in NEEDED if name not in logged]
    if logged and missing:
        text = "not applicable: the verdict needs D as a probability, and this run "
        return _without("not_applicable", f"{text}logs no {', '.join(missing)}")
    lines = np.asarray([logged.get(name, ()) for name in NEEDED], np.float64)
    if lines.shape[1] < MIN_LINES:
        text = f"unknown: {lines.shape[1]} lines were logged, {MIN_LINES} are needed"
        return _without("unknown", f"{text}; {MORE_LINES}")
    if not np.isfinite(lines).all():
        text = "unknown: the log holds values that are not finite"
        return _without("unknown", f"{text}; try a lower learning rate")
    return _judge(measure(logged, kind), kind, lines.shape[1])


def _without(verdict: str, text: str) -> Health:
    return Health(verdict, None, None, {}, text)


def measure(logged: Mapping[str, ArrayLike], kind: Kind) -> dict[str, float]:
    """The numbers of `gan_verdict` and the score, of a log that is fit for them."""
    value, d_real, d_fake = (np.asarray(logged[name], np.float64) for name in NEEDED)
    tenths = [float(np.mean(part)) for part in np.array_split(value, 10)]
    half = -(len(value) // 2)
    value, d_real, d_fake = value[half:], d_real[half:], d_fake[half:]
    excess = value + math.log(4)
    variance, noise = _variances(excess)
    fake_variance, fake_noise = _variances(d_fake)
    _, real_noise = _variances(d_real)
    # Of noise alone, variance / noise has the mean 1 and about the variance 1 / lines.
    slow = variance - noise
    is_slow = slow > SIGNIFICANCE * noise / math.sqrt(len(excess))
    found = {
        "excess": np.mean(excess),
        "moved": max(tenths) - min(tenths),
        "distance": np.median(np.abs(excess)),
        "below": -np.median(excess),
        "shortfall": np.mean(np.maximum(-excess, 0)),
        "gap": np.mean(d_real - d_fake),
        "swing": math.sqrt(slow) if is_slow else 0.0,
        "wander": _ratio(variance, noise),
        "wander_fake": _ratio(fake_variance, fake_noise),
        "hops": math.sqrt(_ratio(fake_noise, real_noise)),
    }
    found = {name: float(number) for name, number in found.items()}
    bias, weights, *_ = CALIBRATIONS[kind]
    parts = (w * math.log(found[name] + floor) for name, (w, floor) in weights.items())
    score = bias + sum(parts)
    return found | {"score": score, "probability": 0.5 + 0.5 * math.tanh(score / 2)}


def _variances(series: np.ndarray) -> tuple[float, float]:
    """Variance about the linear trend, and half the mean square successive difference.

    The second is the variance of the noise between lines (von Neumann).
    """
    time = np.arange(len(series))
    steady = series - np.polyval(np.polyfit(time, series, 1), time)
    return float(np.var(steady)), float(np.mean(np.diff(steady) ** 2) / 2)


def _ratio(above: float, below: float) -> float:
    """A ratio of variances, 1 where both vanish."""
    return (above + 1e-8) / (below + 1e-8)


def _judge(found: Mapping[str, float], kind: Kind, lines: int) -> Health:
    """The verdict, by the first rule that applies."""
    calibration = CALIBRATIONS[kind]
    bands = BANDS | {"probability": calibration.band}
    certain = {name: found[name] >= band.high for name, band in bands.items()}
    unclear = [name for name, band in bands.items() if found[name] >= band.low]
    counting = (*calibration.weights, "probability")
    signs = {
        "gap": f"D(x) exceeds D(G(z)) by {found['gap']:.2f} on average",
        "swing": f"V swings slowly by {found['swing']:.2f}",
        "below": f"V stays {found['below']:.2f} below -log 4",
        "probability": f"probability of a collapse {_percent(found['probability'])}",
    }
    off = f"V is {found['distance']:.2f} off -log 4 ({WHICH_V})"
    if certain["gap"]:
        verdict, names = "discriminator_won", ("gap", "excess")
        text = (
            f"discriminator has won: {signs['gap']}, so samples and data hardly "
            "overlap; slow the discriminator down"
        )
    elif certain["swing"] or certain["below"]:
        verdict, names = "oscillating", ("swing", "below", "probability")
        seen = " and ".join(signs[name] for name in names[:2] if certain[name])
        text = (
            f"oscillating: {seen} ({WHICH_V}), so the players chase each other; lower "
            "the learning rates or speed the discriminator up"
        )
    elif lines < calibration.lines:
        verdict, names = "unclear", counting
        text = (
            f"unclear: {lines} lines were logged, {calibration.lines} are needed to "
            f"tell; {off}; {MORE_LINES}, and look at the samples"
        )
    elif found["moved"] < STILL:
        verdict, names = "unclear", counting
        text = (
            f"unclear: over the whole log V moved by {found['moved']:.1e}, so nothing "
            f"seems to have been trained; {off}; look at the samples"
        )
    elif found["distance"] > calibration.reach:
        verdict, names = "unclear", counting
        text = (
            f"unclear: {off}, farther than in any run that the verdict was calibrated "
            "on: data and samples differ; look at the samples"
        )
    elif certain["probability"]:
        verdict, names = "collapsed", counting
        text = (
            f"collapsed: {signs['probability']}; {off}: modes are probably missing; "
            "look at the samples"
        )
    elif unclear:
        names = tuple(dict.fromkeys((*counting, *unclear)))
        seen = "; ".join(signs[name] for name in names if name in signs)
        verdict, text = "unclear", f"unclear: {seen}; {off}; look at the samples"
    else:
        verdict, names = "healthy", counting
        text = f"healthy: {signs['probability']}; {off}; look at the samples, too"
    evidence = {
        name: {
            "value": found[name],
            "low": bands[name].low if name in bands else None,
            "high": bands[name].high if name in bands else None,
        }
        for name in names
    }
    return Health(verdict, found["score"], found["probability"], evidence, text)


def _percent(probability: float) -> str:
    """In whole percent, and never certain."""
    if probability < 0.01:
        return "less than 1 %"
    return "more than 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def health_remarks(history) -> dict[str, dict[str, Any]]:
    """`gan_verdict` of one seed's history, as the runner's `remarks` wants it."""
    return {"health": gan_verdict(history.train.values, "images")._asdict()}


def point_health_remarks(history) -> dict[str, dict[str, Any]]:
    """`health_remarks` of a GAN that learns points, not images."""
    return {"health": gan_verdict(history.train.values, "points")._asdict()}
