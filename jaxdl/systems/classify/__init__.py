"""ImageNet classes of any picture, with published weights."""

from jaxdl.registry import System

SYSTEM = System(
    title="ImageNet classes of any picture, with published weights",
    paper="Iandola et al. 2016",
    toy=None,
    figures=(),
    picture=None,
    records={
        "classify-squeezenet.json": (
            "PICTURE ... --weights FOLDER --classes FILE --labelled"
        ),
        "classify-mobilenet.json": (
            "PICTURE ... --model mobilenet --weights FOLDER --classes FILE --labelled"
        ),
    },
)
