"""Measures of a finished model."""

from jaxdl.evaluate.gan import Sampler as Sampler
from jaxdl.evaluate.gan import gan_protocols as gan_protocols
from jaxdl.evaluate.gan import make_gan_evaluate as make_gan_evaluate
from jaxdl.evaluate.gan import make_sampler as make_sampler
from jaxdl.evaluate.gan import nearest_images as nearest_images
from jaxdl.evaluate.parzen import parzen_log_likelihood as parzen_log_likelihood
from jaxdl.evaluate.parzen import select_sigma as select_sigma
from jaxdl.evaluate.statistics import mean_ci95 as mean_ci95
from jaxdl.evaluate.statistics import standard_error as standard_error
