"""The law of the long-lag tasks, against rules written out sequence by sequence."""

import jax
import numpy as np
import pytest
from scipy.stats import chisquare

from jaxdl import memory
from jaxdl.data import adding, make_draws, temporal_order
from jaxdl.data.long_lag import SYMBOLS, latch
from jaxdl.errors import InputError

NUM = 2000


def drawn(task, seed=1):
    """Sequences; what every law shares is checked at once."""
    draw = jax.jit(task.draw, static_argnums=1)
    found = jax.tree.map(np.asarray, draw(jax.random.key(seed), NUM))
    inputs, mask, targets = found
    assert inputs.shape[:2] == mask.shape and inputs.shape[2] == task.in_size
    assert targets.shape == (NUM, task.out_size)
    assert (mask[:, :-1] >= mask[:, 1:]).all()  # a prefix
    assert not inputs[~mask].any()
    if task.in_size > 2:
        assert np.isin(inputs, [0, 1]).all() and (inputs[mask].sum(axis=1) == 1).all()
    return found


def uniform(values, low, high):
    """Whether whole numbers are uniform in low..high, all of them found."""
    counts = np.bincount(np.asarray(values) - low, minlength=high - low + 1)
    return len(counts) == high - low + 1 and chisquare(counts).pvalue > 1e-3


def check_adding(inputs, target, lag, first_pair):
    """One sequence without padding, by the paper's words; the marks that are seen."""
    length = len(inputs)
    assert lag <= length <= lag + lag // 10
    values, markers = inputs.T
    assert (np.abs(values) <= 1).all()
    assert markers[-1] == -1 and np.isin(markers[1:-1], [0, 1]).all()
    marked = [t for t in range(length) if markers[t] == 1]
    if first_pair == "hidden":
        assert markers[0] == -1 and 1 <= len(marked) <= 2
    else:
        assert len(marked) == 2
        assert inputs[0].tolist() == [0, 1] if 0 in marked else markers[0] == -1
    assert min(marked) < 10 or len(marked) == 1
    assert max(marked) <= lag // 2 - 1
    total = sum(float(values[t]) for t in marked)
    np.testing.assert_allclose(target, [0.5 + total / 4], atol=1e-6)
    return marked


@pytest.mark.parametrize(("lag", "first_pair"), [(20, "zero"), (100, "hidden")])
def test_adding(lag, first_pair):
    sequences = drawn(adding(lag, first_pair))
    assert sequences.inputs.shape[1] == lag + lag // 10
    lengths, found, values = [], [], []
    for x, mask, target in zip(*sequences, strict=True):
        length = int(mask.sum())
        found.append(check_adding(x[:length], target, lag, first_pair))
        lengths.append(length)
        values.extend(x[1:lag, 0])
    assert uniform(lengths, lag, lag + lag // 10)
    assert uniform(np.floor(np.array(values) * 10).clip(-10, 9).astype(int), -10, 9)
    # A tenth first marks, and a second mark for one in T/2 - 1 of the others, fell on
    # the first pair.
    both = [marked for marked in found if len(marked) == 2 and marked[0] > 0]
    share = 0.9 * (1 - 1 / (lag // 2 - 1))
    assert abs(len(both) / len(found) - share) < 4 * np.sqrt(share * 0.1 / len(found))
    if lag == 100:  # the first mark is the one among the first ten
        seconds = [b for _, b in both if b >= 10]
        assert uniform(seconds, 10, 49)
        assert uniform([a for a, b in both if b >= 10], 1, 9)


@pytest.mark.parametrize(
    ("num_symbols", "spans"),
    [(2, [(10, 20), (50, 60)]), (3, [(10, 20), (33, 43), (66, 76)])],
)
def test_temporal_order(num_symbols, spans):
    sequences = drawn(temporal_order(num_symbols))
    assert sequences.inputs.shape[1:] == (110, 8)
    assert sequences.targets.shape[1] == 2**num_symbols
    lengths, positions, classes, noise = [], [], [], []
    for x, mask, target in zip(*sequences, strict=True):
        length = int(mask.sum())
        text = "".join(SYMBOLS[i] for i in x[:length].argmax(axis=1))
        assert text[0] == "E" and text[-1] == "B" and 100 <= length <= 110
        at = [t for t in range(length) if text[t] in "XY"]
        assert len(at) == num_symbols
        rest = [c for t, c in enumerate(text[1:-1], start=1) if t not in at]
        assert set(rest) <= set("abcd")
        number = int("".join(str("XY".index(text[t])) for t in at), 2)
        assert target[number] == 1 == target.sum()
        lengths.append(length)
        positions.append(at)
        classes.append(number)
        noise.extend("abcd".index(c) for c in rest[:20])
    assert uniform(lengths, 100, 110)
    assert uniform(classes, 0, 2**num_symbols - 1)
    assert uniform(noise, 0, 3)
    for i, (low, high) in enumerate(spans):
        assert uniform([at[i] for at in positions], low, high)


def test_latch():
    inputs, mask, targets = drawn(latch(12))
    assert inputs.shape[1:] == (13, 6) and mask.all()
    codes = inputs.argmax(axis=2)
    assert (codes[:, 0] == targets[:, 0]).all() and uniform(codes[:, 0], 0, 1)
    assert (codes[:, 1:] >= 2).all() and uniform(codes[:, 1:].ravel(), 2, 5)


def test_a_batch_is_a_function_of_key_and_step():
    task, batch = latch(12), jax.jit(make_draws(3))
    key = jax.random.key(0)
    first, again, other = (batch(task, key, step) for step in (5, 5, 6))
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), first, again))
    assert (first.inputs != other.inputs).any()
    assert jax.tree.leaves(task) == []
    assert task is latch(12)  # so that nothing is compiled twice


def test_names_and_checksums_tell_tasks_apart():
    tasks = [adding(20, "zero"), adding(100), temporal_order(2), temporal_order(3)]
    for field in ("name", "checksum"):
        assert len({getattr(task, field) for task in tasks}) == len(tasks)


@pytest.mark.parametrize("lag", [-100, -1, 0, 18, 101])
def test_lags_of_the_adding_problem(lag):
    with pytest.raises(InputError, match=f"lag is {lag}: expected an even number"):
        adding(lag)


def test_other_numbers_are_refused():
    with pytest.raises(InputError, match="symbols is 4: expected 2 or 3"):
        temporal_order(4)
    with pytest.raises(InputError, match="lag is -1: expected 1 to"):
        latch(-1)


@pytest.mark.parametrize("task", [adding, latch])
def test_a_lag_that_does_not_fit_is_refused_before_it_is_drawn(task, monkeypatch):
    with pytest.raises(
        InputError, match=r"needs at least \d+ GB.*make the lag smaller"
    ):
        task(1_000_000_000)
    monkeypatch.setattr(memory, "memory_bytes", lambda: 10_000)
    with pytest.raises(InputError, match="make the lag smaller"):
        task(486)  # of which no array is made that is too large: all together are


@pytest.mark.parametrize("task", [adding, latch])
@pytest.mark.parametrize("lag", [0, 1_000_000_002, 2**31 - 2])
def test_lags_that_are_refused(task, lag):
    with pytest.raises(InputError, match=rf"lag is {lag}: expected .*1,000,000,000"):
        task(lag)
