import types

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxdl.systems.xor.data import xor_table
from jaxdl.systems.xor.measures import LOSS_QUANTILES, make_table_evaluate, solves

TARGETS = jnp.array([[0.0], [1.0], [1.0], [0.0]])


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([0, 1, 1, 0], True),
        ([0.49, 0.51, 0.51, 0.49], True),
        ([0.49, 0.51, 0.49, 0.49], False),
        ([0.51, 0.51, 0.51, 0.49], False),
        ([1, 0, 0, 1], False),
        ([0.5, 0.9, 0.9, 0.1], False),  # 1/2 is on neither side
        ([0.1, 0.5, 0.9, 0.1], False),
        ([np.nan, 1, 1, 0], False),
    ],
)
def test_solves(outputs, expected):
    outputs = jnp.array(outputs, float)[:, None]
    assert bool(solves(outputs, TARGETS)) is expected
    nets = jnp.stack([1 - TARGETS, outputs, TARGETS])
    np.testing.assert_array_equal(solves(nets, TARGETS), [False, expected, True])


def test_evaluate_equals_numpy():
    """Nets whose parameters are their four outputs."""
    outputs = np.random.default_rng(0).uniform(size=(300, 4, 1)).astype(np.float32)
    evaluate = make_table_evaluate(lambda params, x: params)
    state = types.SimpleNamespace(params=jnp.asarray(outputs))
    found = evaluate(state, xor_table(), None, True)
    target = np.array(TARGETS)
    losses = ((outputs - target) ** 2 / 2).mean(axis=(1, 2))
    solved = ((outputs > 0.5) == (target > 0.5)).all(axis=(1, 2)).sum()
    assert 0 < solved < 300
    assert found["solved"] == solved / 300
    interval = scipy.stats.binomtest(solved, 300).proportion_ci(method="wilson")
    np.testing.assert_allclose([found["solved_low"], found["solved_high"]], interval)
    np.testing.assert_allclose(found["loss"], losses.mean(), rtol=1e-6)
    expected = np.quantile(losses, LOSS_QUANTILES)
    np.testing.assert_allclose(found["loss_quantiles"], expected, rtol=1e-5)
