"""Models."""

from jaxdl.models.gan import GAN as GAN
from jaxdl.models.gan import mlp_gan as mlp_gan
from jaxdl.models.gan import paper_gan as paper_gan
from jaxdl.models.gan import small_gan as small_gan
from jaxdl.models.gan import with_mean_image as with_mean_image
from jaxdl.models.mlp import Trace as Trace
from jaxdl.models.mlp import forward as forward
from jaxdl.models.mlp import mlp as mlp
