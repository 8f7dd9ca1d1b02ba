"""Recurrent layers: Elman's, LSTM as of 1997 and of 2000, GRU.

A `Recurrence` is one layer: its step, and the scan of its step over time. `recurrent`
stacks layers, lets each run in both directions, and is the door: **there sequences are
batch-major [batch time size]; everything inside is time-major [time batch size]**, so
that a step reads one contiguous slice.

Variable lengths come as a mask [batch time], true on a prefix of each row. On padding a
layer keeps its carry and puts out zeros; nothing that padding contains, NaN included,
can reach an output, a carry or a gradient.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxdl.errors import InputError
from jaxdl.nn import bptt
from jaxdl.nn.initializers import INITIALIZERS
from jaxdl.ops.numerics import is_known, promoted
from jaxdl.types import Params, PRNGKey

Carry = Any  # a pytree of arrays [batch size]


class Recurrence(NamedTuple):
    """One recurrent layer as pure functions.

    Attributes:
      init: `init(key, in_size) -> params`.
      initial_carry: `initial_carry(batch_size, dtype=float32) -> carry`, of zeros.
      step: `step(params, carry, x) -> (carry, output)`, for x [batch in] and output
        [batch out].
      scan: `scan(params, carry, inputs, mask, *, reverse=False, remat=False) -> (carry,
        outputs)`: the step at every time of inputs [time batch in], with mask
        [time batch] or None; if `reverse` from the last time to the first.
      out_size: numbers that a step puts out.
    """

    init: Callable[..., Params]
    initial_carry: Callable[..., Carry]
    step: Callable[..., tuple[Carry, jax.Array]]
    scan: Callable[..., tuple[Carry, jax.Array]]
    out_size: int


class Recurrent(NamedTuple):
    """A stack of recurrent layers as pure functions, batch-major.

    Attributes:
      init: `init(key) -> params`, a list with one entry a layer and, if bidirectional,
        direction.
      apply: `apply(params, inputs, *, carry=None, mask=None) -> (outputs, carry)`, for
        inputs [batch time in] and outputs [batch time out]. What one call gives back as
        carry, the next goes on from; None stands for zeros. Results have the type that
        inputs, parameters and carry are promoted to, gradients that of what they are
        gradients of.
      initial_carry: `initial_carry(batch_size, dtype=float32) -> carry`.
      out_size: features of an output.
    """

    init: Callable[..., Params]
    apply: Callable[..., tuple[jax.Array, Carry]]
    initial_carry: Callable[..., Carry]
    out_size: int


def scan_steps(
    step: Callable[..., tuple[Carry, jax.Array]],
    params: Params,
    carry: Carry,
    inputs: Float[Array, "time batch in"],
    mask: Bool[Array, "time batch"] | None = None,
    *,
    reverse: bool = False,
    remat: bool = False,
) -> tuple[Carry, Float[Array, "time batch out"]]:
    """Any step, scanned over time and differentiated by JAX; see `Recurrence.scan`."""

    def masked(params, carry, slices):
        x, valid = slices
        if valid is None:
            return step(params, carry, x)
        valid = valid[:, None]
        new, output = step(params, carry, jnp.where(valid, x, 0))
        new = jax.tree.map(lambda new, old: jnp.where(valid, new, old), new, carry)
        return new, jnp.where(valid, output, 0)

    def scan(params, carry, inputs, mask):
        body = functools.partial(masked, params)
        return jax.lax.scan(body, carry, (inputs, mask))

    params, carry, inputs = promoted(params, carry, inputs)
    length = None if remat else inputs.shape[0]
    flip = functools.partial(jnp.flip, axis=0) if reverse else lambda x: x
    flipped = flip(inputs), None if mask is None else flip(mask)
    carry, outputs = bptt.in_chunks(scan, params, carry, *flipped, length)
    return carry, flip(outputs)


def elman(hidden_size: int) -> Recurrence:
    """Elman's recurrent layer: h_t = tanh(x_t W + h_{t-1} U + b); it puts out h_t.

    References:
      Elman, "Finding structure in time", 1990.
    """

    def step(params, carry, x):
        hidden = jnp.tanh(_preactivations(params, carry, x))
        return hidden, hidden

    return Recurrence(
        init=lambda key, in_size: _init(key, in_size, hidden_size, 1),
        initial_carry=lambda batch_size, dtype=jnp.float32: jnp.zeros(
            (batch_size, hidden_size), dtype
        ),
        step=step,
        scan=bptt.elman_scan(step),
        out_size=hidden_size,
    )


def lstm(hidden_size: int, *, forget_bias: float = 1.0) -> Recurrence:
    """Long short-term memory with a forget gate.

    With z = x_t W + h_{t-1} U + b, cut into four pieces i, f, g, o:
    c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g), h_t = sigmoid(o) tanh(c_t).
    The carry is (h, c); it puts out h.

    Args:
      hidden_size: memory cells.
      forget_bias: the initial bias of f.

    References:
      Gers, Schmidhuber & Cummins, "Learning to forget: continual prediction with LSTM",
        2000.
    """

    def init(key, in_size):
        params = _init(key, in_size, hidden_size, 4)
        forget = slice(hidden_size, 2 * hidden_size)
        return params | {"bias": params["bias"].at[forget].set(forget_bias)}

    def step(params, carry, x):
        hidden, cell = carry
        i, f, g, o = jnp.split(_preactivations(params, hidden, x), 4, axis=-1)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        hidden = jax.nn.sigmoid(o) * jnp.tanh(cell)
        return (hidden, cell), hidden

    return Recurrence(
        init=init,
        initial_carry=lambda batch_size, dtype=jnp.float32: (
            jnp.zeros((batch_size, hidden_size), dtype),
            jnp.zeros((batch_size, hidden_size), dtype),
        ),
        step=step,
        scan=bptt.lstm_scan(step),
        out_size=hidden_size,
    )


def gru(hidden_size: int) -> Recurrence:
    """Gated recurrent unit, with the reset gate after the recurrent product.

    With r, z sigmoid gates of x_t W + h_{t-1} U + b,
    n = tanh(x_t W_n + b_n + r (h_{t-1} U_n + d)) and h_t = (1 - z) n + z h_{t-1}; it
    puts out h_t.

    References:
      Cho et al., "Learning phrase representations using RNN encoder-decoder for
        statistical machine translation", 2014; the place of the reset gate is that of
        version 1 of the paper, of cuDNN and of PyTorch.
    """

    def init(key, in_size):
        params = _init(key, in_size, hidden_size, 3)
        return params | {"recurrent_bias": jnp.zeros(hidden_size, jnp.float32)}

    def step(params, carry, x):
        inputs = x @ params["input_kernel"] + params["bias"][None]
        r, z, n = jnp.split(inputs, 3, axis=-1)
        of_hidden = jnp.split(carry @ params["recurrent_kernel"], 3, axis=-1)
        r = jax.nn.sigmoid(r + of_hidden[0])
        z = jax.nn.sigmoid(z + of_hidden[1])
        n = jnp.tanh(n + r * (of_hidden[2] + params["recurrent_bias"][None]))
        hidden = (1 - z) * n + z * carry
        return hidden, hidden

    def scan(params, carry, inputs, mask=None, **options):
        return scan_steps(step, params, carry, inputs, mask, **options)

    return Recurrence(
        init=init,
        initial_carry=lambda batch_size, dtype=jnp.float32: jnp.zeros(
            (batch_size, hidden_size), dtype
        ),
        step=step,
        scan=scan,
        out_size=hidden_size,
    )


def lstm_1997(
    num_blocks: int, block_size: int, *, truncated: bool = False
) -> Recurrence:
    """The first long short-term memory: no forget gate, blocks of cells, wide feedback.

    The cells of a block share an input and an output gate. Each unit j, a gate or a
    cell's input, sees the inputs, the last outputs of all cells and all gates, and a
    bias. With y = sigmoid(net) for gates:
    s_t = s_{t-1} + y_in g(net_c), output_t = y_out h(s_t),
    g(x) = 4 sigmoid(x) - 2 in (-2, 2), h(x) = 2 sigmoid(x) - 1 in (-1, 1).
    The carry is (outputs, states, gates), the gates being all input gates, then all
    output gates; it puts out the cells' outputs [batch num_blocks * block_size]. Units
    of the kernels are ordered input gates, output gates, cells.

    Args:
      num_blocks: memory cell blocks.
      block_size: cells of each.
      truncated: the paper's gradient, which follows the states alone through time: what
        units see of the last step is a constant.

    References:
      Hochreiter & Schmidhuber, "Long short-term memory", 1997, equations 1 to 9 and
        appendix A.1.
    """
    num_cells, num_gates = num_blocks * block_size, 2 * num_blocks

    def init(key, in_size):
        """Weights uniform in +-0.1, biases zero."""
        keys = jax.random.split(key)
        shape = num_gates + num_cells

        def uniform(key, rows):
            return jax.random.uniform(key, (rows, shape), jnp.float32, -0.1, 0.1)

        return {
            "input_kernel": uniform(keys[0], in_size),
            "recurrent_kernel": uniform(keys[1], num_cells + num_gates),
            "bias": jnp.zeros(shape, jnp.float32),
        }

    def step(params, carry, x):
        outputs, states, gates = carry
        seen = jnp.concatenate([outputs, gates], axis=-1)
        if truncated:
            seen = jax.lax.stop_gradient(seen)
        nets = _preactivations(params, seen, x)
        gates = jax.nn.sigmoid(nets[:, :num_gates])
        of_cells = jnp.repeat(gates, block_size, axis=-1)
        entering = 2 * jnp.tanh(nets[:, num_gates:] / 2)  # 4 sigmoid - 2
        states = states + of_cells[:, :num_cells] * entering
        outputs = of_cells[:, num_cells:] * jnp.tanh(states / 2)  # 2 sigmoid - 1
        return (outputs, states, gates), outputs

    def scan(params, carry, inputs, mask=None, **options):
        return scan_steps(step, params, carry, inputs, mask, **options)

    if truncated:
        scan = bptt.truncated_scan(step, num_blocks, block_size)

    return Recurrence(
        init=init,
        initial_carry=lambda batch_size, dtype=jnp.float32: (
            jnp.zeros((batch_size, num_cells), dtype),
            jnp.zeros((batch_size, num_cells), dtype),
            jnp.zeros((batch_size, num_gates), dtype),
        ),
        step=step,
        scan=scan,
        out_size=num_cells,
    )


def recurrent(
    layers: Sequence[Recurrence],
    in_size: int,
    *,
    bidirectional: bool = False,
    remat: bool = False,
) -> Recurrent:
    """Recurrent layers on top of each other, batch-major outside.

    Args:
      layers: from the input's side; each sees the outputs of the one before.
      in_size: features of an input.
      bidirectional: a second net of each layer reads from the end to the start (of the
        prefix that the mask marks), and both outputs are concatenated.
      remat: recompute in the backward pass what would be stored, to save memory.

    Raises:
      InputError: without a layer; from `apply`, as `check_sequences` and `check_carry`
        say.
    """
    if not layers:
        raise InputError("a recurrent net got no layer: expected one or more")
    directions = (False, True) if bidirectional else (False,)
    in_sizes = [in_size]
    in_sizes += [len(directions) * layer.out_size for layer in layers]

    def init(key: PRNGKey) -> Params:
        keys = jax.random.split(key, (len(layers), len(directions)))
        return [
            [layer.init(key, size) for key in row]
            for layer, size, row in zip(layers, in_sizes[:-1], keys, strict=True)
        ]

    def initial_carry(batch_size: int, dtype=jnp.float32) -> Carry:
        return [
            [layer.initial_carry(batch_size, dtype) for _ in directions]
            for layer in layers
        ]

    def apply(params, inputs, *, carry=None, mask=None):
        check_sequences(inputs, mask, in_size)
        if carry is None:
            carry = initial_carry(inputs.shape[0], inputs.dtype)
        check_carry(carry, jax.eval_shape(lambda: initial_carry(inputs.shape[0])))
        outputs = jnp.swapaxes(inputs, 0, 1)
        mask = None if mask is None else jnp.swapaxes(mask, 0, 1)
        if mask is not None:
            outputs = jnp.where(mask[..., None], outputs, 0)
        last = []
        for layer, of_layer, begin in zip(layers, params, carry, strict=True):
            found = [
                layer.scan(p, c, outputs, mask, reverse=reverse, remat=remat)
                for p, c, reverse in zip(of_layer, begin, directions, strict=True)
            ]
            last.append([carry for carry, _ in found])
            outputs = jnp.concatenate([outputs for _, outputs in found], axis=-1)
        return jnp.swapaxes(outputs, 0, 1), last

    return Recurrent(init, apply, initial_carry, in_sizes[-1])


def check_carry(carry: Carry, expected: Carry) -> None:
    """Refuse a carry that is not that of a net and a batch.

    Args:
      carry: a pytree of arrays.
      expected: one of arrays, or of their shapes and types, as the net's
        `initial_carry(batch_size)` has them; any floating type will do.

    Raises:
      InputError: if the trees differ, a shape does, or a type is not floating.
    """
    advice = "initial_carry(batch_size) gives one of zeros"
    if jax.tree.structure(carry) != jax.tree.structure(expected):
        found, wanted = (
            [getattr(leaf, "shape", leaf) for leaf in jax.tree.leaves(tree)]
            for tree in (carry, expected)
        )
        raise InputError(
            f"the carry holds arrays of shapes {found}, in another nesting than the "
            f"net's: expected {wanted}; {advice}"
        )
    pairs = zip(jax.tree.leaves(carry), jax.tree.leaves(expected), strict=True)
    for leaf, like in pairs:
        if jnp.shape(leaf) != like.shape:
            raise InputError(
                f"the carry holds an array of shape {jnp.shape(leaf)}: expected "
                f"{like.shape}, [batch size]; {advice}"
            )
        if not jnp.issubdtype(jnp.result_type(leaf), jnp.floating):
            raise InputError(
                f"the carry holds an array of type {jnp.result_type(leaf)}: expected a "
                f"floating type; {advice}"
            )


def check_sequences(
    inputs: jax.Array | np.ndarray,
    mask: jax.Array | np.ndarray | None,
    in_size: int | None = None,
) -> None:
    """Refuse sequences that no recurrent net can read.

    Args:
      inputs: [batch time in].
      mask: [batch time] or None; what it contains is looked at only outside of compiled
        functions, where it is known.
      in_size: the features that the weights expect, if known.

    Raises:
      InputError: for sequences without a step, features other than the weights', a mask
        of another shape, or one whose rows are not true on a prefix of at least one
        step and false after it.
    """
    if inputs.ndim != 3:
        raise InputError(f"inputs have shape {inputs.shape}: expected [batch time in]")
    if inputs.shape[1] == 0:
        raise InputError("sequences have length 0: expected at least one time step")
    if in_size is not None and inputs.shape[2] != in_size:
        raise InputError(
            f"inputs have {inputs.shape[2]} features: expected {in_size}, which the "
            "weights were made for"
        )
    if mask is None:
        return
    if mask.shape != inputs.shape[:2] or mask.dtype != bool:
        raise InputError(
            f"the mask has shape {mask.shape} and type {mask.dtype}: expected booleans "
            f"of shape {inputs.shape[:2]}, [batch time] as the inputs"
        )
    if not is_known(mask):
        return
    rows = np.asarray(mask)
    if not rows[:, 0].all():
        row = int(np.argmin(rows[:, 0]))
        raise InputError(
            f"row {row} of the mask begins with False: expected sequences of at least "
            "one time step, with padding after them only"
        )
    if (rows[:, 1:] & ~rows[:, :-1]).any():
        row = int(np.argmax((rows[:, 1:] & ~rows[:, :-1]).any(axis=1)))
        raise InputError(
            f"row {row} of the mask is not a prefix: expected True up to the length of "
            "the sequence and False after it"
        )


def _preactivations(params: Params, hidden: jax.Array, x: jax.Array) -> jax.Array:
    of_inputs = x @ params["input_kernel"] + params["bias"][None]
    return of_inputs + hidden @ params["recurrent_kernel"]


def _init(key: PRNGKey, in_size: int, hidden_size: int, num_gates: int) -> Params:
    """Input weights Glorot, recurrent ones orthogonal gate by gate, biases zero."""
    input_key, recurrent_key = jax.random.split(key)

    def columns(name, key, rows):
        keys = jax.random.split(key, num_gates)
        shape = rows, hidden_size
        kernels = [INITIALIZERS[name](key, shape, jnp.float32) for key in keys]
        return jnp.concatenate(kernels, axis=1)

    return {
        "input_kernel": columns("glorot", input_key, in_size),
        "recurrent_kernel": columns("orthogonal", recurrent_key, hidden_size),
        "bias": jnp.zeros(num_gates * hidden_size, jnp.float32),
    }
