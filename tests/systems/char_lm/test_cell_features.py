"""Features of texts, and the cells that follow them."""

import jax
import numpy as np
import pytest

from jaxdl.systems.char_lm.cell_features import choose_cells, memories, text_features
from jaxdl.systems.char_lm.networks import char_lm


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_memories_are_those_of_a_loop(cell):
    model = char_lm(4, 3, cell=cell)
    params = jax.jit(model.init)(jax.random.key(0))
    codes = np.array([0, 3, 1, 2, 2], np.int32)
    read = jax.jit(lambda codes: memories(model.apply, model.memory, params, codes))
    found = np.asarray(read(codes))
    carry, apply = model.initial_carry(1), jax.jit(model.apply)
    for row, code in zip(found, codes, strict=True):
        _, carry = apply(params, code[None, None], carry=carry)
        memory = np.asarray(model.memory(carry))[0]
        np.testing.assert_allclose(row, memory, atol=1e-6)
    assert np.abs(found).min() > 0


def test_features_of_two_lines():
    features = text_features('  Say "hi":\nf(a) # (b\n')
    expected = {
        "place in the line": "-",
        "characters left in the line": "-",
        "capital letter": "0010000000000000000000",
        "line that ends with a colon": "1111111111110000000000",
        "spaces that begin the line": "2222222222220000000000",
        "inside quotation marks": "0000001110000000000000",
        "inside a comment": "0000000000000000011111",
        "inside brackets": "0000000000000110000111",
        "place in the word": "0012300120001010000010",
    }
    assert features.keys() == expected.keys()
    for name, digits in expected.items():
        if name.startswith("place in the line"):
            rows = [*range(12), *range(10)]
        elif name.startswith("characters left"):
            rows = [*range(12)[::-1], *range(10)[::-1]]
        else:
            rows = [int(digit) for digit in digits]
        np.testing.assert_array_equal(features[name], rows, err_msg=name)


def test_chosen_cells_have_the_largest_correlations():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 200))
    noise = rng.normal(size=(200, 4))
    values = np.stack([a + b, noise[:, 0], -a + 0.1 * noise[:, 1], 0 * a + 5], axis=1)
    features = {"a": a, "b": b + 0.3 * noise[:, 2], "same": np.ones(200)}
    cells = choose_cells(values, features, 2)
    assert [(cell.index, cell.feature) for cell in cells] == [(2, "a"), (0, "b")]
    for cell in cells:
        expected = np.corrcoef(values[:, cell.index], features[cell.feature])[0, 1]
        assert cell.correlation == pytest.approx(expected)
    assert cells[0].correlation < -0.9
    # More than there are: each once, and what does not vary is worth nothing.
    cells = choose_cells(values, features, 9)
    assert len({cell.index for cell in cells}) == len({c.feature for c in cells}) == 3
    assert cells[-1].correlation == 0
