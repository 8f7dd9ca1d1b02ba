"""Verdicts on logs whose story is known."""

import json

import numpy as np
import pytest

from jaxdl.adversarial.health import (
    MIN_LINES,
    THRESHOLDS,
    gan_verdict,
    health_remarks,
    measure,
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


TURNS = np.sin(np.linspace(0, 12 * np.pi, 60))
LOGS = {
    "constant at one half": (log(0.0, noise=0.0, spread=0.0), "healthy"),
    "near one half": (log(0.02), "healthy"),
    "half of the modes": (log(**coverage(0.5)), "collapsed"),
    "a third of the modes": (log(**coverage(1 / 3)), "collapsed"),
    "one mode of 20": (log(**coverage(0.05)), "discriminator_won"),
    "D goes to 1": (
        log(LOG4 * (1 - np.exp(-np.arange(60) / 5)), 1 - np.exp(-np.arange(60) / 5)),
        "discriminator_won",
    ),
    "slow swings above": (log(0.4 + 0.2 * TURNS), "oscillating"),
    "slow swings around": (log(0.05 + 0.3 * TURNS), "oscillating"),
    "D worse than a coin": (log(-0.05), "oscillating"),
    "only the second half counts": (
        {k: np.r_[log(1.0, 0.9)[k], log(0.02)[k]] for k in log(0.0)},
        "healthy",
    ),
    "one spike is no swing": (log(np.where(np.arange(60) == 45, 0.2, 0.02)), "healthy"),
    "falling steadily is no swing": (log(np.linspace(1.2, 0.2, 60)), "collapsed"),
}


@pytest.mark.parametrize(("logged", "verdict"), LOGS.values(), ids=LOGS.keys())
def test_verdict(logged, verdict):
    found = gan_verdict(logged)
    assert found.verdict == verdict
    assert found.text.startswith(
        verdict.replace("_", " ").replace("tor w", "tor has w")
    )
    assert np.isfinite(found.score) and 1 < len(found.evidence) <= 4
    for name, number in found.evidence.items():
        assert number["threshold"] == THRESHOLDS.get(name)
    json.dumps(found._asdict(), allow_nan=False)


def test_evidence_supports_the_verdict():
    """The numbers that decided are on their side of their thresholds."""
    won = gan_verdict(LOGS["one mode of 20"][0]).evidence["gap"]
    np.testing.assert_allclose(won["value"], coverage(0.05)["gap"], atol=0.02)
    assert won["value"] >= won["threshold"]
    swings = gan_verdict(LOGS["slow swings above"][0]).evidence["swing"]
    # What a lag of a tenth of a period takes from the sd, and the trend a little.
    expected = 0.2 * np.sqrt(np.cos(np.pi / 5) / 2)
    np.testing.assert_allclose(swings["value"], expected, rtol=0.1)
    collapsed = gan_verdict(LOGS["half of the modes"][0])
    assert collapsed.evidence["score"]["value"] == collapsed.score >= 0
    assert gan_verdict(LOGS["near one half"][0]).score < 0


def test_the_stated_divergence_is_that_of_the_modes():
    """JSD of uniform weights on 8 modes and on 4 of them, by its definition."""
    p, q = np.full(8, 1 / 8), np.r_[np.full(4, 1 / 4), np.zeros(4)]
    m = (p + q) / 2
    jsd = 0.5 * np.sum(p * np.log(p / m)) + 0.5 * np.sum(q[:4] * np.log(q[:4] / m[:4]))
    logged = log(**coverage(0.5), noise=0.0)
    assert f"JSD of {jsd:.2f} nats" in gan_verdict(logged).text
    np.testing.assert_allclose(measure(logged)["excess"], 2 * jsd, rtol=1e-12)


def test_the_score_grows_with_the_share_that_is_missing():
    shares = [0.9, 0.75, 0.5, 0.25]
    scores = [gan_verdict(log(**coverage(r))).score for r in shares]
    assert scores == sorted(scores) and scores[0] < 0 < scores[2]


def test_measures_by_loops():
    logged = log(0.1, noise=0.1, lines=MIN_LINES)
    e = (logged["value"] + LOG4).tolist()[MIN_LINES // 2 :]
    found = measure(logged)
    np.testing.assert_allclose(found["shortfall"], sum(max(-x, 0) for x in e) / len(e))
    middle = sorted(abs(x) for x in e)
    np.testing.assert_allclose(found["distance"], (middle[4] + middle[5]) / 2)
    assert found["shortfall"] > 0


@pytest.mark.parametrize("lines", [0, 1, MIN_LINES - 1])
def test_too_short(lines):
    found = gan_verdict(log(0.4, lines=lines))
    assert found.verdict == "unknown" and found.score is None and not found.evidence
    assert f"unknown: {lines} lines were logged, {MIN_LINES} are needed" in found.text
    assert gan_verdict(log(0.4, lines=MIN_LINES)).verdict == "collapsed"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["value", "d_real", "d_fake"])
def test_not_finite(name, bad):
    logged = log(0.4)
    logged[name][3] = bad
    found = gan_verdict(logged)
    assert found.verdict == "unknown" and "not finite" in found.text


def test_a_critic_is_no_probability():
    found = gan_verdict({"disc_loss": np.zeros(60), "distance": np.ones(60)})
    assert found.verdict == "not_applicable" and found.score is None
    assert "logs no value, d_real, d_fake" in found.text


def test_remarks_are_those_of_the_training_log():
    logged = log(**coverage(0.5))
    empty = Series(np.array([], int), {})
    history = History(Series(np.arange(60), logged), empty)
    assert health_remarks(history) == {"health": gan_verdict(logged)._asdict()}
    nothing = health_remarks(History(empty, empty))["health"]
    assert nothing["verdict"] == "unknown" and "0 lines" in nothing["text"]
