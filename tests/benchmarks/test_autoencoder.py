"""The two sides of benchmarks/autoencoder.py compute the same."""

import importlib
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.models.rbm import free_energy, hidden_logits, visible_logits
from jaxdl.objectives.contrastive_divergence import make_contrastive_divergence_loss
from jaxdl.objectives.reconstruction import make_reconstruction_loss
from jaxdl.ops import bernoulli_cross_entropy, unit_pixels

torch = pytest.importorskip("torch")

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def script():
    """The benchmark, imported as if its folder were the script's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("autoencoder")


@pytest.fixture(scope="module")
def batch(script):
    return script.make_data(128).train


def test_losses_and_gradients_of_the_autoencoder_are_equal(script, batch):
    model = script.make_model()
    params = script.initial_params(script.make_autoencoder())
    loss_fn = make_reconstruction_loss(model.apply, bernoulli_cross_entropy)
    (loss, _), grads = jax.jit(jax.value_and_grad(loss_fn, has_aux=True))(
        params, batch, jax.random.key(0)
    )
    net = script.torch_autoencoder(params)
    theirs = script.torch_loss(net, torch.tensor(np.array(unit_pixels(batch.image))))
    theirs.backward()
    np.testing.assert_allclose(theirs.item(), loss, rtol=1e-5)
    parameters = iter(net.parameters())
    for layer in grads["encoder"] + grads["decoder"]:
        for name, sign in (("kernel", -1), ("bias", 1)):
            got = next(parameters).grad.numpy()
            got = got.T if sign < 0 else got
            scale = np.abs(layer[name]).max()
            np.testing.assert_allclose(got, layer[name], rtol=1e-3, atol=1e-4 * scale)
    assert next(parameters, None) is None


@pytest.mark.parametrize("by_hand", [True, False], ids=["by hand", "autograd"])
def test_contrastive_divergence_makes_the_same_update(script, batch, by_hand):
    """From the same uniform numbers, so that both sides draw the same samples."""
    rng = np.random.default_rng(0)
    shapes = (128, script.HIDDEN_UNITS), (128, script.PIXELS)
    uniforms = [np.float32(rng.uniform(size=shape)) for shape in shapes]

    def draw(logits, uniform):
        return (uniform < jax.nn.sigmoid(logits)).astype(jnp.float32)

    def gibbs_chain(key, params, visible, num_steps):
        hidden = draw(hidden_logits(params, visible), uniforms[0])
        logits = visible_logits(params, hidden)
        return draw(logits, uniforms[1]), jax.nn.sigmoid(logits)

    params = script.initial_params(script.make_machine())
    params = jax.tree.map(lambda leaf: leaf + 0.002, params)
    loss_fn = make_contrastive_divergence_loss(free_energy, gibbs_chain)
    grads, _ = jax.jit(jax.grad(loss_fn, has_aux=True))(
        params, batch, jax.random.key(0)
    )
    machine = script.torch_machine(params)
    images = torch.tensor(np.array(unit_pixels(batch.image)))
    draws = tuple(map(torch.tensor, uniforms))
    if by_hand:
        script.cd_update(machine, images, draws)
    else:
        leaves = [tensor.requires_grad_() for tensor in machine.values()]
        optimizer = torch.optim.SGD(leaves, script.CD_RATE)
        script.cd_step(machine, images, draws, optimizer)
        machine = {name: tensor.detach() for name, tensor in machine.items()}
    for name, grad in grads.items():
        moved = (np.asarray(params[name]) - machine[name].numpy()) / script.CD_RATE
        # The update is the difference of weights: their rounding, over the rate.
        np.testing.assert_allclose(moved, grad, atol=5e-6)
        assert np.abs(grad).max() > 1e-3


def test_both_sides_begin_alike(script):
    params = script.initial_params(script.make_machine())
    machine = script.torch_machine(params)
    assert list(machine) == ["kernel", "visible_bias", "hidden_bias"]
    for name, tensor in machine.items():
        np.testing.assert_array_equal(tensor.numpy(), params[name])


def test_it_writes_the_common_form(script, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(script, "NUM_IMAGES", 256)
    monkeypatch.setattr(script, "HIDDEN_SIZES", (8,))
    monkeypatch.setattr(script, "HIDDEN_UNITS", 8)
    data = script.make_data(256)
    monkeypatch.setattr(script, "make_data", lambda: data)
    file = tmp_path / "rows.json"
    flags = f"--no-memory --repeats 2 --seconds 1e-9 --json {file}".split()
    assert script.main(flags) == 0
    rows = json.loads(file.read_text())["rows"]
    peers = [row["peer"] for row in rows]
    fused = "PyTorch eager, fused optimizer"
    by_hand = "PyTorch eager, by hand"
    assert peers == ["PyTorch eager", fused, "PyTorch eager", by_hand]
    for row in rows:
        assert row["speedup"] == row["peer_seconds"] / row["ours_seconds"] > 0
        assert row["epoch_seconds"] == script.EPOCH * row["ours_seconds"]
    assert "CD-1 784-500" in capsys.readouterr().out


def test_no_timing_is_refused(script, capsys):
    assert script.main(["--repeats", "0"]) == 2
    assert "repeats is 0" in capsys.readouterr().err


def test_memory_is_that_of_the_process_that_trained(script, monkeypatch):
    sent = []
    queue = type("Queue", (), {"put": sent.append})
    monkeypatch.setattr(script, "MEMORY_STEPS", 1)
    data = script.make_data(256)
    monkeypatch.setattr(script, "make_data", lambda: data)
    for ours in (True, False):
        script.probe_memory("CD-1 784-500", ours, queue)
    for before, peak in sent:
        assert 2**20 < before < 1.01 * peak  # the kernel counts roughly
