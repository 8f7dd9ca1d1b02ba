"""Why `jaxdl gradcheck` has nothing to check in transfer learning."""

from jaxdl.gradcheck.subjects import Subject

NOT_DIFFERENTIABLE = {
    "systems.transfer.networks.read_features": "images are bytes",
    "systems.transfer.networks.frozen": "it puts models together, which are checked",
    "systems.transfer.networks.whole": "it puts models together, which are checked",
}
"""Functions that no gradient goes through, and why."""


def subjects() -> list[Subject]:
    """None."""
    return []
