"""Backpropagation through time by hand: the backward pass that training uses.

`jaxdl.gradcheck.bptt` derives the same equations for a reader. Here they are arranged
for speed, which on CPU sits around the products rather than in them:

- What a step must not wait for is taken out of the loop: the product of the inputs
  before it, those of the weights' gradients after it, each as one large product.
- Long sequences go in chunks of a few MiB, so that what one of these products writes
  is read again while it is in the cache, and no array of all times is held twice.
- One `tanh` serves all gates: sigmoid(z) = (1 + tanh(z / 2)) / 2, its halves folded
  into the weights. What is stored of a gate is that tanh.
- Each gate is an array of its own wherever elementwise work is done, since XLA does not
  vectorise loops over slices of one wide array that it fuses with what made it.

`benchmarks/lstm.py` measures the result, and `benchmarks/README.md` the alternatives.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxdl.ops.numerics import promoted
from jaxdl.types import Params

_CHUNK_BYTES = 3 * 2**20  # of preactivations; 1 to 4 MiB measured alike

Carry = Any
Scan = Callable[..., tuple[Carry, jax.Array]]
Step = Callable[[Params, Carry, jax.Array], tuple[Carry, jax.Array]]
_Forward = Callable[..., tuple[Carry, Any]]
_Backward = Callable[..., tuple[Params, Carry, jax.Array]]


def elman_scan(step: Step) -> Scan:
    """`Recurrence.scan` of Elman's layer with this step."""
    return _make_scan(_Kernel(_elman_forward, _elman_backward, _hold(step)))


def lstm_scan(step: Step) -> Scan:
    """`Recurrence.scan` of the LSTM with forget gate and this step."""
    return _make_scan(_Kernel(_lstm_forward, _lstm_backward, _hold(step)))


def truncated_scan(step: Step, num_blocks: int, block_size: int) -> Scan:
    """`Recurrence.scan` of the LSTM of 1997 with this step, and truncated gradient."""
    forward, backward = _make_truncated_blocks(num_blocks, block_size)
    return _make_scan(_Kernel(forward, backward, _hold(step)))


class _Kernel(NamedTuple):
    """A recurrence over the times of a chunk, and its derivative by hand.

    Attributes:
      forward: `forward(params, carry, inputs, mask) -> (carry, saved)`, for inputs
        [time batch in] and mask [time batch] or None. `saved.hidden` are the carried
        outputs [time batch hidden].
      backward: `backward(params, carry, inputs, mask, saved, carry_grads,
        hidden_grads) -> (params_grads, carry_grads, inputs_grads)`, gradients being
        those of a scalar; `hidden_grads` are zero on padding.
      plain: the same as `forward` with nothing saved, `(carry, hidden)`, by the
        recurrence's own step: what second derivatives are derivatives of.
    """

    forward: _Forward
    backward: _Backward
    plain: Scan


def _differentiable(kernel: _Kernel) -> Scan:
    """`scan(params, carry, inputs, mask) -> (carry, hidden)` with its derivative.

    The derivative is `kernel.backward`. It can be differentiated again, any number of
    times, in reverse: what it computes is the gradient of `kernel.plain`, and is
    differentiated as that.
    """

    def plain_grads(params, carry, inputs, mask, cotangents):
        def fn(params, carry, inputs):
            return kernel.plain(params, carry, inputs, mask)

        return jax.vjp(fn, params, carry, inputs)[1](cotangents)

    @jax.custom_vjp
    def grads(params, carry, inputs, mask, saved, cotangents):
        return kernel.backward(params, carry, inputs, mask, saved, *cotangents)

    def grads_forward(*args):
        *primals, saved, cotangents = args
        return grads(*args), (*primals, saved, cotangents)

    def grads_backward(residuals, second):
        params, carry, inputs, mask, saved, cotangents = residuals

        def fn(params, carry, inputs, cotangents):
            return plain_grads(params, carry, inputs, mask, cotangents)

        *primal_grads, ct = jax.vjp(fn, params, carry, inputs, cotangents)[1](second)
        return (*primal_grads, None, jax.tree.map(jnp.zeros_like, saved), ct)

    grads.defvjp(grads_forward, grads_backward)

    @jax.custom_vjp
    def saving(params, carry, inputs, mask):
        return kernel.forward(params, carry, inputs, mask)

    def saving_forward(*primals):
        last, saved = saving(*primals)
        return (last, saved), (primals, saved)

    def saving_backward(residuals, cotangents):
        # Whatever reads the other saved arrays accounts for them through the primals.
        primals, saved = residuals
        last, of_saved = cotangents
        return (*grads(*primals, saved, (last, of_saved.hidden)), None)

    saving.defvjp(saving_forward, saving_backward)

    @jax.custom_vjp
    def scan(params, carry, inputs, mask):
        last, saved = kernel.forward(params, carry, inputs, mask)
        return last, saved.hidden

    def scan_forward(*primals):
        last, saved = saving(*primals)
        return (last, saved.hidden), (primals, saved)

    def scan_backward(residuals, cotangents):
        primals, saved = residuals
        return (*grads(*primals, saved, cotangents), None)

    scan.defvjp(scan_forward, scan_backward)
    return scan


def _hold(step: Step) -> Scan:
    """`_Kernel.plain` of a step: on padding the carry stays, and so does `hidden`.

    Args:
      step: `step(params, carry, x) -> (carry, output)`, whose output is its carry or
        the first of its carries.
    """

    def plain(params, carry, inputs, mask):
        def held(carry, slices):
            x, valid = slices
            carry = _keep(valid, step(params, carry, x)[0], carry)
            return carry, jax.tree.leaves(carry)[0]

        return jax.lax.scan(held, carry, (inputs, mask))

    return plain


def _make_scan(kernel: _Kernel) -> Scan:
    """A `Recurrence.scan`: a kernel reversed, in chunks and padded as wanted.

    Outputs on padding are zeros, and its inputs are never looked at.
    """
    scan = _differentiable(kernel)

    def whole(
        params: Params,
        carry: Carry,
        inputs: Float[Array, "time batch in"],
        mask: Bool[Array, "time batch"] | None = None,
        *,
        reverse: bool = False,
        remat: bool = False,
    ) -> tuple[Carry, Float[Array, "time batch hidden"]]:
        params, carry, inputs = promoted(params, carry, inputs)
        flip = functools.partial(jnp.flip, axis=0) if reverse else lambda x: x
        if mask is not None:
            inputs = jnp.where(mask[..., None], inputs, 0)
        flipped = (flip(inputs), None if mask is None else flip(mask))
        length = None if remat else inputs.shape[0]
        carry, hidden = in_chunks(scan, params, carry, *flipped, length)
        hidden = flip(hidden)
        if mask is not None:
            hidden = jnp.where(mask[..., None], hidden, 0)
        return carry, hidden

    return whole


def in_chunks(
    scan: Scan,
    params: Params,
    carry: Carry,
    inputs: Float[Array, "time batch in"],
    mask: Bool[Array, "time batch"] | None,
    length: int | None,
) -> tuple[Carry, Float[Array, "time batch hidden"]]:
    """`scan` over one chunk of times after the other.

    Args:
      scan: over the times of a chunk.
      params, carry, inputs, mask: its arguments.
      length: of a chunk. None recomputes: chunks of about sqrt(time) steps, of which
        the backward pass has only the first carries and runs the rest again (Chen et
        al., "Training deep nets with sublinear memory cost", 2016).
    """
    time = inputs.shape[0]
    if length is None:
        length, scan = math.ceil(math.sqrt(time)), jax.checkpoint(scan)
    if length >= time:
        return scan(params, carry, inputs, mask)
    num_chunks = time // length
    cut = num_chunks * length

    def chunks(x):
        return x[:cut].reshape(num_chunks, length, *x.shape[1:])

    carry, hidden = jax.lax.scan(
        lambda carry, slices: scan(params, carry, *slices),
        carry,
        jax.tree.map(chunks, (inputs, mask)),
    )
    hidden = hidden.reshape(cut, *hidden.shape[2:])
    if cut < time:
        rest = jax.tree.map(lambda x: x[cut:], (inputs, mask))
        carry, tail = scan(params, carry, *rest)
        hidden = jnp.concatenate([hidden, tail])
    return carry, hidden


def _chunk_length(params: Params, time: int, batch: int) -> int:
    """Times whose preactivations fill a chunk; a divisor of `time` if one is near.

    A chunk's gradient of the weights is added to the sum, so chunks are not smaller
    than the weights.
    """
    size = max(1, params["bias"].size * params["bias"].dtype.itemsize * batch)
    weights = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(params))
    length = min(time, max(1, max(_CHUNK_BYTES, 2 * weights) // size))
    near = range(length, length // 2, -1)
    return next((n for n in near if time % n == 0), length)


# Long short-term memory


class _LstmSaved(NamedTuple):
    """What the backward pass reads: arrays [time batch hidden], gates as their tanh.

    `cell` is [time+1 batch hidden]: it begins with what the first step began with.
    """

    hidden: jax.Array
    cell: jax.Array
    gates: tuple[jax.Array, jax.Array, jax.Array, jax.Array]


def _split(x: jax.Array) -> list[jax.Array]:
    return jnp.split(x, 4, axis=-1)


def _halved(params: Params) -> Params:
    """The weights with those of the sigmoid gates i, f and o halved."""

    def halve(x):
        i, f, g, o = _split(x)
        return jnp.concatenate([i / 2, f / 2, g, o / 2], axis=-1)

    return jax.tree.map(halve, params)


def _gate(t: jax.Array) -> jax.Array:
    return 0.5 * t + 0.5


def _sigmoid_slope(t: jax.Array) -> jax.Array:
    """sigmoid'(z) from t = tanh(z / 2): (1 - t^2) / 4."""
    return 0.25 * (1 - t * t)


def _input_products(params: Params, inputs: jax.Array) -> list[jax.Array]:
    """The inputs' part of the preactivations, an array [time batch hidden] a gate."""
    time, batch, _ = inputs.shape
    products = _flat(inputs) @ params["input_kernel"]
    gates = zip(_split(products), _split(params["bias"]), strict=True)
    return [(z + b[None]).reshape(time, batch, b.size) for z, b in gates]


def _flat(x: jax.Array) -> jax.Array:
    return x.reshape(-1, x.shape[-1])


def _before(first: jax.Array, x: jax.Array) -> jax.Array:
    """What each step began with: `x` one step earlier."""
    return jnp.concatenate([first[None], x[:-1]])


def _keep(valid: jax.Array | None, new: Any, old: Any) -> Any:
    if valid is None:
        return new
    return jax.tree.map(lambda n, o: jnp.where(valid[:, None], n, o), new, old)


def _at(x: Any, time) -> Any:
    return jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, time, 0, False), x)


def _put(x: Any, value: Any, time) -> Any:
    def put(x, value):
        return jax.lax.dynamic_update_index_in_dim(x, value, time, 0)

    return jax.tree.map(put, x, value)


def _cut(x: jax.Array, begin, length: int) -> jax.Array:
    return jax.lax.dynamic_slice_in_dim(x, begin, length)


def _lstm_forward(params, carry, inputs, mask):
    """See `_Kernel.forward`; `jaxdl.nn.recurrence.lstm` has the equations.

    Every step writes into the arrays of all times, in place; a scan over chunks would
    stack what scans over steps have stacked.
    """
    time, batch, _ = inputs.shape
    length = _chunk_length(params, time, batch)
    params = _halved(params)
    empty = jnp.zeros((time, *carry[0].shape), inputs.dtype)
    cells = jnp.zeros((time + 1, *carry[1].shape), inputs.dtype).at[0].set(carry[1])

    def chunk(begin, length, state):
        of_inputs = _input_products(params, _cut(inputs, begin, length))

        def step(i, state):
            (hidden, cell), saved = state
            of_hidden = _split(hidden @ params["recurrent_kernel"])
            gates = jax.tree.map(jnp.add, _at(of_inputs, i), of_hidden)
            i_, f, g, o = gates = tuple(map(jnp.tanh, gates))
            new_cell = _gate(f) * cell + _gate(i_) * g
            new = _gate(o) * jnp.tanh(new_cell), new_cell
            if mask is not None:
                new = _keep(_at(mask, begin + i), new, (hidden, cell))
            saved = _LstmSaved(
                _put(saved.hidden, new[0], begin + i),
                _put(saved.cell, new[1], begin + i + 1),
                _put(saved.gates, gates, begin + i),
            )
            return new, saved

        return jax.lax.fori_loop(0, length, step, state)

    state = carry, _LstmSaved(empty, cells, (empty,) * 4)
    whole = time // length
    state = jax.lax.fori_loop(
        0, whole, lambda k, state: chunk(k * length, length, state), state
    )
    rest = time - whole * length
    return chunk(whole * length, rest, state) if rest else state


def _lstm_backward(params, carry, inputs, mask, saved, carry_grads, hidden_grads):
    """See `_Kernel.backward`; `jaxdl.gradcheck.bptt` derives it.

    From the last time to the first, with dh and dc the gradients of h_t and c_t:
    dc += dh o (1 - tanh(c_t)^2), and of the preactivations z
    di = dc g i (1 - i), df = dc c_{t-1} f (1 - f), dg = dc i (1 - g^2),
    do = dh tanh(c_t) o (1 - o); then dh = dz U^T and dc = dc f belong to t - 1.
    """
    time, batch, _ = inputs.shape
    length = _chunk_length(params, time, batch)
    kernel = params["recurrent_kernel"]
    to_hidden, kernels = kernel.T, [part.T for part in _split(kernel)]
    # dz U^T as a sum over gates spares writing them side by side. With fewer cells the
    # number of operations counts more, with more the product (two CPU cores).
    apart = 64 <= len(kernel) < 256
    blank = jnp.zeros((batch, kernel.shape[1]), kernel.dtype)

    def step(grads, t):
        dh, dc = grads
        i, f, g, o = _at(saved.gates, t)
        squashed = jnp.tanh(_at(saved.cell, t + 1))
        dh = dh + _at(hidden_grads, t)
        through = dc + dh * _gate(o) * (1 - squashed * squashed)
        dz = (
            through * g * _sigmoid_slope(i),
            through * _at(saved.cell, t) * _sigmoid_slope(f),
            through * _gate(i) * (1 - g * g),
            dh * squashed * _sigmoid_slope(o),
        )
        valid = None if mask is None else _at(mask, t)
        dz = _keep(valid, dz, (jnp.zeros_like(dh),) * 4)
        if apart:
            of_hidden = sum(map(jnp.matmul, dz, kernels))
        else:
            dz = _side_by_side(dz, blank)
            of_hidden = dz @ to_hidden
        before = of_hidden, through * _gate(f)
        return _keep(valid, before, (dh, dc)), dz

    def chunk(begin, length, state):
        grads, sums, dx = state
        times = begin + jnp.arange(length)
        grads, dz = jax.lax.scan(step, grads, times, reverse=True)
        dz = _flat(jnp.concatenate(dz, axis=-1) if apart else dz)
        first = _at(saved.hidden, jnp.maximum(begin - 1, 0))
        first = jnp.where(begin > 0, first, carry[0])
        x, hidden = _cut(inputs, begin, length), _cut(saved.hidden, begin, length)
        found, grads, of_inputs = _weight_grads(params, first, x, hidden, dz, grads)
        dx = jax.lax.dynamic_update_slice_in_dim(dx, of_inputs, begin, 0)
        return grads, jax.tree.map(jnp.add, sums, found), dx

    state = carry_grads, jax.tree.map(jnp.zeros_like, params), jnp.zeros_like(inputs)
    whole = time // length
    rest = time - whole * length
    if rest:
        state = chunk(whole * length, rest, state)
    grads, sums, dx = jax.lax.fori_loop(
        0,
        whole,
        lambda k, state: chunk((whole - 1 - k) * length, length, state),
        state,
    )
    return sums, grads, dx


def _side_by_side(gates: tuple[jax.Array, ...], blank: jax.Array) -> jax.Array:
    """The arrays as one, written into place: XLA does not vectorise a concatenate."""
    begin = 0
    for gate in gates:
        blank = jax.lax.dynamic_update_slice(blank, gate, (0, begin))
        begin += gate.shape[1]
    return blank


def _weight_grads(params, first, inputs, hidden, dz, begin):
    """Gradients of all arguments from those of all preactivations [time*batch gates].

    dW = sum_t x_t^T dz_t, dU = sum_t h_{t-1}^T dz_t, db = sum_t dz_t, dx = dz W^T.
    """
    params_grads = {
        "input_kernel": _flat(inputs).T @ dz,
        "recurrent_kernel": _flat(_before(first, hidden)).T @ dz,
        "bias": dz.sum(axis=0),
    }
    inputs_grads = (dz @ params["input_kernel"].T).reshape(inputs.shape)
    return params_grads, begin, inputs_grads


# Elman's net


class _ElmanSaved(NamedTuple):
    """What the backward pass reads, [time batch hidden]."""

    hidden: jax.Array


def _elman_forward(params, carry, inputs, mask):
    """See `_Kernel.forward`; `jaxdl.nn.recurrence.elman` has the equation."""
    time, batch, _ = inputs.shape
    of_inputs = _flat(inputs) @ params["input_kernel"] + params["bias"][None]

    def step(hidden, slices):
        of_input, valid = slices
        new = jnp.tanh(of_input + hidden @ params["recurrent_kernel"])
        new = _keep(valid, new, hidden)
        return new, _ElmanSaved(new)

    slices = of_inputs.reshape(time, batch, params["bias"].size), mask
    return jax.lax.scan(step, carry, slices)


def _elman_backward(params, carry, inputs, mask, saved, carry_grads, hidden_grads):
    """See `_Kernel.backward`: dz_t = dh_t (1 - h_t^2), and dh = dz_t U^T at t - 1."""
    to_hidden = params["recurrent_kernel"].T

    def step(dh, slices):
        hidden, dy, valid = slices
        dh = dh + dy
        dz = _keep(valid, dh * (1 - hidden * hidden), jnp.zeros_like(dh))
        return _keep(valid, dz @ to_hidden, dh), dz

    slices = saved.hidden, hidden_grads, mask
    begin, dz = jax.lax.scan(step, carry_grads, slices, reverse=True)
    return _weight_grads(params, carry, inputs, saved.hidden, _flat(dz), begin)


# The long short-term memory of 1997, with its truncated gradient


class _BlocksSaved(NamedTuple):
    """What the backward pass reads: cells [time batch cells], units [time batch units].

    Units are input gates, output gates and cells; `squashed` is tanh(net / 2) of each.
    """

    hidden: jax.Array
    state: jax.Array
    gates: jax.Array
    squashed: jax.Array


def _make_truncated_blocks(
    num_blocks: int, block_size: int
) -> tuple[_Forward, _Backward]:
    """`_Kernel.forward` and `_Kernel.backward` of `lstm_1997(..., truncated=True)`.

    Errors reach an earlier step through the states alone, and a state is a sum. So the
    way back is a running sum, all else one product for all times at once.
    """
    num_gates = 2 * num_blocks

    def per_cell(x):
        return jnp.repeat(x, block_size, axis=-1)

    def per_block(x):
        return x.reshape(*x.shape[:-1], num_blocks, block_size).sum(axis=-1)

    def parts(squashed):
        of_in, of_out = squashed[..., :num_blocks], squashed[..., num_blocks:num_gates]
        return of_in, of_out, squashed[..., num_gates:]

    def forward(params, carry, inputs, mask):
        time, batch, _ = inputs.shape
        of_inputs = _flat(inputs) @ params["input_kernel"] + params["bias"][None]

        def step(carry, slices):
            outputs, states, gates = carry
            of_input, valid = slices
            seen = jnp.concatenate([outputs, gates], axis=-1)
            squashed = jnp.tanh((of_input + seen @ params["recurrent_kernel"]) / 2)
            of_in, of_out, of_cells = parts(squashed)
            states = states + per_cell(_gate(of_in)) * 2 * of_cells
            outputs = per_cell(_gate(of_out)) * jnp.tanh(states / 2)
            gates = _gate(squashed[:, :num_gates])
            outputs, states, gates = _keep(valid, (outputs, states, gates), carry)
            saved = _BlocksSaved(outputs, states, gates, squashed)
            return (outputs, states, gates), saved

        slices = of_inputs.reshape(time, batch, params["bias"].size), mask
        return jax.lax.scan(step, carry, slices)

    def backward(params, carry, inputs, mask, saved, carry_grads, hidden_grads):
        if mask is None:
            mask = jnp.ones(inputs.shape[:2], bool)
        valid = mask[..., None]
        left = jax.lax.cumsum(mask.astype(int), reverse=True)
        last = (valid & (left[..., None] == 1)).astype(inputs.dtype)
        of_outputs, of_states, of_gates = carry_grads
        of_in, of_out, of_cells = parts(saved.squashed)
        dy = hidden_grads + last * of_outputs[None]
        through = jnp.tanh(saved.state / 2)
        local = dy * per_cell(_gate(of_out)) * (1 - through * through) / 2
        begin, ds = jax.lax.scan(
            lambda ds, local: (ds + local,) * 2, of_states, local, reverse=True
        )
        d_gates = last * of_gates[None] + jnp.concatenate(
            [per_block(ds * 2 * of_cells), per_block(dy * through)], axis=-1
        )
        gates_slope = _sigmoid_slope(saved.squashed[..., :num_gates])
        d_cells = ds * per_cell(_gate(of_in)) * (1 - of_cells * of_cells)
        dz = jnp.concatenate([d_gates * gates_slope, d_cells], axis=-1)
        dz = _flat(jnp.where(valid, dz, 0))
        held = jnp.where(left[0, :, None] == 0, 1.0, 0.0).astype(inputs.dtype)
        begin = held * of_outputs, begin, held * of_gates
        seen = jnp.concatenate([saved.hidden, saved.gates], axis=-1)
        first = jnp.concatenate([carry[0], carry[2]], axis=-1)
        return _weight_grads(params, first, inputs, seen, dz, begin)

    return forward, backward
