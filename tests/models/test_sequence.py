"""Nets that read a sequence and answer at its end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.models import lstm_1997_readout, sequence_readout
from jaxdl.nn.recurrence import elman, gru, lstm, lstm_1997, recurrent

PAPER = {  # name -> in, out, biases of input gates, weights
    "adding": (2, 1, (-3.0, -6.0), 93),
    "6a": (8, 4, (-2.0, -4.0), 156),
    "6b": (8, 8, (-2.0, -4.0, -6.0), 308),
}
STACKS = {
    "gru below lstm": [gru(3), lstm(5)],
    "lstm_1997": [lstm_1997(2, 2)],
}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("name", PAPER)
def test_nets_of_1997(name):
    in_size, out_size, biases, num_weights = PAPER[name]
    model = lstm_1997_readout(in_size, out_size, biases)
    shapes = jax.tree.leaves(jax.eval_shape(model.init, jax.random.key(0)))
    assert sum(leaf.size for leaf in shapes) == num_weights


def test_initial_weights_of_1997():
    params = jax.jit(lstm_1997_readout(8, 8, (-2.0, -4.0, -6.0)).init)(
        jax.random.key(0)
    )
    (((layer,),), readout) = params["recurrent"], params["readout"]
    np.testing.assert_array_equal(layer["bias"][:3], [-2, -4, -6])
    drawn = [layer["bias"][3:], readout["bias"], readout["kernel"]]
    drawn += [layer["input_kernel"], layer["recurrent_kernel"]]
    values = np.concatenate([np.ravel(part) for part in drawn])
    assert np.abs(values).max() <= 0.1 and np.unique(values).size == values.size
    assert abs(values.std() - 0.1 / np.sqrt(3)) < 0.015


def test_the_adding_net_step_by_step():
    """In NumPy, from the paper's equations, unit by unit."""
    model = lstm_1997_readout(2, 1, (-3.0, -6.0))
    params = jax.tree.map(lambda x: 5 * x, model.init(jax.random.key(1)))
    x = jax.random.uniform(jax.random.key(0), (7, 2), minval=-1.0)
    (((layer,),), readout) = params["recurrent"], params["readout"]
    w, u, b = (
        np.asarray(layer[k], float)
        for k in ("input_kernel", "recurrent_kernel", "bias")
    )
    cells, gates, states = np.zeros(4), np.zeros(4), np.zeros(4)
    for row in np.asarray(x, float):
        nets = row @ w + np.concatenate([cells, gates]) @ u + b
        gates = sigmoid(nets[:4])
        for j in range(4):
            block = j // 2
            states[j] += gates[block] * (4 * sigmoid(nets[4 + j]) - 2)
            cells[j] = gates[2 + block] * (2 * sigmoid(states[j]) - 1)
    expected = cells @ np.asarray(readout["kernel"], float) + readout["bias"]
    np.testing.assert_allclose(
        jax.jit(model.apply)(params, x[None])[0], expected, rtol=1e-5
    )


@pytest.mark.parametrize("name", STACKS)
def test_it_reads_out_the_last_valid_step(name):
    """Outputs depend on the past alone: those of the whole rows say what to read."""
    model, net = sequence_readout(STACKS[name], 3, 2), recurrent(STACKS[name], 3)
    params = jax.jit(model.init)(jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (4, 6, 3))
    lengths = np.array([1, 3, 5, 6])
    mask = jnp.arange(6)[None] < lengths[:, None]
    found = jax.jit(model.apply)(
        params, jnp.where(mask[..., None], x, jnp.nan), mask=mask
    )
    outputs, _ = jax.jit(net.apply)(params["recurrent"], x)
    expected = outputs[np.arange(4), lengths - 1] @ params["readout"]["kernel"]
    assert found.shape == (4, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_truncated_by_default():
    """Over one step there is nothing to cut; over three the gradients differ."""
    nets = [lstm_1997_readout(2, 1, (0.0,), **kw) for kw in ({}, {"truncated": False})]
    params = jax.tree.map(lambda x: 5 * x, nets[0].init(jax.random.key(2)))
    x = jax.random.normal(jax.random.key(3), (1, 3, 2))
    for part, same in ((x[:, :1], True), (x, False)):
        loss = [lambda p, x, net=net: net.apply(p, x).sum() for net in nets]
        grads = [jax.tree.leaves(jax.jit(jax.grad(f))(params, part)) for f in loss]
        apart = max(float(jnp.abs(a - b).max()) for a, b in zip(*grads, strict=True))
        assert apart < 1e-6 if same else apart > 1e-4


def test_bad_input():
    with pytest.raises(InputError, match="out_size is 0: expected 1 or more"):
        sequence_readout([elman(2)], 3, 0)
    with pytest.raises(InputError, match="input_gate_biases is empty"):
        lstm_1997_readout(2, 1, ())
    model = sequence_readout([elman(2)], 3, 1)
    params = model.init(jax.random.key(0))
    with pytest.raises(InputError, match="inputs have 4 features: expected 3"):
        model.apply(params, jnp.zeros((1, 5, 4)))
    with pytest.raises(InputError, match="length 0"):
        model.apply(params, jnp.zeros((1, 0, 3)))
    with pytest.raises(InputError, match="not a prefix"):
        mask = jnp.array([[True, False, True]])
        model.apply(params, jnp.zeros((1, 3, 3)), mask=mask)
