"""Models."""

from jaxdl.models.char_lm import CharModel as CharModel
from jaxdl.models.char_lm import char_lm as char_lm
from jaxdl.models.flow import Flow as Flow
from jaxdl.models.flow import coupling_flow as coupling_flow
from jaxdl.models.gan import GAN as GAN
from jaxdl.models.gan import mlp_gan as mlp_gan
from jaxdl.models.gan import paper_gan as paper_gan
from jaxdl.models.gan import plane_gan as plane_gan
from jaxdl.models.gan import small_gan as small_gan
from jaxdl.models.gan import with_mean_image as with_mean_image
from jaxdl.models.mlp import Trace as Trace
from jaxdl.models.mlp import forward as forward
from jaxdl.models.mlp import mlp as mlp
from jaxdl.models.pacgan import pacgan as pacgan
from jaxdl.models.sequence import lstm_1997_readout as lstm_1997_readout
from jaxdl.models.sequence import sequence_readout as sequence_readout
