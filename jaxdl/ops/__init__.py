"""Formulas."""

from jaxdl.ops.adversarial import discriminator_loss as discriminator_loss
from jaxdl.ops.adversarial import gan_value as gan_value
from jaxdl.ops.adversarial import minimax_generator_loss as minimax_generator_loss
from jaxdl.ops.adversarial import (
    non_saturating_generator_loss as non_saturating_generator_loss,
)
from jaxdl.ops.images import mean_image as mean_image
from jaxdl.ops.images import to_bytes as to_bytes
from jaxdl.ops.images import unit_pixels as unit_pixels
