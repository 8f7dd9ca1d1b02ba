"""The two sides of benchmarks/gan_step.py compute the same, and report in one form."""

import importlib
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.adversarial.objectives import make_gan_losses
from jaxdl.ops.images import unit_pixels
from jaxdl.train.seeds import seed_keys

torch = pytest.importorskip("torch")

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def load():
    """Imports a benchmark by name, as if its folder were the script's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module


@pytest.mark.parametrize("name", ["digits", "mlp", "paper"])
def test_losses_and_gradients_equal_pytorch(load, name):
    gan_step = load("gan_step")
    experiment, data = load("harness").make_gan(name)
    batch = jax.tree.map(lambda leaf: leaf[:64], data.train)
    real = unit_pixels(batch.image)
    state = experiment.init(seed_keys(0).init, data, None)
    generator, discriminator, latent_size = load("harness").GAN_CASES[name].gan

    def apply_without_dropout(params, x, *, key):
        return discriminator.apply(params, x)

    gen_loss_fn, disc_loss_fn = make_gan_losses(
        generator.apply, apply_without_dropout, latent_size
    )
    key = jax.random.key(1)
    z = jax.random.normal(jax.random.split(key)[0], (64, latent_size))
    (disc_loss, _), disc_grads = jax.value_and_grad(disc_loss_fn, has_aux=True)(
        state.disc_params, state.gen_params, batch, key
    )
    (gen_loss, _), gen_grads = jax.value_and_grad(gen_loss_fn, has_aux=True)(
        state.gen_params, state.disc_params, batch, key
    )

    torch_gen, torch_disc = gan_step.torch_networks(name)
    gan_step.copy_params(state.gen_params, torch_gen)
    gan_step.copy_params(state.disc_params, torch_disc)
    torch_disc.eval()  # no dropout
    torch_disc_loss_fn, torch_gen_loss_fn = gan_step.torch_losses(torch_gen, torch_disc)
    torch_z = torch.tensor(np.array(z))
    torch_disc_loss = torch_disc_loss_fn(torch.tensor(np.array(real)), torch_z)
    torch_disc_loss.backward()
    torch_gen_loss = torch_gen_loss_fn(torch_z)
    torch_gen_loss.backward(inputs=list(torch_gen.parameters()))

    np.testing.assert_allclose(torch_disc_loss.item(), disc_loss, rtol=1e-5)
    np.testing.assert_allclose(torch_gen_loss.item(), gen_loss, rtol=1e-5)
    for module, grads in [(torch_gen, gen_grads), (torch_disc, disc_grads)]:
        leaves = iter(jax.tree.leaves(grads))
        weights = iter(module.parameters())
        for bias, kernel in zip(leaves, leaves, strict=True):
            weight_grad, bias_grad = next(weights).grad, next(weights).grad
            np.testing.assert_allclose(weight_grad.T, kernel, rtol=1e-3, atol=1e-6)
            np.testing.assert_allclose(bias_grad, bias, rtol=1e-3, atol=1e-6)
        assert next(weights, None) is None


@pytest.mark.parametrize("fused", [None, True], ids=["default", "fused"])
@pytest.mark.parametrize("name", ["digits", "paper-sgd"], ids=["adam", "sgd"])
def test_optimizers_equal_optax(load, name, fused):
    case = load("harness").GAN_CASES[name]
    make_optimizer = load("harness").OPTIMIZERS[case.optimizer]
    ours = make_optimizer(case.learning_rate, case.momentum)
    params = jnp.zeros(3)
    opt_state = ours.init(params)
    theirs = torch.zeros(3, requires_grad=True)
    optimizer = load("gan_step").torch_optimizer(case, [theirs], fused=fused)
    for grads in np.float32([[1, -2, 0.5], [3, 0.1, -1], [-1, 1, 2]]):
        updates, opt_state = ours.update(jnp.asarray(grads), opt_state, params)
        params = optax.apply_updates(params, updates)
        theirs.grad = torch.tensor(grads)
        optimizer.step()
    np.testing.assert_allclose(theirs.detach(), params, rtol=1e-5)


def check_form(file, num_rows):
    document = json.loads(file.read_text())
    assert list(document) == ["device", "versions", "rows"]
    assert {"jax", "jaxdl", "torch"} <= set(document["versions"])
    assert len(document["rows"]) == num_rows
    for row in document["rows"]:
        form = ["case", "ours_seconds", "peer", "peer_seconds", "speedup"]
        assert list(row)[:5] == form
        assert row["ours_seconds"] > 0
        assert row["speedup"] == row["peer_seconds"] / row["ours_seconds"]
    return document["rows"]


def test_gan_step_writes_the_common_form(load, tmp_path, capsys):
    file = tmp_path / "new" / "rows.json"
    flags = "--cases digits --no-compile --repeats 2 --seconds 1e-9".split()
    flags += ["--runner-seconds", "0.01", "--json", str(file)]
    assert load("gan_step").main(flags) == 0
    rows = check_form(file, 3)
    assert [row["peer"] for row in rows][::2] == ["PyTorch eager", "bare scanned loop"]
    assert "runner, digits pair" in capsys.readouterr().out


def test_executors_writes_the_common_form(load, tmp_path):
    file = tmp_path / "rows.json"
    flags = "--cases xor-2-2-1 --max-seeds 2 --repeats 2 --seconds 1e-9".split()
    assert load("executors").main([*flags, "--json", str(file)]) == 0
    (row,) = check_form(file, 1)
    assert {row["auto"], row["peer"]} == {"sequential", "vmap"}
    assert row["loss"] == max(0.0, row["ours_seconds"] / row["peer_seconds"] - 1)


def test_turns_are_taken_and_per_step(load):
    harness = load("harness")
    calls = []
    sides = {"a": lambda n: calls.append(("a", n)), "b": lambda n: calls.append("b")}
    times, steps = harness.time_in_turns(sides, repeats=2, seconds=1e-9)
    assert calls[-4:] == [("a", 1), "b", "b", ("a", 1)]
    assert steps == {"a": 1, "b": 1}
    assert all(len(each) == 2 for each in times.values())
