"""Measures of a Boltzmann machine on a few pictures, against loops."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data.load import Images, Split
from jaxdl.measures.binary_pixels import held_out_pixels
from jaxdl.models import rbm
from jaxdl.systems.rbm import measures
from jaxdl.systems.rbm.annealed_importance_sampling import AisEstimate
from jaxdl.systems.rbm.likelihood import exact_log_likelihood
from jaxdl.systems.rbm.measures import make_rbm_evaluate, rbm_protocols, reconstruct


def split(num, seed):
    image = np.random.default_rng(seed).integers(0, 256, (num, 2, 3, 1), np.uint8)
    return Split(jnp.asarray(image), jnp.zeros(num, jnp.int32))


DATA = Images(split(9, 0), split(4, 1), split(5, 2), "tiny", "")
init_rbm = jax.jit(rbm.init_rbm, static_argnums=(1, 2))
PARAMS = jax.jit(
    lambda key: jax.tree.map(lambda x: 20 * x - 0.2, rbm.init_rbm(key, 6, 3))
)(jax.random.key(0))
STATE = types.SimpleNamespace(params=PARAMS)


def pixels(part):
    return np.asarray(part.image).reshape(-1, 6) / 255


def test_measures_between_blocks():
    evaluate = make_rbm_evaluate(50, 50)
    values = evaluate(STATE, DATA, jax.random.key(0), False)
    w, b, c = (np.asarray(PARAMS[k]) for k in ("kernel", "visible_bias", "hidden_bias"))

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def free_energy(v):
        return -v @ b - np.log1p(np.exp(v @ w + c)).sum(1)

    held_out, seen = pixels(DATA.validation), pixels(DATA.train)[:4]
    hidden = sigmoid(held_out @ w + c)
    errors = ((sigmoid(hidden @ w.T + b) - held_out) ** 2).sum(1)
    energies = free_energy(held_out).mean(), free_energy(seen).mean()
    expected = {
        "reconstruction_error": errors.mean(),
        "free_energy_validation": energies[0],
        "free_energy_train": energies[1],
        "free_energy_gap": energies[0] - energies[1],
        "active_share": hidden.mean(),
    }
    assert values.keys() == expected.keys()
    for name, value in expected.items():
        assert float(values[name]) == pytest.approx(value, abs=1e-5), name


def test_final_measures_use_the_test_split_and_the_exact_sum_where_there_is_one():
    evaluate = make_rbm_evaluate(50, 50)
    first, again = (
        evaluate(STATE, DATA, jax.random.key(seed), True) for seed in (0, 1)
    )
    bits = held_out_pixels(DATA.test.image, "test")
    expected = np.mean(jax.jit(exact_log_likelihood)(PARAMS, bits))
    for values in (first, again):  # the same images and log Z for every seed
        assert float(values["test_log_likelihood"]) == pytest.approx(
            float(expected), abs=1e-5
        )
        assert abs(float(values["ais_error_in_se"])) < 4
    assert float(first["log_partition"]) != float(again["log_partition"])
    distance = float(first["log_partition"] - first["log_partition_exact"])
    in_se = distance / float(first["log_partition_error"])
    assert float(first["ais_error_in_se"]) == pytest.approx(in_se, abs=0.01)


def test_a_wide_machine_is_measured_by_its_estimate():
    image = np.random.default_rng(0).integers(0, 256, (3, 5, 5, 1), np.uint8)
    part = Split(jnp.asarray(image), jnp.zeros(3, jnp.int32))
    data = Images(part, part, part, "tiny", "")
    params = init_rbm(jax.random.key(0), 25, 21)
    state = types.SimpleNamespace(params=params)
    values = make_rbm_evaluate(10, 20)(state, data, jax.random.key(0), True)
    assert "log_partition_exact" not in values and "ais_error_in_se" not in values
    bits = held_out_pixels(part.image, "test")
    energy = np.mean(jax.jit(rbm.free_energy)(params, bits))
    expected = -float(energy) - float(values["log_partition"])
    assert float(values["test_log_likelihood"]) == pytest.approx(expected, rel=1e-5)


def test_reconstruction_has_the_form_of_its_input():
    assert reconstruct(PARAMS, jnp.ones((7, 6))).shape == (7, 6)


def test_protocol_says_where_log_z_comes_from():
    fields = dict(method="pcd")
    for exact, word in ((True, "enumerated"), (False, "annealed")):
        protocol = rbm_protocols(DATA, fields, exact, 7, 2_000)
        protocol = protocol["test_log_likelihood"]
        assert word in protocol["log_partition"] and protocol["method"] == "pcd"
        assert ("7 chains, 2,000 steps" in protocol["log_partition"]) is not exact
        assert protocol["test_images"] == 5 and protocol["train_images"] == 9


def test_chains_begin_at_the_mean_of_training(monkeypatch):
    """Its log-odds, and no pixel is certain: 0 counts as 0.01, 255 as 0.99."""
    seen = []

    def annealed(key, params, *, num_chains, num_steps, base_visible_bias):
        seen.append((num_chains, num_steps))
        rest = {name: base_visible_bias for name in AisEstimate._fields}
        rest |= dict(log_partition=0.0, standard_error=1.0)
        return AisEstimate(**rest)

    monkeypatch.setattr(measures, "annealed_importance_sampling", annealed)
    image = np.asarray(DATA.train.image).reshape(9, 6).copy()
    image[:, 0], image[:, 1] = 0, 255
    train = Split(jnp.asarray(image).reshape(9, 2, 3, 1), DATA.train.label)
    data = Images(train, DATA.validation, DATA.test, "tiny", "")
    values = make_rbm_evaluate(7, 11)(STATE, data, jax.random.key(0), True)
    p = (image / 255).mean(axis=0).clip(0.01, 0.99)
    found = values["ais_effective_chains"]
    np.testing.assert_allclose(found, np.log(p / (1 - p)), rtol=1e-4)
    assert seen == [(7, 11)]
