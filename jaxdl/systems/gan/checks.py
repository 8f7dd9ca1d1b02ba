"""The networks of 2014 for `jaxdl gradcheck`."""

from jaxdl.adversarial.checks import gan_subjects
from jaxdl.gradcheck.subjects import Subject
from jaxdl.systems.gan.networks import paper_gan, small_gan

_ROOM = "systems.gan.networks."

NOT_DIFFERENTIABLE = {_ROOM + "uniform": "it draws initial weights"}
"""Functions that no gradient goes through, and why."""


def subjects() -> list[Subject]:
    """The paper's networks, and narrow ones of one layer."""
    return [
        *gan_subjects(_ROOM + "small_gan", lambda: small_gan(4), 32),
        *gan_subjects(_ROOM + "paper_gan", lambda: paper_gan(4), 100),
    ]
