"""Classification errors against a count, over splits kept apart."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import load_images
from jaxdl.measures.classification import error_percent, make_classification_evaluate
from jaxdl.ops import unit_images


def test_error_percent_is_a_count(variant):
    logits = jnp.array([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0], [5.0, 4.0]])
    labels = jnp.array([1, 1, 1, 0])
    assert float(variant(error_percent)(logits, labels)) == 25


@pytest.fixture(scope="module")
def measured():
    """A linear classifier of digits, and what the evaluation finds of it."""
    data = load_images("digits")
    weights = jax.random.normal(jax.random.key(0), (64, 10))
    evaluate = make_classification_evaluate(lambda params, x: x @ params)
    state = SimpleNamespace(params=weights)
    return data, weights, lambda final: evaluate(state, data, None, final)


def by_hand(split, weights):
    x = np.asarray(split.image, np.float64).reshape(len(split.image), -1) / 255
    logits = x @ np.asarray(weights, np.float64)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    labels = np.asarray(split.label)
    loss = -log_p[np.arange(len(labels)), labels].mean()
    return loss, 100 * np.mean(logits.argmax(axis=1) != labels)


def test_values_by_hand(measured):
    data, weights, evaluate = measured
    values = evaluate(True)
    loss, error = by_hand(data.validation, weights)
    assert float(values["validation_loss"]) == pytest.approx(loss, rel=1e-5)
    assert float(values["validation_error"]) == pytest.approx(error, rel=1e-6)
    assert float(values["test_error"]) == pytest.approx(by_hand(data.test, weights)[1])


def test_test_split_is_left_alone_before_the_end(measured):
    assert evaluate_names(measured, False) == {"validation_loss", "validation_error"}
    assert evaluate_names(measured, True) > {"test_error"}


def evaluate_names(measured, final):
    return measured[2](final).keys()


def test_images_that_keep_their_shape(measured):
    """The same classifier, given images in place of flat rows."""
    data, weights, evaluate = measured

    def apply(params, x):
        assert x.shape[1:] == (8, 8, 1)
        return x.reshape(len(x), -1) @ params

    of_images = make_classification_evaluate(
        apply, watched="watched", inputs_of=unit_images
    )
    found = of_images(SimpleNamespace(params=weights), data, None, False)
    expected = evaluate(False)
    assert found.keys() == {"watched_loss", "watched_error"}
    for name in ("loss", "error"):
        ours, other = found[f"watched_{name}"], expected[f"validation_{name}"]
        assert float(ours) == pytest.approx(float(other), rel=1e-6)
