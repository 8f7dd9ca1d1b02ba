"""Measures that two or more systems use."""

from jaxdl.measures.binary_pixels import held_out_pixels as held_out_pixels
from jaxdl.measures.chunks import in_chunks as in_chunks
from jaxdl.measures.classification import error_percent as error_percent
from jaxdl.measures.classification import (
    make_classification_evaluate as make_classification_evaluate,
)
from jaxdl.measures.long_lag import Answers as Answers
from jaxdl.measures.long_lag import carries_over_time as carries_over_time
from jaxdl.measures.long_lag import make_answers as make_answers
from jaxdl.measures.long_lag import make_long_lag_evaluate as make_long_lag_evaluate
from jaxdl.measures.long_lag import stopping_protocol as stopping_protocol
from jaxdl.measures.signals import Signals as Signals
from jaxdl.measures.signals import layer_signals as layer_signals
from jaxdl.measures.signals import make_split_signals as make_split_signals
from jaxdl.measures.statistics import bounded_ci95 as bounded_ci95
from jaxdl.measures.statistics import far_off as far_off
from jaxdl.measures.statistics import mean_ci95 as mean_ci95
from jaxdl.measures.statistics import standard_error as standard_error
from jaxdl.measures.statistics import welch_ci95 as welch_ci95
from jaxdl.measures.statistics import wilson_ci95 as wilson_ci95
