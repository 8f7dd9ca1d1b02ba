"""The loss over a whole text, and what a model writes."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.systems.char_lm.measures import make_text_evaluate, sample, text_nats
from jaxdl.systems.char_lm.networks import char_lm

MODEL = char_lm(5, 6)
PARAMS = jax.jit(lambda key: jax.tree.map(lambda leaf: 3 * leaf, MODEL.init(key)))(
    jax.random.key(0)
)
KEY = jax.random.key(7)


@pytest.mark.parametrize("length", [2, 600], ids=str)
def test_loss_of_a_text_is_that_of_one_long_window(length):
    codes = jax.random.randint(jax.random.key(1), (length,), 0, 5)
    logits, _ = jax.jit(MODEL.apply)(PARAMS, codes[None, :-1])
    log_p = np.asarray(jax.nn.log_softmax(logits)[0], np.float64)
    expected = -log_p[np.arange(length - 1), codes[1:]].sum()
    sums = jax.jit(lambda codes: text_nats(MODEL.apply, PARAMS, codes))(codes)
    assert sums.shape == (-(-(length - 1) // 256),)
    assert sums.sum() == pytest.approx(expected, rel=1e-5)


def test_evaluation_in_nats_and_bits():
    codes = jax.random.randint(jax.random.key(1), (300,), 0, 5).astype(jnp.uint8)
    state = types.SimpleNamespace(params=jax.tree.map(jnp.zeros_like, PARAMS))
    data = types.SimpleNamespace(validation=codes)
    values = make_text_evaluate(MODEL.apply)(state, data, KEY, True)
    # Without weights every character has probability 1/5.
    assert values["validation_nats"] == pytest.approx(np.log(5), rel=1e-6)
    assert values["validation_bits"] == pytest.approx(np.log2(5), rel=1e-6)


def written(*keys, **options):
    """What each key's draw is."""
    prompt = jnp.array([1, 2, 0])
    write = jax.jit(lambda key: sample(key, MODEL.apply, PARAMS, prompt, **options))
    return [np.asarray(write(key)) for key in keys]


@pytest.fixture(scope="module")
def likeliest():
    """Twelve codes after the prompt, each from the whole text so far."""
    codes, apply = [1, 2, 0], jax.jit(MODEL.apply)
    for i in range(2, 14):
        padded = jnp.array([codes + [0] * (14 - i)])  # nothing sees what comes later
        codes.append(int(jnp.argmax(apply(PARAMS, padded)[0][0, i])))
    return codes[3:]


@pytest.mark.parametrize("temperature", [0.0, 1e-42], ids=str)
def test_cold_writing_takes_the_likeliest(temperature, likeliest):
    (found,) = written(KEY, length=12, temperature=temperature, num_samples=2)
    np.testing.assert_array_equal(found, [likeliest] * 2)


def test_characters_have_the_models_probabilities():
    logits, _ = jax.jit(MODEL.apply)(PARAMS, jnp.array([[1, 2, 0]]))
    expected = jax.nn.softmax(logits[0, -1] / 0.5)
    keys, options = (KEY, KEY, jax.random.key(8)), dict(length=2, temperature=0.5)
    first, again, other = written(*keys, **options, num_samples=20_000)
    shares = np.bincount(first[:, 0], minlength=5) / 20_000
    np.testing.assert_allclose(shares, expected, atol=0.015)  # four deviations
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("temperature", [-0.5, float("nan"), float("inf")], ids=str)
def test_temperatures_that_are_refused(temperature):
    with pytest.raises(InputError, match=f"temperature is {temperature}: expected 0"):
        written(KEY, length=1, temperature=temperature)


def test_an_empty_prompt():
    with pytest.raises(InputError, match="prompt is empty: expected at least one"):
        sample(KEY, MODEL.apply, PARAMS, jnp.zeros(0, jnp.int32), length=3)


def test_each_character_is_drawn_anew():
    """By a model that finds all characters equally likely."""

    def apply(params, codes, carry=0.0):
        return jnp.zeros((*codes.shape, 4)), jnp.float32(0.0)

    (codes,) = sample(jax.random.key(0), apply, None, jnp.zeros(1, int), length=60)
    assert np.bincount(codes, minlength=4).min() > 3
    assert len({(int(a), int(b)) for a, b in zip(codes, codes[1:], strict=False)}) > 9
