"""What `jaxdl gradcheck` checks: every public differentiable function, at toy size.

A subject makes its own arguments from a key. Parameters are drawn anew rather than
initialised, for biases of zero and weights of 0.005 are special points. Functions that
draw random numbers are checked at a fixed key.
"""

import difflib
import math
import types
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.adversarial import losses as adversarial
from jaxdl.adversarial.networks import GAN, mlp_gan, with_mean_image
from jaxdl.adversarial.objectives import make_gan_losses
from jaxdl.errors import InputError
from jaxdl.gradcheck import backprop
from jaxdl.gradcheck.autoencoders import AUTOENCODERS
from jaxdl.gradcheck.boltzmann import BOLTZMANN
from jaxdl.gradcheck.check import LeafReport, check
from jaxdl.gradcheck.classifiers import CLASSIFIERS
from jaxdl.gradcheck.convolutions import CONVOLUTIONS
from jaxdl.gradcheck.coverage import NOT_DIFFERENTIABLE
from jaxdl.gradcheck.dcgan import DCGAN
from jaxdl.gradcheck.distributions import DISTRIBUTIONS
from jaxdl.gradcheck.finite_difference import STEP
from jaxdl.gradcheck.games import GAMES
from jaxdl.gradcheck.lenet import LENET
from jaxdl.gradcheck.problem import Case, draw_normals
from jaxdl.gradcheck.recurrences import RECURRENCES
from jaxdl.gradcheck.variational import VARIATIONAL
from jaxdl.models.mlp import Trace, forward, mlp
from jaxdl.models.sequence import lstm_1997_readout
from jaxdl.nn.dropout import Dropout
from jaxdl.nn.linen import from_linen
from jaxdl.objectives.classification import make_classification_loss
from jaxdl.ops import losses
from jaxdl.ops.activations import ACTIVATIONS, Activation, maxout
from jaxdl.systems.char_lm.networks import CharModel, char_lm
from jaxdl.systems.char_lm.objective import make_next_character_loss
from jaxdl.systems.gan.networks import paper_gan, small_gan
from jaxdl.types import Model, Params, PRNGKey


class Subject(NamedTuple):
    """Something to check.

    Attributes:
      name: by which the command selects it; "mlp[relu]" is one of several of "mlp".
      covers: the public things that it checks, as "module.name" without "jaxdl.".
      make: from a key to a function and its point, in float64.
    """

    name: str
    covers: tuple[str, ...]
    make: Callable[[PRNGKey], Case]


def _params(model: Model | CharModel, key: PRNGKey) -> Params:
    """Normal numbers in place of parameters; kernels keep the size of their inputs."""
    leaves, treedef = jax.tree.flatten(jax.eval_shape(model.init, key))
    draws = draw_normals(jax.random.fold_in(key, 0), *(leaf.shape for leaf in leaves))
    scales = [math.prod(leaf.shape[:-1]) ** -0.5 for leaf in leaves]
    return jax.tree.unflatten(treedef, map(jnp.multiply, draws, scales))


def _bytes(key: PRNGKey, shape: tuple[int, ...]) -> jax.Array:
    return jax.random.bits(key, shape, jnp.uint8)


# Activations


def _activation(row: Activation) -> Subject:
    """Points at random and, left out when it comes to it, every kink of the table."""

    def make(key):
        if not row.elementwise:
            (z,) = draw_normals(key, (3, 4))
            if row.kinks or row.pieces > 1:
                z = z.at[0, 0].set(z[0, 2])  # a tie between the pieces of a unit
        else:
            (z,) = draw_normals(key, (12,))
            kinks = jnp.asarray([*row.kinks, *row.second_kinks], z.dtype)
            z = jnp.concatenate([2 * z, kinks])

        def hand(cotangent, z):
            derivative = row.derivative(z)
            if row.elementwise:
                return (derivative * cotangent,)
            return (jnp.einsum("bij,bi->bj", derivative, cotangent),)

        return Case(row.fn, (z,), ("z",), row.analytic, hand)

    return Subject(row.name, (f"ops.activations.{row.fn.__name__}",), make)


def _maxout_of_three(key):
    (z,) = draw_normals(key, (2, 6))
    return Case(lambda z: maxout(z, num_pieces=3), (z,), ("z",))


# Losses and the game


def _half_squared_error(key):
    def hand(cotangent, outputs, targets):
        grads = cotangent[:, None] * (outputs - targets)
        return grads, -grads

    args = tuple(draw_normals(key, (4, 3), (4, 3)))
    names = ("outputs", "targets")
    return Case(losses.half_squared_error, args, names, True, hand)


def _softmax_cross_entropy(key):
    (logits,) = draw_normals(key, (4, 3))
    labels = jnp.array([0, 2, 1, 2])

    def fn(logits):
        return losses.softmax_cross_entropy(logits, labels)

    def hand(cotangent, logits):
        errors = jax.nn.softmax(logits) - jax.nn.one_hot(labels, 3)
        return (cotangent[:, None] * errors,)

    return Case(fn, (logits,), ("logits",), hand=hand)


def _game(fn: Callable, *grads: Callable) -> Callable[[PRNGKey], Case]:
    """A loss of logits; `grads` are d loss / d logit, of real (if any) and of fake."""
    names = ("real_logits", "fake_logits")[-len(grads) :]

    def make(key):
        def hand(cotangent, *logits):
            return tuple(cotangent * g(s) for g, s in zip(grads, logits, strict=True))

        return Case(
            fn, tuple(draw_normals(key, *[(5,)] * len(grads))), names, hand=hand
        )

    return make


# Gates and backprop by hand


def _gate(gate: backprop.Gate, *names: str) -> Callable[[PRNGKey], Case]:
    def make(key):
        def hand(cotangent, *inputs):
            return gate.backward(inputs, gate.forward(*inputs), cotangent)

        inputs = tuple(draw_normals(key, *[(4,)] * len(names)))
        return Case(gate.forward, inputs, names, True, hand)

    return make


def _net(key: PRNGKey, hidden: str, sizes=(3, 4, 3, 2)) -> tuple[Model, tuple]:
    model = mlp(list(sizes), hidden=hidden)
    x, targets = draw_normals(jax.random.fold_in(key, 1), (4, sizes[0]), (4, sizes[-1]))
    return model, (_params(model, key), x, targets)


def _mlp(hidden: str) -> Subject:
    """A net with squared error, held against the chain rule by hand."""

    def make(key):
        model, args = _net(key, hidden, (3, 4, 2))

        def fn(params, x, targets):
            return jnp.mean(losses.half_squared_error(model.apply(params, x), targets))

        def hand(cotangent, params, x, targets):
            del cotangent  # 1: the error is a scalar
            trace = forward(params, x, hidden=hidden)
            grads = (trace.activations[-1] - targets) / len(x)
            steps = backprop.backward(params, trace, grads, hidden=hidden)
            _, by_hand = backprop.squared_error_and_grad(
                params, x, targets, hidden=hidden
            )
            return by_hand, steps.activation_grads[0], -grads

        analytic = ACTIVATIONS[hidden].analytic
        return Case(fn, args, ("params", "x", "targets"), analytic, hand)

    return Subject(f"mlp[{hidden}]", ("models.mlp.mlp",), make)


def _forward(key):
    _, (params, x, _) = _net(key, "tanh")
    return Case(forward, (params, x), ("params", "x"), True)


def _backward(key):
    _, (params, x, grads) = _net(key, "sigmoid")

    def fn(params, preactivations, activations, grads):
        trace = Trace(preactivations, activations)
        return backprop.backward(params, trace, grads, hidden="sigmoid")

    args = (params, *forward(params, x, hidden="sigmoid"), grads)
    return Case(fn, args, ("params", "preactivations", "activations", "output_grads"))


def _squared_error_and_grad(key):
    _, args = _net(key, "silu")

    def fn(params, x, targets):
        return backprop.squared_error_and_grad(params, x, targets, hidden="silu")

    return Case(fn, args, ("params", "x", "targets"))


# Models and objectives


def _network(model_of: Callable[[], Model], in_size: int, *, draws: bool = False):
    """A model on two inputs; with a key of its own if it draws random numbers."""

    def make(key):
        model = model_of()
        (x,) = draw_normals(jax.random.fold_in(key, 1), (2, in_size))
        options = {"key": jax.random.fold_in(key, 2)} if draws else {}

        def fn(params, x):
            return model.apply(params, x, **options)

        return Case(fn, (_params(model, key), x), ("params", "x"))

    return make


def _gan(name: str, gan_of: Callable[[], GAN], latent_size: int) -> list[Subject]:
    room = "adversarial" if name == "mlp_gan" else "systems.gan"
    covers = (f"{room}.networks.{name}", "nn.linen.from_linen")
    generator = _network(lambda: gan_of().generator, latent_size)
    discriminator = _network(lambda: gan_of().discriminator, 4, draws=True)
    return [
        Subject(f"{name}[generator]", covers, generator),
        Subject(f"{name}[discriminator]", covers, discriminator),
    ]


def _toy_gan() -> GAN:
    return mlp_gan(4, latent_size=3, hidden_size=5)


def _with_mean_image(key):
    def fn(means):
        return with_mean_image({"out": {"bias": jnp.zeros(5)}}, means)["out"]["bias"]

    means = jax.nn.sigmoid(draw_normals(key, (5,))[0])
    return Case(fn, (means,), ("means",), hand=lambda c, m: (c / (m * (1 - m)),))


def _dropout(key):
    model = from_linen(Dropout(0.3), example=jnp.zeros((3, 4)))

    def fn(x):
        return model.apply({}, x, key=jax.random.fold_in(key, 1))

    return Case(fn, tuple(draw_normals(key, (3, 4))), ("x",))


def _gan_losses(player: int) -> Callable[[PRNGKey], Case]:
    def make(key):
        gan = _toy_gan()
        loss_fns = make_gan_losses(
            gan.generator.apply, gan.discriminator.apply, gan.latent_size
        )
        loss_key = jax.random.fold_in(key, 2)
        batch = types.SimpleNamespace(image=_bytes(key, (3, 2, 2, 1)))
        models = (gan.generator, gan.discriminator)
        own, other = (
            _params(models[i], jax.random.fold_in(key, i)) for i in (player, 1 - player)
        )

        def fn(own, other):
            return loss_fns[player](own, other, batch, loss_key)[0]

        names = ("gen_params", "disc_params")
        return Case(fn, (own, other), (names[player], names[1 - player]))

    return make


def _classification_loss(key):
    model = mlp([4, 3, 3])
    labels = jnp.array([0, 2, 1])
    batch = types.SimpleNamespace(image=_bytes(key, (3, 2, 2, 1)), label=labels)
    loss_fn = make_classification_loss(model.apply)

    def fn(params):
        return loss_fn(params, batch, key)[0]

    return Case(fn, (_params(model, key),), ("params",))


def _char_lm(key):
    """Two windows of a text, the second with the carry of the first.

    Of GRUs, which have forward mode; the other recurrences are checked by themselves.
    """
    model = char_lm(4, 3, cell="gru")
    codes = jnp.array([[0, 3, 1, 2], [2, 2, 0, 1]])

    def fn(params):
        first, carry = model.apply(params, codes[:, :2])
        second, carry = model.apply(params, codes[:, 2:], carry=carry)
        return first, second, model.memory(carry)

    return Case(fn, (_params(model, key),), ("params",))


def _lstm_1997_readout(key):
    """With the whole gradient: the truncated one is none."""
    model = lstm_1997_readout(2, 1, [0.0], truncated=False)
    (inputs,) = draw_normals(jax.random.fold_in(key, 1), (2, 3, 2))
    mask = jnp.array([[True, True, True], [True, True, False]])

    def fn(params, inputs):
        return model.apply(params, inputs, mask=mask)

    return Case(fn, (_params(model, key), inputs), ("params", "inputs"))


def _next_character_loss(key):
    model = char_lm(4, 3, cell="gru")
    codes = jnp.array([[0, 3, 1, 2], [2, 2, 0, 1]])
    batch = types.SimpleNamespace(
        inputs=codes[:, :3], targets=codes[:, 1:], fresh=jnp.array([True, False])
    )
    loss_fn = make_next_character_loss(model.apply)
    carry = jax.tree.map(lambda leaf: leaf.astype(float), model.initial_carry(2))

    def fn(params, carry):
        return loss_fn(params, carry, batch)[0]

    return Case(fn, (_params(model, key), carry), ("params", "carry"))


def _subjects() -> list[Subject]:
    def one(make: Callable[[PRNGKey], Case], *covers: str, name: str = "") -> Subject:
        return Subject(name or covers[0].rpartition(".")[2], covers, make)

    game, sigmoid = "adversarial.losses.", jax.nn.sigmoid
    objective = "adversarial.objectives.make_gan_losses"
    return [
        *map(_activation, ACTIVATIONS.values()),
        one(_maxout_of_three, "ops.activations.maxout", name="maxout[3 pieces]"),
        one(_half_squared_error, "ops.losses.half_squared_error"),
        one(_softmax_cross_entropy, "ops.losses.softmax_cross_entropy"),
        one(
            _game(
                adversarial.gan_value,
                lambda s: sigmoid(-s) / s.size,
                lambda s: -sigmoid(s) / s.size,
            ),
            game + "gan_value",
        ),
        one(
            _game(adversarial.discriminator_loss, lambda s: -sigmoid(-s), sigmoid),
            game + "discriminator_loss",
        ),
        one(
            _game(adversarial.minimax_generator_loss, lambda s: -sigmoid(s)),
            game + "minimax_generator_loss",
        ),
        one(
            _game(adversarial.non_saturating_generator_loss, lambda s: -sigmoid(-s)),
            game + "non_saturating_generator_loss",
        ),
        *(
            one(_game(fn, *grads), game + fn.__name__)
            for fn, *grads in (
                (
                    adversarial.least_squares_discriminator_loss,
                    lambda s: s - 1,
                    lambda s: s,
                ),
                (adversarial.least_squares_generator_loss, lambda s: s - 1),
                (
                    adversarial.hinge_discriminator_loss,
                    lambda s: -1.0 * (s < 1),
                    lambda s: 1.0 * (s > -1),
                ),
                (
                    adversarial.wasserstein_critic_loss,
                    lambda s: -jnp.ones_like(s),
                    jnp.ones_like,
                ),
                (adversarial.wasserstein_generator_loss, lambda s: -jnp.ones_like(s)),
            )
        ),
        one(_dropout, "nn.dropout.Dropout", "nn.linen.from_linen", name="dropout"),
        *(Subject(*row) for row in RECURRENCES),
        *(Subject(*row) for row in AUTOENCODERS),
        *(Subject(*row) for row in BOLTZMANN),
        *(Subject(*row) for row in CLASSIFIERS),
        *(Subject(*row) for row in CONVOLUTIONS),
        *(Subject(*row) for row in DISTRIBUTIONS),
        *(Subject(*row) for row in GAMES),
        *(Subject(*row) for row in DCGAN),
        *(Subject(*row) for row in LENET),
        *(Subject(*row) for row in VARIATIONAL),
        one(_forward, "models.mlp.forward"),
        *(_mlp(name) for name in ACTIVATIONS),
        *_gan("mlp_gan", _toy_gan, 3),
        *_gan("small_gan", lambda: small_gan(4), 32),
        *_gan("paper_gan", lambda: paper_gan(4), 100),
        one(_with_mean_image, "adversarial.networks.with_mean_image"),
        one(_gan_losses(0), objective, name="gan_losses[generator]"),
        one(_gan_losses(1), objective, name="gan_losses[discriminator]"),
        one(
            _classification_loss,
            "objectives.classification.make_classification_loss",
            name="classification_loss",
        ),
        one(
            _char_lm,
            "systems.char_lm.networks.char_lm",
            "systems.char_lm.networks.CharModel",
        ),
        one(
            _lstm_1997_readout,
            "models.sequence.lstm_1997_readout",
            "models.sequence.sequence_readout",
        ),
        one(
            _next_character_loss,
            "systems.char_lm.objective.make_next_character_loss",
            name="next_character_loss",
        ),
        one(_gate(backprop.add_gate, "x", "y"), "gradcheck.backprop.add_gate"),
        one(
            _gate(backprop.multiply_gate, "x", "y"), "gradcheck.backprop.multiply_gate"
        ),
        one(_gate(backprop.sigmoid_gate, "x"), "gradcheck.backprop.sigmoid_gate"),
        one(_backward, "gradcheck.backprop.backward"),
        one(_squared_error_and_grad, "gradcheck.backprop.squared_error_and_grad"),
    ]


SUBJECTS: dict[str, Subject] = {subject.name: subject for subject in _subjects()}
"""Every subject by name, room by room."""


def select(words: Sequence[str]) -> list[Subject]:
    """The subjects that words name, in the order of `SUBJECTS`; all without a word.

    A word is a subject's name ("mlp[relu]"), a function's ("mlp", "half_squared_error")
    or a module's ("ops", "ops.losses").

    Raises:
      InputError: for a word that names none, with names that are close to it.
    """
    chosen: set[str] = set()
    for word in words:
        found = [name for name, s in SUBJECTS.items() if word in _own_names(s)]
        found = found or [
            name
            for name, s in SUBJECTS.items()
            if any(f".{word}." in f".{cover}." for cover in s.covers)
        ]
        if not found:
            raise InputError(_unknown(word))
        chosen.update(found)
    return [s for name, s in SUBJECTS.items() if not words or name in chosen]


def _own_names(subject: Subject) -> set[str]:
    functions = {cover.rpartition(".")[2] for cover in subject.covers}
    return {subject.name, subject.name.partition("[")[0], *functions}


def _unknown(word: str) -> str:
    for name, reason in NOT_DIFFERENTIABLE.items():
        if word in (name, name.rpartition(".")[2]):
            return f"{name} has no derivative to check: {reason}"
    known = [
        part
        for s in SUBJECTS.values()
        for part in (s.name, s.name.partition("[")[0], *s.covers)
    ]
    close = difflib.get_close_matches(word, dict.fromkeys(known), n=4, cutoff=0.5)
    hint = f"; close to it: {', '.join(close)}" if close else ""
    return (
        f"no function is called {word!r}: expected the name of one that jaxdl "
        f"differentiates, or module:function for your own{hint}"
    )


def check_subject(
    subject: Subject, *, seed: int = 0, step: float = STEP
) -> list[LeafReport]:
    """`check` of a subject; its point depends on the seed and its name alone."""
    with jax.enable_x64(True):
        number = zlib.crc32(subject.name.encode()) % 2**31
        key = jax.random.fold_in(jax.random.key(seed), number)
        case = subject.make(jax.random.fold_in(key, 0))
    return check(subject.name, case, jax.random.fold_in(key, 1), step=step)
