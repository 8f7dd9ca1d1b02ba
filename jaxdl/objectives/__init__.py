"""Objectives."""

from jaxdl.objectives.adversarial import make_gan_losses as make_gan_losses
from jaxdl.objectives.classification import (
    make_classification_loss as make_classification_loss,
)
from jaxdl.objectives.sequence import (
    make_next_character_loss as make_next_character_loss,
)
