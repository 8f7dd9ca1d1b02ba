"""The character language model and its loss for `jaxdl gradcheck`."""

import types

import jax
import jax.numpy as jnp

from jaxdl.gradcheck.problem import Case, draw_params
from jaxdl.gradcheck.subjects import Subject, subject
from jaxdl.systems.char_lm.networks import char_lm
from jaxdl.systems.char_lm.objective import make_next_character_loss

NOT_DIFFERENTIABLE = {
    "systems.char_lm.networks.model_of": "it builds a net, which is checked",
}
"""Functions that no gradient goes through, and why."""


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

    return Case(fn, (draw_params(jax.random.fold_in(key, 0), model.init),), ("params",))


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

    return Case(
        fn,
        (draw_params(jax.random.fold_in(key, 0), model.init), carry),
        ("params", "carry"),
    )


def subjects() -> list[Subject]:
    """The model and its loss."""
    room = "systems.char_lm."
    return [
        subject(room + "networks.char_lm", _char_lm, room + "networks.CharModel"),
        subject(
            room + "objective.make_next_character_loss",
            _next_character_loss,
            name="next_character_loss",
        ),
    ]
