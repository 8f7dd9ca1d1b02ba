"""Each script's optimizer against the rule that its protocol names, written out.

Optimizers are taken where scripts hand them over. Of two parameters the second has a
constant gradient: so lengths are cut as a whole, and several steps tell momentum,
decay and a falling rate apart.
"""

import types
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.adversarial.networks import GAN
from jaxdl.data import adding, latch, load_images
from jaxdl.registry import find_system, load_script
from jaxdl.systems.char_lm.data import make_text
from jaxdl.systems.dcgan import training as dcgan_training
from jaxdl.systems.gan import training as gan_training
from jaxdl.systems.gan_theory import training as theory_training
from jaxdl.systems.gan_theory.data import annulus
from jaxdl.systems.transfer.data import featured_images
from jaxdl.types import Model

GRADIENTS = np.array([[3.0, 4.0], [0.3, 0.4], [-1.0, 0.4], [0.2, 0.4]])
START = np.array([0.5, -2.0])
STEPS = 4  # of the runs, which all gradients are
EVEN = np.ones(STEPS)
LINEAR = 1 - np.arange(STEPS) / STEPS
COSINE = (1 + np.cos(np.pi * np.arange(STEPS) / STEPS)) / 2
RATE = 0.25


def path(optimizer) -> np.ndarray:
    """Where the parameters come to, step by step."""

    def body(carry, gradient):
        params, state = carry
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), params

    start = jnp.asarray(START, jnp.float32)
    gradients = jnp.asarray(GRADIENTS, jnp.float32)

    @jax.jit
    def run(params):
        return jax.lax.scan(body, (params, optimizer.init(params)), gradients)[1]

    return np.asarray(run(start))


def descent(rates: Sequence[float], *, momentum=0.0) -> np.ndarray:
    """Gradient descent with Polyak's momentum."""
    params, velocity, found = START, np.zeros(2), []
    for rate, gradient in zip(rates, GRADIENTS, strict=True):
        velocity = momentum * velocity + gradient
        params = params - RATE * rate * velocity
        found.append(params)
    return np.array(found)


def adam(rates, *, beta_1=0.9, beta_2=0.999, decay=0.0, longest=np.inf) -> np.ndarray:
    """Adam (Kingma & Ba 2015), with decay as in AdamW, on gradients cut to a length."""
    params, first, second, found = START, np.zeros(2), np.zeros(2), []
    for t, (rate, gradient) in enumerate(zip(rates, GRADIENTS, strict=True), start=1):
        gradient = gradient * min(1, longest / np.linalg.norm(gradient))
        first = beta_1 * first + (1 - beta_1) * gradient
        second = beta_2 * second + (1 - beta_2) * gradient**2
        step = first / (1 - beta_1**t) / np.sqrt(second / (1 - beta_2**t))
        params = params - RATE * rate * (step + decay * params)
        found.append(params)
    return np.array(found)


PLACES = {
    "char_lm": "make_carried_step",
    "greedy_pretraining": "step.make_train_step",
    "lenet": "step.make_train_step",
    "long_lag": "make_stopping_step",
    "rbm": "make_training",
    "rnn_memory": "make_training",
    "transfer": "step.make_train_step",
    "vanishing_gradient": "step.make_train_step",
    "xor": "ensemble.make_ensemble_step",
}
"""Functions that scripts give their optimizers to."""


def handed_over(monkeypatch, name, fields, data):
    """The optimizer of a script's last phase."""
    script, seen = load_script(find_system(name)), []

    def take(*args, **options):
        seen.extend(x for x in args if isinstance(x, optax.GradientTransformation))
        return (abs, abs) if PLACES[name] == "make_training" else abs

    *modules, function = PLACES[name].split(".")
    module = getattr(script, *modules) if modules else script
    monkeypatch.setattr(module, function, take)
    kind = script.Adding if name == "long_lag" else script.Config
    cfg = kind(**dict(steps=STEPS, learning_rate=RATE) | fields)
    if name == "greedy_pretraining":
        script.make_phases(cfg, data)
    elif name == "vanishing_gradient":
        script.make_training(cfg, data)
    else:
        script.make_experiment(cfg, data)
    return seen[-1]


def data_of(name):
    if name == "char_lm":
        return make_text("toy", "ab" * 50)
    if name == "transfer":
        images = load_images("digits")
        return featured_images(images, images.test)
    if name == "long_lag":
        return adding(20)
    if name == "xor":
        return load_script(find_system(name)).xor_table()
    return latch(3) if name == "rnn_memory" else load_images("digits")


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        (
            "char_lm",
            dict(max_norm=0.7, batch_size=2, window=4),
            adam(COSINE, longest=0.7),
        ),
        ("greedy_pretraining", dict(cases=("sigmoid",)), descent(LINEAR, momentum=0.9)),
        ("greedy_pretraining", dict(cases=("relu",)), adam(LINEAR)),
        ("lenet", dict(weight_decay=0.3), adam(COSINE, decay=0.3)),
        ("long_lag", dict(net="paper", lag=20), descent(EVEN)),
        ("long_lag", dict(net="modern", lag=20), adam(EVEN)),
        ("rbm", {}, descent(LINEAR)),
        (
            "rnn_memory",
            dict(cells=("rnn",), lags=(3,), max_norm=0.7),
            adam(EVEN, longest=0.7),
        ),
        (
            "transfer",
            dict(methods=("small",), sizes=(10,), decay=0.3),
            adam(LINEAR, decay=0.3),
        ),
        ("vanishing_gradient", dict(cases=("tanh",)), descent(LINEAR)),
        (
            "xor",
            dict(activations=("tanh",), hidden_sizes=(2,), momentum=0.7),
            descent(EVEN, momentum=0.7),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_scripts(name, fields, expected, monkeypatch):
    optimizer = handed_over(monkeypatch, name, fields, data_of(name))
    np.testing.assert_allclose(path(optimizer), expected, atol=2e-5)


def of_players(monkeypatch, module, make):
    """The generator's and the discriminator's optimizer."""
    seen = []

    def make_gan_step(gen_loss_fn, disc_loss_fn, *optimizers):
        seen.extend(optimizers)
        return abs

    monkeypatch.setattr(module, "make_gan_step", make_gan_step)
    make()
    return seen


NETS = GAN(Model(abs, abs), Model(abs, abs), 3)


def test_theory(monkeypatch):
    """The discriminator's rate falls to a tenth."""
    script = load_script(find_system("gan_theory"))
    rates = dict(gen_learning_rate=RATE, disc_learning_rate=RATE)
    sizes = dict(num_layers=2, hidden_size=4, targets=("annulus",))
    cfg = script.Config(steps=STEPS, generators=("mlp",), **rates, **sizes)
    players = of_players(
        monkeypatch, theory_training, lambda: theory_training.make_game(cfg, annulus())
    )
    expected = adam(COSINE, beta_1=0.5, beta_2=0.99), adam(0.9 * COSINE + 0.1)
    for optimizer, one in zip(players, expected, strict=True):
        np.testing.assert_allclose(path(optimizer), one, atol=2e-5)


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_gan(kind, monkeypatch):
    cfg = types.SimpleNamespace(generator_loss="minimax", optimizer=kind, steps=STEPS)
    cfg.learning_rate, cfg.momentum, cfg.max_norm = RATE, 0.7, None
    cfg.disc_steps = 1
    make = gan_training.make_training
    players = of_players(monkeypatch, gan_training, lambda: make(cfg, NETS))
    one = dict(adam=adam(LINEAR, beta_1=0.7), sgd=descent(LINEAR, momentum=0.7))[kind]
    for optimizer in players:
        np.testing.assert_allclose(path(optimizer), one, atol=2e-5)


def test_dcgan(monkeypatch):
    cfg = types.SimpleNamespace(networks="mlp", learning_rate=RATE, momentum=0.7)
    make = dcgan_training.make_training
    players = of_players(monkeypatch, dcgan_training, lambda: make(cfg, NETS))
    for optimizer in players:
        expected = adam(EVEN, beta_1=0.7)
        np.testing.assert_allclose(path(optimizer), expected, atol=2e-5)
