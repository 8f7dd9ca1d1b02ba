"""Stacks of pretrained layers for `jaxdl gradcheck`."""

from jaxdl.gradcheck.problem import Case, draw_normals
from jaxdl.gradcheck.subjects import Subject, subject
from jaxdl.systems.greedy_pretraining.pretrained_stack import stack_features

_ROOM = "systems.greedy_pretraining.pretrained_stack."

NOT_DIFFERENTIABLE = {
    _ROOM + "encoder_layer": "it names parameters anew",
    _ROOM + "rbm_layer": "it names parameters anew",
}
"""Functions that no gradient goes through, and why."""


def _stack(key):
    draws = draw_normals(key, (4, 3), (3,), (3, 2), (2,), (5, 4))
    layers = [dict(kernel=draws[i], bias=draws[i + 1]) for i in (0, 2)]

    def fn(layers, x):
        return stack_features(layers, x, hidden="sigmoid")

    return Case(fn, (layers, draws[4]), ("layers", "x"))


def subjects() -> list[Subject]:
    """Features of a stack."""
    return [subject(_ROOM + "stack_features", _stack)]
