"""Models of text, character by character."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.errors import InputError
from jaxdl.nn.initializers import INITIALIZERS
from jaxdl.nn.recurrence import elman, gru, lstm, recurrent
from jaxdl.types import Params, PRNGKey

CELLS = {"rnn": elman, "gru": gru, "lstm": lstm}


class CharModel(NamedTuple):
    """A model of the next character as pure functions.

    Attributes:
      init: `init(key) -> params`.
      apply: `apply(params, codes, *, carry=None) -> (logits, carry)`, for codes
        [batch time] and logits [batch time characters], which are those of the
        character after each. What one call gives back as carry, the next goes on from;
        None stands for zeros.
      initial_carry: `initial_carry(batch_size) -> carry`, of zeros.
      memory: `memory(carry) -> values` [batch cells] in (-1, 1), of the last layer:
        tanh(c) of an LSTM's cells, else the outputs.
    """

    init: Callable[..., Params]
    apply: Callable[..., tuple[jax.Array, Any]]
    initial_carry: Callable[..., Any]
    memory: Callable[[Any], jax.Array]


def char_lm(
    num_characters: int, hidden_size: int, *, num_layers: int = 1, cell: str = "lstm"
) -> CharModel:
    """Recurrent layers over one-hot characters, with a dense readout to logits.

    p(x_{t+1} | x_1 ... x_t) = softmax(h_t V + b), h_t being the last layer's output.

    Args:
      num_characters: of the alphabet.
      hidden_size: units of each layer.
      num_layers: on top of each other.
      cell: `rnn` (Elman's), `gru` or `lstm`.

    Raises:
      InputError: for an unknown cell.

    References:
      Sutskever, Martens & Hinton, "Generating text with recurrent neural networks",
        2011; Graves, "Generating sequences with recurrent neural networks", 2013.
    """
    if cell not in CELLS:
        raise InputError(f"cell is {cell!r}: expected one of {', '.join(CELLS)}")
    net = recurrent([CELLS[cell](hidden_size)] * num_layers, num_characters)

    def init(key: PRNGKey) -> Params:
        net_key, readout_key = jax.random.split(key)
        shape = hidden_size, num_characters
        return {
            "recurrent": net.init(net_key),
            "readout": {
                "kernel": INITIALIZERS["glorot"](readout_key, shape, jnp.float32),
                "bias": jnp.zeros(num_characters, jnp.float32),
            },
        }

    def apply(params, codes, *, carry=None):
        readout = params["readout"]
        one_hot = jax.nn.one_hot(codes, num_characters, dtype=readout["bias"].dtype)
        hidden, carry = net.apply(params["recurrent"], one_hot, carry=carry)
        logits = hidden @ readout["kernel"]
        return logits + jnp.broadcast_to(readout["bias"], logits.shape), carry

    def memory(carry):
        (last,) = carry[-1]
        return jnp.tanh(last[1]) if cell == "lstm" else last

    return CharModel(init, apply, net.initial_carry, memory)


def model_of(cfg: Any, alphabet: str) -> CharModel:
    """The model of a configuration, for texts of one alphabet.

    Args:
      cfg: with `hidden_size`, `layers` and `cell`.
      alphabet: the characters that there are.
    """
    options = dict(num_layers=cfg.layers, cell=cfg.cell)
    return char_lm(len(alphabet), cfg.hidden_size, **options)
