"""Verdicts on logs whose story is known."""

import json

import numpy as np
import pytest

from jaxdl.adversarial.health import (
    BANDS,
    CALIBRATIONS,
    MIN_LINES,
    gan_verdict,
    health_remarks,
    measure,
    point_health_remarks,
)
from jaxdl.train.log import History, Series

LOG4 = np.log(4)


def log(excess, gap=0.0, spread=0.02, lines=60, noise=0.01, seed=0):
    """A log with V + log 4 around `excess` and D(G(z)) around (1 - gap) / 2."""
    rng = np.random.default_rng(seed)
    value = np.broadcast_to(excess, lines) - LOG4 + noise * rng.normal(size=lines)
    half = np.broadcast_to(gap, lines) / 2
    return {
        "value": value,
        "disc_loss": -value,
        "d_real": 0.5 + half + spread * rng.normal(size=lines),
        "d_fake": 0.5 - half + spread * rng.normal(size=lines),
        "gen_loss": np.full(lines, 0.7),
    }


def coverage(share):
    """V + log 4 and D(x) - D(G(z)) of the best D when so many modes are there."""
    value = share * np.log(share / (1 + share)) - np.log(1 + share)
    return {"excess": value + LOG4, "gap": (1 - share) / (1 + share)}


def verdict_of(logged):
    return gan_verdict(logged, "points")


TURNS = np.sin(np.linspace(0, 12 * np.pi, 60))
LOGS = {
    "constant at one half": (log(0.0, noise=0.0, spread=0.0), "unclear"),  # untrained
    "near one half": (log(0.02), "healthy"),
    "half of the modes": (log(**coverage(0.5), noise=0.1), "collapsed"),
    "a third of the modes": (log(**coverage(1 / 3)), "collapsed"),
    "one mode of 20": (log(**coverage(0.05)), "discriminator_won"),
    "D goes to 1": (
        log(LOG4 * (1 - np.exp(-np.arange(60) / 5)), 1 - np.exp(-np.arange(60) / 5)),
        "discriminator_won",
    ),
    "slow swings above": (log(0.4 + 0.2 * TURNS), "oscillating"),
    "slow swings around": (log(0.05 + 0.3 * TURNS), "oscillating"),
    "D worse than a coin": (log(-0.05), "oscillating"),
    "in between": (log(0.3, 0.15), "unclear"),
    "only the second half counts": (
        {k: np.r_[log(1.0, 0.9)[k], log(0.02)[k]] for k in log(0.0)},
        "healthy",
    ),
    "one spike is no swing": (log(np.where(np.arange(60) == 45, 0.2, 0.02)), "healthy"),
    "falling steadily is no swing": (log(np.linspace(1.2, 0.2, 60)), "collapsed"),
}


@pytest.mark.parametrize(("logged", "verdict"), LOGS.values(), ids=LOGS.keys())
def test_verdict(logged, verdict):
    found = verdict_of(logged)
    assert found.verdict == verdict
    assert found.text.startswith(
        verdict.replace("_", " ").replace("tor w", "tor has w")
    )
    assert np.isfinite(found.score) and 1 < len(found.evidence) <= 6
    assert found.probability == pytest.approx(1 / (1 + np.exp(-found.score)))
    bands = BANDS | {"probability": CALIBRATIONS["points"].band}
    for name, number in found.evidence.items():
        low, high = bands.get(name, (None, None))
        assert (number["low"], number["high"]) == (low, high)
    json.dumps(found._asdict(), allow_nan=False)


def test_evidence_supports_the_verdict():
    """The numbers that decided are on their side of their limits."""
    won = verdict_of(LOGS["one mode of 20"][0]).evidence["gap"]
    np.testing.assert_allclose(won["value"], coverage(0.05)["gap"], atol=0.02)
    assert won["value"] >= won["high"]
    swings = verdict_of(LOGS["slow swings above"][0]).evidence["swing"]
    # What a lag of a tenth of a period takes from the sd, and the trend a little.
    expected = 0.2 * np.sqrt(np.cos(np.pi / 5) / 2)
    np.testing.assert_allclose(swings["value"], expected, rtol=0.1)
    collapsed = verdict_of(LOGS["half of the modes"][0])
    shown = collapsed.evidence["probability"]
    assert shown["value"] == collapsed.probability >= shown["high"]
    healthy = verdict_of(LOGS["near one half"][0])
    assert healthy.probability < CALIBRATIONS["points"].band.low


def images_log(swing, lines=100, **options):
    """A log whose V and D(G(z)) swing slowly about those of a good GAN."""
    turns = np.sin(np.linspace(0, 12 * np.pi, lines))
    logged = log(0.1 + swing * turns, 0.1, lines=lines, noise=0.05, **options)
    return {**logged, "d_fake": logged["d_fake"] + swing * turns / 2}


SWEEPS = {
    "points": [log(x, x / 2) for x in np.exp(np.linspace(-6, -0.5, 200))],
    "images": [images_log(x) for x in np.linspace(0, 0.2, 200)],
}


@pytest.mark.parametrize("kind", SWEEPS)
def test_no_knife_edge(kind):
    """Between healthy and anything else comes "unclear", and each says how sure."""
    found = [gan_verdict(logged, kind) for logged in SWEEPS[kind]]
    verdicts = [each.verdict for each in found]
    assert verdicts[0] == "healthy" and {"unclear", "collapsed"} < set(verdicts)
    for before, after in zip(verdicts[:-1], verdicts[1:], strict=True):
        assert before == after or "unclear" in (before, after) or before != "healthy"
    for each in found:
        assert each.verdict == "oscillating" or "probability of a collapse" in each.text


def test_what_tells_on_images():
    """Slow changes tell, not the distance of V: samples of images are never perfect."""
    off = gan_verdict(log(0.4, 0.3, lines=100, noise=0.05), "images")
    assert off.verdict == "healthy" and "V is 0.40 off" in off.text
    far = gan_verdict(log(0.8, 0.5, lines=100, noise=0.05), "images")
    assert far.verdict == "unclear" and "V is 0.80 off" in far.text
    assert gan_verdict(images_log(0.08), "images").verdict == "collapsed"
    short = gan_verdict(images_log(0.0, lines=79, seed=1), "images")
    assert short.verdict == "unclear" and "79 lines were logged, 80" in short.text
    assert gan_verdict(images_log(0.0, lines=80, seed=1), "images").verdict == "healthy"


@pytest.mark.parametrize(("below", "verdict"), [(0.03, "unclear"), (0.05, None)])
def test_below_a_coin(below, verdict):
    found = gan_verdict(log(-below, lines=100), "images")
    assert found.verdict == (verdict or "oscillating")
    assert f"V stays {below:.2f} below -log 4" in found.text
    assert "swings" not in found.text


def test_ratios_by_loops():
    """Of series without a trend: von Neumann's ratios, whatever the batch size."""
    rng = np.random.default_rng(0)
    halves = {k: rng.normal(size=15) for k in ("value", "d_real", "d_fake")}
    logged = {}
    for name, half in halves.items():  # an even function of time has no linear trend
        logged[name] = 0.1 * np.r_[np.zeros(30), half, half[::-1]]
    found = measure(logged, "images")

    def noise(name):
        x = logged[name][30:].tolist()
        return sum((b - a) ** 2 for a, b in zip(x[:-1], x[1:], strict=True)) / 29 / 2

    wander = np.var(logged["value"][30:]) / noise("value")
    np.testing.assert_allclose(found["wander"], wander, rtol=1e-4)
    wander = np.var(logged["d_fake"][30:]) / noise("d_fake")
    np.testing.assert_allclose(found["wander_fake"], wander, rtol=1e-4)
    hops = np.sqrt(noise("d_fake") / noise("d_real"))
    np.testing.assert_allclose(found["hops"], hops, rtol=1e-4)
    larger = {
        name: series / 2 for name, series in logged.items()
    }  # four times the batch
    again = measure(larger, "images")
    for name in ("wander", "wander_fake", "hops"):
        np.testing.assert_allclose(again[name], found[name], rtol=1e-4)


@pytest.mark.parametrize("lines", [40, 60, 400])
def test_noise_is_no_swing(lines):
    """Of logs of noise alone, however loud, hardly one in a hundred swings."""
    loud = [
        measure(log(0.5, lines=lines, noise=0.4, seed=seed), "images")["swing"]
        for seed in range(200)
    ]
    assert np.mean(np.array(loud) > 0) < 0.02


@pytest.mark.parametrize("spikes", [1, 3])
def test_a_few_spikes_are_no_oscillation(spikes):
    """Single minibatches far below -log 4 are not "D is worse than a coin"."""
    excess = np.where(np.isin(np.arange(100), [55, 74, 92][:spikes]), -0.5, 0.4)
    found = gan_verdict(log(excess, 0.3, lines=100), "images")
    assert found.verdict != "oscillating"
    assert "0.00" not in found.text


def test_text_says_which_v():
    """The V of the text is not that of the final evaluation above it."""
    found = verdict_of(log(0.15, 0.1))
    assert "V is 0.15 off -log 4 (median over minibatches of the second" in found.text


def test_measures_by_loops():
    logged = log(0.1, noise=0.1, lines=MIN_LINES)
    e = (logged["value"] + LOG4).tolist()[MIN_LINES // 2 :]
    found = measure(logged, "points")
    np.testing.assert_allclose(found["shortfall"], sum(max(-x, 0) for x in e) / len(e))
    middle = sorted(abs(x) for x in e)
    np.testing.assert_allclose(found["distance"], (middle[4] + middle[5]) / 2)
    middle = sorted((logged["value"] + LOG4).tolist()[MIN_LINES // 2 :])
    np.testing.assert_allclose(found["below"], -(middle[4] + middle[5]) / 2)
    assert found["shortfall"] > 0


@pytest.mark.parametrize("lines", [0, 1, MIN_LINES - 1])
def test_too_short(lines):
    found = verdict_of(log(0.4, lines=lines))
    assert found.verdict == "unknown" and found.score is None and not found.evidence
    assert f"unknown: {lines} lines were logged, {MIN_LINES} are needed" in found.text
    assert verdict_of(log(**coverage(0.25), lines=MIN_LINES)).verdict == "collapsed"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["value", "d_real", "d_fake"])
def test_not_finite(name, bad):
    logged = log(0.4)
    logged[name][3] = bad
    found = verdict_of(logged)
    assert found.verdict == "unknown" and "not finite" in found.text


def test_a_critic_is_no_probability():
    found = verdict_of({"disc_loss": np.zeros(60), "distance": np.ones(60)})
    assert found.verdict == "not_applicable" and found.score is None
    assert "logs no value, d_real, d_fake" in found.text


def test_remarks_are_those_of_the_training_log():
    logged = log(**coverage(0.5))
    empty = Series(np.array([], int), {})
    history = History(Series(np.arange(60), logged), empty)
    for remarks, kind in (health_remarks, "images"), (point_health_remarks, "points"):
        assert remarks(history) == {"health": gan_verdict(logged, kind)._asdict()}
    nothing = health_remarks(History(empty, empty))["health"]
    assert nothing["verdict"] == "unknown" and "0 lines" in nothing["text"]
