"""Recurrent layers: against PyTorch and NumPy, with padding, cut in two, refused."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.gradcheck.problem import quick_jit
from jaxdl.nn import bptt
from jaxdl.nn.recurrence import (
    check_sequences,
    elman,
    gru,
    lstm,
    lstm_1997,
    recurrent,
    scan_steps,
)

LAYERS = {
    "elman": elman,
    "lstm": lstm,
    "gru": gru,
    "lstm_1997": lambda size: lstm_1997(size // 2, 2),
}


def normal(seed, *shape, scale=1.0):
    rng = np.random.default_rng(seed)
    return jax.device_put(np.float32(scale * rng.normal(size=shape)))


def drawn(seed, like):
    """Random numbers in the form of a tree of arrays, kernels of moderate size."""
    seeds = itertools.count(seed)
    return jax.tree.map(lambda x: normal(next(seeds), *x.shape, scale=0.5), like)


def prefixes(lengths, time):
    return jax.device_put(np.arange(time)[None] < np.array(lengths)[:, None])


def time_major(x):
    return jax.device_put(np.swapaxes(np.asarray(x), 0, 1))


def problem(net, batch, time, in_size, seed=0):
    """Parameters with biases, inputs, carry; cotangents of outputs and last carry."""
    like = jax.eval_shape(net.init, jax.random.key(0))
    params = drawn(seed, like)
    like = jax.eval_shape(lambda: net.initial_carry(batch))
    carry = drawn(seed + 100, like)
    inputs = normal(seed + 200, batch, time, in_size)
    cotangents = normal(seed + 201, batch, time, net.out_size), drawn(seed + 300, carry)
    return params, inputs, carry, cotangents


def forward_and_backward(net):
    """A function to (outputs, carry), and gradients of params, inputs and carry."""

    def function(params, inputs, carry, mask, cotangents):
        def apply(params, inputs, carry):
            return net.apply(params, inputs, carry=carry, mask=mask)

        values, vjp = jax.vjp(apply, params, inputs, carry)
        return values, vjp(cotangents)

    return function


def assert_close(a, b, tolerance):
    """To a share of the largest entry of each leaf."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        x, y = np.asarray(x), np.asarray(y)
        np.testing.assert_allclose(x, y, rtol=0, atol=tolerance * np.abs(y).max())


def assert_same_bits(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert x.shape == y.shape and x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(np.signbit(x), np.signbit(y))


# Other libraries


def torch_twin(torch, name, params, sizes, bidirectional):
    """The same net in PyTorch, with the same weights in it."""
    kind = {"elman": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[name]
    in_size, hidden_size = sizes
    twin = kind(
        in_size,
        hidden_size,
        len(params),
        batch_first=True,
        bidirectional=bidirectional,
    )
    with torch.no_grad():
        for place, p in torch_places(jax.tree.map(np.asarray, params)):
            as_torch = {
                f"weight_ih_{place}": p["input_kernel"].T,
                f"weight_hh_{place}": p["recurrent_kernel"].T,
                f"bias_ih_{place}": p["bias"],
                f"bias_hh_{place}": second_bias(p),
            }
            for weight, value in as_torch.items():
                getattr(twin, weight).copy_(torch.from_numpy(np.array(value)))
    return twin


def torch_places(params):
    return [
        (f"l{i}" + ("_reverse" if j else ""), p)
        for i, layer in enumerate(params)
        for j, p in enumerate(layer)
    ]


def second_bias(p):
    """PyTorch adds a bias to each product; only the GRU's last one is no sum."""
    if "recurrent_bias" not in p:
        return np.zeros(p["bias"].shape, np.float32)
    own = np.asarray(p["recurrent_bias"])
    return np.concatenate([np.zeros(2 * own.size, np.float32), own])


@pytest.mark.parametrize("name", ["elman", "lstm", "gru"])
@pytest.mark.parametrize(
    ("num_layers", "bidirectional", "lengths"),
    [(1, False, None), (2, True, [6, 1, 4])],
    ids=["one_layer", "two_layers_both_directions_padded"],
)
def test_against_pytorch(name, num_layers, bidirectional, lengths):
    torch = pytest.importorskip("torch")
    batch, time, sizes = 3, 6, (2, 5)
    layers = [LAYERS[name](sizes[1])] * num_layers
    net = recurrent(layers, sizes[0], bidirectional=bidirectional)
    params, inputs, carry, cotangents = problem(net, batch, time, sizes[0])
    mask = None if lengths is None else prefixes(lengths, time)
    (outputs, last), grads = quick_jit(forward_and_backward(net))(
        params, inputs, carry, mask, cotangents
    )

    def tensors(tree):
        """States [layers and directions, batch, hidden], as many as PyTorch has."""
        flat = [c for layer in tree for c in layer]
        flat = flat if name == "lstm" else [(c,) for c in flat]
        stacks = [np.stack(parts) for parts in zip(*flat, strict=True)]
        return [torch.from_numpy(stack).requires_grad_() for stack in stacks]

    twin = torch_twin(torch, name, params, sizes, bidirectional)
    x = torch.from_numpy(np.array(inputs)).requires_grad_()
    begin = tensors(carry)
    fed = x
    if lengths is not None:
        fed = torch.nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
    y, end = twin(fed, tuple(begin) if name == "lstm" else begin[0])
    if lengths is not None:
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, True, total_length=time)
    end = end if name == "lstm" else [end]
    error = torch.sum(y * torch.from_numpy(np.array(cotangents[0])))
    for state, cotangent in zip(end, tensors(cotangents[1]), strict=True):
        error = error + torch.sum(state * cotangent.detach())
    error.backward()

    def numpy(values):
        return [value.detach().numpy() for value in values]

    assert_close(outputs, y.detach().numpy(), 1e-5)
    assert_close(numpy(tensors(last)), numpy(end), 1e-5)
    assert_close(grads[1], x.grad.numpy(), 1e-5)
    assert_close(numpy(tensors(grads[2])), [c.grad.numpy() for c in begin], 1e-5)
    for place, p in torch_places(jax.tree.map(np.asarray, grads[0])):
        grad = {
            n: getattr(twin, f"{n}_{place}").grad.numpy()
            for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        assert_close(p["input_kernel"].T, grad["weight_ih"], 1e-5)
        assert_close(p["recurrent_kernel"].T, grad["weight_hh"], 1e-5)
        assert_close(p["bias"], grad["bias_ih"], 1e-5)
        if name == "gru":
            own = grad["bias_hh"][2 * sizes[1] :]
            assert_close(p["recurrent_bias"], own, 1e-5)


def test_the_first_lstm_against_the_equations_of_the_paper():
    """Equations 1 to 9 of 1997, unit by unit: two blocks of three cells each."""
    num_blocks, block_size, in_size, time = 2, 3, 2, 5
    layer = lstm_1997(num_blocks, block_size)
    net = recurrent([layer], in_size)
    params, inputs, _, _ = problem(net, 1, time, in_size)
    (p,) = params[0]
    into, back, bias = (
        np.asarray(p[name], np.float64)
        for name in ("input_kernel", "recurrent_kernel", "bias")
    )
    x = np.asarray(inputs, np.float64)[0]

    def f(x):
        return 1 / (1 + np.exp(-x))

    cells = [(j, v) for j in range(num_blocks) for v in range(block_size)]
    units = [
        *(("in", j) for j in range(num_blocks)),
        *(("out", j) for j in range(num_blocks)),
        *(("cell", *jv) for jv in cells),
    ]
    senders = units[2 * num_blocks :] + units[: 2 * num_blocks]
    y = dict.fromkeys(units, 0.0)
    s = dict.fromkeys(cells, 0.0)
    expected = []
    for t in range(time):
        net_of = {}
        for k, unit in enumerate(units):
            net_of[unit] = bias[k]
            for i in range(in_size):
                net_of[unit] += into[i, k] * x[t, i]
            for m, sender in enumerate(senders):
                net_of[unit] += back[m, k] * y[sender]
        new = {}
        for j, v in cells:
            g = 4 * f(net_of["cell", j, v]) - 2
            s[j, v] = s[j, v] + f(net_of["in", j]) * g
            h = 2 * f(s[j, v]) - 1
            new["cell", j, v] = f(net_of["out", j]) * h
        for j in range(num_blocks):
            new["in", j], new["out", j] = f(net_of["in", j]), f(net_of["out", j])
        y = new
        expected.append([y["cell", *jv] for jv in cells])
    found = jax.tree.map(np.asarray, quick_jit(net.apply)(params, inputs))
    outputs, [[(last, states, gates)]] = found
    np.testing.assert_allclose(outputs[0], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(last[0], expected[-1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(states[0], [s[jv] for jv in cells], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        gates[0], [y[unit] for unit in units[: 2 * num_blocks]], rtol=1e-5
    )


def test_the_truncated_gradient_follows_states_alone():
    """Against one step at a time, with all but the states a constant in between."""
    layer, plain = lstm_1997(2, 2, truncated=True), lstm_1997(2, 2)
    net = recurrent([layer], 3)
    params, inputs, carry, cotangents = problem(net, 2, 5, 3)
    values, grads = quick_jit(forward_and_backward(net))(
        params, inputs, carry, None, cotangents
    )

    def by_steps(params, inputs, carry):
        [[carry]], outputs = carry, []
        for t in range(inputs.shape[1]):
            seen, states, gates = carry
            seen, gates = jax.lax.stop_gradient((seen, gates))
            carry, output = plain.step(
                params[0][0], (seen, states, gates), inputs[:, t]
            )
            outputs.append(output)
        return jnp.stack(outputs, axis=1), [[carry]]

    @quick_jit
    def expected(params, inputs, carry, cotangents):
        values, vjp = jax.vjp(by_steps, params, inputs, carry)
        return values, vjp(cotangents)

    other = expected(params, inputs, carry, cotangents)
    assert_close(values, other[0], 1e-6)
    assert_close(grads, other[1], 1e-5)
    whole = quick_jit(forward_and_backward(recurrent([plain], 3)))
    _, untruncated = whole(params, inputs, carry, None, cotangents)
    assert np.abs(np.subtract(untruncated[1], grads[1])).max() > 0.01


# Steps and scans


@pytest.mark.parametrize(
    ("name", "reverse"),
    [("elman", False), ("lstm", True), ("gru", True), ("lstm_1997", False)],
)
def test_a_scan_is_its_step_in_a_loop(name, reverse, variant):
    layer, args, (state, expected) = steps_in_a_loop(name, reverse)
    last, outputs = variant(lambda *args: layer.scan(*args, None, reverse=reverse))(
        *args
    )
    assert_close(outputs, expected, 1e-6)
    assert_close(last, state, 1e-6)


@functools.cache
def steps_in_a_loop(name, reverse):
    """A layer, arguments of its scan, and what one step after another gives."""
    layer = LAYERS[name](4)
    params, inputs, carry, _ = problem(recurrent([layer], 3), 2, 5, 3)
    args = params[0][0], carry[0][0], time_major(inputs)
    step = quick_jit(layer.step)
    outputs, (p, state, _) = {}, args
    for t in reversed(range(5)) if reverse else range(5):
        state, outputs[t] = step(p, state, np.asarray(args[2])[t])
    return layer, args, (state, np.stack([outputs[t] for t in range(5)]))


def test_without_a_carry_it_begins_with_zeros():
    net = recurrent([lstm(4), gru(3)], 2, bidirectional=True)
    params, inputs, _, _ = problem(net, 2, 3, 2)
    zeros = net.initial_carry(2)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(zeros))
    apply = quick_jit(net.apply)
    assert_same_bits(apply(params, inputs), apply(params, inputs, carry=zeros))
    assert apply(params, inputs)[0].shape == (2, 3, net.out_size) == (2, 3, 6)


@pytest.mark.parametrize("name", LAYERS)
def test_recomputing_changes_no_value(name):
    nets = [recurrent([LAYERS[name](4)], 3, remat=remat) for remat in (False, True)]
    params, inputs, carry, cotangents = problem(nets[0], 2, 6, 3)
    mask = prefixes([6, 4], 6)
    stored, recomputed = (
        quick_jit(forward_and_backward(net))(params, inputs, carry, mask, cotangents)
        for net in nets
    )
    assert_close(recomputed, stored, 1e-6)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize(
    ("name", "remat"),
    [("elman", True), ("lstm", False), ("lstm", True), ("lstm_1997", True)],
)
def test_a_sequence_in_chunks_is_a_sequence(name, remat, reverse, monkeypatch):
    """19 steps in chunks of 5 or fewer, the last of them shorter, with padding."""
    monkeypatch.setattr(bptt, "_CHUNK_BYTES", 0)
    layer = LAYERS[name](4)
    if name == "lstm_1997":
        layer = lstm_1997(2, 2, truncated=True)
    params, inputs, carry, _ = problem(recurrent([layer], 3), 3, 19, 3)
    args = params[0][0], carry[0][0], time_major(inputs)
    mask = time_major(prefixes([19, 7, 12], 19))

    def by_steps(*args):
        return scan_steps(layer.step, *args, mask, reverse=reverse)

    def in_chunks(*args):
        return layer.scan(*args, mask, reverse=reverse, remat=remat)

    @quick_jit
    def every_way(*args):
        found = [jax.vjp(f, *args) for f in (by_steps, in_chunks)]
        return [(values, vjp(values)) for values, vjp in found]

    assert str(jax.make_jaxpr(in_chunks)(*args)).count("scan[") > 1
    expected, other = every_way(*args)
    assert_close(other, expected, 1e-5)


# Padding

SIZES = [
    ("elman", 32, 5, 8),
    ("lstm", 1, 2, 3),
    ("lstm", 3, 2, 3),
    ("lstm", 32, 5, 8),
    ("lstm", 128, 8, 16),
    ("gru", 3, 2, 3),
    ("lstm_1997", 2, 2, 3),
]
"""Layer, hidden size, inputs, sequences."""


@pytest.mark.parametrize(("name", "hidden_size", "in_size", "batch"), SIZES)
def test_padding_changes_nothing(name, hidden_size, in_size, batch):
    """Bit for bit, but for weight gradients, whose sums have more terms: they agree to
    1e-6, and do not depend at all on what the padding contains."""
    layers = [LAYERS[name](hidden_size)]
    net = recurrent(layers, in_size)
    time, more = 7, 4
    params, inputs, carry, (output_grads, carry_grads) = problem(
        net, batch, time, in_size
    )
    lengths = [time, *np.random.default_rng(0).integers(1, time + 1, size=batch - 1)]
    run = jax.jit(forward_and_backward(net))

    def padded(fill, more):
        mask = np.asarray(prefixes(lengths, time + more))
        widths = ((0, 0), (0, more), (0, 0))
        x = np.where(mask[..., None], np.pad(inputs, widths), np.float32(fill))
        grads = np.pad(output_grads, widths, constant_values=1.0)
        found = run(params, x, carry, mask, (grads, carry_grads))
        return jax.tree.map(np.asarray, found)

    short, long = padded(0.0, 0), padded(0.0, more)
    (outputs, last), (weight_grads, input_grads, begin_grads) = long
    assert not outputs[:, time:].any() and not input_grads[:, time:].any()
    cut = (outputs[:, :time], last), (input_grads[:, :time], begin_grads)
    assert_same_bits(cut, (short[0], short[1][1:]))
    assert_close(weight_grads, short[1][0], 1e-6)
    for fill in (np.nan, np.inf):
        assert_same_bits(padded(fill, more), long)


@pytest.mark.parametrize("name", LAYERS)
def test_a_mask_of_all_is_none(name):
    net = recurrent([LAYERS[name](4)], 3, bidirectional=True)
    params, inputs, carry, cotangents = problem(net, 2, 5, 3)
    run = quick_jit(forward_and_backward(net))
    found = [
        run(params, inputs, carry, mask, cotangents)
        for mask in (None, np.ones((2, 5), bool))
    ]
    assert_close(*found, 1e-6)


def test_reverse_reads_each_prefix_from_its_end():
    """As each sequence alone, turned round."""
    layer = lstm(4)
    params, inputs, carry, _ = problem(recurrent([layer], 3), 3, 5, 3)
    lengths = [5, 2, 3]
    mask = time_major(prefixes(lengths, 5))

    @quick_jit
    def together_and_alone(p, carry, x):
        alone = []
        for row, length in enumerate(lengths):
            begin = jax.tree.map(lambda c, row=row: c[row, None], carry)
            alone.append(layer.scan(p, begin, x[:length, row, None][::-1], None))
        return layer.scan(p, carry, x, mask, reverse=True), alone

    args = params[0][0], carry[0][0], time_major(inputs)
    found = jax.tree.map(np.asarray, together_and_alone(*args))
    (last, outputs), alone = found
    for row, (length, (end, turned)) in enumerate(zip(lengths, alone, strict=True)):
        assert_close(outputs[:length, row, None], turned[::-1], 1e-6)
        assert_close([c[row, None] for c in last], list(end), 1e-6)
        assert not outputs[length:, row].any()


# Sequences cut in two


@pytest.mark.parametrize(
    ("name", "hidden_size"),
    [("elman", 32), ("lstm", 2), ("lstm", 32), ("lstm", 128), ("gru", 32)]
    + [("lstm_1997", 32)],
)
def test_cutting_a_sequence_in_two_changes_no_bit(name, hidden_size):
    """At these sizes and this place: other shapes may round otherwise."""
    net = recurrent([LAYERS[name](hidden_size)] * 2, 5)
    params, inputs, carry, _ = problem(net, 4, 9, 5)
    apply = jax.jit(lambda params, x, carry: net.apply(params, x, carry=carry))
    whole = apply(params, inputs, carry)
    inputs = np.asarray(inputs)
    first, middle = apply(params, inputs[:, :4], carry)
    second, last = apply(params, inputs[:, 4:], middle)
    assert_same_bits((np.concatenate([first, second], axis=1), last), whole)


@pytest.mark.parametrize("name", LAYERS)
def test_truncation_stops_the_gradient_at_the_cut(name):
    """Two gradients with the carry as data, against one through a stopped carry; and
    without the stop against the sequence uncut."""
    net = recurrent([LAYERS[name](4)], 3)
    params, inputs, carry, (weights, _) = problem(net, 2, 6, 3)

    def piece(params, carry, part):
        outputs, carry = net.apply(params, inputs[:, part], carry=carry)
        return jnp.sum(weights[:, part] * outputs), carry

    def in_two(params, stop):
        first, middle = piece(params, carry, slice(4))
        middle = jax.lax.stop_gradient(middle) if stop else middle
        return first + piece(params, middle, slice(4, 6))[0]

    @quick_jit
    def every_way(params):
        first, middle = jax.grad(piece, has_aux=True)(params, carry, slice(4))
        second, _ = jax.grad(piece, has_aux=True)(params, middle, slice(4, 6))
        return (
            jax.tree.map(jnp.add, first, second),
            jax.grad(in_two)(params, True),
            jax.grad(in_two)(params, False),
            jax.grad(piece, has_aux=True)(params, carry, slice(6))[0],
        )

    truncated, stopped, joined, whole = every_way(params)
    assert_close(truncated, stopped, 1e-6)
    assert_close(joined, whole, 1e-6)
    kernels = [tree[0][0]["recurrent_kernel"] for tree in (truncated, whole)]
    assert np.abs(np.subtract(*kernels)).max() > 1e-3


# Initial weights


def init(net):
    return jax.tree.map(np.asarray, quick_jit(net.init)(jax.random.key(0)))


@pytest.mark.parametrize(("name", "num_gates"), [("elman", 1), ("lstm", 4), ("gru", 3)])
def test_initial_weights(name, num_gates):
    size, in_size = 6, 50
    (p,) = init(recurrent([LAYERS[name](size)], in_size))[0]
    blocks = np.split(np.asarray(p["recurrent_kernel"]), num_gates, axis=1)
    for block in blocks:
        np.testing.assert_allclose(block @ block.T, np.eye(size), atol=1e-5)
    bound = (6 / (in_size + size)) ** 0.5
    for block in np.split(np.asarray(p["input_kernel"]), num_gates, axis=1):
        assert block.shape == (in_size, size)
        assert 0.95 * bound < np.abs(block).max() <= bound
        blocks.append(block)
    firsts = [block[0, 0] for block in blocks]
    assert len(set(firsts)) == len(firsts)  # no two of one draw
    bias = np.zeros((num_gates, size))
    if name == "lstm":
        bias[1] = 1
    np.testing.assert_array_equal(p["bias"], bias.ravel())
    assert not p.get("recurrent_bias", np.zeros(1)).any()


def test_initial_weights_of_the_first_lstm():
    (p,) = init(recurrent([lstm_1997(2, 2)], 2))[0]
    sizes = [leaf.size for leaf in jax.tree.leaves(p)]
    assert sum(sizes) == 8 * (2 + 8 + 1)  # 8 units see inputs, all units and a bias
    for name in ("input_kernel", "recurrent_kernel"):
        assert 0.05 < np.abs(p[name]).max() <= 0.1
    assert not p["bias"].any()


def test_the_initial_forget_bias_is_a_choice():
    layer = lstm(2, forget_bias=-0.5)
    p = quick_jit(lambda key: layer.init(key, 3))(jax.random.key(0))
    np.testing.assert_array_equal(p["bias"], [0, 0, -0.5, -0.5, 0, 0, 0, 0])


def test_every_layer_and_direction_draws_its_own_weights():
    net = recurrent([elman(3), elman(3)], 6, bidirectional=True)
    params = init(net)
    kernels = [p["input_kernel"] for layer in params for p in layer]
    assert {kernel.shape for kernel in kernels} == {(6, 3)}
    for a, b in itertools.combinations(kernels, 2):
        assert np.all(a != b)
    assert_same_bits(init(net), params)


# Bad input

WHOLE = np.ones((2, 4), bool)


def rows(*ends):
    return np.arange(4)[None] < np.array(ends)[:, None]


BAD = {
    "length_0": ((2, 0, 3), None, "sequences have length 0: expected at least one"),
    "no_axis": (
        (4, 3),
        None,
        r"inputs have shape \(4, 3\): expected \[batch time in\]",
    ),
    "features": ((2, 4, 5), None, "inputs have 5 features: expected 3, which the weig"),
    "mask_shape": (
        (2, 4, 3),
        WHOLE.T,
        r"the mask has shape \(4, 2\) and type bool: expected booleans of shape \(2, 4",
    ),
    "mask_dtype": ((2, 4, 3), WHOLE.astype(np.float32), "type float32: expected bool"),
    "empty_row": ((2, 4, 3), rows(4, 0), "row 1 of the mask begins with False: expect"),
    "gap": (
        (2, 4, 3),
        np.array([[1, 1, 0, 0], [1, 0, 1, 0]], bool),
        r"row 1 of the mask is not a prefix: expected True up to the length of",
    ),
    "suffix": ((2, 4, 3), ~rows(1, 2), "row 0 of the mask begins with False"),
}


def zeros(*shape):
    return jax.device_put(np.zeros(shape, np.float32))


@pytest.mark.parametrize("case", BAD)
def test_sequences_that_cannot_be_read_are_refused(case):
    shape, mask, sentence = BAD[case]
    inputs = zeros(*shape)
    mask = None if mask is None else jax.device_put(mask)
    net = recurrent([gru(2)], 3)
    params = drawn(0, jax.eval_shape(net.init, jax.random.key(0)))
    for refuse in (
        lambda: check_sequences(inputs, mask, 3),
        lambda: net.apply(params, inputs, mask=mask),
    ):
        with pytest.raises(InputError, match=sentence) as caught:
            refuse()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", ["length_0", "features", "mask_shape", "mask_dtype"])
def test_shapes_are_refused_while_compiling_too(case):
    shape, mask, sentence = BAD[case]
    mask = None if mask is None else jax.device_put(mask)
    with pytest.raises(InputError, match=sentence):
        jax.jit(lambda x, m: check_sequences(x, m, 3))(zeros(*shape), mask)


def test_good_sequences_pass():
    for mask in (None, jax.device_put(WHOLE), jax.device_put(rows(1, 4))):
        check_sequences(zeros(2, 4, 3), mask, 3)
        check_sequences(zeros(2, 4, 3), mask)
    check_sequences(zeros(1, 1, 1), jax.device_put(np.ones((1, 1), bool)), 1)
    gap = jax.device_put(BAD["gap"][1])  # unknown while compiling
    jax.jit(lambda m: check_sequences(zeros(2, 4, 3), m))(gap)


def test_a_net_without_layers_is_refused():
    with pytest.raises(InputError, match="got no layer: expected one or more"):
        recurrent([], 3)
