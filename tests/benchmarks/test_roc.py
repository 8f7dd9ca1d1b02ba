"""The receiver operating characteristic against scikit-learn and brute force."""

import itertools

import numpy as np
import pytest
from sklearn import metrics

from benchmarks.roc import roc_area, roc_curve
from jaxdl.errors import InputError


def draw(seed: int, num: int = 60):
    """Scores with many ties, and the kind of each case."""
    rng = np.random.default_rng(seed)
    positive = rng.random(num) < 0.4
    return np.round(rng.normal(positive, 1), 1), positive


@pytest.mark.parametrize("seed", range(5))
def test_equals_scikit_learn(seed):
    scores, positive = draw(seed)
    area, _, _ = roc_area(scores, positive)
    np.testing.assert_allclose(
        area, metrics.roc_auc_score(positive, scores), rtol=1e-12
    )
    curve = roc_curve(scores, positive)
    expected = metrics.roc_curve(positive, scores, drop_intermediate=False)
    for ours, theirs in zip(
        (curve.false_positive, curve.true_positive, curve.threshold),
        expected,
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_the_interval_by_a_loop_over_pairs():
    scores, positive = draw(7)
    above, below = scores[positive], scores[~positive]
    wins = {
        (i, j): 1.0 if a > b else 0.5 if a == b else 0.0
        for (i, a), (j, b) in itertools.product(enumerate(above), enumerate(below))
    }
    m, n = len(above), len(below)
    area = sum(wins.values()) / (m * n)
    rows = [sum(wins[i, j] for j in range(n)) / n for i in range(m)]
    columns = [sum(wins[i, j] for i in range(m)) / m for j in range(n)]
    variance = sum((x - area) ** 2 for x in rows) / (m - 1) / m
    variance += sum((x - area) ** 2 for x in columns) / (n - 1) / n
    found, low, high = roc_area(scores, positive)
    np.testing.assert_allclose(found, area, rtol=1e-12)
    np.testing.assert_allclose((found - low, high - found), 1.96 * variance**0.5, 1e-4)


def test_the_interval_covers_the_true_area():
    """Two normals a distance of 1 apart: area Phi(1 / sqrt 2) = 0.7602."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        scores = np.concatenate([rng.normal(1, 1, 30), rng.normal(0, 1, 50)])
        _, low, high = roc_area(scores, np.arange(80) < 30)
        covered += low <= 0.7602 <= high
    assert 0.90 <= covered / 300 <= 0.985


def test_edges():
    assert roc_area([1, 2, 3, 4], [False, False, True, True]) == (1, 1, 1)
    assert roc_area([4, 3, 2, 1], [False, False, True, True]) == (0, 0, 0)
    assert roc_area([5, 5], [True, False])[0] == 0.5  # ties count half
    curve = roc_curve([5, 5], [True, False])
    assert curve.false_positive.tolist() == curve.true_positive.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("scores", "positive", "sentence"),
    [
        ([1, 2], [True, True], "2 of 2 cases are positive"),
        ([], [], "0 of 0 cases are positive"),
        ([1, 2], [True], r"scores have shape \(2,\)"),
        ([1, np.nan], [True, False], "not finite"),
    ],
)
def test_refuses(scores, positive, sentence):
    for function in (roc_area, roc_curve):
        with pytest.raises(InputError, match=sentence):
            function(scores, positive)
