"""benchmarks/gan_health.py: the truth, the areas and the counts, on made-up runs."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    """The script, imported as if its folder were the script's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("gan_health")


def made_up(benchmark, num: int) -> list:
    """Runs of eight modes, with as many of them in the samples and in V's excess."""
    rng = np.random.default_rng(0)
    setting = benchmark.SETTINGS[4]
    points = benchmark.centres(setting)
    runs = []
    for seed in range(num):
        kept = int(rng.integers(2, 9))
        share = kept / 8
        value = share * np.log(share / (1 + share)) - np.log(1 + share)
        logged = {
            "value": value + rng.normal(0, 0.1, 30),
            "d_real": 1 / (1 + share) + rng.normal(0, 0.02, 30),
            "d_fake": share / (1 + share) + rng.normal(0, 0.02, 30),
        }
        samples = points[rng.integers(0, kept, 2500)] + rng.normal(0, 0.1, (2500, 2))
        runs.append(benchmark.judge(benchmark.Run(setting, seed, logged, samples)))
    return runs


def test_truth_areas_and_counts(benchmark):
    runs = made_up(benchmark, 60)
    for run in runs:
        assert run.collapsed == run.collapsed_by_count == (run.coverage.modes < 6.4)
    row = benchmark.areas(runs)["all runs"]
    truth = [run.collapsed for run in runs]
    assert row["collapsed"] == sum(truth) and row["runs"] == 60
    scores = [run.measures["score"] for run in runs]
    np.testing.assert_allclose(row["area"], roc_auc_score(truth, scores), rtol=1e-12)
    assert row["low"] < row["area"] <= row["high"]
    counts = benchmark.counts(runs)
    assert sum(sum(verdicts.values()) for verdicts in counts.values()) == 60
    assert sum(counts["collapsed"].values()) == sum(truth)
    curve = benchmark.curve_rows(runs)
    assert curve[0]["false_positive"] == 0 and curve[-1]["true_positive"] == 1
    rates = [row["true_positive"] for row in curve]
    assert rates == sorted(rates)
    weights = set(benchmark.health.CALIBRATIONS["points"].weights)
    fitted = benchmark.fit(runs, "points")
    assert set(fitted) == weights | {"bias", "low", "high"}
    assert 0 <= fitted["low"] <= 0.5 <= fitted["high"] <= 1
    found = benchmark.errors(runs)
    definite = [run for run in runs if run.found.verdict in ("healthy", "collapsed")]
    wrong = [
        run for run in definite if (run.found.verdict == "healthy") == run.collapsed
    ]
    assert found == {"runs": 60, "definite": len(definite), "wrong": len(wrong)}
    json.dumps([benchmark.row_of("x", run) for run in runs], allow_nan=False)


def test_one_kind_of_run_has_no_area(benchmark):
    runs = [run for run in made_up(benchmark, 20) if run.collapsed]
    assert "area" not in benchmark.areas(runs)["all runs"]
    assert benchmark.fit(runs, "points") == {} and benchmark.curve_rows(runs) == []


def test_the_band_leaves_few_errors_outside(benchmark):
    rng = np.random.default_rng(0)
    probabilities = rng.uniform(size=4000)
    # Right odds in between, but none that is as certain as it says.
    collapsed = rng.uniform(size=4000) < np.clip(2 * probabilities - 0.5, 0.01, 0.99)
    low, high = benchmark.find_band(probabilities, collapsed)
    assert 0.2 < low < 0.35 and 0.65 < high < 0.8
    assert collapsed[probabilities < low].mean() <= benchmark.MOST_WRONG
    assert (~collapsed[probabilities >= high]).mean() <= benchmark.MOST_WRONG
    assert benchmark.find_band(probabilities, rng.uniform(size=4000) < 0.5) == (0, 1)


def image_run(benchmark, shares, seed=0):
    logged = made_up(benchmark, 1)[0].run.logged
    setting = benchmark.health_images.SETTINGS[0]
    return benchmark.judge(benchmark.ImageRun(setting, seed, logged, np.array(shares)))


def test_truth_on_images(benchmark):
    """Eight even classes of ten are not collapsed; eight uneven ones are."""
    even = image_run(benchmark, [1 / 8] * 8 + [0, 0])
    np.testing.assert_allclose(even.effective, 0.8)
    uneven = image_run(benchmark, [0.3] + [0.1] * 7 + [0, 0])
    assert uneven.collapsed and not image_run(benchmark, [0.1] * 10).collapsed
    row = benchmark.row_of("images", uneven)
    assert "modes" not in row and row["latent_size"] == 32
    assert set(benchmark.areas([even, uneven])) == {"all runs"}


def test_small_gans_on_digits(benchmark):
    """Two settings of one shape: different logs, samples classified."""
    settings = [
        setting._replace(hidden_size=8, latent_size=2, dropout=0.0)
        for setting in benchmark.health_images.SETTINGS[:2]
    ]
    runs = benchmark.simulate_images(settings, [3], 12, 4)
    assert [run.setting for run in runs] == settings
    for run in runs:
        assert len(run.logged["value"]) == 3 and run.seed == 3
        np.testing.assert_allclose(run.shares.sum(), 1)
    first, second = (run.logged["value"] for run in runs)
    assert not np.allclose(first, second)


def test_settings_are_distinct_and_tile(benchmark):
    images = benchmark.health_images
    every = [*images.SETTINGS, *images.OTHER_SETTINGS]
    assert len(set(every)) == len(every)
    every = [*benchmark.SETTINGS, *benchmark.OTHER_SETTINGS]
    assert len(set(every)) == len(every)
    for setting in every:
        assert benchmark.REPEATED_MODES % setting.num_modes == 0
        points = benchmark.centres(setting)
        assert len(np.unique(points.round(6), axis=0)) == setting.num_modes


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--steps 700", "steps is 700: expected 800 or more"),
        ("--held-out-seeds 0", "held_out_seeds is 0: expected 1 or more"),
        ("--log-every 0", "log_every is 0: expected 1 or more"),
        ("--image-steps 900", "image_steps is 900: expected 1000 or more"),
    ],
)
def test_bad_flags(benchmark, flags, sentence, capsys):
    assert benchmark.main(flags.split()) == 2
    assert sentence in capsys.readouterr().err
