"""Formulas.

Numbers, nested lists and NumPy's arrays are taken as `jax.numpy` takes them;
annotations name the arrays that are made of them (`jaxdl.ops.arguments`).
"""

from jaxdl.ops.activations import ACTIVATIONS as ACTIVATIONS
from jaxdl.ops.activations import Activation as Activation
from jaxdl.ops.activations import activation as activation
from jaxdl.ops.activations import elu as elu
from jaxdl.ops.activations import gelu as gelu
from jaxdl.ops.activations import leaky_relu as leaky_relu
from jaxdl.ops.activations import linear as linear
from jaxdl.ops.activations import maxout as maxout
from jaxdl.ops.activations import piecewise_linear as piecewise_linear
from jaxdl.ops.activations import relu as relu
from jaxdl.ops.activations import sigmoid as sigmoid
from jaxdl.ops.activations import sign as sign
from jaxdl.ops.activations import silu as silu
from jaxdl.ops.activations import softmax as softmax
from jaxdl.ops.activations import softplus as softplus
from jaxdl.ops.activations import softsign as softsign
from jaxdl.ops.activations import tanh as tanh
from jaxdl.ops.activations import unit_step as unit_step
from jaxdl.ops.corruption import gaussian_noise as gaussian_noise
from jaxdl.ops.corruption import masking_noise as masking_noise
from jaxdl.ops.corruption import salt_and_pepper as salt_and_pepper
from jaxdl.ops.divergences import Estimate as Estimate
from jaxdl.ops.divergences import check_log_probabilities as check_log_probabilities
from jaxdl.ops.divergences import cross_entropy as cross_entropy
from jaxdl.ops.divergences import entropy as entropy
from jaxdl.ops.divergences import hellinger_distance as hellinger_distance
from jaxdl.ops.divergences import jeffreys_divergence as jeffreys_divergence
from jaxdl.ops.divergences import js_divergence as js_divergence
from jaxdl.ops.divergences import kl_divergence as kl_divergence
from jaxdl.ops.divergences import log_probabilities as log_probabilities
from jaxdl.ops.divergences import monte_carlo_entropy as monte_carlo_entropy
from jaxdl.ops.divergences import monte_carlo_js as monte_carlo_js
from jaxdl.ops.divergences import monte_carlo_kl as monte_carlo_kl
from jaxdl.ops.divergences import total_variation as total_variation
from jaxdl.ops.gaussians import check_covariance as check_covariance
from jaxdl.ops.gaussians import (
    diagonal_gaussian_log_density as diagonal_gaussian_log_density,
)
from jaxdl.ops.gaussians import gaussian_cross_entropy as gaussian_cross_entropy
from jaxdl.ops.gaussians import gaussian_entropy as gaussian_entropy
from jaxdl.ops.gaussians import gaussian_hellinger as gaussian_hellinger
from jaxdl.ops.gaussians import gaussian_jeffreys as gaussian_jeffreys
from jaxdl.ops.gaussians import gaussian_kl as gaussian_kl
from jaxdl.ops.gaussians import gaussian_log_density as gaussian_log_density
from jaxdl.ops.gaussians import standard_normal_kl as standard_normal_kl
from jaxdl.ops.images import image_rows as image_rows
from jaxdl.ops.images import mean_image as mean_image
from jaxdl.ops.images import sample_pixels as sample_pixels
from jaxdl.ops.images import to_bytes as to_bytes
from jaxdl.ops.images import unit_images as unit_images
from jaxdl.ops.images import unit_pixels as unit_pixels
from jaxdl.ops.losses import bernoulli_cross_entropy as bernoulli_cross_entropy
from jaxdl.ops.losses import check_labels as check_labels
from jaxdl.ops.losses import half_squared_error as half_squared_error
from jaxdl.ops.losses import softmax_cross_entropy as softmax_cross_entropy
from jaxdl.ops.losses import squared_error as squared_error
