"""Classification errors against a count, over splits kept apart."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import load_images
from jaxdl.evaluate.classification import error_percent, make_classification_evaluate


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
