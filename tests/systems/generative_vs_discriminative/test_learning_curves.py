import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.systems.generative_vs_discriminative.learning_curves import (
    crossing,
    curve_metrics,
    curve_protocols,
    learning_curves,
)

SIZES = (4, 8, 16, 32)


def test_each_size_is_fitted_to_its_first_points():
    def draw(key, num):
        return jax.random.normal(key, (num, 2)), jnp.arange(num) % 2

    def fit(x, labels, weights):
        return {"sum": weights @ x, "count": jnp.sum(weights), "ones": weights @ labels}

    key = jax.random.key(0)
    options = dict(sizes=SIZES, num_draws=3)
    got = learning_curves(draw, fit, lambda fitted: jnp.sum(fitted), key, **options)
    for i, draw_key in enumerate(jax.random.split(key, 3)):
        x, _ = draw(draw_key, 32)
        expected = [x[:m].sum() for m in SIZES]
        np.testing.assert_allclose(got["sum"][i], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(got["count"], [SIZES] * 3)
    np.testing.assert_array_equal(got["ones"], [[m // 2 for m in SIZES]] * 3)


CURVES = {
    "once": ([3, 2, 2, 2], [9, 4, 1, 0], math.sqrt(8 * 16) * 2 ** (1 / 6), True),
    "at a size": ([3, 2, 2, 2], [9, 2, 1, 0], 8, True),
    "twice, the last one counts": ([5, 3, 2, 2], [4, 5, 3, 1], 16 * math.sqrt(2), True),
    "generative always better": ([1, 1, 1, 1], [4, 3, 2, 1.5], 32, False),
    "generative better in the end": ([5, 3, 2, 1], [4, 4, 3, 2], 32, False),
    "equal in the end": ([3, 2, 1, 1], [4, 3, 2, 1], 32, False),
    "discriminative always better": ([4, 4, 4, 4], [3, 3, 3, 3], 4, False),
}


@pytest.mark.parametrize("name", CURVES)
def test_crossing(name):
    generative, discriminative, size, crossed = CURVES[name]
    found = crossing(SIZES, generative, discriminative)
    np.testing.assert_allclose(found.size, size)
    assert found.crossed is crossed


@pytest.mark.parametrize(
    ("sizes", "errors"),
    [((4,), [1.0]), ((4, 4), [1.0, 2.0]), ((8, 4), [1.0, 2.0]), ((4, 8), [1.0])],
)
def test_crossing_refuses(sizes, errors):
    with pytest.raises(InputError, match="expected two or more rising sizes"):
        crossing(sizes, errors, errors)


def test_metrics_and_their_protocols():
    generative, discriminative, size, _ = CURVES["once"]
    curves = {"line": discriminative, "bayes": generative}
    values = curve_metrics(curves, SIZES, discriminative="line")
    scalars = {k: v for k, v in values.items() if np.ndim(v) == 0}
    assert scalars == pytest.approx(
        {
            "line_first": 9,
            "line_last": 0,
            "bayes_first": 3,
            "bayes_last": 2,
            "bayes_crossing": size,
            "bayes_crossed": 1,
        }
    )
    np.testing.assert_array_equal(values["bayes_curve"], generative)
    protocols = curve_protocols(
        tuple(curves), SIZES, {"draws": 2}, discriminative="line"
    )
    assert protocols.keys() == scalars.keys()
    assert protocols["line_last"] == {"training_points": 32, "draws": 2}
    without = protocols["bayes_crossing"]["without"]
    assert without({"bayes_crossed": [1.0, 0.0, 1.0]}) == "1 of 3 seeds"
