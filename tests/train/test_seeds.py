"""Executors: one after the other to the bit, all at once to rounding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy_experiment

from jaxdl.train.leaves import state_sha256
from jaxdl.train.seeds import (
    VMAP_FLOP,
    choose_executor,
    make_executor,
    scan_block,
    seed_keys,
    stack,
    step_flop,
    unstack,
)

CONFIG = toy_experiment.Config()
EXPERIMENT = toy_experiment.make_experiment(CONFIG)
FUNCTIONS = EXPERIMENT.init, EXPERIMENT.batch, EXPERIMENT.step
DATA = toy_experiment.examples()


def advanced(name, seeds, lengths):
    """States and metrics of some seeds after blocks of the given lengths."""
    executor = make_executor(name, *FUNCTIONS)
    keys = [seed_keys(seed) for seed in seeds]
    states = executor.init([key.init for key in keys], DATA, None)
    step, rows = 0, []
    for length in lengths:
        states, metrics = executor.advance(
            states, DATA, [key.batch for key in keys], step, length
        )
        rows.append(executor.fetch(metrics)["loss"])
        step += length
    return executor.split(states), np.concatenate(rows, axis=1)


def test_sequential_seeds_are_bit_equal_to_single_ones():
    together, losses = advanced("sequential", [3, 4, 5], [20, 20])
    for i, seed in enumerate([3, 4, 5]):
        (alone,), (loss,) = advanced("sequential", [seed], [20, 20])
        assert state_sha256(together[i]) == state_sha256(alone)
        np.testing.assert_array_equal(losses[i], loss)


def test_vmap_agrees_with_sequential_after_one_step():
    vectorised, losses = advanced("vmap", [3, 4, 5], [1])
    alone, expected = advanced("sequential", [3, 4, 5], [1])
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for left, right in zip(vectorised, alone, strict=True):
        np.testing.assert_array_equal(
            jax.random.key_data(left.key), jax.random.key_data(right.key)
        )
        np.testing.assert_allclose(left.weights, right.weights, atol=1e-5)


@pytest.mark.parametrize("name", ["sequential", "vmap"])
def test_the_length_of_blocks_changes_no_bit(name):
    expected, losses = advanced(name, [0, 1], [40])
    for lengths in ([1] * 40, [37, 3], [1, 1, 1, 37]):
        found, rows = advanced(name, [0, 1], lengths)
        np.testing.assert_array_equal(rows, losses)
        for left, right in zip(found, expected, strict=True):
            assert state_sha256(left) == state_sha256(right)


def test_a_block_equals_its_steps_by_hand():
    keys = seed_keys(7)
    state = EXPERIMENT.init(keys.init, DATA, None)
    block = scan_block(EXPERIMENT.batch, EXPERIMENT.step)
    found, metrics = block(state, DATA, keys.batch, 5, length=3)
    for i in range(3):
        batch = EXPERIMENT.batch(DATA, keys.batch, 5 + i)
        state, by_hand = EXPERIMENT.step(state, batch)
        np.testing.assert_allclose(metrics["loss"][i], by_hand["loss"], rtol=1e-6)
    np.testing.assert_allclose(found.weights, state.weights, rtol=1e-5, atol=1e-6)
    assert found.count == 3


def test_the_folds_of_a_key_are_all_different():
    keys = [key for seed in range(20) for key in seed_keys(seed)]
    words = {tuple(np.asarray(jax.random.key_data(key))) for key in keys}
    assert len(words) == 80


def test_keys_of_phases_are_none_of_the_folds_that_others_take():
    """Folds 0 to 3 of a seed's key are the first phase's, 4 is that of `--sample`."""
    others = [jax.random.fold_in(jax.random.key(3), i) for i in range(5)]
    phases = [seed_keys(3, phase)[0] for phase in range(1, 4)]
    folds = [jax.random.fold_in(key, i) for key in others for i in range(4)]
    taken = {tuple(np.asarray(jax.random.key_data(k))) for k in (*others, *folds)}
    assert all(tuple(np.asarray(jax.random.key_data(k))) not in taken for k in phases)


def test_stack_and_unstack():
    trees = [{"a": jnp.arange(3) + i, "k": jax.random.key(i)} for i in range(4)]
    for left, right in zip(unstack(stack(trees)), trees, strict=True):
        assert state_sha256(left) == state_sha256(right)


def test_previous_states_reach_init():
    def init(key, data, previous):
        del key, data
        return {"w": jnp.zeros(2) if previous is None else previous["w"] + 1}

    previous = [{"w": jnp.full(2, float(i))} for i in range(3)]
    keys = [seed_keys(i).init for i in range(3)]
    for name in ("sequential", "vmap"):
        executor = make_executor(name, init, EXPERIMENT.batch, EXPERIMENT.step)
        fresh = executor.split(executor.init(keys, DATA, None))
        later = executor.split(executor.init(keys, DATA, previous))
        for i in range(3):
            np.testing.assert_array_equal(fresh[i]["w"], 0)
            np.testing.assert_array_equal(later[i]["w"], i + 1)


def test_step_flop_counts_the_products():
    """Two products of [8, 16] x [16, 16]: forward, and the weights' gradient."""
    flop = step_flop(*FUNCTIONS, DATA, seed_keys(0).init)
    products = 2 * 2 * 8 * 16 * 16
    assert products < flop < 3 * products


def test_auto_is_a_function_of_the_work_alone():
    assert choose_executor(1, 1.0, "cpu") == "sequential"
    assert choose_executor(1, 1e12, "gpu") == "sequential"
    assert choose_executor(16, 10.0, "cpu") == "vmap"
    assert choose_executor(16, 1e9, "cpu") == "sequential"
    assert choose_executor(16, 1e9, "gpu") == "vmap"


@pytest.mark.parametrize("name", ["sequential", "vmap"])
def test_training_leaves_what_it_began_with(name):
    """A state that holds one array twice, and another of the phase before."""

    def init(key, data, previous):
        once = 2 * data
        return {"once": once, "again": once, "earlier": previous}

    def step(state, batch):
        return jax.tree.map(lambda x: x + batch, state), {"loss": batch}

    executor = make_executor(name, init, lambda data, key, step: data.mean(), step)
    data, earlier, keys = jnp.ones(3), jnp.full(3, 7.0), [seed_keys(0)]
    states = executor.init([keys[0].init], data, [earlier])
    states, _ = executor.advance(states, data, [keys[0].batch], 0, 2)
    (state,) = executor.split(states)
    np.testing.assert_array_equal(state["once"], np.full(3, 4.0))
    np.testing.assert_array_equal(state["again"], np.full(3, 4.0))
    np.testing.assert_array_equal(state["earlier"], np.full(3, 9.0))
    np.testing.assert_array_equal(data, np.ones(3))
    np.testing.assert_array_equal(earlier, np.full(3, 7.0))


def test_no_key_of_a_phase_is_a_fold_of_one_before():
    """Batches fold their key by the step: those folds belong to them alone."""

    def words(key):
        return tuple(jax.random.key_data(key).tolist())

    first = seed_keys(0)
    taken = {words(jax.random.fold_in(key, i)) for key in first for i in range(8)}
    taken |= {words(key) for key in first}
    later = [words(key) for phase in (1, 2, 3, 4) for key in seed_keys(0, phase)]
    assert len(set(later)) == 16 and not taken & {*later}


def test_auto_counts_the_work_of_all_seeds():
    flop = VMAP_FLOP / 10
    chosen = [choose_executor(num, flop, "cpu") for num in (10, 11)]
    assert chosen == ["vmap", "sequential"]
