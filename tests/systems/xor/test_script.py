"""The functions of experiments/xor.py, and the whole at a size that learns."""

import contextlib
import dataclasses
import io
import json
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from PIL import Image

from jaxdl.ops import ACTIVATIONS
from jaxdl.systems.xor.data import xor_table
from jaxdl.train.seeds import scan_block, seed_keys

SCRIPT = Path(__file__).resolve().parents[3] / "experiments" / "xor.py"


@pytest.fixture(scope="module")
def xor(load_script):
    return load_script(SCRIPT)


def trained(xor, steps, **fields):
    """Parameters before, and those after `steps`.

    NumPy draws the former: compiling `init` takes a second.
    """
    experiment = xor.make_experiment(xor.Config(**fields), xor_table())
    data, keys, rng = xor_table(), seed_keys(0), np.random.default_rng(0)
    state = jax.eval_shape(experiment.init, keys.init, None, None)
    before = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), state)
    before = before._replace(
        params=jax.tree.map(
            lambda leaf: jnp.asarray(rng.normal(0, 0.5, leaf.shape), leaf.dtype),
            state.params,
        )
    )
    block = scan_block(experiment.batch, experiment.step)
    advance = jax.jit(block, static_argnames="length")
    after, _ = advance(before, data, keys.batch, 0, length=steps)
    return before.params, after.params


def evaluated(xor, steps, **fields):
    """What is found of nets after `steps`."""
    _, params = trained(xor, steps, **fields)
    evaluate = xor.make_experiment(xor.Config(**fields), xor_table()).evaluate
    return evaluate(types.SimpleNamespace(params=params), xor_table(), None, True)


# Both engines

QUICK = ("sign", "relu", "tanh", "softmax", "maxout")  # the others take a second each
UPDATES = [("online", "tanh"), ("online", "maxout")]
UPDATES += [
    pytest.param("batch", name, marks=[] if name in QUICK else pytest.mark.slow)
    for name in ACTIVATIONS
]


@pytest.mark.parametrize(("update", "activation"), UPDATES)
def test_backprop_by_hand_and_jax_grad_train_alike(xor, update, activation):
    """The same 10 nets after 200 steps, in float64.

    Rounding alone sets them apart: measured at most 2e-14 (batch) and 4e-15 (online).
    """
    fields = dict(activations=(activation,), nets=10, update=update)
    with jax.enable_x64(True):
        _, by_hand = trained(xor, 200, engine="hand", **fields)
        before, by_grad = trained(xor, 200, engine="grad", **fields)
    for leaves in zip(*map(jax.tree.leaves, (by_hand, by_grad)), strict=True):
        assert leaves[0].dtype == np.float64
        np.testing.assert_allclose(*leaves, rtol=0, atol=1e-12)
    assert np.abs(by_hand[1]["kernel"] - before[1]["kernel"]).max() > 0.1


# Both rules


def numpy_descent(params, batches, learning_rate, momentum):
    """One tanh net with a sigmoid output, one step for each batch of (x, target)."""
    w1, b1 = params[0]["kernel"], params[0]["bias"]
    w2, b2 = params[1]["kernel"], params[1]["bias"]
    velocity = [0.0] * 4
    for x, target in batches:
        sums = [np.zeros_like(leaf) for leaf in (w1, b1, w2, b2)]
        for x_n, target_n in zip(x, target, strict=True):
            h = np.tanh(x_n @ w1 + b1)
            out = 1 / (1 + np.exp(-(h @ w2 + b2)))
            delta2 = (out - target_n) * out * (1 - out)
            delta1 = (w2 @ delta2) * (1 - h**2)
            grads = np.outer(x_n, delta1), delta1, np.outer(h, delta2), delta2
            sums = [total + grad for total, grad in zip(sums, grads, strict=True)]
        velocity = [
            momentum * v + g / len(x) for v, g in zip(velocity, sums, strict=True)
        ]
        moves = zip((w1, b1, w2, b2), velocity, strict=True)
        w1, b1, w2, b2 = (leaf - learning_rate * v for leaf, v in moves)
    return [{"kernel": w1, "bias": b1}, {"kernel": w2, "bias": b2}]


@pytest.mark.parametrize("momentum", [None, 0.5])
@pytest.mark.parametrize("update", ["batch", "online"])
def test_updates_equal_a_loop_in_numpy(xor, update, momentum):
    num_nets, steps = 3, 40
    fields = dict(nets=num_nets, update=update, momentum=momentum, learning_rate=0.7)
    with jax.enable_x64(True):
        before, after = trained(xor, steps, **fields)
        data, key = xor_table(), seed_keys(0).batch
        draw = xor.make_experiment(xor.Config(**fields), xor_table()).batch
        drawn = [draw(data, key, step) for step in range(steps)]
    inputs, targets = map(np.asarray, data.train)
    for i in range(num_nets):
        batches = [(inputs, targets)] * steps
        if update == "online":
            batches = [(np.asarray(b.input[i]), np.asarray(b.target[i])) for b in drawn]
        first, last = (
            jax.tree.map(lambda leaf, i=i: np.asarray(leaf[i]), params)
            for params in (before, after)
        )
        expected = numpy_descent(first, batches, 0.7, momentum or 0)
        for found, wanted in zip(*map(jax.tree.leaves, (last, expected)), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


def test_online_draws_one_example_for_each_net(xor):
    draw = xor.make_experiment(xor.Config(nets=500, update="online"), xor_table()).batch
    data = xor_table()
    batches = [draw(data, seed_keys(0).batch, step) for step in range(8)]
    counts = []
    for batch in batches:
        assert batch.input.shape == (500, 1, 2) and batch.target.shape == (500, 1, 1)
        a, b = np.asarray(batch.input[:, 0], int).T
        np.testing.assert_array_equal(batch.target[:, 0, 0], a ^ b)
        counts.append(np.bincount(2 * a + b, minlength=4))
    assert scipy.stats.chisquare(np.sum(counts, axis=0)).pvalue > 1e-3
    assert len({str(count) for count in counts}) > 1  # other ones at each step


# What can be learned


@pytest.mark.parametrize(("hidden_size", "update"), [(8, "batch"), (2, "online")])
def test_linear_units_never_solve_it(xor, hidden_size, update):
    fields = dict(activations=("linear",), hidden_sizes=(hidden_size,), update=update)
    found = evaluated(xor, 1000, nets=500, **fields)
    assert found["solved"] == found["solved_low"] == 0 < found["solved_high"] < 0.01
    # All four outputs 1/2 is the best it finds: E = 1/8; online it stays around it.
    assert float(found["loss"]) == pytest.approx(
        0.125, rel=1e-3 if update == "batch" else 0.2
    )


def test_two_tanh_units_solve_it_two_times_in_three(xor):
    found = evaluated(xor, 2000, nets=500)
    assert 0.6 < found["solved_low"] < found["solved"] < found["solved_high"] < 0.78
    quantiles = np.asarray(found["loss_quantiles"])
    assert (np.diff(quantiles) >= 0).all() and quantiles[0] < 0.001
    assert quantiles[0] < found["loss"] < quantiles[-1]


@pytest.mark.parametrize("activation", ["unit_step", "sign"])
def test_steps_learn_in_the_output_layer_only(xor, activation):
    """Their derivative is 0: the hidden layer stays as it was drawn."""
    before, after = trained(xor, 20, activations=(activation,), nets=10)
    np.testing.assert_array_equal(before[0]["kernel"], after[0]["kernel"])
    np.testing.assert_array_equal(before[0]["bias"], after[0]["bias"])
    assert (before[1]["kernel"] != after[1]["kernel"]).any()


def test_nets_are_drawn_one_by_one(xor):
    """Normal, deviation 1/2, in every place; no two alike."""
    experiment = xor.make_experiment(
        xor.Config(hidden_sizes=(3,), nets=400), xor_table()
    )
    state = jax.jit(experiment.init)(seed_keys(0).init, None, None)
    leaves = [np.asarray(leaf).reshape(400, -1) for leaf in jax.tree.leaves(state)]
    weights = np.concatenate(leaves, axis=1)
    assert weights.shape == (400, 2 * 3 + 3 + 3 + 1)
    assert len(np.unique(weights, axis=0)) == 400
    assert scipy.stats.kstest(weights.ravel(), "norm", (0, 0.5)).pvalue > 1e-3


# Several combinations


@pytest.fixture(scope="module")
def swept(xor, tmp_path_factory):
    folder = tmp_path_factory.mktemp("xor") / "sweep"
    argv = "--steps 20 --nets 40 --activations linear gelu".split()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert xor.main([*argv, "--out", str(folder)]) == 0
    return argv, folder, printed.getvalue()


def test_sweep(xor, swept):
    _, folder, _ = swept
    result = json.loads((folder / "result.json").read_text())
    names = ["linear-2", "gelu-2"]
    assert list(result["cases"]) == names
    for name, case in result["cases"].items():
        activation, size = name.split("-")
        assert case["config"]["activations"] == [activation]
        assert case["config"]["hidden_sizes"] == [int(size)]
        assert case["metrics"]["solved"]["protocol"] == {}  # no row for each
        found = {p.stem for p in (folder / name / "figures").iterdir()}
        assert found == {"regions", "loss"}
    picture = Image.open(folder / "figures" / "solved.png")
    assert picture.width == 1000 and np.asarray(picture.convert("L")).std() > 5


def test_all_means_every_activation_once(xor):
    cfg = xor.Config(activations=("tanh", "all"), hidden_sizes=(2, 3, 2))
    name, work, _, cfg = xor.plan(cfg)
    names = [f"{name}-{size}" for name in ACTIVATIONS for size in (2, 3)]
    assert name == "xor" and list(work.cases) == names
    assert cfg.activations == tuple(ACTIVATIONS) and cfg.hidden_sizes == (2, 3)


# Bad input

BAD = [
    ("--activations tahn", "is tahn: expected one of"),
    ("--activations", "activations"),
    ("--hidden-sizes 2 0", "hidden_sizes is 0: expected 1 or more"),
    ("--hidden-sizes two", "two"),
    ("--nets 0", "nets is 0: expected 1 or more"),
    ("--update sometimes", "is sometimes: expected one of"),
    ("--engine foot", "is foot: expected one of"),
    ("--learning-rate 0", "learning_rate is 0.0: expected a finite number above 0"),
    ("--learning-rate nan", "learning_rate is nan: expected a finite number, 0"),
    ("--momentum 1", "momentum is 1.0: expected 0 to below 1"),
    ("--momentum -0.1", "momentum is -0.1: expected 0 to below 1"),
    ("--batch-size 2", "batch-size"),
]


@pytest.mark.parametrize(("flags", "sentence"), BAD, ids=[flags for flags, _ in BAD])
def test_bad_flags(xor, flags, sentence, refused):
    assert sentence in refused(xor.main, flags.split())


def test_no_combination(xor):
    for name in ("activations", "hidden_sizes"):
        with pytest.raises(ValueError, match=f"{name} is empty"):
            dataclasses.replace(xor.Config(), **{name: ()})
