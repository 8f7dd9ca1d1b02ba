"""Confusions and worst examples against scikit-learn and a sort in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import log_softmax
from sklearn import metrics

from jaxdl.systems.lenet.confusion import confusion_matrix, worst_examples

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(50, 4)).astype(np.float32)
LABELS = RNG.integers(0, 3, 50)  # the last class has no example


def test_confusion_matrix_is_scikit_learns():
    found = jax.jit(confusion_matrix)(LOGITS, LABELS)
    expected = metrics.confusion_matrix(LABELS, LOGITS.argmax(axis=1), labels=range(4))
    np.testing.assert_array_equal(found, expected)


def test_worst_examples_are_those_of_a_sort():
    worst = worst_examples(jnp.asarray(LOGITS), jnp.asarray(LABELS), 7)
    log_p = log_softmax(LOGITS, axis=1)[np.arange(50), LABELS]
    order = np.argsort(log_p)[:7]
    np.testing.assert_array_equal(worst.index, order)
    np.testing.assert_array_equal(worst.label, LABELS[order])
    np.testing.assert_array_equal(worst.predicted, LOGITS[order].argmax(axis=1))
    np.testing.assert_allclose(worst.probability, np.exp(log_p[order]), rtol=1e-5)


def test_fewer_examples_than_asked_for():
    logits, labels = jnp.zeros((2, 3)), jnp.array([1, 0])
    worst = worst_examples(logits, labels, 20)
    np.testing.assert_array_equal(worst.index, [0, 1])  # equal ones in their order
