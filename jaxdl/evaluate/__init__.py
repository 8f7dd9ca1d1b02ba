"""Measures of a finished model."""

from jaxdl.evaluate.parzen import parzen_log_likelihood as parzen_log_likelihood
from jaxdl.evaluate.parzen import select_sigma as select_sigma
from jaxdl.evaluate.statistics import mean_ci95 as mean_ci95
from jaxdl.evaluate.statistics import standard_error as standard_error
