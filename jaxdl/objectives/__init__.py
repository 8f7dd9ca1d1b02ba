"""Objectives."""

from jaxdl.objectives.adversarial import critic_measures as critic_measures
from jaxdl.objectives.adversarial import game_measures as game_measures
from jaxdl.objectives.adversarial import make_gan_losses as make_gan_losses
from jaxdl.objectives.classification import (
    make_classification_loss as make_classification_loss,
)
from jaxdl.objectives.gradient_penalty import r1_penalty as r1_penalty
from jaxdl.objectives.gradient_penalty import wgan_gp_penalty as wgan_gp_penalty
from jaxdl.objectives.reconstruction import (
    make_reconstruction_loss as make_reconstruction_loss,
)
from jaxdl.objectives.reconstruction import (
    sigmoid_squared_error as sigmoid_squared_error,
)
from jaxdl.objectives.reconstruction import sparsity_divergence as sparsity_divergence
from jaxdl.objectives.sequence import (
    make_next_character_loss as make_next_character_loss,
)
from jaxdl.objectives.unrolled import (
    make_unrolled_generator_loss as make_unrolled_generator_loss,
)
from jaxdl.objectives.variational import make_variational_loss as make_variational_loss
