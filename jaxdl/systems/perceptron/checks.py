"""Why `jaxdl gradcheck` has nothing to check in the perceptron."""

from jaxdl.gradcheck.subjects import Subject

_RULE = (
    "the perceptron learns by its rule, with signs and comparisons, not by gradients"
)

NOT_DIFFERENTIABLE = {
    **{
        f"systems.perceptron.networks.{name}": _RULE
        for name in ("predict", "update", "epoch", "ensemble_epoch")
    },
    "systems.perceptron.networks.novikoff_bound": "a bound to compare with, in float32",
}
"""Functions that no gradient goes through, and why."""


def subjects() -> list[Subject]:
    """None."""
    return []
