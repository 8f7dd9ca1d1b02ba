"""Generative adversarial nets on digits and clothes."""

from jaxdl.registry import System

SYSTEM = System(
    title="Generative adversarial nets on digits and clothes",
    paper="Goodfellow et al. 2014",
    toy="--steps 20 --parzen-samples 50 --eval-every 10 --block-steps 10",
    figures=("curves", "interpolation", "nearest", "progress", "samples"),
    picture="gan-mnist-samples.png",
    records={
        "gan-mnist-paper.json": "--data mnist --seeds 3",
        "gan-digits.json": "--seeds 5",
    },
)
