import itertools
import time
import types

import numpy as np
import pytest
import scipy.optimize

from jaxdl.errors import InputError, RunError
from jaxdl.systems.perceptron import separability as module
from jaxdl.systems.perceptron.data import GATES, boolean_functions
from jaxdl.systems.perceptron.separability import (
    is_certificate,
    is_separating,
    separability,
)


def check_proofs(found, inputs, labels):
    """Every proof again, in Python's whole numbers."""
    assert not np.any(found.separable & found.unseparable)
    rows = [[int(value) for value in row] for row in inputs]
    for f in range(labels.shape[1]):
        y = [int(value) for value in labels[:, f]]
        w = [int(value) for value in found.vectors[:, f]]
        multipliers = [int(value) for value in found.multipliers[:, f]]
        if found.separable[f]:
            sides = [sum(a * b for a, b in zip(w, x, strict=True)) for x in rows]
            assert all(a * b > 0 for a, b in zip(y, sides, strict=True))
        else:
            assert not any(w)
        if found.unseparable[f]:
            assert min(multipliers) >= 0 and sum(multipliers) > 0
            for j in range(len(w)):
                terms = zip(multipliers, y, rows, strict=True)
                assert sum(m * label * x[j] for m, label, x in terms) == 0
        else:
            assert not any(multipliers)


@pytest.mark.parametrize(("num_inputs", "count"), [(1, 4), (2, 14), (3, 104)])
def test_equals_brute_force(num_inputs, count):
    inputs, labels = boolean_functions(num_inputs)
    grid = itertools.product(range(-3, 4), repeat=num_inputs + 1)
    sides = np.array(list(grid)) @ inputs.T
    sides = np.sign(sides[np.all(sides != 0, axis=1)])
    drawn = {tuple(row) for row in sides.tolist()}
    expected = [tuple(column) in drawn for column in labels.T.tolist()]
    found = separability(inputs, labels)
    assert sum(expected) == count
    np.testing.assert_array_equal(found.separable, expected)
    np.testing.assert_array_equal(found.unseparable, ~found.separable)
    check_proofs(found, inputs, labels)


def test_four_inputs_in_part():
    inputs, labels = boolean_functions(4)
    labels = labels[:, np.random.default_rng(0).permutation(65_536)[:1500]]
    found = separability(inputs, labels)
    assert 0 < found.separable.sum() < 100
    np.testing.assert_array_equal(found.unseparable, ~found.separable)
    check_proofs(found, inputs, labels)


@pytest.mark.slow
def test_four_inputs():
    inputs, labels = boolean_functions(4)
    begin = time.monotonic()
    found = separability(inputs, labels)
    assert time.monotonic() - begin < 60
    assert (found.separable.sum(), found.unseparable.sum()) == (1882, 63_654)
    assert is_separating(found.vectors, inputs, labels).sum() == 1882
    assert is_certificate(found.multipliers, inputs, labels).sum() == 63_654
    check_proofs(found, inputs, labels)


def test_the_proof_of_xor():
    inputs, labels = boolean_functions(2)
    found = separability(inputs, labels[:, [GATES["XOR"]]])
    assert found.unseparable.tolist() == [True]
    assert found.multipliers[:, 0].tolist() == [1, 1, 1, 1]


def test_complements_share_their_proof():
    inputs, labels = boolean_functions(3)
    found = separability(inputs, labels)
    np.testing.assert_array_equal(found.multipliers, found.multipliers[:, ::-1])
    np.testing.assert_array_equal(found.vectors, -found.vectors[:, ::-1])


def test_vectors_have_the_largest_margin():
    """min y w . x over max |w|, beside the best of a grid of weights."""
    inputs, labels = boolean_functions(3)
    found = separability(inputs, labels)
    grid = np.array(list(itertools.product(np.linspace(-1, 1, 7), repeat=4)))
    margins = np.min((grid @ inputs.T)[..., None] * labels[None], axis=1).max(axis=0)
    ours = np.min((inputs @ found.vectors) * labels, axis=0)
    ours = ours / np.maximum(np.abs(found.vectors).max(axis=0), 1)
    assert np.all(ours >= margins - 1e-9)


def test_without_a_bias():
    """x and -x are on two sides of a line through the origin."""
    inputs, labels = boolean_functions(2)
    found = separability(inputs[:, :2], labels)
    odd = np.all(labels == -labels[::-1], axis=0)
    assert np.all(found.unseparable[~odd])
    check_proofs(found, inputs[:, :2], labels)


@pytest.mark.parametrize("seed", range(5))
def test_whole_numbers_of_any_kind(seed):
    rng = np.random.default_rng(seed)
    w, inputs = rng.integers(-4, 5, 3), rng.integers(-9, 10, (8, 3))
    inputs = inputs[inputs @ w != 0]
    labels = np.sign(inputs @ w)[:, None]
    # The same examples, and one of them again with the other label.
    doubled = np.concatenate([inputs, inputs[:1]])
    found = separability(doubled, np.concatenate([labels, labels[:1]]))
    assert found.separable.all()
    check_proofs(found, doubled, np.concatenate([labels, labels[:1]]))
    found = separability(doubled, np.concatenate([labels, -labels[:1]]))
    assert found.unseparable.all()
    check_proofs(found, doubled, np.concatenate([labels, -labels[:1]]))


def test_one_example():
    found = separability(np.array([[0, 2]]), np.array([[1, -1]]))
    assert found.separable.all() and found.vectors[1].tolist() == [1, -1]
    found = separability(np.array([[0, 0]]), np.array([[1, -1]]))
    assert found.unseparable.all()


# The checks


def test_what_is_no_proof():
    inputs, labels = boolean_functions(2)
    gates = labels[:, [GATES["AND"], GATES["XOR"]]]
    w = np.array([[1, 1, -1], [1, 1, -1]]).T
    assert is_separating(w, inputs, gates).tolist() == [True, False]
    assert not is_separating(-w, inputs, gates).any()
    on_the_line = np.array([[1, 1, -2], [0, 0, 0]]).T
    assert not is_separating(on_the_line, inputs, gates).any()
    xor = gates[:, [1]]
    for multipliers, valid in (
        ([1, 1, 1, 1], True),
        ([2, 2, 2, 2], True),
        ([0, 0, 0, 0], False),
        ([-1, -1, -1, -1], False),
        ([1, 1, 1, 2], False),
        ([1, 0, 0, 1], False),
    ):
        columns = np.array(multipliers)[:, None]
        assert is_certificate(columns, inputs, xor).tolist() == [valid]
        assert is_certificate(columns, inputs, -xor).tolist() == [valid]
    # The sum is 0 for AND too with multipliers of both signs, which prove nothing.
    mixed = np.array([[1, -1, -1, -1]]).T
    assert not np.any(inputs.T @ (gates[:, :1] * mixed))
    assert not is_certificate(mixed, inputs, gates[:, :1]).any()


def fake_solver(monkeypatch, change):
    """Let the solver's answer be changed on its way back."""
    solve = scipy.optimize.linprog
    monkeypatch.setattr(
        scipy.optimize, "linprog", lambda *args, **flags: change(solve(*args, **flags))
    )


def test_the_solver_is_not_believed(monkeypatch):
    """Wrong answers make a function neither separable nor unseparable."""
    inputs, labels = boolean_functions(2)
    honest = separability(inputs, labels)

    def lie(result):
        x, marginals = -result.x, result.ineqlin.marginals.copy()
        marginals[::4] -= 0.25
        return types.SimpleNamespace(
            x=x, ineqlin=types.SimpleNamespace(marginals=marginals), status=0
        )

    fake_solver(monkeypatch, lie)
    found = separability(inputs, labels)
    assert not found.separable.any() and not found.unseparable.any()
    assert not found.vectors.any() and not found.multipliers.any()
    assert honest.separable.sum() == 14


def test_a_solver_that_fails(monkeypatch):
    def fail(result):
        return types.SimpleNamespace(status=1, message="iteration limit")

    fake_solver(monkeypatch, fail)
    with pytest.raises(RunError, match="not solved: iteration limit"):
        separability(*boolean_functions(2))


def test_numbers_without_a_common_denominator_are_no_proof():
    columns = np.array([[1, np.sqrt(2)], [0.5, -1 / 3], [0, 0], [1, 2**21]]).T
    whole = module._whole(columns)
    assert whole.T.tolist() == [[0, 0], [3, -2], [0, 0], [0, 0]]


# Bad input

X, Y = boolean_functions(2)


@pytest.mark.parametrize("label", [0, 2, -3])
def test_other_labels(label):
    labels = Y.copy()
    labels[1, 3] = label
    with pytest.raises(InputError, match=f"a label is {label}: expected -1 or 1"):
        separability(X, labels)


@pytest.mark.parametrize(
    ("inputs", "labels"),
    [(X[:3], Y), (X[0], Y), (X, Y[:, 0]), (X[:0], Y[:0]), (X, Y[:, :0]), (X[:, :0], Y)],
    ids=["examples", "row", "column", "no_example", "no_function", "no_weight"],
)
def test_shapes_that_do_not_fit(inputs, labels):
    with pytest.raises(InputError, match=r"have shape \(.*: expected"):
        separability(inputs, labels)


def test_large_inputs():
    with pytest.raises(InputError, match="beyond 1048576"):
        separability(X.astype(np.int64) * 2**21, Y)
