"""Objectives."""

from jaxdl.objectives.classification import (
    make_classification_loss as make_classification_loss,
)
from jaxdl.objectives.reconstruction import (
    make_reconstruction_loss as make_reconstruction_loss,
)
from jaxdl.objectives.reconstruction import (
    sigmoid_squared_error as sigmoid_squared_error,
)
from jaxdl.objectives.reconstruction import sparsity_divergence as sparsity_divergence
