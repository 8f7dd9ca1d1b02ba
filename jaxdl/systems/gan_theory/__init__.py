"""GANs in the plane, with both densities known."""

from jaxdl.registry import System

SYSTEM = System(
    title="GANs in the plane, with both densities known",
    paper="Goodfellow et al. 2014",
    toy=(
        "--targets annulus --generators mlp --steps 20 --seeds 1 "
        "--batch-size 8 --disc-steps 2 --hidden-size 4 "
        "--block-steps 10 --eval-every 10"
    ),
    figures=("annulus-others",),
    picture="gan_theory-two_moons-maps.png",
    records={
        "gan_theory.json": (
            "--targets two_moons annulus --generators flow mlp likelihood "
            "--steps 8000 --seeds 3"
        ),
    },
)
