"""Why `jaxdl gradcheck` has nothing to check in the long-lag tasks."""

from jaxdl.gradcheck.subjects import Subject

NOT_DIFFERENTIABLE = {
    "systems.long_lag.networks.make_net": "it picks a net of models.sequence"
}
"""Functions that no gradient goes through, and why."""


def subjects() -> list[Subject]:
    """None."""
    return []
