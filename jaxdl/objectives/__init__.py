"""Objectives."""

from jaxdl.objectives.adversarial import make_gan_losses as make_gan_losses
from jaxdl.objectives.adversarial import unit_pixels as unit_pixels
