"""Every kind of step carries the state of its optimizer on: Adam against NumPy.

Losses are linear, so that the gradient of a step is the number that it is given; after
the first step Adam's next one depends on all those before.
"""

import types

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.adversarial.state import GanState
from jaxdl.adversarial.step import make_gan_step
from jaxdl.systems.char_lm.truncated_bptt import CarriedState, make_carried_step
from jaxdl.systems.gan_modes.step import make_simultaneous_step
from jaxdl.systems.gan_modes.unrolled import make_unrolled_generator_loss
from jaxdl.systems.greedy_pretraining.greedy import GreedyState, make_greedy_step
from jaxdl.systems.long_lag.stopping_rule import make_stopping_init, make_stopping_step
from jaxdl.systems.rbm.persistent_chains import ChainState, make_chain_step
from jaxdl.systems.rnn_memory.training import make_training
from jaxdl.systems.xor.ensemble import Ensemble, make_ensemble_step
from jaxdl.train.state import TrainState
from jaxdl.train.step import make_train_step
from jaxdl.types import Model

SLOPES = 1.0, -3.0, 0.5, 2.0
OPTIMIZER = optax.adam(0.1)
KEY, START = jax.random.key(0), jnp.float32(0.0)


def adam(slopes, rate=0.1, beta_1=0.9, beta_2=0.999, eps=1e-8):
    """Where Adam comes to from 0 (Kingma & Ba 2015, algorithm 1)."""
    first = second = moved = 0.0
    for t, slope in enumerate(slopes, start=1):
        first = beta_1 * first + (1 - beta_1) * slope
        second = beta_2 * second + (1 - beta_2) * slope**2
        unbiased = first / (1 - beta_1**t), second / (1 - beta_2**t)
        moved -= rate * unbiased[0] / (np.sqrt(unbiased[1]) + eps)
    return moved


def linear(params, batch, *others):
    """A loss of slope `batch`; the key, or what else there is, does nothing."""
    return params * batch, {}


def train():
    step = make_train_step(linear, OPTIMIZER)
    state = TrainState(KEY, START, OPTIMIZER.init(START))
    return step, state, SLOPES, lambda state: state.params


def greedy():
    step = make_greedy_step(linear, lambda below, batch: batch, OPTIMIZER)
    state = GreedyState((), TrainState(KEY, START, OPTIMIZER.init(START)))
    return step, state, SLOPES, lambda state: state.top.params


def chains():
    step = make_chain_step(linear, lambda key, params, chains: chains, OPTIMIZER)
    state = ChainState(KEY, START, OPTIMIZER.init(START), START)
    return step, state, SLOPES, lambda state: state.params


def carried():
    def loss_fn(params, carry, batch):
        return params * batch, (carry, {})

    step = make_carried_step(loss_fn, OPTIMIZER)
    state = CarriedState(START, OPTIMIZER.init(START), START)
    return step, state, SLOPES, lambda state: state.params


def stopping():
    def scores(params, batch):
        errors = params * batch
        return types.SimpleNamespace(errors=errors, correct=errors > jnp.inf)

    step = make_stopping_step(scores, OPTIMIZER, max_error=0.0)
    model = Model(lambda key: START, lambda params, x: x)
    state = make_stopping_init(model, OPTIMIZER, 4)(KEY, None, None)
    batches = [jnp.full(2, slope) for slope in SLOPES]
    return step, state, batches, lambda state: state.params


def ensemble():
    def value_and_grad_fn(params, batch):
        return params * batch, batch

    step = make_ensemble_step(value_and_grad_fn, OPTIMIZER, shared_batch=True)
    start = jnp.zeros(2)
    state = Ensemble(start, jax.vmap(OPTIMIZER.init)(start))
    return step, state, list(map(jnp.float32, SLOPES)), lambda state: state.params[1]


def game(make_step):
    """Both players have linear losses; the discriminator's are twice as steep."""

    def gen_loss_fn(params, other, batch, key):
        return params * batch, {}

    def disc_loss_fn(params, other, batch, key):
        return 2 * params * batch, {}

    step = make_step(gen_loss_fn, disc_loss_fn, OPTIMIZER, optax.adam(0.1, b1=0.5))
    opt_state = OPTIMIZER.init(START)
    state = GanState(KEY, START, START, opt_state, opt_state)
    batches = [jnp.full(1, slope) for slope in SLOPES]
    return step, state, batches, lambda state: state.gen_params


def memory():
    """The cross-entropy of a bit at 0, with logits that do not move: slope 1/2."""
    model = Model(
        lambda key: {"w": START},
        lambda params, x: (params["w"] - jax.lax.stop_gradient(params["w"])) * x,
    )
    init, step = make_training(model, OPTIMIZER)
    batches = [
        types.SimpleNamespace(inputs=jnp.full(1, 2 * x), targets=jnp.zeros(1))
        for x in SLOPES
    ]
    return step, init(KEY, None, None), batches, lambda state: state.params["w"]


STEPS = {
    "train": train,
    "greedy": greedy,
    "chains": chains,
    "carried": carried,
    "stopping": stopping,
    "ensemble": ensemble,
    "alternating": lambda: game(make_gan_step),
    "simultaneous": lambda: game(make_simultaneous_step),
    "memory": memory,
}


@pytest.mark.parametrize("name", STEPS)
def test_adam_goes_on_from_step_to_step(name):
    step, state, batches, params_of = STEPS[name]()
    for number, batch in enumerate(batches, start=1):
        state, _ = step(state, batch)
        expected = adam(SLOPES[:number])
        np.testing.assert_allclose(params_of(state), expected, rtol=2e-5)
    if name in ("alternating", "simultaneous"):
        expected = adam(2 * np.array(SLOPES), beta_1=0.5)
        np.testing.assert_allclose(state.disc_params, expected, rtol=2e-5)


@pytest.mark.parametrize("name", ["alternating", "simultaneous"])
def test_adam_goes_on_between_the_discriminators_steps(name):
    step, state, _, _ = STEPS[name]()
    for batch in (jnp.array([1.0, -3.0]), jnp.array([0.5, 2.0])):
        state, _ = step(state, batch)
    expected = adam(2 * np.array(SLOPES), beta_1=0.5)
    np.testing.assert_allclose(state.disc_params, expected, rtol=2e-5)


def test_unrolled_steps_go_on_from_the_discriminators_own():
    """The generator's loss is where Adam takes the discriminator, slopes being 1."""

    def gen_loss_fn(params, disc_params, batch, key):
        return disc_params + 0 * params, {}

    def disc_loss_fn(params, other, batch, key):
        return params * batch, {}

    updates, opt_state = OPTIMIZER.update(jnp.float32(-3.0), OPTIMIZER.init(START))
    loss_fn = make_unrolled_generator_loss(gen_loss_fn, disc_loss_fn, OPTIMIZER, 3)
    disc = START + updates, opt_state
    loss, _ = loss_fn(START, disc, jnp.float32(1.0), KEY)
    np.testing.assert_allclose(loss, adam([-3.0, 1.0, 1.0, 1.0]), rtol=2e-5)
