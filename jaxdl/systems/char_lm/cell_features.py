"""What single cells of a model of text keep: their values beside simple features."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Integer

from jaxdl.systems.char_lm.measures import zero_carry
from jaxdl.types import ApplyFn, Params


class Cell(NamedTuple):
    """A cell that follows a feature of the text.

    Attributes:
      index: of the cell in its layer.
      feature: name of the feature.
      correlation: of the two, between -1 and 1.
    """

    index: int
    feature: str
    correlation: float


def memories(
    apply_fn: ApplyFn,
    memory_fn: Callable[[Any], Array],
    params: Params,
    codes: Integer[Array, " time"],
) -> Float[Array, "time cells"]:
    """States of each cell after each character of a text, read from a zero carry.

    Args:
      apply_fn: `apply_fn(params, codes, carry=carry) -> (logits, carry)`.
      memory_fn: `memory_fn(carry) -> values` [batch cells].
      params: parameters.
      codes: of the text.
    """

    def read(carry, code):
        _, carry = apply_fn(params, code[None, None], carry=carry)
        return carry, memory_fn(carry)[0]

    return jax.lax.scan(read, zero_carry(apply_fn, params), codes)[1]


def text_features(text: str) -> dict[str, Float[np.ndarray, " time"]]:
    """Features of the place of each character in a text, by name.

    Places in a line count from its first character; the character that ends a line
    belongs to it. Words are letters in a row. Comments begin with # and quotations lie
    between double quotation marks of one line; brackets are counted from the text's
    begin.
    """
    rows = []
    depth = 0
    for line in text.splitlines(keepends=True):
        quoted, comment, in_word = False, False, 0
        for i, character in enumerate(line):
            depth = max(0, depth + (character in "([{") - (character in ")]}"))
            quoted ^= character == '"'
            comment |= character == "#"
            in_word = in_word + 1 if character.isalpha() else 0
            begins = len(line) - len(line.lstrip(" "))
            rows.append(
                {
                    "place in the line": i,
                    "characters left in the line": len(line) - 1 - i,
                    "place in the word": in_word,
                    "capital letter": character.isupper(),
                    "line that ends with a colon": line.rstrip().endswith(":"),
                    "spaces that begin the line": begins,
                    "inside brackets": depth > 0,
                    "inside quotation marks": quoted,
                    "inside a comment": comment,
                }
            )
    return {name: np.array([row[name] for row in rows], float) for name in rows[0]}


def choose_cells(
    values: Float[np.ndarray, "time cells"],
    features: Mapping[str, Float[np.ndarray, " time"]],
    num_cells: int,
) -> list[Cell]:
    """The cells that follow a feature most closely, each feature and cell once.

    The pair of cell and feature with the largest absolute correlation comes first; then
    the same without them, and so on. What does not vary correlates with nothing.

    Args:
      values: of each cell, over a text.
      features: of the same text (`text_features`).
      num_cells: how many to choose; fewer if cells or features run out.
    """
    names = list(features)
    table = np.stack([features[name] for name in names], axis=1)
    scores = _standardised(values).T @ _standardised(table) / len(values)
    free, chosen = np.abs(scores), []
    for _ in range(min(num_cells, *scores.shape)):
        cell, feature = np.unravel_index(np.argmax(free), free.shape)
        chosen.append(Cell(int(cell), names[feature], float(scores[cell, feature])))
        free[cell, :] = free[:, feature] = -1
    return chosen


def _standardised(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0)
    deviation = centred.std(axis=0)
    varies = deviation > 1e-6
    return np.where(varies, centred / np.where(varies, deviation, 1), 0)
