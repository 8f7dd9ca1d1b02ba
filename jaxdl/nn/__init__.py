"""Layers."""

from jaxdl.nn.batch_norm import BatchNorm as BatchNorm
from jaxdl.nn.batch_norm import population_statistics as population_statistics
from jaxdl.nn.conv import Conv as Conv
from jaxdl.nn.conv import ConvTranspose as ConvTranspose
from jaxdl.nn.conv import conv_general_dilated as conv_general_dilated
from jaxdl.nn.conv import conv_transpose as conv_transpose
from jaxdl.nn.dropout import Dropout as Dropout
from jaxdl.nn.dropout import keep_mask as keep_mask
from jaxdl.nn.initializers import INITIALIZERS as INITIALIZERS
from jaxdl.nn.linen import from_linen as from_linen
from jaxdl.nn.pooling import average_pool as average_pool
from jaxdl.nn.pooling import ceil_padding as ceil_padding
from jaxdl.nn.pooling import max_pool as max_pool
from jaxdl.nn.recurrence import Recurrence as Recurrence
from jaxdl.nn.recurrence import Recurrent as Recurrent
from jaxdl.nn.recurrence import elman as elman
from jaxdl.nn.recurrence import gru as gru
from jaxdl.nn.recurrence import lstm as lstm
from jaxdl.nn.recurrence import lstm_1997 as lstm_1997
from jaxdl.nn.recurrence import recurrent as recurrent
