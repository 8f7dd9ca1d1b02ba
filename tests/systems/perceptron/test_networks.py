import functools
import itertools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.systems.perceptron import learning
from jaxdl.systems.perceptron.data import (
    GATES,
    boolean_functions,
    load_boolean_functions,
    shuffled_tables,
)
from jaxdl.systems.perceptron.networks import (
    check_labels,
    ensemble_epoch,
    epoch,
    init_ensemble,
    novikoff_bound,
    num_right,
    predict,
    update,
)

SCRIPT = Path(__file__).resolve().parents[3] / "experiments" / "perceptron.py"
SEPARABLE = {2: 14, 3: 104, 4: 1882}
INPUTS2, LABELS2 = boolean_functions(2)

count_right = jax.jit(num_right)
bound_of = jax.jit(novikoff_bound)


@functools.cache
def compiled_once(variant, f):
    return variant(f)


def rosenblatt(weights, inputs, labels):
    """The rule as a loop over numbers: weights, mistakes, weights after each example.

    It is written with outputs: 1 above the line, -1 below, neither on it.
    """
    w, mistakes, path = list(map(int, weights)), 0, []
    for x, y in zip(inputs.tolist(), labels.tolist(), strict=True):
        z = sum(a * b for a, b in zip(w, x, strict=True))
        output = 1 if z > 0 else -1 if z < 0 else 0
        if output != y:
            mistakes += 1
            w = [a + b if y == 1 else a - b for a, b in zip(w, x, strict=True)]
        path.append(list(w))
    return w, mistakes, path


def random_examples(seed, num=12, size=5):
    rng = np.random.default_rng(seed)
    inputs = rng.integers(-6, 7, (num, size))
    return inputs, rng.choice([-1, 1], num), rng.integers(-3, 4, size)


# The rule


@pytest.mark.parametrize("dtype", [jnp.int16, jnp.int32, jnp.float32])
@pytest.mark.parametrize("seed", range(3))
def test_epoch_equals_a_loop(seed, dtype, variant):
    inputs, labels, weights = random_examples(seed)
    expected = rosenblatt(weights, inputs, labels)
    assert 0 < expected[1] < len(labels)
    arrays = (jnp.asarray(np.asarray(a, dtype)) for a in (weights, inputs, labels))
    found = compiled_once(variant, epoch)(*arrays)
    assert found.weights.dtype == dtype
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_update_by_hand():
    w, x = jnp.array([1, -2, 1]), jnp.array([1, 1, 1])
    # On the line: a mistake whatever the label.
    for label, after in ((1, [2, -1, 2]), (-1, [0, -3, 0])):
        found, mistake = update(w, x, jnp.int32(label))
        assert bool(mistake) and found.tolist() == after
    # On the positive side: a mistake only if it should be on the other one.
    w = jnp.array([1, -1, 1])
    found, mistake = update(w, x, jnp.int32(1))
    assert not mistake and found.tolist() == w.tolist()
    found, mistake = update(w, x, jnp.int32(-1))
    assert bool(mistake) and found.tolist() == [0, -2, 0]


def test_predict(variant):
    w = jnp.array([1.0, 1.0, -1.0])  # AND
    inputs = jnp.asarray(INPUTS2, jnp.float32)
    assert variant(predict)(w, inputs).tolist() == [-1, -1, -1, 1]
    assert variant(predict)(w, inputs.reshape(2, 2, 3)).tolist() == [[-1, -1], [-1, 1]]
    assert predict(jnp.zeros(3), inputs).tolist() == [0, 0, 0, 0]


def test_sums_do_not_wrap_around():
    w, x = jnp.full(4, 30_000, jnp.int16), jnp.ones(4, jnp.int8)
    assert predict(w, x) == 1
    assert predict(-w, x) == -1


def test_the_bias_is_needed():
    """Without the column of ones AND is not learned: lines go through the origin."""
    labels = LABELS2[:, GATES["AND"]]
    found, advance = {}, jax.jit(epoch)
    for size in (2, 3):
        weights, inputs = np.zeros(size, np.int32), INPUTS2[:, :size]
        for _ in range(50):
            weights, found[size], _ = advance(weights, inputs, labels)
    assert found[2] > 0 and found[3] == 0


# Many at once


@pytest.mark.parametrize("num_inputs", [2, 3, 4])
def test_ensemble_equals_loops(num_inputs):
    rng = np.random.default_rng(num_inputs)
    inputs, labels = boolean_functions(num_inputs)
    chosen = rng.permutation(labels.shape[1])[:16]
    labels = labels[:, chosen]
    ensemble = init_ensemble(num_inputs + 1, len(chosen))
    advance = jax.jit(ensemble_epoch)
    weights = np.zeros((len(chosen), num_inputs + 1), int)
    mistakes, last_mistake = np.zeros(len(chosen), int), np.zeros(len(chosen), int)
    for number in range(1, 5):
        order = rng.permutation(len(inputs))
        x, y = inputs[order], labels[order]
        ensemble, path = advance(ensemble, x, y, np.int32(number))
        path = np.asarray(path)
        for i in range(len(chosen)):
            weights[i], new, steps = rosenblatt(weights[i], x, y[:, i])
            np.testing.assert_array_equal(path[:, :, i], steps)
            mistakes[i] += new
            last_mistake[i] = number if new else last_mistake[i]
        np.testing.assert_array_equal(ensemble.weights, weights.T)
        np.testing.assert_array_equal(ensemble.mistakes, mistakes)
        np.testing.assert_array_equal(ensemble.last_mistake, last_mistake)
        right = [np.sum((x @ w) * y[:, i] > 0) for i, w in enumerate(weights)]
        found = count_right(ensemble.weights, x, y)
        assert found.tolist() == right


@pytest.fixture(scope="module")
def learned():
    """`learned(seed)`: ensembles of all functions after 40 epochs, by inputs."""
    data = load_boolean_functions(4)

    def train(data, key):
        def body(ensembles, i):
            batch = shuffled_tables(data, key, i)
            new = {
                n: ensemble_epoch(ensemble, *batch[n], i + 1)[0]
                for n, ensemble in ensembles.items()
            }
            return new, None

        start = {
            n: init_ensemble(int(n) + 1, table[1].shape[1])
            for n, table in data.tables.items()
        }
        return jax.lax.scan(body, start, jnp.arange(40))[0]

    # Here running is the cost.
    train = jax.jit(train, compiler_options={"xla_backend_optimization_level": 3})
    return lambda seed: train(data, jax.random.key(seed))


@pytest.mark.parametrize("seed", range(5))
def test_exactly_the_separable_functions_are_learned(learned, seed):
    for n, ensemble in learned(seed).items():
        converged = np.asarray(ensemble.last_mistake) < 40
        assert converged.sum() == SEPARABLE[int(n)]
        # Those have every example right, and none of the others has.
        inputs, labels = boolean_functions(int(n))
        right = np.asarray(count_right(ensemble.weights, inputs, labels))
        np.testing.assert_array_equal(right == len(inputs), converged)
    ensemble = learned(seed)["2"]
    converged = np.asarray(ensemble.last_mistake) < 40
    assert converged[GATES["AND"]] and converged[GATES["OR"]]
    xor, xnor = np.flatnonzero(~converged)
    assert xor == GATES["XOR"] and xnor == 15 - xor


def test_xor_never_has_more_than_three_right():
    """In every order of its four examples, kept up or changed, after every example."""
    labels = jnp.asarray(LABELS2[:, [GATES["XOR"]]])
    orders = jnp.array(list(itertools.permutations(range(4))))

    def advance(ensemble, order):
        x, y = jnp.asarray(INPUTS2)[order], labels[order]
        ensemble, path = ensemble_epoch(ensemble, x, y, jnp.int32(1))
        return ensemble, jax.vmap(num_right, (0, None, None))(path, x, y)

    @jax.jit
    @jax.vmap
    def best(first, second):
        order = orders[jnp.array([first, second, first, first, second])]
        return jax.lax.scan(advance, init_ensemble(3, 1), order)[1].max()

    pairs = jnp.array(list(itertools.product(range(24), repeat=2)))
    assert set(best(*pairs.T).tolist()) == {3}
    # Nor has any line at all, through a grid of weights.
    grid = np.array(list(itertools.product(range(-4, 5), repeat=3)))
    right = (grid @ INPUTS2.T) * LABELS2[:, GATES["XOR"]] > 0
    assert right.sum(axis=1).max() == 3


def test_16_bits_hold_what_32_hold(learned):
    data, key = load_boolean_functions(3), jax.random.key(3)
    ensemble = init_ensemble(4, 256)
    ensemble = ensemble._replace(weights=ensemble.weights.astype(jnp.int32))

    @jax.jit
    def advance(ensemble, i):
        return ensemble_epoch(ensemble, *shuffled_tables(data, key, i)["3"], i + 1)

    for i in range(40):
        ensemble, _ = advance(ensemble, jnp.int32(i))
    assert ensemble.weights.dtype == jnp.int32
    jax.tree.map(np.testing.assert_array_equal, ensemble, learned(3)["3"])


# Novikoff's bound


def test_bound_by_hand(variant):
    # AND: R^2 = 3, |w|^2 = 3, smallest margin 1.
    labels = jnp.asarray(LABELS2[:, GATES["AND"]])
    for scale in (1, 7, 0.5):
        w = jnp.asarray(scale * np.array([1.0, 1.0, -1.0]))
        of_variant = compiled_once(variant, novikoff_bound)
        bound = of_variant(w, jnp.asarray(INPUTS2), labels)
        np.testing.assert_allclose(bound, 9, rtol=1e-6)
    # A less central line: |w|^2 = 4 + 1 + 4, smallest margin 1, nothing else changes.
    w = np.array([2, 1, -2])
    np.testing.assert_allclose(bound_of(w, INPUTS2, labels), 27)


@pytest.mark.parametrize("w", [[-1, -1, 1], [1, 1, -2], [0, 0, 0], [1, 0, 0]])
def test_no_bound_without_separation(w):
    labels = LABELS2[:, GATES["AND"]]
    assert float(bound_of(np.array(w), INPUTS2, labels)) == np.inf


@pytest.mark.parametrize("seed", range(8))
def test_mistakes_stay_within_the_bound(seed):
    rng = np.random.default_rng(seed)
    w, inputs = rng.normal(size=4), rng.integers(-5, 6, (60, 4))
    inputs = inputs[np.abs(inputs @ w) > 0.5][:30]
    assert len(inputs) == 30
    labels = np.where(inputs @ w > 0, 1, -1)
    # In float64, beside the function.
    lengths = np.linalg.norm(inputs, axis=1)
    expected = (lengths.max() * np.linalg.norm(w) / np.abs(inputs @ w).min()) ** 2
    bound = bound_of(w, inputs, labels)
    np.testing.assert_allclose(bound, expected, rtol=1e-5)
    weights, mistakes, new = np.zeros(4), 0, 1
    while new:
        order = rng.permutation(len(inputs))
        weights, new, _ = rosenblatt(weights, inputs[order], labels[order])
        mistakes += new
        assert mistakes <= expected


# Bad input

X, Y, W = (jnp.asarray(a) for a in (INPUTS2, LABELS2[:, 8], np.zeros(3, int)))


@pytest.mark.parametrize("label", [0, 2, 0.5, np.nan])
def test_labels_are_minus_one_and_one(label):
    labels = np.float32(Y)
    labels[2] = label
    if float(label).is_integer():
        labels = labels.astype(np.int32)
    labels = jnp.asarray(labels)
    ensemble = init_ensemble(3, 1)
    sentence = f"a label is {label}.*: expected -1 or 1"
    for refuse in (
        lambda: check_labels(labels),
        lambda: epoch(W, X, labels),
        lambda: update(W, X[2], labels[2]),
        lambda: novikoff_bound(W, X, labels),
        lambda: ensemble_epoch(ensemble, X, labels[:, None], jnp.int32(1)),
    ):
        with pytest.raises(InputError, match=sentence):
            refuse()


@pytest.mark.parametrize(
    "call",
    [
        lambda: predict(W, X[:, :2]),
        lambda: predict(jnp.zeros((3, 1)), X),
        lambda: update(W, X[0, :2], Y[0]),
        lambda: update(W, X, Y[0]),
        lambda: epoch(W[:2], X, Y),
        lambda: epoch(W, X[:, :2], Y),
        lambda: epoch(W, X, Y[:3]),
        lambda: epoch(W, X, Y[:, None]),
        lambda: epoch(W, X[0], Y),
        lambda: epoch(W[:1], X, Y),
        lambda: novikoff_bound(W[:2], X, Y),
        lambda: novikoff_bound(W, X, Y[:3]),
        lambda: ensemble_epoch(init_ensemble(2, 1), X, Y[:, None], jnp.int32(1)),
    ],
)
def test_shapes_that_do_not_fit(call):
    with pytest.raises(InputError, match=r"have shape \(.*: expected"):
        call()


def test_labels_for_another_number_of_perceptrons():
    with pytest.raises(ValueError, match="inconsistent sizes"):
        ensemble_epoch(init_ensemble(3, 2), X, Y[:, None], jnp.int32(1))


# The script


@pytest.fixture(scope="module")
def main(load_script):
    return load_script(SCRIPT).main


def test_script(main, tmp_path):
    folder = tmp_path / "run"
    argv = "--inputs 3 --steps 30 --seeds 2 --seed 5 --out".split()
    assert main([*argv, str(folder)]) == 0
    result = json.loads((folder / "result.json").read_text())
    found = {name: metric["per_seed"] for name, metric in result["metrics"].items()}
    assert found == {
        "converged_2": [14, 14],
        "converged_3": [104, 104],
        "and_accuracy": [1, 1],
        "or_accuracy": [1, 1],
        "xor_best": [0.75, 0.75],
        "xor_ceiling": [0.75, 0.75],
        "certified": [1, 1],
        "within_bound": [1, 1],
    }
    assert result["executor"] == "sequential" and result["data"]["name"] == "boolean_3"
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").open()]
    assert lines[0]["train"]["converged_2"] == [0, 0]  # 0 is on every line: a mistake


def test_script_says_what_is_not_proved(main, tmp_path):
    """Weights 0 have learned nothing: the separable functions have no certificate."""
    folder = tmp_path / "run"
    assert main(["--inputs", "2", "--steps", "0", "--out", str(folder)]) == 0
    metrics = json.loads((folder / "result.json").read_text())["metrics"]
    assert metrics["converged_2"]["mean"] == 0 == metrics["xor_best"]["mean"]
    assert metrics["certified"]["mean"] == 2 / 16


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--inputs 5", "is 5: expected one of"),
        ("--inputs 1", "is 1: expected one of"),
        ("--batch-size 4", "batch_size is 4: expected 1 or less"),
        ("--steps 10000001", "steps is 10000001: expected 10000000 or less"),
        ("--steps -1", "steps is -1: expected 0 or more"),
    ],
)
def test_bad_flags(main, flags, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(flags.split()) == 2
    said = " ".join(word for word in capsys.readouterr().err.split() if word != "│")
    assert sentence in said and "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_the_best_of_all_epochs_is_kept():
    """A function that had all four right once keeps that, however it goes on."""
    ensembles = {"2": init_ensemble(3, 16)}
    state = learning.State(jnp.int32(0), ensembles, jnp.full(16, 4, jnp.int32))
    after, _ = jax.jit(learning.step)(state, {"2": (INPUTS2, LABELS2)})
    assert after.epoch == 1 and (after.best == 4).all()
    start = state._replace(best=jnp.zeros(16, jnp.int32))
    found, _ = jax.jit(learning.step)(start, {"2": (INPUTS2, LABELS2)})
    assert found.best.min() < 4


def test_the_script_shuffles_its_examples_and_has_a_protocol(load_script):
    script = load_script(SCRIPT)
    plan = script.plan(script.Config(inputs=2))
    experiment = script.make_experiment(plan.config, plan.data)
    assert experiment.protocols.keys() == {"converged_2"}
    batch = jax.jit(experiment.batch)
    found = [batch(plan.data, jax.random.key(0), step)["2"][0] for step in range(8)]
    assert any(not np.array_equal(found[0], other) for other in found[1:])


def test_a_mistake_more_than_the_bound_is_seen():
    """Where all have converged: the 14 that can be learned of 16, if none made more."""
    proved, bounds = learning.proofs("2")
    most = np.floor(np.where(proved.separable, bounds, 0)).astype(int)
    found = init_ensemble(3, 16)
    data = load_boolean_functions(2)
    for more, share in ((0, 14 / 16), (1, 0)):
        ensemble = found._replace(mistakes=jnp.asarray(most + more))
        best = jnp.zeros(16, jnp.int32)
        state = learning.State(jnp.int32(1), {"2": ensemble}, best)
        values = learning.evaluate(state, data, None, True)
        assert values["converged_2"] == 16 and values["within_bound"] == share
