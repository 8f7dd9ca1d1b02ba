"""Measures of a finished model."""

from jaxdl.evaluate.binarised import held_out_pixels as held_out_pixels
from jaxdl.evaluate.cells import Cell as Cell
from jaxdl.evaluate.cells import choose_cells as choose_cells
from jaxdl.evaluate.cells import memories as memories
from jaxdl.evaluate.cells import text_features as text_features
from jaxdl.evaluate.checkerboard import checkerboard_score as checkerboard_score
from jaxdl.evaluate.checkerboard import (
    checkerboard_spectrum as checkerboard_spectrum,
)
from jaxdl.evaluate.classical import forest_errors as forest_errors
from jaxdl.evaluate.classical import svm_errors as svm_errors
from jaxdl.evaluate.classification import error_percent as error_percent
from jaxdl.evaluate.classification import (
    make_classification_evaluate as make_classification_evaluate,
)
from jaxdl.evaluate.confusion import Worst as Worst
from jaxdl.evaluate.confusion import confusion_matrix as confusion_matrix
from jaxdl.evaluate.confusion import worst_examples as worst_examples
from jaxdl.evaluate.gan import Sampler as Sampler
from jaxdl.evaluate.gan import gan_protocols as gan_protocols
from jaxdl.evaluate.gan import make_gan_evaluate as make_gan_evaluate
from jaxdl.evaluate.gan import make_sampler as make_sampler
from jaxdl.evaluate.gan import nearest_images as nearest_images
from jaxdl.evaluate.gan_health import Health as Health
from jaxdl.evaluate.gan_health import gan_verdict as gan_verdict
from jaxdl.evaluate.gan_health import health_remarks as health_remarks
from jaxdl.evaluate.gan_theory import Game as Game
from jaxdl.evaluate.gan_theory import (
    make_likelihood_evaluate as make_likelihood_evaluate,
)
from jaxdl.evaluate.gan_theory import make_sampled_evaluate as make_sampled_evaluate
from jaxdl.evaluate.gan_theory import make_theory_evaluate as make_theory_evaluate
from jaxdl.evaluate.gan_theory import optimal_logits as optimal_logits
from jaxdl.evaluate.gan_theory import play as play
from jaxdl.evaluate.image_distances import KernelDistance as KernelDistance
from jaxdl.evaluate.image_distances import frechet_distance as frechet_distance
from jaxdl.evaluate.image_distances import kernel_distance as kernel_distance
from jaxdl.evaluate.latent_arithmetic import ArithmeticImages as ArithmeticImages
from jaxdl.evaluate.latent_arithmetic import LatentArithmetic as LatentArithmetic
from jaxdl.evaluate.latent_arithmetic import Outcome as Outcome
from jaxdl.evaluate.latent_arithmetic import latent_arithmetic as latent_arithmetic
from jaxdl.evaluate.latent_arithmetic import make_attributes as make_attributes
from jaxdl.evaluate.long_lag import make_answers as make_answers
from jaxdl.evaluate.long_lag import make_long_lag_evaluate as make_long_lag_evaluate
from jaxdl.evaluate.long_lag import stopping_protocol as stopping_protocol
from jaxdl.evaluate.memory import gradient_reach as gradient_reach
from jaxdl.evaluate.memory import make_memory_evaluate as make_memory_evaluate
from jaxdl.evaluate.modes import ModeCoverage as ModeCoverage
from jaxdl.evaluate.modes import make_modes_evaluate as make_modes_evaluate
from jaxdl.evaluate.modes import mode_coverage as mode_coverage
from jaxdl.evaluate.parzen import parzen_log_likelihood as parzen_log_likelihood
from jaxdl.evaluate.parzen import select_sigma as select_sigma
from jaxdl.evaluate.precision_recall import ClassCoverage as ClassCoverage
from jaxdl.evaluate.precision_recall import PrecisionRecall as PrecisionRecall
from jaxdl.evaluate.precision_recall import class_coverage as class_coverage
from jaxdl.evaluate.precision_recall import precision_recall as precision_recall
from jaxdl.evaluate.reconstruction import Coder as Coder
from jaxdl.evaluate.reconstruction import by_thousands as by_thousands
from jaxdl.evaluate.reconstruction import (
    make_reconstruction_evaluate as make_reconstruction_evaluate,
)
from jaxdl.evaluate.reconstruction import neighbour_accuracy as neighbour_accuracy
from jaxdl.evaluate.reconstruction import (
    squared_error_by_size as squared_error_by_size,
)
from jaxdl.evaluate.roc import RocCurve as RocCurve
from jaxdl.evaluate.roc import roc_area as roc_area
from jaxdl.evaluate.roc import roc_curve as roc_curve
from jaxdl.evaluate.signals import Nets as Nets
from jaxdl.evaluate.signals import Signals as Signals
from jaxdl.evaluate.signals import collapse_linear as collapse_linear
from jaxdl.evaluate.signals import initial_signals as initial_signals
from jaxdl.evaluate.signals import jacobian_singular_values as jacobian_singular_values
from jaxdl.evaluate.signals import layer_signals as layer_signals
from jaxdl.evaluate.statistics import mean_ci95 as mean_ci95
from jaxdl.evaluate.statistics import standard_error as standard_error
from jaxdl.evaluate.statistics import welch_ci95 as welch_ci95
from jaxdl.evaluate.statistics import wilson_ci95 as wilson_ci95
from jaxdl.evaluate.text import make_text_evaluate as make_text_evaluate
from jaxdl.evaluate.text import sample as sample
from jaxdl.evaluate.text import text_nats as text_nats
from jaxdl.evaluate.truth_tables import make_table_evaluate as make_table_evaluate
from jaxdl.evaluate.truth_tables import solves as solves
from jaxdl.evaluate.variational import Bound as Bound
from jaxdl.evaluate.variational import active_units as active_units
from jaxdl.evaluate.variational import evidence_lower_bound as evidence_lower_bound
from jaxdl.evaluate.variational import (
    importance_weighted_log_likelihood as importance_weighted_log_likelihood,
)
from jaxdl.evaluate.variational import (
    make_variational_evaluate as make_variational_evaluate,
)
from jaxdl.evaluate.variational import variational_protocols as variational_protocols
