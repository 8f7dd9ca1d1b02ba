"""Formulas."""

from jaxdl.ops.activations import ACTIVATIONS as ACTIVATIONS
from jaxdl.ops.activations import Activation as Activation
from jaxdl.ops.activations import activation as activation
from jaxdl.ops.activations import elu as elu
from jaxdl.ops.activations import gelu as gelu
from jaxdl.ops.activations import leaky_relu as leaky_relu
from jaxdl.ops.activations import linear as linear
from jaxdl.ops.activations import maxout as maxout
from jaxdl.ops.activations import piecewise_linear as piecewise_linear
from jaxdl.ops.activations import sigmoid as sigmoid
from jaxdl.ops.activations import silu as silu
from jaxdl.ops.activations import softmax as softmax
from jaxdl.ops.activations import softplus as softplus
from jaxdl.ops.activations import softsign as softsign
from jaxdl.ops.activations import tanh as tanh
from jaxdl.ops.activations import unit_step as unit_step
from jaxdl.ops.adversarial import discriminator_loss as discriminator_loss
from jaxdl.ops.adversarial import gan_value as gan_value
from jaxdl.ops.adversarial import minimax_generator_loss as minimax_generator_loss
from jaxdl.ops.adversarial import (
    non_saturating_generator_loss as non_saturating_generator_loss,
)
from jaxdl.ops.images import mean_image as mean_image
from jaxdl.ops.images import to_bytes as to_bytes
from jaxdl.ops.images import unit_pixels as unit_pixels
from jaxdl.ops.losses import half_squared_error as half_squared_error
from jaxdl.ops.losses import softmax_cross_entropy as softmax_cross_entropy
