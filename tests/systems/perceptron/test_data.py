import itertools

import jax
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.systems.perceptron.data import (
    GATES,
    boolean_functions,
    load_boolean_functions,
    shuffled_tables,
)


@pytest.mark.parametrize("num_inputs", [1, 2, 3, 4])
def test_every_function_once(num_inputs):
    inputs, labels = boolean_functions(num_inputs)
    truths = list(itertools.product([-1, 1], repeat=num_inputs))
    assert inputs.tolist() == [[*truth, 1] for truth in truths]
    assert labels.shape == (2**num_inputs, 2**2**num_inputs)
    assert set(np.unique(labels)) == {-1, 1}
    codes = (labels > 0).T.astype(int) @ 2 ** np.arange(2**num_inputs)
    assert codes.tolist() == list(range(labels.shape[1]))
    np.testing.assert_array_equal(labels, -labels[:, ::-1])  # complements


@pytest.mark.parametrize(
    ("name", "gate"),
    [
        ("AND", lambda a, b: a and b),
        ("OR", lambda a, b: a or b),
        ("XOR", lambda a, b: a != b),
    ],
)
def test_gates(name, gate):
    inputs, labels = boolean_functions(2)
    for (a, b, bias), label in zip(inputs, labels[:, GATES[name]], strict=True):
        assert bias == 1 and label == (1 if gate(a > 0, b > 0) else -1)


@pytest.mark.parametrize("number", [0, 5, -1])
def test_other_numbers_of_inputs(number):
    with pytest.raises(InputError, match=f"num_inputs is {number}: expected 1, 2"):
        boolean_functions(number)


@pytest.mark.parametrize("number", [1, 5])
def test_other_numbers_of_inputs_to_load(number):
    with pytest.raises(InputError, match=f"max_inputs is {number}: expected 2, 3"):
        load_boolean_functions(number)


def test_load():
    data = load_boolean_functions(3)
    assert data.name == "boolean_3" and list(data.tables) == ["2", "3"]
    for n, table in data.tables.items():
        for ours, expected in zip(table, boolean_functions(int(n)), strict=True):
            np.testing.assert_array_equal(ours, expected)
    again, other = load_boolean_functions(3), load_boolean_functions(2)
    assert data.checksum == again.checksum != other.checksum
    assert len(data.checksum) == 64
    assert len(jax.tree.leaves(data)) == 4  # the name is no leaf


def test_shuffled_tables_hold_the_same_examples_in_an_order_of_their_own():
    data = load_boolean_functions(3)
    batch = jax.jit(shuffled_tables)
    orders = set()
    for seed, step in itertools.product(range(3), range(20)):
        tables = batch(data, jax.random.key(seed), step)
        assert tables.keys() == data.tables.keys()
        for n, table in tables.items():
            rows = [np.concatenate(pair).tolist() for pair in zip(*table, strict=True)]
            whole = zip(*data.tables[n], strict=True)
            assert sorted(rows) == sorted(np.concatenate(x).tolist() for x in whole)
        orders.add(np.asarray(tables["3"][0]).tobytes())
    assert len(orders) > 50
    # A pure function of key and step.
    again = batch(data, jax.random.key(2), 19)
    jax.tree.map(np.testing.assert_array_equal, tables, again)
