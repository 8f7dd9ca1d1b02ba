"""Models."""

from jaxdl.models.autoencoders import Autoencoder as Autoencoder
from jaxdl.models.autoencoders import autoencoder as autoencoder
from jaxdl.models.autoencoders import check_code_size as check_code_size
from jaxdl.models.autoencoders import squared_jacobian as squared_jacobian
from jaxdl.models.lenet import LeNet as LeNet
from jaxdl.models.lenet import enlarge_inputs as enlarge_inputs
from jaxdl.models.lenet import lenet5 as lenet5
from jaxdl.models.lenet import modern_lenet as modern_lenet
from jaxdl.models.mlps import Trace as Trace
from jaxdl.models.mlps import forward as forward
from jaxdl.models.mlps import mlp as mlp
from jaxdl.models.mobilenets import mobilenet as mobilenet
from jaxdl.models.mobilenets import mobilenet_features as mobilenet_features
from jaxdl.models.sequence import lstm_1997_readout as lstm_1997_readout
from jaxdl.models.sequence import sequence_readout as sequence_readout
from jaxdl.models.squeezenets import squeezenet as squeezenet
from jaxdl.models.squeezenets import squeezenet_features as squeezenet_features
