"""Restricted Boltzmann machine."""

from jaxdl.registry import System

SYSTEM = System(
    title="Restricted Boltzmann machine",
    paper="Tieleman 2008",
    toy=(
        "--steps 20 --hidden-size 5 --ais-steps 20 --ais-chains 10 "
        "--eval-every 10 --block-steps 10"
    ),
    figures=("curves", "fantasies", "filters", "reconstructions"),
    picture="rbm-mnist-fantasies.png",
    records={
        "rbm-mnist.json": "--data mnist --seeds 3",
        "rbm-digits-16.json": "--hidden-size 16 --seeds 5",
    },
)
