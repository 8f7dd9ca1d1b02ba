"""The model of characters against PyTorch's layers and against itself in parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.systems.char_lm.networks import char_lm

CODES = jnp.array([[0, 3, 1, 1, 4, 2, 0, 3], [2, 2, 4, 0, 1, 3, 3, 1]])


def torch_model(cell, params):
    torch = pytest.importorskip("torch")
    kinds = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
    layers = [layer for (layer,) in params["recurrent"]]
    net = kinds[cell](5, 6, len(layers), batch_first=True)
    with torch.no_grad():
        for i, layer in enumerate(layers):
            leaves = {
                "weight_ih": layer["input_kernel"].T,
                "weight_hh": layer["recurrent_kernel"].T,
                "bias_ih": layer["bias"],
                "bias_hh": jnp.zeros_like(layer["bias"]),
            }
            for name, leaf in leaves.items():
                getattr(net, f"{name}_l{i}").copy_(torch.tensor(np.array(leaf)))

    def apply(codes):
        one_hot = torch.nn.functional.one_hot(torch.tensor(np.array(codes)).long(), 5)
        hidden, last = net(one_hot.float())
        readout = {k: np.asarray(v) for k, v in params["readout"].items()}
        return hidden.detach().numpy() @ readout["kernel"] + readout["bias"], last

    return apply


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_window_by_window_it_equals_pytorch(cell):
    model = char_lm(5, 6, num_layers=2, cell=cell)
    params = model.init(jax.random.key(0))
    apply, windows = jax.jit(model.apply), []
    carry = model.initial_carry(2)
    for begin in (0, 4):
        logits, carry = apply(params, CODES[:, begin : begin + 4], carry=carry)
        windows.append(logits)
    expected, last = torch_model(cell, params)(CODES)
    found = jnp.concatenate(windows, axis=1)
    assert found.shape == (2, 8, 5)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    kept = last[1][-1].detach().tanh() if cell == "lstm" else last[-1].detach()
    np.testing.assert_allclose(model.memory(carry), kept, atol=1e-6)


def test_only_the_past_is_seen():
    model = char_lm(5, 6)
    params = model.init(jax.random.key(1))
    apply = jax.jit(model.apply)
    logits, _ = apply(params, CODES)
    other, _ = apply(params, CODES.at[:, 4].set(jnp.array([0, 0])))
    np.testing.assert_array_equal(logits[:, :4], other[:, :4])
    assert np.abs(logits[:, 4:] - other[:, 4:]).min() > 0


def test_an_unknown_cell():
    with pytest.raises(InputError, match="cell is 'lsmt': expected one of rnn, gru"):
        char_lm(5, 6, cell="lsmt")
