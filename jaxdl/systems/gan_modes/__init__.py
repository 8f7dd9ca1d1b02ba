"""Mode coverage of GANs, with and without packing."""

from jaxdl.registry import System

SYSTEM = System(
    title="Mode coverage of GANs, with and without packing",
    paper="Lin et al. 2018",
    toy=(
        "--methods pacgan --steps 20 --batch-size 8 --seeds 1 "
        "--eval-every 10 --block-steps 10"
    ),
    figures=("coverage", "seeds", "training"),
    picture="gan_modes-grid-coverage.png",
    records={
        "gan_modes-grid.json": "--target grid --steps 5000 --seeds 10",
        "gan_modes-ring.json": "--target ring --steps 5000 --seeds 10",
    },
)
