"""ImageNet classes of any picture, with published weights."""

from jaxdl.registry import System

SYSTEM = System(
    title="ImageNet classes of any picture, with published weights",
    paper="Iandola et al. 2016",
    toy=None,
    figures=(),
    picture=None,
)
