"""Objectives."""

from jaxdl.objectives.adversarial import make_gan_losses as make_gan_losses
