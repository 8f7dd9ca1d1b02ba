"""The sides of benchmarks/conv.py compute the same, and report in one form."""

import functools
import importlib
import json
import math
import time
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.adversarial.objectives import make_gan_losses
from jaxdl.data.load import Split
from jaxdl.objectives import make_classification_loss
from jaxdl.ops import unit_images

torch = pytest.importorskip("torch")

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


@pytest.fixture(scope="module")
def load():
    """Imports a benchmark by name, as if its folder were the script's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module


def initial(case):
    """Small random parameters of a case's nets; compiling nothing."""
    state = jax.eval_shape(lambda: case.experiment.init(jax.random.key(0), None, None))
    names = [name for name in state._fields if name.endswith("params")]
    rng = np.random.default_rng(0)

    def fill(leaf):
        spread = 0.3 if len(leaf.shape) > 1 else 0.1
        offset = 0.0 if len(leaf.shape) > 1 else 0.2
        return np.float32(offset + spread * rng.standard_normal(leaf.shape))

    return [jax.tree.map(fill, getattr(state, name)) for name in names]


def minibatch(load, case, size=4):
    """Noise, labelled, as bytes and as the twins take it."""
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (size, *case.image_shape), np.uint8)
    batch = Split(jnp.array(image), jnp.arange(size))
    return batch, load("conv_twins").torch_images(image)


def assert_close(load, net, grads):
    expected = load("conv_twins").torch_layout(grads, net)
    assert set(expected) == {name for name, _ in net.named_parameters()}
    for name, tensor in net.named_parameters():
        scale = np.abs(expected[name]).max()
        assert scale > 0, name
        np.testing.assert_allclose(
            tensor.grad.numpy(), expected[name], atol=1e-3 * scale, err_msg=name
        )


@pytest.mark.parametrize("model", ["lenet5", "modern"])
def test_lenets_have_the_twins_loss_and_gradients(load, model):
    case = load("conv_twins").lenet_case(model, batch_size=4)
    (params,), (net,) = initial(case), case.make_twins()
    batch, images = minibatch(load, case)
    load("conv_twins").copy_params(params, net)
    loss_fn = make_classification_loss(case.net.apply, inputs_of=unit_images)
    (loss, _), grads = jax.jit(
        jax.value_and_grad(loss_fn, has_aux=True), compiler_options=QUICK
    )(params, batch, jax.random.key(0))
    labels = torch.from_numpy(np.array(batch.label)).long()
    theirs = torch.nn.functional.cross_entropy(net.eval()(images), labels)
    theirs.backward()
    np.testing.assert_allclose(theirs.item(), loss, rtol=1e-5)
    assert_close(load, net, grads)


def test_dcgans_have_the_twins_losses_and_gradients(load):
    case = load("conv_twins").dcgan_case(
        "cifar10_subset", batch_size=4, base_channels=4, latent_size=8
    )
    params, nets = initial(case), case.make_twins()
    batch, images = minibatch(load, case)
    for leaves, net in zip(params, nets, strict=True):
        load("conv_twins").copy_params(leaves, net)
    gan, key = case.net, jax.random.key(1)
    gen_loss_fn, disc_loss_fn = make_gan_losses(
        gan.generator.apply, gan.discriminator.apply, gan.latent_size, apart=True
    )

    @functools.partial(jax.jit, compiler_options=QUICK)
    def both(gen_params, disc_params):
        grads_of = functools.partial(jax.value_and_grad, has_aux=True)
        return (
            grads_of(disc_loss_fn)(disc_params, gen_params, batch, key),
            grads_of(gen_loss_fn)(gen_params, disc_params, batch, key),
        )

    ((disc_loss, _), disc_grads), ((gen_loss, _), gen_grads) = both(*params)
    z = jax.random.normal(jax.random.split(key)[0], (4, gan.latent_size))
    z = torch.tensor(np.array(z))
    torch_disc_loss_fn, torch_gen_loss_fn = load("conv_twins").gan_losses(*nets)
    theirs = torch_disc_loss_fn(images, z)
    theirs.backward()
    np.testing.assert_allclose(theirs.item(), disc_loss, rtol=1e-4)
    assert_close(load, nets[1], disc_grads)
    theirs = torch_gen_loss_fn(z)
    theirs.backward(inputs=list(nets[0].parameters()))
    np.testing.assert_allclose(theirs.item(), gen_loss, rtol=1e-4)
    assert_close(load, nets[0], gen_grads)


def test_twins_know_every_weight(load):
    """At the recipe's own sizes, 28 pixels too."""
    twins = load("conv_twins")
    for make in twins.CASES.values():
        case = make()
        for leaves, net in zip(initial(case), case.make_twins(), strict=True):
            shapes = {k: v.shape for k, v in twins.torch_layout(leaves, net).items()}
            found = {k: tuple(v.shape) for k, v in net.named_parameters()}
            assert shapes == found


def test_the_layers_are_those_of_the_nets(load):
    def kernels(data):
        case = load("conv_twins").dcgan_case(data)
        leaves = jax.tree.leaves(initial(case))
        return sorted(leaf.shape for leaf in leaves if leaf.ndim == 4)

    layers = load("conv").LAYERS
    for data, name in (("mnist", "DCGAN-28"), ("cifar10_subset", "DCGAN-32")):
        found = [a.kernel_shape for a in layers if a.name.startswith(name)]
        assert sorted(found) == kernels(data)


@pytest.mark.parametrize(
    "name",
    ["LeNet C1", "LeNet C3", "DCGAN-32 D1", "DCGAN-32 G3", "Q-network max pooling"],
)
def test_all_sides_of_a_layer_have_the_same_gradients(load, name):
    conv = load("conv")
    (layer,) = [a for a in conv.LAYERS if a.name == name]
    layer = layer._replace(shape=(2, *layer.shape[1:]))
    operands = conv.draw(layer)
    applies = conv.ours, conv.xlas

    def compute(a):
        return [conv.gradients(layer, apply, a) for apply in applies]

    both = jax.jit(compute, compiler_options=QUICK)
    found = both(operands)
    if layer.first:
        found = [(operands[0], *grads) for grads in found]
    tensors = [a.requires_grad_() for a in conv.to_torch(layer, operands)]
    theirs = conv.torch_gradients(layer, tensors)
    if layer.first:
        theirs = [tensors[0].detach(), *theirs]
    for grads in found:
        for got, expected in zip(conv.to_torch(layer, grads), theirs, strict=True):
            scale = float(expected.abs().max())
            np.testing.assert_allclose(got, expected, atol=1e-5 * scale)


def test_operations_are_counted(load):
    conv = load("conv")
    layer = conv.Layer("a", (2, 6, 6, 3), 5, 3, padding="VALID")
    assert layer.flop == 3 * 2 * (2 * 4 * 4) * (3 * 3 * 3 * 5)
    strided = conv.Layer("b", (2, 6, 6, 3), 5, 4, 2, first=True)
    assert strided.flop == 2 * 2 * (2 * 3 * 3) * (4 * 4 * 3 * 5)
    up = conv.Layer("c", (2, 6, 6, 3), 5, 4, 2, "transposed")
    assert up.flop == 3 * 2 * (2 * 6 * 6) * (4 * 4 * 3 * 5)


def test_settings_do_the_same_steps(load, monkeypatch):
    """Steps that move the operands visibly, so that none can be left out."""
    conv = load("conv")
    monkeypatch.setattr(conv, "RATE", 0.01)
    layer = conv.Layer("a", (2, 6, 6, 3), 5, 3)
    sides = conv.settings(layer, conv.ours)
    begin, after = conv.draw(layer), sides["call"](conv.BLOCK)
    first = conv.chained(functools.partial(conv.step, layer, conv.xlas), begin)(1)
    for i, four in enumerate(sides["vmap"](1)):
        for one in four:
            np.testing.assert_allclose(one, first[i], atol=1e-5)
        assert np.abs(first[i] - begin[i]).max() > 1e-3
    for i, found in enumerate(sides["scan"](1)):
        np.testing.assert_allclose(found, after[i], atol=1e-5)
    theirs = conv.torch_side(layer, begin)(conv.BLOCK)
    for tensor, expected in zip(theirs, conv.to_torch(layer, after), strict=True):
        np.testing.assert_allclose(tensor.detach(), expected, atol=1e-5)


def test_it_writes_the_common_form(load, tmp_path, monkeypatch, capsys):
    conv, twins = load("conv"), load("conv_twins")
    layer = conv.Layer("tiny", (2, 6, 6, 2), 3, 3)
    pool = conv.Layer("tiny pool", (2, 6, 6, 2), 2, 2, 2, "max_pool")
    monkeypatch.setattr(conv, "LAYERS", (layer, pool))
    sides = dict.fromkeys(("call", "scan", "vmap"), lambda steps: time.sleep(1e-4))
    monkeypatch.setattr(conv, "settings", lambda layer, apply: sides)
    monkeypatch.setattr(conv, "training_loop", lambda *args: sides["call"])
    monkeypatch.setattr(conv, "product_rate", lambda config: 1e9)

    def small(case):
        state = types.SimpleNamespace(
            **dict(zip(("gen_params", "disc_params"), initial(case), strict=False)),
            params=initial(case)[0],
        )
        experiment = case.experiment._replace(init=lambda *args: state)
        return case._replace(experiment=experiment)

    gan = dict(batch_size=4, base_channels=4)
    nets = {
        "tiny net": small(twins.lenet_case("modern", batch_size=4)),
        "tiny GAN": small(twins.dcgan_case("mnist", **gan)),
    }
    cases = {name: lambda case=case: case for name, case in nets.items()}
    monkeypatch.setattr(conv, "CASES", cases)
    data = load("harness").Data(minibatch(load, nets["tiny net"], 8)[0])
    monkeypatch.setattr(conv, "make_data", lambda shape: data)
    file = tmp_path / "rows.json"
    flags = f"--only tiny --repeats 2 --seconds 1e-9 --json {file}".split()
    assert conv.main(flags) == 0
    rows = json.loads(file.read_text())["rows"]
    compared = [row for row in rows if "peer" in row]
    assert len(compared) == 5 + 5 + 3 + 3
    for row in compared:
        assert row["speedup"] == row["peer_seconds"] / row["ours_seconds"] > 0
    one, block, four = (
        next(row for row in rows if row["case"] == f"tiny, {setting}")
        for setting in ("call", "scan", "vmap")
    )
    assert block["ours_seconds"] < 0.7 * one["ours_seconds"]  # a step of several
    assert four["flop"] == 4 * one["flop"] == 4 * layer.flop
    ratio = four["ours_seconds"] / one["ours_seconds"]
    assert math.isclose(four["vmap4_over_one"], ratio)
    rate = one["flop"] / one["ours_seconds"] / 1e9
    assert math.isclose(one["fraction_of_matmul_rate"], rate)
    assert "largest of the layers" in capsys.readouterr().out


def test_a_slow_side_is_timed_apart(load, monkeypatch):
    conv = load("conv")
    seconds = iter([2.5, 0.1])
    monkeypatch.setattr(conv, "_seconds", lambda side: next(seconds))
    config = conv.Config(repeats=2, seconds=1e-9)
    times = conv.time_sides({"slow": None, "quick": lambda steps: None}, config)
    np.testing.assert_array_equal(times["slow"], [2.5])
    assert len(times["quick"]) == 2


@pytest.mark.parametrize(
    ("flags", "said"),
    [("--repeats 0", "repeats is 0"), ("--only nothing", "leaves nothing to time")],
)
def test_nothing_to_time_is_refused(load, capsys, flags, said):
    assert load("conv").main(flags.split()) == 2
    assert said in capsys.readouterr().err
