"""Layers."""

from jaxdl.nn.batch_norm import BatchNorm as BatchNorm
from jaxdl.nn.batch_norm import population_statistics as population_statistics
from jaxdl.nn.dropout import Dropout as Dropout
from jaxdl.nn.dropout import keep_mask as keep_mask
from jaxdl.nn.initializers import INITIALIZERS as INITIALIZERS
from jaxdl.nn.linen import from_linen as from_linen
