"""LeNet-5, and the same net of today's parts."""

from jaxdl.registry import System

SYSTEM = System(
    title="LeNet-5, and the same net of today's parts",
    paper="LeCun et al. 1998",
    toy="--steps 20 --batch-size 8 --eval-every 10 --block-steps 10",
    figures=("confusion", "curves", "filters", "maps", "worst"),
    picture="lenet-mnist-maps.png",
    records={
        "lenet-mnist.json": "--data mnist --train-on all --seeds 5",
        "lenet-mnist-distorted.json": "--data mnist --train-on all --distort --seeds 3",
        "lenet-mnist-modern.json": (
            "--data mnist --train-on all --model modern --steps 4000 "
            "--learning-rate 0.002 --weight-decay 0.05 --seeds 3"
        ),
    },
)
