"""Transfer learning on few images."""

from jaxdl.registry import System

SYSTEM = System(
    title="Transfer learning on few images",
    paper="Kumar et al. 2022",
    toy=None,
    figures=(),
    picture="transfer-cifar10_subset-curves.png",
    records={
        "transfer-cifar10_subset.json": (
            "--methods frozen tuned scratch small --sizes 10 100 1000 4000 --seeds 5 "
            "--weights FOLDER"
        ),
    },
)
