"""Backpropagation through time by hand: the chain rule, from the last step back.

Nothing here calls `jax.grad`. Each function runs its net once and keeps what the way
back needs. Then it goes through time against the net's direction. A carry is all that a
step leaves to the next one, so dE/dcarry is all that a step hands to the one before.

With z_t = x_t W + h_{t-1} U + b, every net ends in the same sums over times and
examples: dE/dW = sum x_t^T dE/dz_t, dE/dU = sum h_{t-1}^T dE/dz_t, dE/db = sum dE/dz_t;
and dE/dx_t = dE/dz_t W^T.

A step on padding keeps its carry and puts out zeros. It hands dE/dcarry on unchanged,
and its dE/dz_t is zero.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxdl.types import Params

Carry = Any  # a pytree of arrays [batch size]


class ThroughTime(NamedTuple):
    """Gradients of the error E of a sequence.

    Attributes:
      params: dE/dW, dE/dU and dE/db, in the form of the layer's parameters.
      carry: dE/d(first carry).
      inputs: dE/dx_t.
      deltas: dE/dz_t, for the preactivations z_t of all units.
    """

    params: Params
    carry: Carry
    inputs: Float[Array, "time batch in"]
    deltas: Float[Array, "time batch units"]


def elman_backward(
    params: Params,
    carry: Carry,
    inputs: Float[Array, "time batch in"],
    output_grads: Float[Array, "time batch out"],
    carry_grad: Carry,
    mask: Bool[Array, "time batch"] | None = None,
    *,
    reverse: bool = False,
) -> ThroughTime:
    """Backpropagation through time of Elman's layer (`nn.recurrence.elman`).

    Forward: h_t = tanh(z_t), which is both output and carry. Backward:
    dE/dh_t = dE/doutput_t + dE/dz_{t+1} U^T; dE/dz_t = (1 - h_t^2) dE/dh_t.

    Args:
      params, carry, inputs, mask, reverse: as the layer's `scan` takes them.
      output_grads: dE/doutput_t, the direct part, without what later steps add.
      carry_grad: dE/d(last carry), the direct part; zeros if E sees outputs alone.

    References:
      Werbos, "Backpropagation through time: what it does and how to do it", 1990.
    """

    def forward(hidden, x):
        new = jnp.tanh(_preactivations(params, hidden, x))
        return new, (hidden, new)

    def backward(later, output_grad, kept):
        _, hidden = kept
        d_hidden = output_grad + later
        delta = (1 - hidden**2) * d_hidden
        return delta @ params["recurrent_kernel"].T, delta

    grads = output_grads, carry_grad
    return _through_time(
        forward, backward, params, carry, inputs, *grads, mask, reverse
    )


def lstm_backward(
    params: Params,
    carry: Carry,
    inputs: Float[Array, "time batch in"],
    output_grads: Float[Array, "time batch out"],
    carry_grad: Carry,
    mask: Bool[Array, "time batch"] | None = None,
    *,
    reverse: bool = False,
) -> ThroughTime:
    """Backpropagation through time of the LSTM with forget gate (`nn.recurrence.lstm`).

    Forward, with gates i, f, o = sigmoid(z^i), sigmoid(z^f), sigmoid(z^o) and
    g = tanh(z^g): c_t = f c_{t-1} + i g and h_t = o tanh(c_t). Backward, with
    sigmoid' = y (1 - y) and tanh' = 1 - y^2 by the unit's own output y:

    dE/dh_t = dE/doutput_t + dE/dz_{t+1} U^T,
    dE/dc_t = f_{t+1} dE/dc_{t+1} + o (1 - tanh(c_t)^2) dE/dh_t,
    dE/dz^i = i (1 - i) g dE/dc_t,
    dE/dz^f = f (1 - f) c_{t-1} dE/dc_t,
    dE/dz^g = (1 - g^2) i dE/dc_t,
    dE/dz^o = o (1 - o) tanh(c_t) dE/dh_t.

    Where f stays near 1, dE/dc_t goes through time without shrinking. That is what
    LSTM is for.

    Args:
      params, carry, inputs, mask, reverse: as the layer's `scan` takes them.
      output_grads, carry_grad: as of `elman_backward`.

    References:
      Gers, Schmidhuber & Cummins, "Learning to forget: continual prediction with LSTM",
        2000; with the whole gradient as in Graves & Schmidhuber, "Framewise phoneme
        classification with bidirectional LSTM", 2005, which has peepholes besides.
    """

    def forward(carry, x):
        hidden, before = carry
        i, f, g, o = jnp.split(_preactivations(params, hidden, x), 4, axis=-1)
        i, f, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jax.nn.sigmoid(o)
        g = jnp.tanh(g)
        cell = f * before + i * g
        return (o * jnp.tanh(cell), cell), (hidden, before, cell, i, f, g, o)

    def backward(later, output_grad, kept):
        _, before, cell, i, f, g, o = kept
        squashed = jnp.tanh(cell)
        d_hidden = output_grad + later[0]
        d_cell = later[1] + o * (1 - squashed**2) * d_hidden
        d_i = i * (1 - i) * g * d_cell
        d_f = f * (1 - f) * before * d_cell
        d_g = (1 - g**2) * i * d_cell
        d_o = o * (1 - o) * squashed * d_hidden
        delta = jnp.concatenate([d_i, d_f, d_g, d_o], axis=-1)
        return (delta @ params["recurrent_kernel"].T, f * d_cell), delta

    grads = output_grads, carry_grad
    return _through_time(
        forward, backward, params, carry, inputs, *grads, mask, reverse
    )


def lstm_1997_backward(
    params: Params,
    carry: Carry,
    inputs: Float[Array, "time batch in"],
    output_grads: Float[Array, "time batch out"],
    carry_grad: Carry,
    mask: Bool[Array, "time batch"] | None = None,
    *,
    reverse: bool = False,
    truncated: bool = False,
) -> ThroughTime:
    """Backpropagation through time of the first LSTM (`nn.recurrence.lstm_1997`).

    Forward, with y = sigmoid(z) for gates: s_t = s_{t-1} + y^in g(z^c) and
    output_t = y^out h(s_t); h_{t-1} in the sums at the top of this file stands for the
    last outputs and gates, all of which the units see. Backward, with
    h' = (1 - h^2) / 2 and g' = 1 - g^2 / 4, sums being over the cells of a block:

    dE/dy^out = sum h(s_t) dE/doutput_t,
    dE/ds_t = dE/ds_{t+1} + y^out h'(s_t) dE/doutput_t,
    dE/dy^in = sum g(z^c) dE/ds_t,
    dE/dz = y (1 - y) dE/dy of a gate, dE/dz^c = y^in g'(z^c) dE/ds_t.

    The last outputs and gates add their columns of dE/dz_{t+1} U^T to dE/doutput_t and
    dE/dy_t. The paper cuts these: errors go back in time through the states alone,
    where nothing scales them.

    Args:
      params, carry, inputs, mask, reverse: as the layer's `scan` takes them.
      output_grads, carry_grad: as of `elman_backward`.
      truncated: the paper's cut. The result is no gradient of E then.

    References:
      Hochreiter & Schmidhuber, "Long short-term memory", 1997, appendix A.1.
    """
    num_cells, num_blocks = carry[0].shape[-1], carry[2].shape[-1] // 2
    block_size = num_cells // num_blocks

    def to_cells(gates):
        return jnp.repeat(gates, block_size, axis=-1)

    def to_blocks(of_cells):
        return of_cells.reshape(-1, num_blocks, block_size).sum(axis=-1)

    def forward(carry, x):
        outputs, states, gates = carry
        seen = jnp.concatenate([outputs, gates], axis=-1)
        nets = _preactivations(params, seen, x)
        y_in, y_out, net_cells = jnp.split(nets, [num_blocks, 2 * num_blocks], axis=-1)
        y_in, y_out = jax.nn.sigmoid(y_in), jax.nn.sigmoid(y_out)
        entering = 4 * jax.nn.sigmoid(net_cells) - 2
        states = states + to_cells(y_in) * entering
        squashed = 2 * jax.nn.sigmoid(states) - 1
        new = to_cells(y_out) * squashed, states, jnp.concatenate([y_in, y_out], -1)
        return new, (seen, y_in, y_out, entering, squashed)

    def backward(later, output_grad, kept):
        _, y_in, y_out, entering, squashed = kept
        d_output = output_grad + later[0]
        d_state = later[1] + to_cells(y_out) * (1 - squashed**2) / 2 * d_output
        d_y_in, d_y_out = jnp.split(later[2], 2, axis=-1)
        d_y_in = d_y_in + to_blocks(entering * d_state)
        d_y_out = d_y_out + to_blocks(squashed * d_output)
        d_in, d_out = y_in * (1 - y_in) * d_y_in, y_out * (1 - y_out) * d_y_out
        d_cells = to_cells(y_in) * (1 - entering**2 / 4) * d_state
        delta = jnp.concatenate([d_in, d_out, d_cells], axis=-1)
        d_seen = delta @ params["recurrent_kernel"].T
        if truncated:
            d_seen = jnp.zeros_like(d_seen)
        return (d_seen[:, :num_cells], d_state, d_seen[:, num_cells:]), delta

    grads = output_grads, carry_grad
    return _through_time(
        forward, backward, params, carry, inputs, *grads, mask, reverse
    )


def _through_time(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    params: Params,
    carry: Carry,
    inputs: jax.Array,
    output_grads: jax.Array,
    carry_grad: Carry,
    mask: jax.Array | None,
    reverse: bool,
) -> ThroughTime:
    """Forward and backward steps over time, with the mask, and the sums at the end.

    Args:
      forward: `forward(carry_{t-1}, x_t) -> (carry_t, kept)`, kept[0] being what the
        recurrent weights saw.
      backward: `backward(dE/dcarry_t, dE/doutput_t, kept) -> (dE/dcarry_{t-1},
        dE/dz_t)`, with dE/dcarry_t as the later steps leave it.
    """
    valid = jnp.ones(inputs.shape[:2], bool) if mask is None else mask
    inputs = jnp.where(valid[..., None], inputs, 0)

    def masked_forward(carry, slices):
        x, valid = slices
        new, kept = forward(carry, x)
        return _where(valid, new, carry), kept

    def masked_backward(later, slices):
        output_grad, kept, valid = slices
        earlier, delta = backward(later, output_grad, kept)
        return _where(valid, earlier, later), _where(valid, delta, 0.0)

    _, kept = jax.lax.scan(masked_forward, carry, (inputs, valid), reverse=reverse)
    first, deltas = jax.lax.scan(
        masked_backward, carry_grad, (output_grads, kept, valid), reverse=not reverse
    )
    grads = {
        "input_kernel": jnp.einsum("tbi,tbo->io", inputs, deltas),
        "recurrent_kernel": jnp.einsum("tbi,tbo->io", kept[0], deltas),
        "bias": jnp.sum(deltas, axis=(0, 1)),
    }
    return ThroughTime(grads, first, deltas @ params["input_kernel"].T, deltas)


def _where(valid: jax.Array, new: Any, old: Any) -> Any:
    """Rows of `new` where valid, else of `old`; leaf by leaf."""
    if not isinstance(new, tuple):
        return jnp.where(valid[:, None], new, old)
    return tuple(_where(valid, *pair) for pair in zip(new, old, strict=True))


def _preactivations(params: Params, seen: jax.Array, x: jax.Array) -> jax.Array:
    of_inputs = x @ params["input_kernel"] + params["bias"][None]
    return of_inputs + seen @ params["recurrent_kernel"]
